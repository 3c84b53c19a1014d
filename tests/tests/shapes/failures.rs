//! Answers that say that they failed: the span is an error, in the server's words.

use cekura::CaptureContent;
use cekura::testing::{Span, Trace, capture_with};
use cekura_trace_tests::vendors::{ALL, llm, llm_stream, s2s, s2s_stream};
use serde_json::{Value, json};

#[track_caller]
fn check(trace: &Trace, kind: &str, message: &str) {
    let span = &trace.spans()[0];
    assert!(span.is_error(), "{trace}");
    assert_eq!((span.error(), span.text("error.type")), (message, Some(kind)), "{trace}");
    assert!(!span.is_interrupted() && span.attribute("output").is_none(), "{trace}");
}

fn error(kind: &str, message: &str) -> Value {
    json!({ "type": kind, "message": message })
}

#[test]
fn an_error_in_place_of_an_answer() {
    let values = [
        (
            json!({ "error": { "message": "No such model", "type": "invalid_request_error", "param": null, "code": "m" } }),
            "invalid_request_error",
            "No such model",
        ),
        (
            json!({ "type": "error", "error": error("overloaded_error", "Overloaded") }),
            "overloaded_error",
            "Overloaded",
        ),
        (
            json!({ "error": { "code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED" } }),
            "RESOURCE_EXHAUSTED",
            "Quota",
        ),
        (json!({ "error": { "code": 402, "message": "Pay" } }), "402", "Pay"),
        (json!({ "error": "model 'x' not found" }), "error", "model 'x' not found"),
        (
            json!({ "type": "error", "code": "ERR", "message": "Went wrong", "param": null, "sequence_number": 1 }),
            "ERR",
            "Went wrong",
        ),
        (
            json!({ "type": "response.failed", "response": { "id": "r", "object": "response", "status": "failed",
            "error": { "code": "server_error", "message": "Try again" }, "output": [] } }),
            "server_error",
            "Try again",
        ),
        (
            json!({ "id": "r", "object": "response", "status": "failed", "output": [],
            "error": { "code": "server_error", "message": "Try again" } }),
            "server_error",
            "Try again",
        ),
        (
            json!({ "type": "response.done", "response": { "object": "realtime.response", "id": "r", "status": "failed",
            "status_details": { "type": "failed", "error": { "type": "insufficient_quota", "code": null, "message": "Quota" } },
            "output": [] } }),
            "insufficient_quota",
            "Quota",
        ),
        (
            json!({ "id": "gen-1", "object": "chat.completion.chunk", "error": { "code": "server_error", "message": "Lost" },
            "choices": [{ "index": 0, "delta": { "content": "" }, "finish_reason": "error" }] }),
            "server_error",
            "Lost",
        ),
        (json!({ "Error": { "x": 1 }, "error": error("t", "m") }), "t", "m"),
    ];
    for (value, kind, message) in values {
        check(&llm(value.clone()), kind, message);
        check(&llm_stream(vec![value.clone()], ALL), kind, message);
        // Dropped behind it, nothing was interrupted.
        check(&llm_stream(vec![value.clone(), json!({})], 1), kind, message);
        check(&s2s(value.clone()), kind, message);
        check(&s2s_stream(vec![json!({ "type": "session.created" }), value], ALL), kind, message);
    }
}

#[test]
fn what_came_before_a_failure_is_kept() {
    let chunk = |text: &str| json!({ "object": "chat.completion.chunk", "choices": [{ "delta": { "content": text } }] });
    let failed = json!({ "error": error("server_error", "Lost") });
    let trace = llm_stream(vec![chunk("We are"), chunk(" open"), failed], ALL);
    let span = &trace.spans()[0];
    assert_eq!((span.error(), span.text("output")), ("Lost", Some("We are open")));
    assert_eq!(span.attribute("stream.items"), Some(&3.into()));
}

#[test]
fn a_session_goes_on_behind_an_error() {
    let said = |id: &str, text: &str| json!({ "type": "response.output_audio_transcript.delta", "response_id": id, "delta": text });
    let refused =
        json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "No such event" } });
    let trace = s2s_stream(vec![said("a", "We are"), refused, said("a", " open.")], ALL);
    let span: &Span = &trace.spans()[0];
    assert_eq!((span.error(), span.text("output")), ("No such event", Some("We are open.")));
}

#[test]
fn without_content_only_the_kind_of_a_failure_is_told() {
    #[cekura::llm]
    fn ask() -> Value {
        json!({ "error": error("overloaded_error", "the caller said: secret") })
    }
    let trace = capture_with(CaptureContent::Metadata, ask);
    check(&trace, "overloaded_error", "");
}

#[test]
fn what_is_no_failure_of_the_answer() {
    let values = [
        json!({ "answer": "Hi.", "error": null }),
        json!({ "answer": "Hi.", "error": "the second server was slow" }),
        json!({ "answer": "Hi.", "tool_result": { "error": { "message": "no slot" } } }),
        json!({ "object": "response", "status": "completed", "error": null, "output": [] }),
        json!({ "messages": [{ "error": { "message": "no slot" } }], "answer": "Hi." }),
        json!({ "object": "chat.completion", "choices": [], "error": null }),
    ];
    for value in values {
        assert!(!llm(value.clone()).spans()[0].is_error(), "{value}");
        assert!(!llm_stream(vec![value.clone()], ALL).spans()[0].is_error(), "{value}");
    }
}
