//! What code inside an annotated function tells of its span: chunks of an answer that is read there, tokens,
//! failures, values of its own. Each test reads the finished spans.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, Trace, capture};
use serde_json::json;

#[path = "current/followed.rs"]
mod followed;
#[path = "current/guards.rs"]
mod guards;
#[path = "current/recorded.rs"]
mod recorded;
#[path = "current/told.rs"]
mod told;

/// What a chat completion sends, chunk by chunk.
fn chunks() -> Vec<serde_json::Value> {
    let chunk = |delta: serde_json::Value, finish: Option<&str>| {
        json!({ "id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
    };
    vec![
        chunk(json!({ "role": "assistant", "content": "" }), None),
        chunk(json!({ "content": "From ten " }), None),
        chunk(json!({ "content": "to four." }), None),
        chunk(json!({}), Some("stop")),
        json!({ "id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024", "choices": [],
            "usage": { "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13 } }),
    ]
}

fn text(chunk: &serde_json::Value) -> &str {
    chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default()
}

/// All that the chunks say, each once.
#[track_caller]
fn check_answer(llm: &Span) {
    assert_eq!(llm.text("output"), Some("From ten to four."));
    assert_eq!(llm.attribute("gen_ai.usage.input_tokens"), Some(&9.into()));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&4.into()));
    assert_eq!(llm.text("gen_ai.response.id"), Some("c-1"));
    assert_eq!(llm.attribute("gen_ai.response.finish_reasons").unwrap().as_str(), r#"["stop"]"#);
    assert_eq!(llm.attribute("stream.items"), Some(&5.into()));
    for key in ["metrics.ttfb", "llm.first_token_ms", "gen_ai.response.time_to_first_chunk"] {
        assert!(matches!(llm.attribute(key), Some(Value::F64(seconds)) if *seconds >= 0.0), "{key}");
    }
}

/// The only span of a name.
#[track_caller]
fn only<'a>(trace: &'a Trace, name: &str) -> &'a Span {
    assert_eq!(trace.named(name).count(), 1, "{trace}");
    trace.span(name).unwrap()
}
