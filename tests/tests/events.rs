//! What the delivery says of itself: enough to know what is wrong, never a key, and nothing of the HTTP stack's that
//! a subscriber could turn into spans again.

use cekura_trace_tests::backend::{Backend, Reply, deserted};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, at, converse, to};
use cekura_trace_tests::host::{Kept, provider};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;

#[path = "events/unread.rs"]
mod unread;

#[test]
fn a_refusal_is_one_loud_event_that_names_the_variable() {
    for protocol in PROTOCOLS {
        let word = format!("refusal-{protocol:?}");
        let message = format!("{word}: no such key: canary");
        let backend = Backend::scripted(move |_, _| Reply::Fail {
            status: 401,
            code: 16,
            wait: None,
            message: message.clone(),
        });
        let handle = to(&backend, protocol).api_key("canary").agent(1).build().unwrap();
        listen();
        converse(&handle, 1);
        backend.await_requests(3);
        handle.shutdown_blocking(SHORT);
        let heard = heard(&word);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!((heard[0].level, heard[0].target.as_str()), (Level::ERROR, "cekura"));
        assert!(heard[0].text.contains("CEKURA_API_KEY"), "{heard:?}");
        assert!(heard[0].text.contains("[REDACTED]"), "{heard:?}");
    }
}

#[test]
fn a_failure_and_its_end_are_one_event_each() {
    listen();
    let address = deserted();
    let handle = at(&format!("http://{address}"), PROTOCOLS[0]).build().unwrap();
    converse(&handle, 1);
    handle.flush_blocking(SHORT);
    let failures = heard("spans cannot be delivered at the moment; they are kept and retried: ");
    assert!(failures.iter().any(|heard| heard.text.contains("refused")), "{failures:?}");
    let backend = Backend::at(address);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    assert!(!heard("spans are delivered again").is_empty());
    drop(backend);
}

#[test]
fn the_http_stack_is_not_heard_and_nobody_hears_the_key() {
    listen();
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, before| match before % 3 {
            0 => Reply::fail(503, 14),
            1 => Reply::Partial(1, "canary"),
            _ => Reply::Accept,
        });
        let handle = to(&backend, protocol).api_key("canary").agent(1).build().unwrap();
        for _ in 0..9 {
            converse(&handle, 3);
            handle.flush_blocking(LONG);
        }
        handle.shutdown_blocking(LONG);
    }
    let all = heard("");
    let ours: Vec<_> = all.iter().filter(|heard| heard.thread.starts_with("cekura-trace")).collect();
    assert!(ours.iter().all(|heard| heard.target == "cekura"), "{ours:?}");
    assert!(ours.iter().any(|heard| heard.thread == "cekura-trace-events"));
    let backend = all.iter().any(|heard| heard.target.starts_with("h2"));
    assert!(backend, "the backend's own stack is heard, so that this test can fail");
    let keys: Vec<_> = ours.iter().filter(|heard| heard.text.contains("canary")).collect();
    assert!(keys.is_empty(), "{keys:?}");
}

#[test]
fn an_exporter_says_once_what_the_standard_pipeline_does_not() {
    listen();
    for protocol in PROTOCOLS {
        let word = format!("exporter-{protocol:?}");
        let message = format!("{word}: canary");
        let backend = Backend::scripted(move |_, _| Reply::Fail {
            status: 403,
            code: 7,
            wait: None,
            message: message.clone(),
        });
        let exporter = to(&backend, protocol).api_key("canary").agent(1).span_exporter().unwrap();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        for _ in 0..3 {
            provider.tracer("program").in_span("work", |_| {});
            provider.force_flush().unwrap_err();
        }
        let heard = heard(&word);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!((heard[0].level, heard[0].target.as_str()), (Level::ERROR, "cekura"));
        assert!(heard[0].text.contains("CEKURA_API_KEY"), "{heard:?}");
        assert!(heard[0].text.contains("[REDACTED]"), "{heard:?}");
    }
}

#[test]
fn a_span_outside_a_conversation_is_told_of_once_per_place() {
    #[cekura::llm]
    fn lonely() {}
    #[cekura::span]
    fn stage() {}
    listen();
    let trace = cekura::testing::capture(|| {
        for _ in 0..3 {
            lonely();
            stage();
        }
    });
    assert_eq!(trace.spans().len(), 6);
    let told = heard("lonely");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].level, told[0].target.as_str()), (Level::WARN, "cekura"));
    assert!(
        told[0].text.contains("events.rs:") && told[0].text.contains("#[cekura::conversation]"),
        "{told:?}"
    );
    assert!(heard("stage").is_empty());
}

#[test]
fn an_attached_tracer_provider_without_the_processor_is_told_once() {
    #[cekura::conversation(trace_id_from = "CA-attached")]
    fn call() {}
    listen();
    let backend = Backend::new();
    let handle = to(&backend, PROTOCOLS[0]).build().unwrap();
    let program = provider(&Kept::default()).build();
    handle.attach(&program).unwrap();
    call();
    call();
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    for part in ["with_span_processor(cekura.processor())", "`trace_id_from` has no effect"] {
        let told = heard(part);
        assert_eq!(told.len(), 1, "{part}: {told:?}");
        assert_eq!(told[0].level, Level::ERROR);
    }
}
