//! Annotated functions on one side, a backend on the other: what arrives, how often, and what the report says.

use cekura::opentelemetry::trace::TraceId;
use cekura::{Builder, Cekura, Protocol, Timings};
use cekura_trace_tests::backend::{Backend, Reply, deserted};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, adds_up, at, converse, quick, reasons, to};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::HashSet;
use std::time::{Duration, Instant};

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn ids(spans: &[Span]) -> HashSet<Vec<u8>> {
    spans.iter().map(|span| span.span_id.clone()).collect()
}

#[cekura::conversation(client = handle, call_id = "call-7")]
#[expect(unused_variables, reason = "only the attribute uses the handle")]
fn whole_call(handle: &Cekura, caller: &str) -> Result<TraceId, std::fmt::Error> {
    cekura::record("count", 3);
    answer(&caller.repeat(2)).map(|_| cekura::trace_id().unwrap())
}

#[cekura::llm(provider = "openai", temperature = 0.5, finish_reason = ["stop"], record("flag" = true))]
fn answer(question: &str) -> Result<String, std::fmt::Error> {
    if question.is_empty() { Err(std::fmt::Error) } else { Ok(question.to_owned()) }
}

#[test]
fn the_same_spans_arrive_over_both_transports() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).resource("deployment.environment", "test").build().unwrap();
        let trace_id = whole_call(&handle, "hi").unwrap();
        let _ = whole_call(&handle, "");
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "4 accepted, 4 delivered");

        let seen = &backend.seen()[0];
        assert_eq!(text(&seen.resource().attributes, "service.name"), Some("agent"));
        assert_eq!(text(&seen.resource().attributes, "deployment.environment"), Some("test"));
        assert_eq!(text(&seen.resource().attributes, "telemetry.sdk.language"), Some("rust"));
        let scope = seen.message.resource_spans[0].scope_spans[0].scope.as_ref().unwrap();
        assert_eq!(scope.name, "cekura");
        assert!(!scope.version.is_empty());

        let spans = backend.spans();
        let root =
            spans.iter().find(|span| span.trace_id == trace_id.to_bytes() && span.name == "conversation");
        let root = root.unwrap();
        assert!(root.parent_span_id.is_empty() && root.kind == 1 && root.status.is_none());
        assert_eq!(text(&root.attributes, "call_id"), Some("call-7"));
        let llm = spans.iter().find(|span| span.parent_span_id == root.span_id).unwrap();
        assert_eq!((llm.name.as_str(), llm.kind), ("llm", 3));
        assert!(llm.start_time_unix_nano >= root.start_time_unix_nano);
        assert!(llm.end_time_unix_nano >= llm.start_time_unix_nano);
        assert_eq!(text(&llm.attributes, "gen_ai.system"), Some("openai"));
        assert_eq!(text(&llm.attributes, "output"), Some("hihi"));
        let failed: Vec<_> = spans.iter().filter(|span| span.status.is_some()).collect();
        assert_eq!(failed.len(), 2);
        assert!(failed.iter().all(|span| span.status.as_ref().unwrap().code == 2));
        assert!(failed.iter().all(|span| text(&span.attributes, "error.type") == Some("core::fmt::Error")));
    }
}

#[test]
fn requests_carry_the_key_and_the_agent() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let keyed = |builder: Builder| builder.api_key("canary").header("x-team", "voice");
        let handle = keyed(to(&backend, protocol)).agent(123).build().unwrap();
        converse(&handle, 1);
        handle.shutdown_blocking(LONG);
        let handle = keyed(to(&backend, protocol)).project(42).build().unwrap();
        converse(&handle, 1);
        handle.shutdown_blocking(LONG);
        let seen = backend.seen();
        assert_eq!(seen.len(), 2);
        for seen in &seen {
            assert_eq!(seen.header("x-cekura-api-key"), Some("canary"));
            assert_eq!(seen.header("x-team"), Some("voice"));
            assert!(seen.header("user-agent").unwrap().starts_with("cekura-trace/"));
        }
        assert_eq!(seen[0].header("x-cekura-agent-id"), Some("123"));
        assert_eq!(seen[0].header("x-cekura-project-id"), None);
        assert_eq!(seen[1].header("x-cekura-project-id"), Some("42"));
        let (path, kind) = match protocol {
            Protocol::Grpc => {
                ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "application/grpc")
            }
            Protocol::Http => ("/v1/traces", "application/x-protobuf"),
        };
        assert_eq!(seen[0].path, path);
        assert_eq!(seen[0].header("content-type"), Some(kind));
    }
}

#[test]
fn a_key_of_the_environment_stays_away_from_other_endpoints() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let key = |name: &str| match name {
            "CEKURA_API_KEY" => Some("canary".to_owned()),
            "CEKURA_AGENT_ID" => Some("1".to_owned()),
            _ => None,
        };
        let handle = to(&backend, protocol).environment(key).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
        let seen = &backend.seen()[0];
        assert!(!seen.headers.keys().any(|name| name.as_str().starts_with("x-cekura")), "{:?}", seen.headers);
    }
}

#[test]
fn a_refused_connection_is_tried_until_there_is_a_backend() {
    for protocol in PROTOCOLS {
        let address = deserted();
        let handle = at(&format!("http://{address}"), protocol).build().unwrap();
        converse(&handle, 3);
        let report = handle.flush_blocking(SHORT);
        assert_eq!((report.pending, report.delivered), (4, 0), "{report}");
        let backend = Backend::at(address);
        assert_eq!(handle.flush_blocking(LONG).to_string(), "4 accepted, 4 delivered");
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 6);
        assert_eq!(backend.spans().len(), 6);
    }
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
            let handle = to(&backend, protocol).build().unwrap();
            converse(&handle, 1);
            assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
            assert_eq!(backend.seen().len(), 4);
            assert_eq!(ids(&backend.spans()).len(), 2);
        }
    }
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
        let handle = to(&backend, protocol).build().unwrap();
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
            let handle = to(&backend, protocol).timings(timings).build().unwrap();
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
        let timings = Timings { probes: [Duration::from_millis(150); 3], ..quick() };
        let handle = to(&backend, protocol).timings(timings).build().unwrap();
        for _ in 0..10 {
            converse(&handle, 1);
            handle.flush_blocking(Duration::from_millis(1));
        }
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "20 accepted, 20 delivered");
        let seen = backend.seen();
        // One more may have been under way when the first was refused.
        let probes = seen.iter().take_while(|seen| !seen.is_accepted).count();
        assert_eq!(probes, 3);
        assert!(seen[probes].at - seen[0].at >= Duration::from_millis(300));
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
            let handle = to(&backend, protocol).build().unwrap();
            converse(&handle, 1);
            let report = handle.flush_blocking(LONG);
            assert_eq!(report.delivered, delivered, "{report}");
            assert_eq!(backend.seen().len(), 2);
            assert!(delivered == 2 || reasons(&report) == [("server_error", 2)], "{report}");
        }
    }
}

#[test]
fn rejected_spans_are_counted() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::Partial(2, "too old"));
        let handle = to(&backend, protocol).build().unwrap();
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
            let handle = to(&backend, protocol).build().unwrap();
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
        let handle = to(&backend, protocol).api_key("canary").agent(1).build().unwrap();
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
        let backend = Backend::scripted(|seen, _| match seen.spans().any(|span| span.name == "bad") {
            true => Reply::fail(400, 3),
            false => Reply::Accept,
        });
        let handle = to(&backend, protocol).build().unwrap();
        with_one_bad(&handle);
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "22 accepted, 21 delivered, 1 dropped (rejected 1)");
        assert_eq!(ids(&backend.spans()).len(), 21);
    }
}

#[cekura::conversation(client = handle, skip_all)]
#[expect(unused_variables, reason = "only the attribute uses the handle")]
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
        let backend = Backend::scripted(|seen, _| match seen.bytes > 4 * MIB {
            true => Reply::fail(413, 8),
            false => Reply::Accept,
        });
        let handle = to(&backend, protocol).content_limit(8 * MIB).build().unwrap();
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
        let backend = Backend::scripted(|seen, _| match seen.bytes > 2000 {
            true => Reply::fail(413, 8),
            false => Reply::Accept,
        });
        let handle = to(&backend, protocol).build().unwrap();
        with_one_fat(&handle, &"é".repeat(10_000));
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.to_string(), "12 accepted, 12 delivered");
        assert_eq!(ids(&backend.spans()).len(), 12);
    }
}

#[test]
fn a_limit_that_nothing_meets_is_counted() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::fail(413, 8));
        let handle = to(&backend, protocol).build().unwrap();
        with_one_fat(&handle, "small");
        let report = handle.flush_blocking(LONG);
        assert_eq!(reasons(&report), [("too_large", 12)]);
    }
}

#[cekura::conversation(client = handle, skip_all)]
#[expect(unused_variables, reason = "only the attribute uses the handle")]
fn with_one_fat(handle: &Cekura, text: &str) {
    fat(text);
    (0..10).for_each(good);
}

#[cekura::span]
fn fat(text: &str) {
    std::hint::black_box(text);
}

#[test]
fn memory_stays_below_the_limit_and_the_rest_is_counted() {
    let handle = at(&format!("http://{}", deserted()), Protocol::Grpc).memory_limit(20_000).build().unwrap();
    for _ in 0..200 {
        converse(&handle, 9);
    }
    let report = handle.flush_blocking(SHORT);
    assert_eq!(report.accepted, 2000);
    let full = report.dropped["queue_full"];
    assert!(full > 1500 && full < 2000 && report.pending == 2000 - full, "{report}");
    let report = handle.shutdown_blocking(SHORT);
    assert_eq!(reasons(&report), [("queue_full", full), ("shutdown", 2000 - full)]);
}

#[test]
fn room_comes_back_with_delivery() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Http).memory_limit(20_000).build().unwrap();
    for round in 1..=50 {
        converse(&handle, 9);
        assert_eq!(handle.flush_blocking(LONG).delivered, round * 10);
    }
}

#[test]
fn a_flush_is_exact_from_many_threads() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        converse(&handle, 9);
                        let report = handle.flush_blocking(LONG);
                        assert!(adds_up(&report) && report.dropped.is_empty(), "{report}");
                    }
                });
            }
        });
        assert_eq!(handle.flush_blocking(LONG).to_string(), "2000 accepted, 2000 delivered");
        assert_eq!(ids(&backend.spans()).len(), 2000);
    }
}

#[test]
fn what_ends_after_shutdown_is_counted() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    ends_late(&handle);
    let report = handle.ledger();
    assert_eq!(report.to_string(), "2 accepted, 1 delivered, 1 dropped (shutdown 1)");
    assert_eq!(handle.shutdown_blocking(LONG), report);
    assert_eq!(handle.flush_blocking(LONG), report);
    converse(&handle, 1);
    assert_eq!(handle.ledger().delivered, 1);
}

#[cekura::conversation(client = handle, skip_all)]
fn ends_late(handle: &Cekura) {
    good(1);
    handle.shutdown_blocking(LONG);
}

#[test]
fn a_handle_that_is_dropped_delivers_first() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 2);
        drop(handle);
        assert_eq!(backend.names(), ["conversation", "turn", "turn"]);
    }
}

#[test]
fn a_drop_does_not_wait_for_a_backend_that_hangs() {
    let backend = Backend::scripted(|_, _| Reply::Silence);
    let timings = Timings { drop: Duration::from_millis(200), ..quick() };
    let handle = to(&backend, Protocol::Grpc).timings(timings).build().unwrap();
    converse(&handle, 1);
    let start = Instant::now();
    drop(handle);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn many_conversations_share_requests_and_connections() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).timings(Timings::default()).build().unwrap();
        (0..1000).for_each(|_| converse(&handle, 1));
        assert_eq!(handle.flush_blocking(LONG).delivered, 2000);
        assert!(backend.seen().len() <= 20, "{} requests", backend.seen().len());
        assert!(backend.connections() <= 4, "{} connections", backend.connections());
        assert!(backend.seen().iter().all(|seen| seen.spans().count() <= 512));
    }
}
