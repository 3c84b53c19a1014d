//! What each answer of a backend means for the spans in the request: the table of answers, over both transports.

use cekura::{Builder, Cekura, Protocol, Timings};
use cekura_trace_tests::backend::{Backend, Reply, text};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, adds_up, converse, quick, reasons, to};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::HashSet;
use std::time::Duration;

#[path = "answers/servers.rs"]
mod servers;

fn ids(spans: &[Span]) -> HashSet<Vec<u8>> {
    spans.iter().map(|span| span.span_id.clone()).collect()
}

/// A handle whose worker has looked into its queue once, at its start: what ends from now on within a second is one request.
fn started(builder: Builder) -> Cekura {
    let handle = builder.build().unwrap();
    handle.flush_blocking(LONG);
    handle
}

#[test]
fn a_backend_that_is_busy_gets_them_later() {
    // 503, 429 and 502, and their like in gRPC.
    for (status, code) in [(503, 14), (429, 14), (502, 4), (408, 10)] {
        for protocol in PROTOCOLS {
            let backend =
                Backend::scripted(
                    move |_, before| {
                        if before < 3 { Reply::fail(status, code) } else { Reply::Accept }
                    },
                );
            let handle = started(to(&backend, protocol));
            converse(&handle, 1);
            assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
            assert_eq!(backend.seen().len(), 4);
            assert_eq!(ids(&backend.spans()).len(), 2);
        }
    }
}

#[test]
fn a_rate_limit_without_a_hint_cuts_nothing() {
    let backend = Backend::scripted(|_, before| if before < 4 { Reply::fail(429, 8) } else { Reply::Accept });
    let handle = started(to(&backend, Protocol::Grpc));
    converse(&handle, 20);
    assert_eq!(handle.flush_blocking(LONG).to_string(), "21 accepted, 21 delivered");
    assert_eq!(backend.seen().len(), 5);
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept() {
    // google.rpc.Status { details: [RetryInfo { retry_delay: 1 s }] }
    let details = "GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAE=";
    for (protocol, wait) in [(Protocol::Http, "1"), (Protocol::Grpc, details)] {
        let backend = Backend::scripted(move |_, before| match before {
            0 => {
                Reply::Fail { status: 429, code: 8, wait: Some(wait.to_owned()), message: "busy".to_owned() }
            }
            _ => Reply::Accept,
        });
        let handle = started(to(&backend, protocol));
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
        let seen = backend.seen();
        assert_eq!(seen.len(), 2);
        let waited = seen[1].at - seen[0].at;
        assert!(waited >= Duration::from_secs(1), "{protocol:?} waited {waited:?}");
    }
}

#[test]
fn what_stays_unavailable_is_given_up_with_a_reason() {
    for (reply, reason) in [
        (Reply::fail(503, 14), "unavailable"),
        (Reply::fail(401, 16), "refused"),
        (Reply::fail(404, 12), "refused"),
        (Reply::Silence, "timeout"),
    ] {
        for protocol in PROTOCOLS {
            let reply = reply.clone();
            let backend = Backend::scripted(move |_, _| reply.clone());
            let timings = Timings {
                give_up: Duration::from_millis(200),
                attempt: Duration::from_millis(100),
                ..quick()
            };
            let handle = started(to(&backend, protocol).timings(timings));
            converse(&handle, 1);
            let report = handle.flush_blocking(LONG);
            assert_eq!(reasons(&report), [(reason, 2)], "{protocol:?} {report}");
            assert!(adds_up(&report) && backend.seen().len() > 1);
        }
    }
}

#[test]
fn a_refusal_stops_everything_but_a_probe() {
    for protocol in PROTOCOLS {
        let backend =
            Backend::scripted(|_, before| if before < 3 { Reply::fail(401, 16) } else { Reply::Accept });
        let timings = Timings { probes: [Duration::from_millis(300); 3], ..quick() };
        let handle = started(to(&backend, protocol).timings(timings));
        converse(&handle, 1);
        backend.await_requests(1);
        // Time enough to hear of the refusal: nothing else goes until it is tried again.
        std::thread::sleep(Duration::from_millis(150));
        for _ in 0..9 {
            converse(&handle, 1);
            handle.flush_blocking(Duration::from_millis(1));
        }
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "20 accepted, 20 delivered");
        let seen = backend.seen();
        assert!(seen.iter().take(3).all(|seen| !seen.is_accepted) && seen[3].is_accepted);
        assert!(seen[3].at - seen[0].at >= Duration::from_millis(900));
    }
}

#[test]
fn a_servers_own_error_is_repeated_once() {
    for protocol in PROTOCOLS {
        for (failures, delivered) in [(1, 2), (9, 0)] {
            let backend =
                Backend::scripted(
                    move |_, before| {
                        if before < failures { Reply::fail(500, 13) } else { Reply::Accept }
                    },
                );
            let handle = started(to(&backend, protocol));
            converse(&handle, 1);
            let report = handle.flush_blocking(LONG);
            assert_eq!(report.delivered, delivered, "{report}");
            assert_eq!(backend.seen().len(), 2);
            assert!(delivered == 2 || reasons(&report) == [("server_error", 2)], "{report}");
        }
    }
}

#[test]
fn a_status_that_nobody_knows_is_waited_out() {
    // Cloudflare's for a server that is down, does not answer, has no certificate; of others, and none's.
    for status in [520, 521, 522, 526, 530, 509, 512, 555, 599] {
        let script = move |_: &_, before| if before < 5 { Reply::fail(status, 14) } else { Reply::Accept };
        let backend = Backend::scripted(script);
        let handle = started(to(&backend, Protocol::Http));
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered", "{status}");
        assert_eq!(backend.seen().len(), 6, "{status}");
    }
}

#[test]
fn an_answer_that_blames_the_connection_is_tried_once_more_over_another() {
    for status in [421, 426, 431, 499] {
        for (failures, delivered) in [(1, 2), (9, 0)] {
            let script = move |_: &_, before| {
                if before < failures { Reply::fail(status, 14) } else { Reply::Accept }
            };
            let backend = Backend::scripted(script);
            let handle = started(to(&backend, Protocol::Http));
            converse(&handle, 1);
            let report = handle.flush_blocking(LONG);
            assert_eq!(report.delivered, delivered, "{status}: {report}");
            assert!(delivered == 2 || reasons(&report) == [("rejected", 2)], "{status}: {report}");
            let seen = backend.seen();
            assert_eq!(seen.len(), 2, "{status}");
            assert_ne!(seen[0].connection, seen[1].connection, "{status}");
        }
    }
}

#[test]
fn rejected_spans_are_counted() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::Partial(2, "too old"));
        let handle = started(to(&backend, protocol));
        converse(&handle, 4);
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "5 accepted, 3 delivered, 2 dropped (rejected 2)");
        assert_eq!(backend.seen().len(), 1);
    }
}

#[test]
fn what_is_no_backend_for_spans_is_an_error() {
    let raw = |content_type, body: &[u8]| Reply::Raw(content_type, body.to_vec());
    for reply in [
        Reply::Page,
        raw("text/plain", b"OK"),
        raw("application/grpc", b"<html>"),
        raw("application/x-protobuf", &vec![0x0a; 1 << 20]),
    ] {
        for protocol in PROTOCOLS {
            let reply = reply.clone();
            let backend = Backend::scripted(move |_, _| reply.clone());
            let handle = started(to(&backend, protocol));
            converse(&handle, 1);
            let report = handle.flush_blocking(LONG);
            assert_eq!(reasons(&report), [("unexpected_answer", 2)], "{protocol:?} {report}");
            assert_eq!(backend.seen().len(), 1);
        }
    }
}

#[test]
fn redirects_are_not_followed() {
    for protocol in PROTOCOLS {
        let other = Backend::new();
        let url = format!("{}/v1/traces", other.url());
        let backend = Backend::scripted(move |_, _| Reply::Redirect(url.clone()));
        let handle = started(to(&backend, protocol).api_key("canary").agent(1));
        converse(&handle, 1);
        let report = handle.flush_blocking(LONG);
        assert_eq!(reasons(&report), [("unexpected_answer", 2)]);
        assert_eq!(backend.seen()[0].header("x-cekura-api-key"), Some("canary"));
        assert_eq!((other.connections(), other.seen().len()), (0, 0));
    }
}

#[test]
fn one_bad_span_does_not_cost_the_others() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|seen, _| {
            if seen.spans().any(|span| span.name == "bad") { Reply::fail(400, 3) } else { Reply::Accept }
        });
        let handle = started(to(&backend, protocol));
        with_one_bad(&handle);
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "22 accepted, 21 delivered, 1 dropped (rejected 1)");
        assert_eq!(ids(&backend.spans()).len(), 21);
    }
}

#[cekura::conversation(client = handle, skip_all)]
fn with_one_bad(handle: &Cekura) {
    for number in 0..20 {
        if number == 7 {
            bad();
        }
        good(number);
    }
}

#[cekura::span]
fn bad() {}

#[cekura::span]
fn good(_number: u32) {}

const MIB: usize = 1 << 20;

#[test]
fn a_span_above_the_collectors_limit_arrives_shortened() {
    for protocol in PROTOCOLS {
        let backend =
            Backend::scripted(
                |seen, _| if seen.bytes > 4 * MIB { Reply::fail(413, 8) } else { Reply::Accept },
            );
        let handle = started(to(&backend, protocol).content_limit(8 * MIB));
        with_one_fat(&handle, &"x".repeat(5 * MIB));
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "12 accepted, 12 delivered");
        let spans = backend.spans();
        let fat = spans.iter().find(|span| span.name == "fat").unwrap();
        let length = text(&fat.attributes, "input.text").unwrap().len();
        assert!(length > MIB && length < 4 * MIB, "{length}");
        assert!(fat.attributes.iter().any(|attribute| attribute.key == "input.text.truncated"));
    }
}

#[test]
fn a_stricter_limit_is_met_by_halves_and_then_by_cuts() {
    for protocol in PROTOCOLS {
        let backend =
            Backend::scripted(|seen, _| if seen.bytes > 2000 { Reply::fail(413, 11) } else { Reply::Accept });
        let handle = started(to(&backend, protocol));
        with_one_fat(&handle, &"é".repeat(10_000));
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "12 accepted, 12 delivered");
        assert_eq!(ids(&backend.spans()).len(), 12);
    }
}

#[test]
fn a_limit_that_nothing_meets_is_counted() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::fail(413, 11));
        let handle = started(to(&backend, protocol));
        with_one_fat(&handle, "small");
        let report = handle.flush_blocking(LONG);
        assert_eq!(reasons(&report), [("too_large", 12)]);
    }
}

#[cekura::conversation(client = handle, skip_all)]
fn with_one_fat(handle: &Cekura, text: &str) {
    fat(text);
    (0..10).for_each(good);
}

#[cekura::span]
fn fat(text: &str) {
    std::hint::black_box(text);
}
