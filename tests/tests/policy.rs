//! What the content policy keeps back. Invariant: it goes by how a value came onto the span, never by its key.

use cekura::opentelemetry::trace::{Status, TraceContextExt};
use cekura::opentelemetry::{Array, Context, KeyValue, Value};
use cekura::testing::{Span, Trace, capture, capture_with};
use cekura::{CaptureContent, spans};
use std::thread;

fn one<'a>(trace: &'a Trace, name: &str) -> &'a Span {
    trace.span(name).unwrap_or_else(|| panic!("no {name} in\n{trace}"))
}

#[track_caller]
fn assert_only(trace: &Trace, word: &str) {
    let shown = format!("{trace:?}");
    assert!(!shown.contains("secret") && shown.contains(word), "{shown}");
}

#[test]
fn what_record_names_stays_under_metadata_whatever_its_key() {
    #[cekura::llm(record("output" = "kept 1", "input.question" = "kept 2", text = |answer| answer.replace("secret", "kept 3")))]
    fn ask(question: &str) -> String {
        cekura::record("stt.transcript", "kept 4");
        cekura::record("function.input", "kept 5");
        question.to_owned()
    }
    let trace = capture_with(CaptureContent::Metadata, || ask("secret"));
    let span = one(&trace, "llm");
    assert_only(&trace, "kept 1");
    assert_eq!(span.text("output"), Some("kept 1"));
    assert_eq!(span.text("input.question"), Some("kept 2"));
    assert_eq!(span.text("text"), Some("kept 3"));
    assert_eq!(span.text("stt.transcript"), Some("kept 4"));
    assert_eq!(span.text("function.input"), Some("kept 5"));
}

#[test]
fn by_hand_a_policy_that_comes_last_takes_back_content_and_nothing_else() {
    let long = "secret".repeat(10_000);
    let trace = capture(|| {
        let call = spans::conversation().record("text", "kept 1").record("input.caller", "kept 2");
        let call = call.input("caller", "secret").capture(CaptureContent::Metadata).start();
        let place = call.context();
        let tool = spans::tool_call("find").arguments("secret").record("function.input", "kept 3");
        tool.input("who", &long).record("gen_ai.tool.call.arguments", 7).parent(&place).start().end();
        let tts = spans::tts().text(&long).record("output", "kept 4").input("audio", &long);
        tts.parent(&place).start().end();
        call.end();
    });
    assert_only(&trace, "kept 1");
    let (call, tool, tts) = (one(&trace, "conversation"), one(&trace, "tool_call"), one(&trace, "tts"));
    assert_eq!((call.text("text"), call.text("input.caller")), (Some("kept 1"), Some("kept 2")));
    assert_eq!(tool.text("function.input"), Some("kept 3"));
    assert_eq!(tool.attribute("gen_ai.tool.call.arguments"), Some(&Value::I64(7)));
    assert_eq!(tts.text("output"), Some("kept 4"));
    assert_eq!(tts.attribute("tts.characters"), Some(&Value::I64(60_000)));
    let keys = trace.spans().iter().flat_map(Span::attributes).map(|(key, _)| key);
    assert_eq!(keys.filter(|key| key.ends_with(".truncated")).count(), 0, "of values that are not there");
}

/// What instrumentation that a program has anyway says of its work.
fn instrumented() {
    Context::map_current(|context| {
        let span = context.span();
        span.set_attribute(KeyValue::new("db.query.text", "secret"));
        span.set_attribute(KeyValue::new("tags", Value::Array(Array::String(vec!["secret".into()]))));
        span.set_attribute(KeyValue::new("error.type", "timeout"));
        span.set_attribute(KeyValue::new("db.rows", 3));
        span.add_event("secret", vec![KeyValue::new("who", "secret")]);
        span.record_error(&std::io::Error::other("secret"));
        span.set_status(Status::error("secret"));
    });
}

#[test]
fn texts_that_the_opentelemetry_api_sets_on_a_span_of_ours_are_content() {
    #[cekura::tool_call]
    fn look_up() {
        instrumented();
    }
    let trace = capture_with(CaptureContent::Metadata, look_up);
    assert_only(&trace, "timeout");
    let span = one(&trace, "tool_call");
    assert_eq!(span.attribute("db.rows"), Some(&Value::I64(3)));
    assert_eq!(span.text("error.type"), Some("timeout"));
    assert_eq!((span.is_error(), span.error(), span.events().count()), (true, "", 0));

    let trace = capture(look_up);
    let span = one(&trace, "tool_call");
    assert_eq!((span.text("db.query.text"), span.error()), (Some("secret"), "secret"));
    assert_eq!(span.events().count(), 2);
}

#[test]
fn a_context_carried_by_the_opentelemetry_api_alone_has_the_same_policy() {
    let trace = capture(|| {
        let call = spans::conversation().capture(CaptureContent::Metadata).start();
        let place = call.context();
        let elsewhere = move || {
            let _attached = place.attach();
            instrumented();
            cekura::record("output", "kept");
        };
        thread::spawn(elsewhere).join().unwrap();
        call.end();
    });
    assert_only(&trace, "kept");
    assert_eq!(one(&trace, "conversation").text("output"), Some("kept"));
}
