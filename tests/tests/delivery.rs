//! Annotated functions on one side, a backend on the other: what arrives, how often, and what the report says.

use cekura::opentelemetry::trace::TraceId;
use cekura::{Builder, Cekura, Protocol, Timings};
use cekura_trace_tests::backend::{Backend, Reply, Reserved, deserted, text};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, adds_up, at, converse, quick, reasons, to};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::HashSet;
use std::time::{Duration, Instant};

fn ids(spans: &[Span]) -> HashSet<Vec<u8>> {
    spans.iter().map(|span| span.span_id.clone()).collect()
}

#[cekura::conversation(client = handle, call_id = "call-7")]
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
            _ => ("/v1/traces", "application/x-protobuf"),
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
        let handle = to(&backend, protocol).variables(key).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
        let seen = &backend.seen()[0];
        assert!(!seen.headers.keys().any(|name| name.as_str().starts_with("x-cekura")), "{:?}", seen.headers);
    }
}

#[test]
fn a_refused_connection_is_tried_until_there_is_a_backend() {
    for protocol in PROTOCOLS {
        let address = Reserved::new();
        let handle = at(&address.url(), protocol).build().unwrap();
        converse(&handle, 3);
        let report = handle.flush_blocking(SHORT);
        assert_eq!((report.pending, report.delivered), (4, 0), "{report}");
        let backend = address.open();
        assert_eq!(handle.flush_blocking(LONG).to_string(), "4 accepted, 4 delivered");
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 6);
        assert_eq!(backend.spans().len(), 6);
    }
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
        // Four requests at a time. An HTTP client that waits for a connection to come free dials another meanwhile.
        assert!(backend.connections() <= 8, "{} connections", backend.connections());
        assert!(backend.seen().iter().all(|seen| seen.spans().count() <= 512));
    }
}

#[cekura::span]
fn good(_number: u32) {}
