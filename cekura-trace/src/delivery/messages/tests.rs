//! What models were given and answered, as messages.

use super::Messages;
use crate::finished::{self, Head, Marks, Record, Status, Value, write};
use crate::semconv;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use serde_json::{Value as Json, json};

const LIMIT: usize = 32 << 10;

/// The record of a span with these entries.
fn record_of(name: &str, entries: &[u8]) -> Vec<u8> {
    let (trace_id, span_id, parent_id) = (TraceId::from(1), SpanId::from(2), SpanId::from(3));
    let (kind, status) = (SpanKind::Client, Status::Unset);
    Head { trace_id, span_id, parent_id, kind, start: 0, end: 0, status }.record(name, "", entries)
}

fn entries(texts: &[(&str, &str)]) -> Vec<u8> {
    let mut entries = Vec::new();
    for (key, text) in texts {
        write::marked_text(&mut entries, key, text, Marks::CONTENT);
    }
    entries
}

/// The record of a span with these texts as content.
fn record(name: &str, texts: &[(&str, &str)]) -> Vec<u8> {
    record_of(name, &entries(texts))
}

/// What is read of a key in the first record of a buffer.
fn text(buffer: &[u8], key: &str) -> Option<String> {
    let (record, _): (Record<'_>, _) = finished::records(buffer).next()?;
    let found = record.attributes().into_iter().find(|(known, _)| *known == key);
    found.map(|(_, value)| match value {
        Value::Str(text) => text.to_owned(),
        other => format!("{other:?}"),
    })
}

fn of(texts: &[(&str, &str)], key: &str) -> Json {
    let records = record(semconv::span::LLM, texts);
    let told = Messages { limit: LIMIT }.records(&records).into_owned();
    text(&told, key).map_or(Json::Null, |text| serde_json::from_str(&text).unwrap())
}

fn input(request: &Json) -> Json {
    of(&[("input.request", &request.to_string())], semconv::GEN_AI_INPUT_MESSAGES)
}

fn said(role: &str, text: &str) -> Json {
    json!({ "role": role, "parts": [{ "type": "text", "content": text }] })
}

#[test]
fn a_chat_of_openai() {
    let request = json!({ "model": "gpt-4o", "messages": [
        { "role": "developer", "content": "You are a receptionist." },
        { "role": "user", "name": "Jane", "content": [
            { "type": "text", "text": "Tuesday?" },
            { "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } }
        ] },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "c1", "type": "function", "function": { "name": "find_slot", "arguments": "{\"day\":\"tuesday\"}" } }
        ] },
        { "role": "tool", "tool_call_id": "c1", "content": "[\"10:00\"]" },
        { "role": "user", "content": "Please." }
    ] });
    let mut asked = said("user", "Tuesday?");
    asked["parts"].as_array_mut().unwrap().push(json!({ "type": "input_audio" }));
    let call =
        json!({ "type": "tool_call", "id": "c1", "name": "find_slot", "arguments": { "day": "tuesday" } });
    let gave = json!({ "type": "tool_call_response", "id": "c1", "response": "[\"10:00\"]" });
    let expected = json!([
        said("system", "You are a receptionist."),
        asked,
        { "role": "assistant", "parts": [call] },
        { "role": "tool", "parts": [gave] },
        said("user", "Please."),
    ]);
    assert_eq!(input(&request), expected);
    // The list alone is enough, and of a list that was too long a text stands where items are missing.
    let mut messages = request["messages"].clone();
    messages.as_array_mut().unwrap().insert(1, json!("[7 items missing]"));
    assert_eq!(input(&messages), expected);
}

#[test]
fn responses_of_openai() {
    let request = json!({ "model": "gpt-4o", "instructions": "Be brief.", "input": [
        { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Tuesday?" }] },
        { "type": "reasoning", "summary": [] },
        { "type": "function_call", "call_id": "c1", "name": "find_slot", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c1", "output": "10:00" },
        { "role": "assistant", "content": [{ "type": "output_text", "text": "At ten." }] }
    ] });
    let call = json!({ "type": "tool_call", "id": "c1", "name": "find_slot", "arguments": {} });
    let gave = json!({ "type": "tool_call_response", "id": "c1", "response": "10:00" });
    let expected = json!([
        said("user", "Tuesday?"),
        { "role": "assistant", "parts": [call] },
        { "role": "tool", "parts": [gave] },
        said("assistant", "At ten."),
    ]);
    assert_eq!(input(&request), expected);
    let instructions = of(&[("input.request", &request.to_string())], semconv::GEN_AI_SYSTEM_INSTRUCTIONS);
    assert_eq!(instructions, json!([{ "type": "text", "content": "Be brief." }]));
    assert_eq!(input(&json!({ "model": "gpt-4o", "input": "Tuesday?" })), json!([said("user", "Tuesday?")]));
}

#[test]
fn anthropic_and_gemini() {
    let request = json!({ "system": [{ "type": "text", "text": "Be brief." }], "messages": [
        { "role": "user", "content": "Tuesday?" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "A day.", "signature": "s" },
            { "type": "tool_use", "id": "t1", "name": "find_slot", "input": { "day": "tuesday" } }
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t1", "content": [{ "type": "text", "text": "10:00" }] }
        ] }
    ] });
    let thought = json!({ "type": "reasoning", "content": "A day." });
    let call =
        json!({ "type": "tool_call", "id": "t1", "name": "find_slot", "arguments": { "day": "tuesday" } });
    let gave = json!({ "type": "tool_call_response", "id": "t1", "response": "10:00" });
    let expected = json!([
        said("user", "Tuesday?"),
        { "role": "assistant", "parts": [thought, call] },
        { "role": "tool", "parts": [gave] },
    ]);
    assert_eq!(input(&request), expected);
    let instructions = of(&[("input.request", &request.to_string())], semconv::GEN_AI_SYSTEM_INSTRUCTIONS);
    assert_eq!(instructions, json!([{ "type": "text", "content": "Be brief." }]));

    let gemini = json!({ "systemInstruction": { "parts": [{ "text": "Be brief." }] }, "contents": [
        { "role": "user", "parts": [{ "text": "Tuesday?" }] },
        { "role": "model", "parts": [{ "functionCall": { "name": "find_slot", "args": {} } }] },
        { "role": "user", "parts": [{ "functionResponse": { "name": "find_slot", "response": { "at": 10 } } }] }
    ] });
    let call = json!({ "type": "tool_call", "name": "find_slot", "arguments": {} });
    let gave = json!({ "type": "tool_call_response", "response": { "at": 10 } });
    let expected = json!([
        said("user", "Tuesday?"),
        { "role": "assistant", "parts": [call] },
        { "role": "tool", "parts": [gave] },
    ]);
    assert_eq!(input(&gemini), expected);
}

#[test]
fn plain_texts() {
    let texts = [("input.system_prompt", "Be brief."), ("input.heard", "Tuesday?")];
    assert_eq!(of(&texts, semconv::GEN_AI_INPUT_MESSAGES), json!([said("user", "Tuesday?")]));
    let instructions = json!([{ "type": "text", "content": "Be brief." }]);
    assert_eq!(of(&texts, semconv::GEN_AI_SYSTEM_INSTRUCTIONS), instructions);
    // Nobody knows which of two is the question, nor what else these are.
    for texts in [
        &[("input.heard", "Tuesday?"), ("input.who", "Jane")][..],
        &[("input.slots", "[1,2]")],
        &[("input.slot", "{\"messages\":[]}")],
        &[("input.slot", "{\"day\":\"tuesday\"}")],
        &[("heard", "Tuesday?")],
        &[],
    ] {
        assert_eq!(of(texts, semconv::GEN_AI_INPUT_MESSAGES), Json::Null, "{texts:?}");
    }
}

#[test]
fn answers() {
    let key = semconv::GEN_AI_OUTPUT_MESSAGES;
    assert_eq!(of(&[("output", "At ten.")], key), json!([said("assistant", "At ten.")]));
    let call = json!({ "type": "tool_call", "name": "find_slot", "arguments": { "day": "tuesday" } });
    let output = json!([{ "name": "find_slot", "arguments": { "day": "tuesday" } }]).to_string();
    assert_eq!(of(&[("output", &output)], key), json!([{ "role": "assistant", "parts": [call] }]));
    let other = json!([{ "name": "Jane" }]).to_string();
    assert_eq!(of(&[("output", &other)], key), json!([said("assistant", &other)]));

    let mut entries = entries(&[(semconv::OUTPUT, "At ten.")]);
    write::texts(&mut entries, semconv::GEN_AI_RESPONSE_FINISH_REASONS, &["stop"]);
    let records = record_of(semconv::span::S2S, &entries);
    let told = text(&Messages { limit: LIMIT }.records(&records), key).unwrap();
    let mut expected = said("assistant", "At ten.");
    expected["finish_reason"] = json!("stop");
    assert_eq!(serde_json::from_str::<Json>(&told).unwrap(), json!([expected]));
}

#[test]
fn what_has_none_stays_as_it_is() {
    let known = (semconv::GEN_AI_OUTPUT_MESSAGES, "[]");
    let plain = [
        record("stt", &[("input.heard", "Tuesday?"), ("output", "At ten.")]),
        record(semconv::span::LLM, &[]),
        record(semconv::span::LLM, &[known, (semconv::OUTPUT, "At ten.")]),
    ];
    let messages = Messages { limit: LIMIT };
    assert!(matches!(messages.records(&plain.concat()), std::borrow::Cow::Borrowed(_)));
    let one = record(semconv::span::LLM, &[(semconv::OUTPUT, "At ten.")]);
    let told = messages.records(&[&*plain[0], &one, &plain[1]].concat()).into_owned();
    assert_eq!(finished::records(&told).count(), 3);
    assert!(told.starts_with(&plain[0]) && told.ends_with(&plain[1]));
}

#[test]
fn they_fit_and_are_json() {
    let long = |letter: &str| letter.repeat(20_000);
    let many: Vec<_> = (0..900)
        .map(|at| json!({ "role": "user", "content": format!("{at}: ☎\"{}", "é".repeat(40)) }))
        .collect();
    let requests = [
        json!({ "messages": [{ "role": "system", "content": long("s") }, { "role": "user", "content": long("\"") }] }),
        json!({ "messages": many }),
        json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": long("é") }] }] }),
    ];
    for (request, limit) in requests.iter().zip([1_000, 3_000, 400]) {
        let records = record(semconv::span::LLM, &[("input.request", &request.to_string())]);
        let told = Messages { limit }.records(&records).into_owned();
        let json = text(&told, semconv::GEN_AI_INPUT_MESSAGES).unwrap();
        assert!(json.len() <= limit && json.len() > limit / 4, "{} of {limit}", json.len());
        let list: Vec<Json> = serde_json::from_str(&json).unwrap();
        let asked = request["messages"].as_array().unwrap();
        assert_eq!(list[0]["role"], asked[0]["role"]);
        assert_eq!(list.last().unwrap()["role"], asked.last().unwrap()["role"]);
        let key = format!("{}.truncated", semconv::GEN_AI_INPUT_MESSAGES);
        assert!(text(&told, &key).is_some());
    }
    // Where nothing fits, nothing is written.
    let records = record(semconv::span::LLM, &[("output", &long("x"))]);
    assert!(text(&Messages { limit: 60 }.records(&records), semconv::GEN_AI_OUTPUT_MESSAGES).is_none());
}

#[test]
fn what_was_cut_before_is_cut() {
    let mut entries = entries(&[("input.heard", "Tue"), ("output", "At ten.")]);
    write::flag(&mut entries, "input.heard.truncated", true);
    let told = Messages { limit: LIMIT }.records(&record_of(semconv::span::LLM, &entries)).into_owned();
    assert!(text(&told, "gen_ai.input.messages.truncated").is_some());
    assert!(text(&told, "gen_ai.output.messages.truncated").is_none());
}
