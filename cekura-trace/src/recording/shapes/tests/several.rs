//! What several values say together: in a list, and as items of a stream.

use super::{counts, found, reasons};
use crate::recording::json::walk;
use crate::recording::shapes::Shapes;
use crate::recording::shapes::found::{Found, Usage};
use crate::recording::shapes::together::Together;
use serde_json::{Value, json};

const LIMIT: usize = 20;

fn together(items: &[Value], take: fn(&mut Together, Found, usize)) -> Together {
    let mut all = Together::default();
    for item in items {
        let mut shapes = Shapes::default();
        walk(item, None, LIMIT, Some(&mut shapes));
        take(&mut all, shapes.found(), LIMIT);
    }
    all
}

fn answers(items: &[Value]) -> Found {
    together(items, Together::answer).found(LIMIT)
}

fn chunk(id: &str, text: &str) -> Value {
    json!({"id": id, "object": "chat.completion.chunk", "choices": [{"delta": {"content": text}}]})
}

fn last(id: &str, input: i64) -> Value {
    json!({"id": id, "object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": input, "completion_tokens": 2}})
}

#[test]
fn elements_of_a_list() {
    let list = json!([chunk("a", "Hel"), chunk("a", "lo"), last("a", 1)]);
    let expected = Found {
        usage: counts(1, 2),
        response_id: Some("a".into()),
        finish_reasons: reasons(&["stop"]),
        text: Some("Hello".into()),
        ended: true,
        ..Found::default()
    };
    assert_eq!(found(&list), expected);
    assert_eq!(found(&json!([[chunk("a", "x")], "y", 3, null])), Found::default());
    let segments = json!([{"text": "two", "start": 0.0}, {"text": "tickets", "start": 0.4}]);
    assert_eq!(found(&segments).transcript.as_deref(), Some("two tickets"));
}

#[test]
fn counts_of_one_answer_replace_each_other_and_those_of_several_add_up() {
    let one = answers(&[chunk("a", "A"), last("a", 1), last("a", 5)]);
    assert_eq!(one.usage, counts(5, 2));
    let two = [chunk("a", "A"), last("a", 1), chunk("b", "B"), last("b", 5)];
    assert_eq!((answers(&two).usage, answers(&two).text.as_deref()), (counts(6, 4), Some("A\nB")));
    // The second has not ended; what it counts is not known.
    let (open, unknown) = (together(&two[..3], Together::answer), Usage { input: Some(1), ..counts(1, 2) });
    assert!(!open.has_ended());
    assert_eq!(open.found(LIMIT).usage, unknown);
    // An id of its own for each chunk makes no answers of them.
    let ids = answers(&[chunk("a", "A"), chunk("b", "B"), last("c", 1)]);
    assert_eq!((ids.text.as_deref(), ids.usage), (Some("AB"), counts(1, 2)));
}

#[test]
fn what_a_vendor_counts_extra_is_added_once() {
    let usage = |usage: Value| json!({"type": "message_delta", "delta": {}, "usage": usage});
    let said = answers(&[
        usage(json!({"input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 1})),
        usage(json!({"output_tokens": 7})),
    ]);
    assert_eq!(said.usage, Usage { cache_read: Some(10), ..counts(13, 7) });
    let thinking =
        json!({"usageMetadata": {"promptTokenCount": 1, "thoughtsTokenCount": 30}, "candidates": []});
    let answered =
        json!({"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}, "candidates": []});
    let said = answers(&[thinking, answered]);
    assert_eq!(said.usage, Usage { reasoning: Some(30), ..counts(1, 32) });
}

#[test]
fn texts_are_kept_up_to_the_limit_and_one_char() {
    let long = answers(&vec![chunk("a", "0123456789"); 9]).text.unwrap();
    assert!(long.len() > LIMIT && long.len() <= LIMIT + 4, "{long}");
    let results = |is_final| json!({"transcript": "0123456789", "is_final": is_final});
    for results in [vec![results(true); 9], vec![results(true), results(true), results(false)]] {
        let long = together(&results, Together::transcript).found(LIMIT).transcript.unwrap();
        assert!(long.len() > LIMIT && long.len() <= LIMIT + 4, "{long}");
    }
    // A whole text in the place of a part that was too long.
    let done = json!({"type": "response.done", "response": {"id": "a", "object": "realtime.response",
        "status": "completed", "output": [{"content": [{"transcript": "short"}]}]}});
    assert_eq!(
        answers(&[chunk("a", "0123456789012345678901234567890"), done]).text.as_deref(),
        Some("short")
    );
}

#[test]
fn tools_are_kept_up_to_the_limit() {
    let call = |name: &str| {
        json!({"object": "chat.completion.chunk", "choices": [{"delta": {"tool_calls": [
        {"function": {"name": name, "arguments": "{\"a\":1}"}}]}}]})
    };
    let said = answers(&vec![call("find"); 9]);
    assert_eq!(said.tools().len(), 2, "each has eleven bytes: {said:?}");
}

#[test]
fn an_item_of_no_known_shape_changes_nothing() {
    let noise = [json!({"type": "ping"}), json!({"text": "Hm."}), json!("Start"), json!(null)];
    let said = answers(&[&noise[..], &[chunk("a", "A"), last("a", 1)], &noise].concat());
    assert_eq!((said.text.as_deref(), said.usage, said.ended), (Some("A"), counts(1, 2), true));
    assert_eq!(answers(&noise), Found::default());
    // The end of a stream says so by its name alone, which anything may have.
    let end = json!({"End": {}});
    let ends = |items: &[Value]| together(items, Together::answer).has_ended();
    assert!(ends(&[json!({"Chunk": {"content": "A"}}), end.clone()]) && !ends(&[end]));
}
