//! What is found in responses as vendors and client crates write them.

use super::found::Usage;
use super::{Found, Shapes};
use crate::recording::json::walk;
use serde::Serialize;
use serde_json::json;

mod answers;
mod several;
mod speech;

/// Finds the same whether the value is written or only looked at; `known` is left out where more is found.
#[track_caller]
fn found<T: Serialize>(value: &T) -> Found {
    let mut shapes = Shapes::default();
    walk(value, None, 1000, Some(&mut shapes));
    let mut found = shapes.found();
    let mut shapes = Shapes::default();
    walk(value, Some(&mut Vec::new()), 1000, Some(&mut shapes));
    assert_eq!(shapes.found(), found);
    found.usage = found.usage.settled();
    let known = std::mem::take(&mut found.known);
    found.says = None;
    found.begins = false;
    found.known = known && found == Found::default();
    found
}

fn counts(input: i64, output: i64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

fn tokens(input: i64, output: i64) -> Found {
    Found { usage: counts(input, output), ..Found::default() }
}

fn reasons(reasons: &[&str]) -> Vec<(i64, String)> {
    (0..).zip(reasons).map(|(index, &reason)| (index, reason.to_owned())).collect()
}

#[test]
fn ordinary_values_say_nothing() {
    let nothing = [
        json!({"id": "a", "model": "Golf", "type": "car", "content": "boot"}),
        json!({"usage": {"cpu": 0.5}, "model": "m5"}),
        json!({"usage": 3, "content": "t", "id": "x"}),
        json!({"prompt_tokens": 5, "content": "t"}),
        json!({"max_tokens": 5, "input_tokens": 6}),
        json!({"choices": [{"text": "yes"}, {"text": "no"}], "id": "q", "model": "quiz"}),
        json!({"message": {"content": "hi", "role": "user"}, "id": "m"}),
        json!({"type": "message", "content": "hi", "id": "m"}),
        json!({"status": "completed", "output": "done", "id": "job"}),
        json!({"done": true, "response": "ok"}),
        json!({"messages": [{"role": "assistant", "content": "hi"}], "model": "gpt-4o"}),
        json!({"candidates": [{"name": "Ada", "content": "cv"}]}),
        json!({"delta": "x", "type": "patch"}),
        json!({"Chunk": {"data": "x"}, "id": "c"}),
        json!({"confidence": 0.5, "language": "en", "is_final": true}),
        json!({"channel": "general", "results": [1, 2]}),
        json!([{"id": "a", "model": "Golf"}, {"content": "Hello", "id": "7"}]),
        json!({"note": {"text": "Hello", "id": "7"}}),
        json!({"a": {"b": {"usage": {"input_tokens": 1, "output_tokens": 2}}}}),
        json!("text"),
        json!(null),
        json!({}),
    ];
    for value in nothing {
        assert_eq!(found(&value), Found::default(), "{value}");
    }
}

#[test]
fn a_variant_of_ones_own_is_no_answer() {
    for value in
        [json!({"End": {"text": "bye"}}), json!({"Chunk": {"text": "bye"}}), json!({"item": {"id": 1}})]
    {
        let mut shapes = Shapes::default();
        walk(&value, None, 1000, Some(&mut shapes));
        assert!(!shapes.found().known, "{value}");
    }
}

#[test]
fn a_transcript_is_no_answer() {
    for value in
        [json!({"text": "Hello"}), json!({"transcript": "Hello"}), json!({"text": "a", "language": "en"})]
    {
        let mut shapes = Shapes::default();
        walk(&value, None, 1000, Some(&mut shapes));
        let found = shapes.found();
        assert!(found.transcript.is_some() && found.text.is_none() && !found.known, "{value}");
    }
}

#[test]
fn a_wrapper_of_a_response_is_seen_through() {
    let completion = json!({
        "id": "c-1", "object": "chat.completion", "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    });
    let inside = found(&completion);
    assert_eq!(inside.text.as_deref(), Some("Hi"));
    assert_eq!(found(&json!({"latency_ms": 12, "raw": completion, "id": 7})), inside);
    assert_eq!(found(&("note", &completion)), inside);
    assert_eq!(found(&json!({"Chat": completion})), inside);

    let reply = json!({"text": "Hi", "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "id": "mine"});
    let expected = Found { text: Some("Hi".into()), transcript: Some("Hi".into()), ..tokens(3, 4) };
    assert_eq!(found(&reply), expected);
    // The outer response speaks first, the inner one fills in.
    let both = json!({"model": "outer", "usage": {"input_tokens": 1}, "raw": completion});
    let both = found(&both);
    assert_eq!(
        (both.model.as_deref(), both.usage.input, both.usage.output),
        (Some("outer"), Some(1), Some(4))
    );
    assert_eq!(both.text.as_deref(), Some("Hi"));
}

#[test]
fn texts_are_kept_up_to_the_limit_and_one_char() {
    let text = "é漢".repeat(100);
    let message = json!({"usage": {"input_tokens": 1, "output_tokens": 2}, "content": [{"text": text}, {"text": text}]});
    for limit in 0..20 {
        let mut shapes = Shapes::default();
        walk(&message, None, limit, Some(&mut shapes));
        let kept = shapes.found().text.unwrap();
        assert!(text.starts_with(&kept) && kept.len() > limit && kept.len() <= limit + 4);
    }
    let long = json!({"id": "i".repeat(300), "object": "response", "status": "completed"});
    assert_eq!(found(&long).response_id, None);
}

#[test]
fn a_response_behind_the_limit_is_found() {
    let history = vec!["as I said before"; 1000];
    let reply = json!({"a_history": history, "text": "Hi", "usage": {"input_tokens": 1, "output_tokens": 2}});
    let mut shapes = Shapes::default();
    let mut out = Vec::new();
    assert!(walk(&reply, Some(&mut out), 100, Some(&mut shapes)).truncated);
    assert!(out.len() <= 100);
    let found = shapes.found();
    assert_eq!((found.text.as_deref(), found.usage.input), (Some("Hi"), Some(1)));
}

#[test]
fn odd_types_at_known_places_are_passed_over() {
    let odd = json!({
        "usage": [{"prompt_tokens": 1}], "choices": {"message": 1}, "content": [[1], "x", {"text": [1]}],
        "model": 4, "id": {}, "transcript": 5, "confidence": "high", "is_final": "yes", "languages": [[]],
        "channel": [{"alternatives": 1}], "output": [{"content": {"text": "x"}}], "candidates": [null],
        "promptTokensDetails": {"audio_tokens": "1"}, "prompt_tokens": -1.5, "eval_count": u64::MAX,
    });
    assert_eq!(found(&odd), Found::default());
}
