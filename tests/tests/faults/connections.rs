//! Rows 1 to 6 and 17: what can be wrong with a connection, and ends.

use super::{Case, OUTAGE, each};
use cekura::Timings;
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, Reply, Reserved};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, at, converse, quick, reasons};
use cekura_trace_tests::proxy::{Fault, Proxy};
use rustls::ServerConfig;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A fault of the connections to a backend.
fn between(row: &str, fault: Fault) {
    each(|case| {
        let backend = Backend::new();
        let proxy = Proxy::to(&backend.url(), Some(fault));
        let program = case.program(&format!("http://{}", proxy.address()));
        case.survives(row, &program, &backend, || proxy.mend());
    });
}

#[test]
fn row_01_refused_until_the_server_starts() {
    each(|case| {
        let address = Reserved::new();
        let program = case.program(&address.url());
        program.calls(3);
        let said = program.flush(OUTAGE);
        let backend = address.open();
        case.settle("1 refused", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_02_nobody_answers_the_first_packet() {
    each(|case| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let inside = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(1).unwrap();
        let address = full.local_addr().unwrap();
        let short = Duration::from_millis(50);
        let waiting: Vec<_> =
            std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok()).collect();
        assert!(!waiting.is_empty() && waiting.len() < 20, "{} wait", waiting.len());
        let program = case.program(&format!("http://{address}"));
        program.calls(3);
        let said = program.flush(OUTAGE);
        drop((full, inside, waiting));
        let backend = Backend::at(address);
        case.settle("2 black hole", &program, &backend, &said, &[]);
    });
}

/// A server that is found by a trusted certificate, once the fault is over.
fn encrypted(case: Case, row: &str, fault: Option<Fault>, first: impl Fn(&Authority) -> Backend) {
    let authority = Authority::default();
    let (first, backend) = (first(&authority), Backend::encrypted(authority.server("127.0.0.1")));
    let proxy = Proxy::to(&first.url(), fault);
    let program = case.program_with(&format!("https://{}", proxy.address()), |builder| {
        builder.root_certificate(authority.pem()).api_key("canary").agent(1)
    });
    case.survives(row, &program, &backend, || {
        proxy.lead(&backend.url());
        proxy.mend();
    });
    assert!(first.seen().is_empty(), "the key has been shown to a server that is not trusted");
}

#[test]
fn row_03_a_tls_handshake_that_stalls() {
    each(|case| {
        encrypted(case, "3 TLS silence", Some(Fault::Silence), |authority| {
            Backend::encrypted(authority.server("127.0.0.1"))
        });
    });
}

#[test]
fn row_03_a_tls_handshake_that_stalls_for_ever() {
    for protocol in PROTOCOLS {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let timings =
            Timings { tls: SHORT / 3, attempt: SHORT, give_up: SHORT, connect: SHORT / 3, ..quick() };
        let url = format!("https://{}", silent.local_addr().unwrap());
        let handle = at(&url, protocol).timings(timings).build().unwrap();
        converse(&handle, 1);
        let report = handle.flush_blocking(LONG);
        assert_eq!(reasons(&report), [("unreachable", 2)], "{protocol:?}: {report}");
    }
}

#[test]
fn row_04_no_answer_to_a_request() {
    each(|case| {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let backend =
            Backend::scripted(
                move |_, _| {
                    if over.load(Ordering::Relaxed) { Reply::Accept } else { Reply::Silence }
                },
            );
        let program = case.program(&backend.url());
        case.survives("4 silence", &program, &backend, || is_over.store(true, Ordering::Relaxed));
    });
}

#[test]
fn row_05_an_answer_byte_by_byte() {
    between("5 slow drip", Fault::Drip(Duration::from_millis(200)));
}

#[test]
fn row_05_an_answer_of_1_gib() {
    each(|case| {
        let left = Arc::new(AtomicUsize::new(0));
        let counted = left.clone();
        let backend = Backend::scripted(move |_, before| match before {
            0 => Reply::Endless(counted.clone()),
            _ => Reply::Accept,
        });
        let program = case.program(&backend.url());
        program.calls(3);
        let said = program.flush(OUTAGE);
        case.settle("5 1 GiB", &program, &backend, &said, &[("unexpected_answer", 12)]);
        let left = left.load(Ordering::Relaxed);
        assert!(left < 64 << 20, "{left} bytes were taken");
    });
}

#[test]
fn row_06_a_reset_before_the_first_byte() {
    between("6 reset at 0", Fault::ResetAfter(0));
}

#[test]
fn row_06_a_reset_after_one_byte() {
    between("6 reset at 1", Fault::ResetAfter(1));
}

#[test]
fn row_06_a_reset_in_the_middle_of_the_request() {
    each(|case| {
        let backend = Backend::new();
        let proxy = Proxy::to(&backend.url(), Some(Fault::ResetAfter(20_000)));
        let program = case.program(&format!("http://{}", proxy.address()));
        let text = "x".repeat(20_000);
        program.call(&[&text, &text]);
        let said = program.flush(OUTAGE);
        assert!(backend.seen().is_empty());
        proxy.mend();
        case.settle("6 reset at half", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_06_a_reset_instead_of_the_answer() {
    each(|case| {
        let backend = Backend::new();
        let proxy = Proxy::to(&backend.url(), Some(Fault::NoAnswer));
        let program = case.program(&format!("http://{}", proxy.address()));
        case.survives("6 reset at all", &program, &backend, || {
            assert!(!backend.seen().is_empty());
            proxy.mend();
        });
    });
}

fn distrusted(row: &str, server: impl Fn(&Authority) -> Arc<ServerConfig> + Sync) {
    each(|case| encrypted(case, row, None, |authority| Backend::encrypted(server(authority))));
}

#[test]
fn row_17_a_certificate_that_has_run_out() {
    distrusted("17 expired", |authority| authority.expired_server("127.0.0.1"));
}

#[test]
fn row_17_a_certificate_of_another_host() {
    distrusted("17 wrong host", |authority| authority.server("example.com"));
}

#[test]
fn row_17_a_certificate_that_nobody_trusts() {
    distrusted("17 self-signed", |_| Authority::default().server("127.0.0.1"));
}

#[test]
fn row_17_a_server_without_tls() {
    each(|case| encrypted(case, "17 plaintext", None, |_| Backend::new()));
}
