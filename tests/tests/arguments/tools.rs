//! `arguments = …` of `tool_call`, and the tokens of `tts`.

use cekura::CaptureContent;
use cekura::opentelemetry::Value;
use cekura::spans;
use cekura::testing::{Span, capture, capture_with};
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
struct Call<'a> {
    name: &'a str,
    arguments: String,
}

fn input(span: &Span) -> Option<&str> {
    assert_eq!(span.text("function.input"), span.text("gen_ai.tool.call.arguments"));
    span.text("function.input")
}

#[cekura::tool_call(name = call.name, arguments = call.arguments)]
fn dispatch(call: &Call<'_>, secret: &str, audio: &[u8]) {
    let _ = (call, secret, audio);
}

#[test]
fn arguments_stand_in_place_of_the_functions_own() {
    let call = |arguments: &str| Call { name: "find_slot", arguments: arguments.to_owned() };
    let written = r#"{ "day": "monday",  "n": 1.50 }"#;
    let trace = capture(|| {
        dispatch(&call(written), "secret", &[0; 9]);
        dispatch(&call("monday"), "secret", &[]);
        dispatch(&call(""), "secret", &[]);
    });
    let [json, text, empty] = trace.spans() else { panic!("{trace}") };
    assert_eq!(input(json), Some(written), "as the model wrote it");
    assert_eq!(json.text("function.name"), Some("find_slot"));
    assert_eq!(input(text), Some(r#""monday""#), "text is a JSON string");
    assert_eq!(input(empty), Some(r#""""#));
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
}

#[test]
fn arguments_may_be_any_value() {
    #[cekura::tool_call(arguments = args)]
    fn value<T: Serialize>(args: T) {
        drop(args);
    }
    #[cekura::tool_call(arguments = |answer| &answer.arguments, skip_output)]
    fn later() -> Call<'static> {
        Call { name: "x", arguments: r#"{"a":1}"#.to_owned() }
    }
    #[cekura::tool_call(arguments = args.as_deref(), skip_all)]
    fn perhaps(args: Option<String>) {
        drop(args);
    }
    let trace = capture(|| {
        value(json!({"day": "monday"}));
        value(json!("[1, 2]"));
        value(3);
        value(());
        later();
        perhaps(None);
        perhaps(Some("null".into()));
    });
    let inputs: Vec<_> = trace.spans().iter().map(input).collect();
    let expected = [
        Some(r#"{"day":"monday"}"#),
        Some("[1, 2]"),
        Some("3"),
        None,
        Some(r#"{"a":1}"#),
        None,
        Some("null"),
    ];
    assert_eq!(inputs, expected);
}

#[test]
fn arguments_that_are_too_long_stay_json() {
    const LIMIT: usize = 32 << 10;
    let long = json!({ "text": "x".repeat(2 * LIMIT), "n": 1 }).to_string();
    let text = "y".repeat(2 * LIMIT);
    let trace = capture(|| {
        dispatch(&Call { name: "a", arguments: long.clone() }, "", &[]);
        dispatch(&Call { name: "a", arguments: text.clone() }, "", &[]);
    });
    assert_eq!(trace.spans().len(), 2);
    for span in trace.spans() {
        let input = input(span).unwrap();
        assert!(input.len() <= LIMIT && input.len() > LIMIT / 2, "{}", input.len());
        assert!(serde_json::from_str::<serde_json::Value>(input).is_ok());
        assert_eq!(span.attribute("function.input.truncated"), Some(&Value::Bool(true)));
    }
}

#[test]
fn arguments_are_content() {
    let call = Call { name: "a", arguments: r#"{"who":"Anna"}"#.to_owned() };
    let trace = capture_with(CaptureContent::Metadata, || dispatch(&call, "", &[]));
    assert!(!format!("{trace:?}").contains("Anna"), "{trace:?}");
}

#[test]
fn by_hand_text_that_is_no_json_is_a_json_string_too() {
    let trace = capture(|| {
        spans::tool_call("a").arguments("monday").start().end();
        spans::tool_call("a").arguments(r#"{"day":1}"#).start().end();
    });
    let inputs: Vec<_> = trace.spans().iter().map(input).collect();
    assert_eq!(inputs, [Some(r#""monday""#), Some(r#"{"day":1}"#)]);
}

#[test]
fn speech_has_tokens_too() {
    #[cekura::tts(input_tokens = text.len(), output_tokens = |audio| audio.len())]
    fn speak(text: &str) -> Vec<u8> {
        vec![0; 2 * text.len()]
    }
    let trace = capture(|| speak("hello"));
    let span = &trace.spans()[0];
    assert_eq!(span.attribute("gen_ai.usage.input_tokens"), Some(&Value::I64(5)));
    assert_eq!(span.attribute("gen_ai.usage.output_tokens"), Some(&Value::I64(10)));
}
