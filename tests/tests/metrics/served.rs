//! The address at which Prometheus reads the metrics: what it answers, to whom, and that no scraper holds anything up.

use crate::scraped::Scrape;
use cekura::{Builder, Cekura, Error, Protocol};
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::handles::{LONG, converse, to};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A handle whose metrics are served at a free port.
fn served(backend: &Backend) -> (Cekura, SocketAddr) {
    let address = deserted();
    let builder = to(backend, Protocol::Http).metrics_listen(address.to_string());
    (builder.build().unwrap(), address)
}

/// The whole answer to a request, head and body.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head.to_owned(), body.to_owned())
}

/// What a scraper reads.
fn scrape(address: SocketAddr) -> Scrape {
    let (head, body) = ask(address, "GET /metrics HTTP/1.1\r\nHost: agent\r\nAccept: */*\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let kind = "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(head.contains(kind), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
    Scrape::read(&body)
}

#[test]
fn a_scraper_reads_what_the_handle_has_counted() {
    let backend = Backend::new();
    let (handle, address) = served(&backend);
    converse(&handle, 3);
    handle.flush_blocking(LONG);
    let scrape = scrape(address);
    assert!((scrape.sum("voice_calls_total", &[]) - 1.0).abs() < 1e-9);
    assert!((scrape.sum("turn_duration_seconds_count", &[]) - 3.0).abs() < 1e-9);
}

#[test]
fn it_answers_what_is_no_scrape() {
    let backend = Backend::new();
    let (_handle, address) = served(&backend);
    let host = "Host: agent\r\n\r\n";
    for (request, status) in [
        (format!("GET /metrics?name=x HTTP/1.1\r\n{host}"), "200 OK"),
        (format!("GET /metrics HTTP/1.0\r\n{host}"), "200 OK"),
        (format!("GET / HTTP/1.1\r\n{host}"), "404 Not Found"),
        (format!("GET /metrics/ HTTP/1.1\r\n{host}"), "404 Not Found"),
        (format!("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n{host}abc"), "405 Method Not Allowed"),
        (format!("GET\u{20ac} /metrics\r\n{host}"), "400 Bad Request"),
        (format!("GET /metrics HTTP/2.0\r\n{host}"), "400 Bad Request"),
        ("\r\n\r\n".to_owned(), "400 Bad Request"),
        (
            format!("GET /metrics HTTP/1.1\r\nX: {}\r\n", "x".repeat(20_000)),
            "431 Request Header Fields Too Large",
        ),
    ] {
        let (head, body) = ask(address, &request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {head}");
        assert!(head.ends_with("\r\nConnection: close") && !body.is_empty(), "{request:?}: {head}");
    }
    let (head, body) = ask(address, &format!("HEAD /metrics HTTP/1.1\r\n{host}"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("Content-Length: 0"), "{head}");
    assert_eq!(body, "");
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    let backend = Backend::new();
    let (_handle, address) = served(&backend);
    let mut stream = TcpStream::connect(address).unwrap();
    for byte in b"GET /metrics HTTP/1.1\r\nHost: agent\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("# EOF\n"), "{answer}");
}

#[test]
fn scrapers_that_say_nothing_or_never_read_hold_nobody_up() {
    // So that an answer is longer than what the system takes for a peer that does not read.
    #[cekura::conversation(client = handle, skip_all)]
    fn call(handle: &Cekura) {
        for number in 0..400 {
            cekura::spans::llm().model(format!("{}{number}", "model".repeat(11))).start().end();
        }
    }
    let backend = Backend::new();
    let (handle, address) = served(&backend);
    call(&handle);
    handle.flush_blocking(LONG);
    let mut idle: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let deaf: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            // A server that has closed it by then is well.
            drop(stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n"));
            stream
        })
        .collect();
    let begun = Instant::now();
    assert!((scrape(address).sum("llm_duration_seconds_count", &[]) - 400.0).abs() < 1e-9);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // The first ones were closed for those that came later.
    let first = &mut idle[0];
    first.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!(first.read(&mut [0]), Ok(0) | Err(_)));
    // And a flood of others leaves spans alone.
    converse(&handle, 1);
    let begun = Instant::now();
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.pending, report.lost()), (0, 0), "{report}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    drop((idle, deaf));
}

#[test]
fn a_silent_connection_is_closed_after_a_while() {
    let backend = Backend::new();
    let (_handle, address) = served(&backend);
    let mut silent = TcpStream::connect(address).unwrap();
    silent.write_all(b"GET /metrics HT").unwrap();
    silent.set_read_timeout(Some(LONG)).unwrap();
    let begun = Instant::now();
    assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)));
    assert!(begun.elapsed() > Duration::from_secs(3), "it had time to go on");
}

#[test]
fn a_scrape_during_the_shutdown_is_whole_or_refused() {
    let backend = Backend::new();
    for _ in 0..20 {
        let (handle, address) = served(&backend);
        converse(&handle, 5);
        let (is_over, whole) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let Ok(mut stream) = TcpStream::connect(address) else { continue };
                        let mut answer = String::new();
                        let is_sent = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n");
                        let is_read = is_sent.and_then(|()| stream.read_to_string(&mut answer));
                        // Whoever was let in before the end is answered, unless nothing was read of his request.
                        if is_read.is_ok() && !answer.is_empty() {
                            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
                            Scrape::read(body);
                            whole.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            while whole.load(Ordering::Relaxed) < 4 {
                thread::yield_now();
            }
            let begun = Instant::now();
            let report = handle.shutdown_blocking(LONG);
            let took = begun.elapsed();
            is_over.store(true, Ordering::Relaxed);
            assert_eq!((report.delivered, report.pending), (6, 0), "{report}");
            assert!(took < Duration::from_secs(4), "{took:?}");
        });
        // The address is free again.
        drop(TcpListener::bind(address).unwrap());
    }
}

#[test]
fn a_handle_that_is_dropped_gives_the_address_back() {
    let backend = Backend::new();
    let address = deserted();
    for _ in 0..5 {
        let builder = to(&backend, Protocol::Http).metrics_listen(address.to_string());
        let handle = builder.build().unwrap();
        scrape(address);
        drop(handle);
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

fn error(builder: Builder) -> String {
    let error: Error = builder.build().unwrap_err();
    assert!(error.is_configuration(), "{error}");
    error.to_string()
}

#[test]
fn an_address_that_is_in_use_is_an_error_that_names_the_setting() {
    let backend = Backend::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let rule = "is in use by another program, or another handle: choose another port";
    let in_code = to(&backend, Protocol::Http).metrics_listen(&address);
    assert_eq!(error(in_code), format!(".metrics_listen(…) {rule}"));
    let (url, found) = (backend.url(), address.clone());
    let variables = move |name: &str| match name {
        "CEKURA_OTEL_ENDPOINT" => Some(url.clone()),
        "CEKURA_METRICS_LISTEN" => Some(found.clone()),
        _ => None,
    };
    let builder = Cekura::builder().variables(variables);
    assert_eq!(error(builder), format!("CEKURA_METRICS_LISTEN {rule}"));
    let foreign = to(&backend, Protocol::Http).metrics_listen("192.0.2.7:9464").metrics_public(true);
    assert_eq!(error(foreign), ".metrics_listen(…) must be an address of this machine");
}

#[test]
fn only_this_machine_is_answered_unless_that_is_wanted() {
    let backend = Backend::new();
    let port = deserted().port();
    let everywhere = format!("0.0.0.0:{port}");
    let said = error(to(&backend, Protocol::Http).metrics_listen(&everywhere));
    assert!(said.contains("only with CEKURA_METRICS_PUBLIC=true"), "{said}");
    let handle =
        to(&backend, Protocol::Http).metrics_listen(&everywhere).metrics_public(true).build().unwrap();
    scrape(SocketAddr::from(([127, 0, 0, 1], port)));
    drop(handle);
    for own in [format!("localhost:{port}"), format!("[::1]:{port}"), format!("127.0.0.9:{port}")] {
        let handle = to(&backend, Protocol::Http).metrics_listen(&own).build().unwrap();
        let address = own.replace("localhost", "127.0.0.1").parse().unwrap();
        scrape(address);
        drop(handle);
    }
}
