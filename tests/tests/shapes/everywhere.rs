//! A known shape says the same one level down, in `camelCase` and in `snake_case`.

use cekura_trace_tests::vendors::{ALL, item, items, llm, llm_stream, said, stt, stt_stream};
use serde_json::{Map, Value, json};

const ANSWERS: [&str; 10] = [
    "anthropic",
    "bedrock",
    "cohere",
    "gemini",
    "ollama-chat",
    "openai-chat",
    "openai-completions",
    "openai-responses",
    "tools/bedrock",
    "tools/gemini",
];
const STREAMS: [&str; 6] = [
    "anthropic-stream",
    "bedrock-stream",
    "cohere-stream",
    "gemini-stream",
    "openai-chat-stream",
    "tools/openai-chat-stream",
];
const TRANSCRIPTS: [&str; 5] = ["assemblyai", "google-stt-stream", "gladia", "soniox", "speechmatics"];

/// The same value with other names, but for what a model gives to a tool.
fn renamed(value: &Value, rename: fn(&str) -> String) -> Value {
    let entry = |(key, value): (&String, &Value)| {
        let is_given = matches!(key.as_str(), "args" | "input" | "arguments");
        (rename(key), if is_given { value.clone() } else { renamed(value, rename) })
    };
    match value {
        Value::Array(values) => values.iter().map(|value| renamed(value, rename)).collect(),
        Value::Object(fields) => Value::Object(fields.iter().map(entry).collect::<Map<_, _>>()),
        _ => value.clone(),
    }
}

fn snake(name: &str) -> String {
    let each = |letter: char| {
        let underscore = letter.is_ascii_uppercase().then_some('_');
        underscore.into_iter().chain([letter.to_ascii_lowercase()])
    };
    if name.starts_with(char::is_uppercase) { name.to_owned() } else { name.chars().flat_map(each).collect() }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_ascii_uppercase() + tail
    })
}

#[test]
fn a_known_answer_says_the_same_under_other_names_and_in_a_wrapper() {
    for file in ANSWERS {
        let value: Value = item(file);
        let expected = said(&llm(value.clone()));
        assert!(expected.iter().any(|line| line.starts_with("output = ")), "{file}: {expected:#?}");
        assert_eq!(said(&llm(json!({ "took_ms": 3, "raw": value }))), expected, "{file} in a field");
        assert_eq!(said(&llm(("note", &value))), expected, "{file} in a tuple");
        assert_eq!(said(&llm(renamed(&value, snake))), expected, "{file} in snake_case");
        assert_eq!(said(&llm(renamed(&value, camel))), expected, "{file} in camelCase");
    }
}

#[test]
fn known_events_say_the_same_under_other_names_and_in_a_wrapper() {
    let check = |file: &str, read: fn(Vec<Value>) -> Vec<String>| {
        let events: Vec<Value> = items(file);
        let expected = read(events.clone());
        assert!(expected.iter().any(|line| line.contains("output = ") || line.contains("transcript = ")));
        let all = |change: &dyn Fn(&Value) -> Value| read(events.iter().map(change).collect());
        assert_eq!(all(&|event| json!({ "at": 3, "raw": event })), expected, "{file} in a field");
        assert_eq!(all(&|event| renamed(event, snake)), expected, "{file} in snake_case");
        assert_eq!(all(&|event| renamed(event, camel)), expected, "{file} in camelCase");
    };
    for file in STREAMS {
        check(file, |events| said(&llm_stream(events, ALL)));
    }
    for file in TRANSCRIPTS {
        check(file, |events| said(&stt_stream(events, ALL)));
    }
    let whole: Value = item("google-stt");
    assert_eq!(said(&stt(renamed(&whole, snake))), said(&stt(whole)));
}
