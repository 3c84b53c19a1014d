//! Several answers one behind the other in one span, as a loop over tools asks for them.
//!
//! Invariant: each answer is counted once, whichever way its parts are given to the span.

use cekura::testing::{Trace, capture};
use cekura_trace_tests::vendors::{ALL, llm, llm_stream, s2s_stream, said};
use serde_json::{Value, json};

fn chunk(id: &str, delta: &Value) -> Value {
    json!({ "id": id, "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta }] })
}

fn stop(id: &str) -> Value {
    json!({ "id": id, "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })
}

fn usage(id: &str, tokens: i64) -> Value {
    json!({ "id": id, "object": "chat.completion.chunk", "choices": [],
        "usage": { "prompt_tokens": tokens, "completion_tokens": tokens } })
}

/// What a model streams that says `text`.
fn stream(id: &str, text: &str, tokens: i64) -> Vec<Value> {
    let role = chunk(id, &json!({ "role": "assistant", "content": "" }));
    vec![role, chunk(id, &json!({ "content": text })), stop(id), usage(id, tokens)]
}

fn by_hand(items: &[Value]) -> Trace {
    #[cekura::llm(skip(items))]
    fn ask(items: &[Value]) {
        for item in items {
            cekura::current().item(item);
        }
    }
    capture(|| ask(items))
}

#[track_caller]
fn check(items: &[Value], tokens: i64, output: Option<&str>) {
    for trace in [llm_stream(items.to_vec(), ALL), by_hand(items), s2s_stream(items.to_vec(), ALL)] {
        let span = &trace.spans()[0];
        let counts = ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
        assert_eq!(counts.map(|key| span.attribute(key)), [Some(&tokens.into()); 2], "{trace}");
        assert_eq!(span.text("output"), output, "{trace}");
    }
}

#[test]
fn two_streams_of_a_loop_over_tools_are_two_answers() {
    let two = [stream("a", "a", 1), stream("b", "b", 10)].concat();
    check(&two, 11, Some("a\nb"));
    let three = [two, stream("c", "c", 100)].concat();
    check(&three, 111, Some("a\nb\nc"));
}

#[test]
fn an_answer_that_begins_with_a_thought_or_says_nothing_counts_too() {
    let mut thinks = stream("b", "b", 10);
    thinks.insert(1, chunk("b", &json!({ "content": "", "reasoning_content": "hm" })));
    check(&[stream("a", "a", 1), thinks].concat(), 11, Some("a\nb"));
    let mut silent = stream("b", "", 10);
    check(&[stream("a", "a", 1), silent.clone()].concat(), 11, Some("a"));
    silent.extend(stream("c", "c", 100));
    check(&[stream("a", "a", 1), silent].concat(), 111, Some("a\nc"));
    // All in one chunk.
    let mut whole = stop("b");
    whole["usage"] = json!({ "prompt_tokens": 10, "completion_tokens": 10 });
    check(&[stream("a", "a", 1), vec![whole]].concat(), 11, Some("a"));
}

#[test]
fn a_gemini_answer_may_begin_with_counts_and_no_word() {
    let chunk = |id: &str, text: &str, tokens: i64, reason: Option<&str>| {
        json!({ "responseId": id,
            "candidates": [{ "content": { "parts": [{ "text": text }] }, "finishReason": reason }],
            "usageMetadata": { "promptTokenCount": tokens, "candidatesTokenCount": tokens } })
    };
    let one = [chunk("a", "", 1, None), chunk("a", "a", 1, Some("STOP"))];
    let two = [chunk("b", "", 5, None), chunk("b", "b", 10, Some("STOP"))];
    check(&[one, two].concat(), 11, Some("a\nb"));
}

#[test]
fn counts_that_come_late_or_again_belong_to_their_answer() {
    let mut again = stream("a", "a", 1);
    again[2]["usage"] = again[3]["usage"].clone();
    again.push(usage("a", 1));
    check(&again, 1, Some("a"));
    check(&[again.clone(), stream("b", "b", 10)].concat(), 11, Some("a\nb"));
    // Some servers give each chunk an id of its own.
    let mut ids = again;
    for (item, id) in ids.iter_mut().zip(["1", "2", "3", "4", "5"]) {
        item["id"] = json!(id);
    }
    check(&ids, 1, Some("a"));
}

#[test]
fn a_list_counts_as_its_items_do() {
    let completion = |id: &str, text: &str, tokens: i64| {
        json!({ "id": id, "object": "chat.completion", "model": "m",
            "choices": [{ "index": 0, "message": { "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": tokens, "completion_tokens": tokens } })
    };
    let lists = [
        vec![completion("a", "a", 1), completion("b", "b", 10)],
        [stream("a", "a", 1), stream("b", "b", 10)].concat(),
    ];
    for list in lists {
        let one = said(&llm(list.clone()));
        let streamed = said(&llm_stream(list, ALL));
        let streamed: Vec<_> =
            streamed.into_iter().filter(|line| !line.starts_with("stream.items")).collect();
        assert_eq!(one, streamed);
        for line in ["gen_ai.usage.input_tokens = 11", "gen_ai.usage.output_tokens = 11", "output = a\nb"] {
            assert!(one.contains(&line.to_owned()), "{one:#?}");
        }
    }
    // The pieces of one call of a tool.
    let piece = |call: Value| chunk("a", &json!({ "tool_calls": [call] }));
    let call = vec![
        piece(json!({ "index": 0, "function": { "name": "find", "arguments": "{\"a\"" } })),
        piece(json!({ "index": 0, "function": { "arguments": ":1}" } })),
    ];
    assert_eq!(said(&llm(call)).pop().unwrap(), r#"output = [{"name":"find","arguments":{"a":1}}]"#);
}
