//! Requests that are compressed on their way: what arrives, what is sent to servers that do not take it, and what is said of it.

use cekura::{Builder, Cekura, Compression, Protocol, SpoolLimits};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, Reply, Seen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, adds_up, at, converse, reasons, to};
use cekura_trace_tests::http_proxy::{HttpProxy, Manner};
use cekura_trace_tests::metrics::Receiver;
use cekura_trace_tests::spools::Spool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

fn is_compressed(seen: &Seen) -> bool {
    seen.header("content-encoding").or(seen.header("grpc-encoding")) == Some("gzip")
}

fn compressing(backend: &Backend, protocol: Protocol) -> Builder {
    to(backend, protocol).compression(Compression::Gzip)
}

/// Which requests for spans were compressed.
fn compressed(backend: &Backend) -> Vec<bool> {
    backend.seen().iter().map(is_compressed).collect()
}

#[test]
fn compressed_requests_say_the_same_in_fewer_bytes() {
    for protocol in PROTOCOLS {
        let [bytes, small] = [Compression::None, Compression::Gzip].map(|compression| {
            let backend = Backend::new();
            let handle = to(&backend, protocol).compression(compression).build().unwrap();
            converse(&handle, 400);
            let report = handle.shutdown_blocking(LONG);
            assert_eq!((report.accepted, report.delivered), (401, 401));
            assert_eq!(backend.spans().len(), 401);
            assert!(compressed(&backend).iter().all(|is| *is == (compression == Compression::Gzip)));
            backend.seen().iter().map(|seen| seen.bytes).sum::<usize>()
        });
        assert!(small * 3 < bytes, "{protocol:?}: {small} of {bytes}");
    }
}

/// 415 and `Unimplemented` are what servers are to answer; others read the bytes as a message, and find fault with it.
#[test]
fn a_server_that_does_not_take_gzip_gets_every_span_as_it_is_from_then_on() {
    for protocol in PROTOCOLS {
        for (status, code) in [(415, 12), (501, 12), (400, 3), (422, 3)] {
            let backend = Backend::scripted(move |seen, _| {
                if is_compressed(seen) { Reply::fail(status, code) } else { Reply::Accept }
            });
            let handle = compressing(&backend, protocol).build().unwrap();
            for _ in 0..3 {
                converse(&handle, 2);
                assert_eq!(handle.flush_blocking(LONG).pending, 0);
            }
            let report = handle.shutdown_blocking(LONG);
            assert_eq!((report.delivered, report.lost()), (9, 0), "{protocol:?}, {status}");
            assert_eq!(compressed(&backend), [true, false, false, false], "{protocol:?}, {status}");
        }
    }
}

#[test]
fn a_server_that_takes_gzip_until_it_is_replaced_gets_what_the_next_one_takes() {
    for protocol in PROTOCOLS {
        let is_replaced = Arc::<AtomicBool>::default();
        let looked_at = is_replaced.clone();
        let backend = Backend::scripted(move |seen, _| {
            let refuses = is_compressed(seen) && looked_at.load(Ordering::Relaxed);
            if refuses { Reply::fail(415, 12) } else { Reply::Accept }
        });
        let handle = compressing(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        handle.flush_blocking(LONG);
        is_replaced.store(true, Ordering::Relaxed);
        converse(&handle, 1);
        let report = handle.shutdown_blocking(LONG);
        assert_eq!((report.delivered, report.lost()), (4, 0));
        assert_eq!(compressed(&backend), [true, true, false]);
    }
}

/// Otherwise each bad span would cost every request twice.
#[test]
fn a_server_that_has_taken_gzip_is_believed_when_it_finds_fault_with_a_span() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|seen, _| {
            if seen.spans().any(|span| span.name == "turn") { Reply::fail(400, 3) } else { Reply::Accept }
        });
        let handle = compressing(&backend, protocol).build().unwrap();
        converse(&handle, 0);
        handle.flush_blocking(LONG);
        converse(&handle, 1);
        let report = handle.shutdown_blocking(LONG);
        assert_eq!((report.delivered, reasons(&report)), (2, vec![("rejected", 1)]));
        assert!(compressed(&backend).iter().all(|is| *is) && adds_up(&report));
    }
}

#[test]
fn an_endpoint_that_knows_no_spans_at_all_is_still_refused_with_a_reason() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::fail(404, 12));
        let handle = compressing(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        let report = handle.shutdown_blocking(Duration::from_millis(500));
        assert_eq!((report.delivered, adds_up(&report)), (0, true));
        assert_eq!(report.lost(), 2);
    }
}

#[test]
fn what_leaves_this_machine_is_compressed_unless_a_setting_says_otherwise() {
    for protocol in PROTOCOLS {
        for (set, expected) in [(None, true), (Some("none"), false), (Some(" GZIP "), true)] {
            let authority = Authority::default();
            let backend = Backend::encrypted(authority.server("otel.example.test"));
            let proxy = HttpProxy::new(&[("otel.example.test:443", &backend.url())], Manner::Open);
            let variables = move |name: &str| set.filter(|_| name == "CEKURA_COMPRESSION").map(str::to_owned);
            let builder = at("https://otel.example.test", protocol).variables(variables);
            let handle = builder.root_certificate(authority.pem()).proxy(proxy.url("")).build().unwrap();
            converse(&handle, 1);
            assert_eq!(handle.shutdown_blocking(LONG).delivered, 2);
            assert!(compressed(&backend).iter().all(|is| *is == expected), "{protocol:?}, {set:?}");
        }
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        handle.shutdown_blocking(LONG);
        assert_eq!(compressed(&backend), [false], "what stays on this machine");
    }
}

#[test]
fn what_waited_on_disk_is_compressed_when_it_is_sent() {
    let (spool, is_well) = (Spool::new(TEMPORARY, "compression"), Arc::<AtomicBool>::default());
    let looked_at = is_well.clone();
    let is_up = move || looked_at.load(Ordering::Relaxed);
    let backend = Backend::scripted(move |_, _| if is_up() { Reply::Accept } else { Reply::fail(503, 14) });
    let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
    let spooling = || compressing(&backend, Protocol::Http).spool(&spool.0).spool_limits(limits);
    let handle = spooling().build().unwrap();
    converse(&handle, 3);
    assert_eq!(handle.shutdown_blocking(Duration::from_secs(5)).spooled, 4);
    is_well.store(true, Ordering::Relaxed);
    let before = backend.seen().len();
    let handle = spooling().build().unwrap();
    backend.await_requests(before + 1);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, report.lost()), (4, 0));
    assert!(!compressed(&backend).is_empty() && compressed(&backend).iter().all(|is| *is));
}

#[test]
fn metrics_are_compressed_too() {
    let (backend, collector) = (Backend::new(), Receiver::new());
    let builder = compressing(&backend, Protocol::Grpc).metrics_endpoint(collector.url());
    let handle = builder.build().unwrap();
    converse(&handle, 2);
    handle.shutdown_blocking(LONG);
    let sent = collector.sent();
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|sent| sent.headers["content-encoding"] == "gzip"));
    assert!((collector.sum("voice.calls", &[]) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_diagnosis_says_how_its_span_was_sent() {
    for protocol in PROTOCOLS {
        let said = |backend: &Backend, compression| {
            let diagnosis = to(backend, protocol).compression(compression).doctor();
            assert!(diagnosis.is_healthy(), "{diagnosis}");
            diagnosis.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let open = Backend::new();
        assert!(said(&open, Compression::Gzip).contains("`cekura.doctor`, compressed with gzip"));
        assert!(!said(&open, Compression::None).contains("gzip"));
        let strict =
            Backend::scripted(
                |seen, _| {
                    if is_compressed(seen) { Reply::fail(415, 12) } else { Reply::Accept }
                },
            );
        assert!(said(&strict, Compression::Gzip).contains("but not with gzip: it gets spans uncompressed"));
    }
}

#[test]
fn a_compression_that_is_none_is_an_error_that_names_the_variable() {
    for value in ["zip", "true", "gzip,none", "deflate"] {
        let variables = move |name: &str| (name == "CEKURA_COMPRESSION").then(|| value.to_owned());
        let builder = Cekura::builder().variables(variables).otel_endpoint("http://127.0.0.1:1");
        let error = builder.build().unwrap_err().to_string();
        assert_eq!(error, "CEKURA_COMPRESSION must be `gzip` or `none`");
    }
}
