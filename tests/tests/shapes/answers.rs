//! Answers of language models, whole and in the chunks in which they stream.

use cekura_trace_tests::vendors::{ALL, item, items, llm, llm_stream, said};
use serde_json::{Value, json};

const OUTPUT: &str = "output = We are open until five.";

/// Checks what the span of a function says that returns the only line of `file`.
#[track_caller]
fn whole(file: &str, expected: &[&str]) {
    assert_eq!(said(&llm(item::<Value>(file))), [expected, &[OUTPUT]].concat(), "{file}");
}

/// The same for a stream of its lines, read to the end and dropped behind what ends the answer.
#[track_caller]
fn stream(file: &str, end: usize, expected: &[&str]) {
    let all = items::<Value>(file);
    let count = format!("stream.items = {}", all.len());
    let expected = [expected, &[OUTPUT, &count]].concat();
    assert_eq!(said(&llm_stream(all.clone(), ALL)), expected, "{file}");
    let interrupted = |taken| llm_stream(all.clone(), taken).spans()[0].is_interrupted();
    assert!(!interrupted(end), "{file}");
    assert!(interrupted(end - 1), "{file}");
}

#[test]
fn openai_chat() {
    let counts = [
        "gen_ai.usage.audio.input_tokens = 11",
        "gen_ai.usage.audio.output_tokens = 0",
        "gen_ai.usage.cache_read.input_tokens = 1024",
        "gen_ai.usage.input_tokens = 1117",
        "gen_ai.usage.output_tokens = 46",
        "gen_ai.usage.reasoning.output_tokens = 20",
    ];
    let whole_names = [
        r#"gen_ai.response.finish_reasons = ["stop"]"#,
        "gen_ai.response.id = chatcmpl-B9MBs8Cj",
        "gen_ai.response.model = gpt-4o-2024-08-06",
    ];
    whole("openai-chat", &[&whole_names[..], &counts].concat());
    let chunk_names = [
        r#"gen_ai.response.finish_reasons = ["stop"]"#,
        "gen_ai.response.id = chatcmpl-123",
        "gen_ai.response.model = gpt-4o-mini-2024-07-18",
    ];
    stream("openai-chat-stream", 5, &[&chunk_names[..], &counts].concat());
}

#[test]
fn openai_completions() {
    let expected = [
        r#"gen_ai.response.finish_reasons = ["length"]"#,
        "gen_ai.response.id = cmpl-1",
        "gen_ai.response.model = gpt-3.5-turbo-instruct",
        "gen_ai.usage.input_tokens = 5",
        "gen_ai.usage.output_tokens = 7",
    ];
    whole("openai-completions", &expected);
    stream("openai-completions-stream", 3, &expected);
}

#[test]
fn bedrock() {
    let expected = [
        r#"gen_ai.response.finish_reasons = ["end_turn"]"#,
        "gen_ai.usage.cache_creation.input_tokens = 2",
        "gen_ai.usage.cache_read.input_tokens = 4",
        "gen_ai.usage.input_tokens = 36",
        "gen_ai.usage.output_tokens = 10",
    ];
    whole("bedrock", &expected);
    stream("bedrock-stream", 5, &expected);
}

#[test]
fn cohere() {
    let expected = [
        r#"gen_ai.response.finish_reasons = ["COMPLETE"]"#,
        "gen_ai.response.id = c14c80c3",
        "gen_ai.usage.input_tokens = 71",
        "gen_ai.usage.output_tokens = 9",
    ];
    whole("cohere", &expected);
    stream("cohere-stream", 6, &expected);
}

#[test]
fn of_several_choices_the_first_counts() {
    let chunk = |index, text| json!({ "object": "chat.completion.chunk", "choices": [{ "index": index, "delta": { "content": text } }] });
    let chunks = vec![chunk(0, "Yes"), chunk(1, "No"), chunk(0, "."), chunk(1, "!")];
    assert_eq!(said(&llm_stream(chunks, ALL)), ["output = Yes.", "stream.items = 4"]);
    let refusal = json!({ "object": "chat.completion", "choices": [{ "index": 0, "message": { "content": null, "refusal": "I cannot." } }] });
    assert_eq!(said(&llm(refusal)), ["output = I cannot."]);
}

#[test]
fn openai_responses() {
    let expected = [
        r#"gen_ai.response.finish_reasons = ["completed"]"#,
        "gen_ai.response.id = resp_67c9fdcecf488190",
        "gen_ai.response.model = gpt-4.1-2025-04-14",
        "gen_ai.usage.cache_read.input_tokens = 12",
        "gen_ai.usage.input_tokens = 37",
        "gen_ai.usage.output_tokens = 11",
        "gen_ai.usage.reasoning.output_tokens = 4",
    ];
    whole("openai-responses", &expected);
    stream("openai-responses-stream", 10, &expected);
}

#[test]
fn anthropic() {
    whole(
        "anthropic",
        &[
            r#"gen_ai.response.finish_reasons = ["end_turn"]"#,
            "gen_ai.response.id = msg_01XFDUDYJgAACzvnptvVoYEL",
            "gen_ai.response.model = claude-sonnet-4-5-20250929",
            "gen_ai.usage.cache_creation.input_tokens = 200",
            "gen_ai.usage.cache_read.input_tokens = 3000",
            "gen_ai.usage.input_tokens = 3210",
            "gen_ai.usage.output_tokens = 25",
            "gen_ai.usage.reasoning.output_tokens = 5",
        ],
    );
    let names = [
        r#"gen_ai.response.finish_reasons = ["end_turn"]"#,
        "gen_ai.response.id = msg_1nZdL29xx5MUA1yADyHTEsnR",
        "gen_ai.response.model = claude-sonnet-4-5-20250929",
    ];
    let counts = [
        "gen_ai.usage.cache_creation.input_tokens = 0",
        "gen_ai.usage.cache_read.input_tokens = 2000",
        "gen_ai.usage.input_tokens = 2025",
        "gen_ai.usage.output_tokens = 15",
    ];
    stream("anthropic-stream", 7, &[&names[..], &counts].concat());
    let counts = [
        "gen_ai.usage.cache_creation.input_tokens = 100",
        "gen_ai.usage.cache_read.input_tokens = 50",
        "gen_ai.usage.input_tokens = 10832",
        "gen_ai.usage.output_tokens = 510",
        "gen_ai.usage.reasoning.output_tokens = 33",
    ];
    stream("anthropic-stream-cumulative", 9, &[&names[..], &counts].concat());
}

#[test]
fn what_a_later_event_leaves_out_stays() {
    let mut events: Vec<Value> = items("anthropic-stream");
    // Without the cache, which the first event has told.
    events[6]["usage"] = json!({ "input_tokens": 30, "cache_read_input_tokens": null, "output_tokens": 15 });
    let said = said(&llm_stream(events, ALL));
    assert!(said.contains(&"gen_ai.usage.input_tokens = 2030".to_owned()), "{said:#?}");
    assert!(said.contains(&"gen_ai.usage.cache_read.input_tokens = 2000".to_owned()), "{said:#?}");
}

#[test]
fn gemini() {
    let expected = [
        r#"gen_ai.response.finish_reasons = ["STOP"]"#,
        "gen_ai.response.id = mAitaLmkHPPlz7IPvtfUqQ4",
        "gen_ai.response.model = gemini-2.5-flash",
        "gen_ai.usage.audio.input_tokens = 6",
        "gen_ai.usage.cache_read.input_tokens = 4",
        "gen_ai.usage.input_tokens = 8",
        "gen_ai.usage.output_tokens = 35",
        "gen_ai.usage.reasoning.output_tokens = 30",
    ];
    whole("gemini", &expected);
    stream("gemini-stream", 3, &expected);
}

#[test]
fn ollama() {
    let expected = [
        r#"gen_ai.response.finish_reasons = ["stop"]"#,
        "gen_ai.response.model = llama3.2",
        "gen_ai.usage.input_tokens = 26",
        "gen_ai.usage.output_tokens = 282",
    ];
    whole("ollama-chat", &expected);
    whole("ollama-generate", &expected);
    stream("ollama-chat-stream", 3, &expected);
    stream("ollama-generate-stream", 3, &expected);
    // A cached prompt is not counted.
    whole("ollama-chat-cached", &[&expected[..2], &expected[3..]].concat());
}

#[test]
fn genai() {
    let counts = [
        "gen_ai.usage.cache_creation.input_tokens = 9",
        "gen_ai.usage.cache_read.input_tokens = 1024",
        "gen_ai.usage.input_tokens = 1117",
        "gen_ai.usage.output_tokens = 46",
        "gen_ai.usage.reasoning.output_tokens = 20",
    ];
    let names = [r#"gen_ai.response.finish_reasons = ["stop"]"#, "gen_ai.response.id = chatcmpl-1"];
    let model = ["gen_ai.response.model = gpt-4o-2024-08-06"];
    whole("genai", &[&names[..], &model, &counts].concat());
    stream("genai-stream", 6, &[&names[..], &counts].concat());
    // The last event by itself.
    let end = items::<Value>("genai-stream").pop().unwrap();
    assert_eq!(said(&llm(end["End"].clone())), [&names[..], &counts, &[OUTPUT]].concat());
}

#[test]
fn misanthropic() {
    whole(
        "misanthropic",
        &[
            r#"gen_ai.response.finish_reasons = ["end_turn"]"#,
            "gen_ai.response.id = msg_1",
            "gen_ai.response.model = claude-3-5-sonnet-latest",
            "gen_ai.usage.cache_read.input_tokens = 3000",
            "gen_ai.usage.input_tokens = 3010",
            "gen_ai.usage.output_tokens = 25",
        ],
    );
}

#[test]
fn a_usage_beside_a_text() {
    let expected = [
        "gen_ai.usage.cache_creation.input_tokens = 2",
        "gen_ai.usage.cache_read.input_tokens = 4",
        "gen_ai.usage.input_tokens = 10",
        "gen_ai.usage.output_tokens = 5",
        "gen_ai.usage.reasoning.output_tokens = 3",
    ];
    let usage: Value = item("rig-usage");
    let lines = said(&llm(("We are open.", usage)));
    assert_eq!(lines[..5], expected);
    assert!(lines[5].starts_with(r#"output = ["We are open.",{"#), "{lines:#?}");
    let billed: Value = items("rustvani").remove(0);
    let expected = [
        "gen_ai.response.model = sarvam-30b",
        "gen_ai.usage.input_tokens = 80",
        "gen_ai.usage.output_tokens = 40",
    ];
    assert_eq!(said(&llm(billed))[..3], expected);
}
