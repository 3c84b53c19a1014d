//! Answers in several choices, and what servers count in their own way.

use cekura_trace_tests::vendors::{ALL, llm, llm_stream, said};
use serde_json::{Value, json};

fn choice(index: i64, text: &str, reason: &str) -> Value {
    json!({ "index": index, "message": { "role": "assistant", "content": text }, "finish_reason": reason })
}

#[test]
fn a_choice_goes_by_its_index_and_not_by_its_place() {
    let expected = [r#"gen_ai.response.finish_reasons = ["stop","length"]"#, "output = Zero."];
    let completion = |choices: Value| json!({ "object": "chat.completion", "choices": choices });
    let turned = completion(json!([choice(1, "One.", "length"), choice(0, "Zero.", "stop")]));
    assert_eq!(said(&llm(turned)), expected);
    let in_order = completion(json!([choice(0, "Zero.", "stop"), choice(1, "One.", "length")]));
    assert_eq!(said(&llm(in_order)), expected);
    // Servers that give no index go by the place.
    let without = json!([{ "message": { "content": "Zero." }, "finish_reason": "stop" }, { "message": { "content": "One." },
            "finish_reason": "length" }]);
    assert_eq!(said(&llm(completion(without))), expected);
    let gemini = json!({ "candidates": [
        { "index": 1, "content": { "parts": [{ "text": "One." }] }, "finishReason": "length" },
        { "index": 0, "content": { "parts": [{ "text": "Zero." }] }, "finishReason": "stop" },
    ] });
    assert_eq!(said(&llm(gemini)), expected);
}

#[test]
fn choices_that_come_in_turn_are_kept_apart() {
    let chunk = |index: i64, text: Option<&str>, reason: Option<&str>| {
        json!({ "id": "c-1", "object": "chat.completion.chunk", "choices": [
            { "index": index, "delta": { "content": text }, "finish_reason": reason } ],
            "usage": { "prompt_tokens": 3, "completion_tokens": 4 } })
    };
    let chunks = vec![
        chunk(1, Some("On"), None),
        chunk(0, Some("Ze"), None),
        chunk(1, Some("e."), None),
        chunk(1, None, Some("length")),
        chunk(0, Some("ro."), None),
        chunk(0, None, Some("stop")),
    ];
    let expected = [
        r#"gen_ai.response.finish_reasons = ["stop","length"]"#,
        "gen_ai.response.id = c-1",
        "gen_ai.usage.input_tokens = 3",
        "gen_ai.usage.output_tokens = 4",
        "output = Zero.",
        "stream.items = 6",
    ];
    assert_eq!(said(&llm_stream(chunks, ALL)), expected);
}

#[test]
fn an_empty_reason_is_none() {
    let chunk = |text: &str, reason: &str| json!({ "object": "chat.completion.chunk", "choices": [{ "delta": { "content": text }, "finish_reason": reason }] });
    let chunks = vec![chunk("Hel", ""), chunk("lo.", ""), chunk("", "stop")];
    let expected = [r#"gen_ai.response.finish_reasons = ["stop"]"#, "output = Hello.", "stream.items = 3"];
    assert_eq!(said(&llm_stream(chunks.clone(), ALL)), expected);
    assert!(llm_stream(chunks.clone(), 2).spans()[0].is_interrupted());
    assert!(!llm_stream(chunks, 3).spans()[0].is_interrupted());
    let anthropic = json!({ "type": "message", "stop_reason": "", "content": [{ "text": "Hi." }] });
    assert_eq!(said(&llm(anthropic)), ["output = Hi."]);
}

#[test]
fn counts_in_other_forms_count() {
    let usage = |usage: Value| {
        said(&llm(
            json!({ "object": "chat.completion", "usage": usage, "choices": [choice(0, "Hi.", "stop")] }),
        ))
    };
    let counts = |usage: Vec<String>| -> Vec<String> {
        usage.into_iter().filter(|line| line.starts_with("gen_ai.usage")).collect()
    };
    let expected = ["gen_ai.usage.input_tokens = 12", "gen_ai.usage.output_tokens = 3"];
    assert_eq!(counts(usage(json!({ "prompt_tokens": 12.0, "completion_tokens": 3.0 }))), expected);
    assert_eq!(counts(usage(json!({ "prompt_tokens": "12", "completion_tokens": "3" }))), expected);
    // No counts.
    assert_eq!(counts(usage(json!({ "prompt_tokens": 12.5, "completion_tokens": -3 }))), [""; 0]);
    assert_eq!(counts(usage(json!({ "prompt_tokens": "many", "completion_tokens": true }))), [""; 0]);
    let cached = [
        "gen_ai.usage.cache_read.input_tokens = 8",
        "gen_ai.usage.input_tokens = 12",
        "gen_ai.usage.output_tokens = 3",
    ];
    let deepseek = json!({ "prompt_tokens": 12, "completion_tokens": 3, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 4 });
    assert_eq!(counts(usage(deepseek)), cached);
    assert_eq!(
        counts(usage(json!({ "prompt_tokens": 12, "completion_tokens": 3, "cached_tokens": 8 }))),
        cached
    );
    let gemini = json!({ "candidates": [{ "content": { "parts": [{ "text": "Hi." }] } }],
        "usageMetadata": { "promptTokenCount": 8, "toolUsePromptTokenCount": 4, "candidatesTokenCount": 3 } });
    assert_eq!(counts(said(&llm(gemini.clone()))), expected);
    // Each chunk counts all of them again.
    assert_eq!(counts(said(&llm_stream(vec![gemini.clone(), gemini], ALL))), expected);
}

#[test]
fn a_usage_that_is_repeated_counts_once() {
    let chunk = |id: &str, choices: Value| {
        json!({ "id": id, "object": "chat.completion.chunk", "choices": choices,
            "usage": { "prompt_tokens": 12, "completion_tokens": 3 } })
    };
    let text = json!([{ "index": 0, "delta": { "content": "Hi." }, "finish_reason": null }]);
    let last = json!([{ "index": 0, "delta": { "content": "" }, "finish_reason": "stop" }]);
    for ids in [["a", "a", "a", "a"], ["a", "b", "c", "d"], ["", "", "", ""]] {
        let chunks = vec![
            chunk(ids[0], text.clone()),
            chunk(ids[1], last.clone()),
            chunk(ids[2], json!([])),
            chunk(ids[3], json!([{ "index": 0, "delta": { "role": "assistant", "content": "" } }])),
        ];
        let said = said(&llm_stream(chunks, ALL));
        for line in ["gen_ai.usage.input_tokens = 12", "gen_ai.usage.output_tokens = 3", "output = Hi."] {
            assert!(said.contains(&line.to_owned()), "{ids:?}: {said:#?}");
        }
    }
}

#[test]
fn a_prompt_that_is_refused_has_a_reason_and_no_output() {
    let blocked = json!({ "promptFeedback": { "blockReason": "SAFETY", "safetyRatings": [] },
        "usageMetadata": { "promptTokenCount": 8, "totalTokenCount": 8 }, "modelVersion": "gemini-2.5-flash" });
    let expected = [
        r#"gen_ai.response.finish_reasons = ["SAFETY"]"#,
        "gen_ai.response.model = gemini-2.5-flash",
        "gen_ai.usage.input_tokens = 8",
    ];
    assert_eq!(said(&llm(blocked.clone())), expected);
    let streamed = llm_stream(vec![blocked], 1);
    assert_eq!(said(&streamed), [&expected[..], &["stream.items = 1"]].concat());
    assert!(!streamed.spans()[0].is_interrupted());
}

#[test]
fn where_no_known_text_is_found_the_value_is_the_output() {
    let usage = json!({ "input_tokens": 5, "output_tokens": 2 });
    let output = |value: Value| {
        let lines = said(&llm(value));
        assert!(lines.contains(&"gen_ai.usage.output_tokens = 2".to_owned()), "{lines:#?}");
        let output = lines.iter().find_map(|line| line.strip_prefix("output = ")).map(str::to_owned);
        serde_json::from_str::<Value>(&output.unwrap_or_default()).unwrap_or_default()
    };
    let own = [
        json!({ "answer": "Hi.", "usage": usage }),
        json!(["Hi.", usage]),
        json!({ "reply": "Hi.", "input_tokens": 5, "output_tokens": 2 }),
        json!({ "choices": [{ "message": { "content": null } }], "usage": usage }),
    ];
    for value in own {
        assert_eq!(output(value.clone()), value);
    }
    assert_eq!(said(&llm(("Hi.", usage)))[2], r#"output = ["Hi.",{"input_tokens":5,"output_tokens":2}]"#);
}
