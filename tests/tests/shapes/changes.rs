//! Transcripts that a recogniser changes: turns that it says again, and what it said before it was sure.
//!
//! Invariant: what is said again stands in the transcript once.

use cekura::testing::capture;
use cekura_trace_tests::vendors::{ALL, llm, llm_stream, said, stt, stt_stream};
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};

#[track_caller]
fn check(events: Vec<Value>, is_final: Option<bool>, transcript: &str) {
    let trace = stt_stream(events, ALL);
    let span = &trace.spans()[0];
    assert_eq!(span.text("stt.transcript"), Some(transcript), "{trace}");
    assert_eq!(span.attribute("is_final"), is_final.map(Into::into).as_ref(), "{trace}");
}

#[test]
fn a_turn_replaces_itself_wherever_it_stands() {
    let turn =
        |order: i64, text: &str| json!({ "turn_order": order, "end_of_turn": true, "transcript": text });
    let late = vec![turn(0, "hi there"), turn(1, "bye"), turn(0, "Hi there.")];
    check(late.clone(), Some(true), "Hi there. bye");
    check([&late[..], &[turn(1, "Bye!"), turn(2, "é")]].concat(), Some(true), "Hi there. Bye! é");
    check([&late[..], &[turn(2, "so"), turn(1, "Good bye!")]].concat(), Some(true), "Hi there. Good bye! so");
    // Shorter than before, and what has no turn stays where it is.
    let plain = json!({ "transcript": "yes", "is_final": true });
    check(vec![turn(0, "hi there"), plain, turn(0, "Hi"), turn(1, "bye")], Some(true), "Hi yes bye");
    assert!(said(&stt(late)).contains(&"stt.transcript = Hi there. bye".to_owned()));
    // More than is kept.
    let long = "a".repeat(40_000);
    let events: Vec<_> = [0, 1, 2, 0, 1, 2].into_iter().map(|order| turn(order, &long)).collect();
    let trace = stt_stream(events, ALL);
    assert!(trace.spans()[0].text("stt.transcript").unwrap().starts_with("aaaa"), "{trace}");
}

#[test]
fn what_replaces_a_partial_transcript_is_final() {
    let vosk = [json!({ "partial": "he" }), json!({ "text": "hello you" })];
    check(vosk.to_vec(), Some(true), "hello you");
    check([&vosk[..], &vosk[..1]].concat(), Some(false), "hello you he");
    check(vec![json!({ "text": "hello" }), json!({ "partial": "" })], None, "hello");
    let own = vec![json!({ "transcript": "he", "is_final": false }), json!({ "transcript": "hello" })];
    check(own, Some(true), "hello");
}

#[derive(Clone, Serialize)]
enum Event {
    Partial { text: &'static str },
    Final { text: &'static str, confidence: Option<f32> },
    Corrected { text: &'static str, confidence: Option<f32> },
    Said { text: &'static str, is_final: bool },
}

#[test]
fn an_enum_of_ones_own_says_what_it_says_at_the_root() {
    let told = |events: &[Event]| said(&stt_stream(events.to_vec(), ALL));
    let partial = Event::Partial { text: "he" };
    let last = Event::Final { text: "hello", confidence: Some(0.5) };
    let expected = ["is_final = true", "stream.items = 2", "stt.confidence = 0.5", "stt.transcript = hello"];
    assert_eq!(told(&[partial.clone(), last.clone()]), expected);
    let corrected = Event::Corrected { text: "hello", confidence: None };
    let expected = ["is_final = true", "stream.items = 2", "stt.transcript = hello"];
    assert_eq!(told(&[partial, corrected.clone()]), expected);
    let said_so_far = Event::Said { text: "hel", is_final: false };
    let expected = ["is_final = false", "stream.items = 1", "stt.transcript = hel"];
    assert_eq!(told(&[said_so_far]), expected);
    let expected = ["is_final = true", "stt.confidence = 0.5", "stt.transcript = hello"];
    assert_eq!(said(&stt(last)), expected);
    assert_eq!(said(&stt(corrected)), ["stt.transcript = hello"]);
}

#[test]
fn an_enum_of_ones_own_may_be_in_lower_case_and_hold_answers() {
    let events = vec![json!({ "partial": { "text": "he" } }), json!({ "final": { "text": "hello" } })];
    check(events, Some(true), "hello");
    check(vec![json!({ "Interim": { "transcript": "he" } })], Some(false), "he");
    let reply = json!({ "text": "Hi", "usage": { "prompt_tokens": 3, "completion_tokens": 4 } });
    let counted = said(&llm(json!({ "Final": reply })));
    assert_eq!(counted.last().unwrap(), "output = Hi", "{counted:#?}");
}

#[test]
fn an_empty_name_or_reason_or_transcript_is_no_value() {
    let answers = [
        json!({ "id": "", "object": "chat.completion", "model": "",
            "choices": [{ "index": 0, "message": { "content": "Hi" }, "finish_reason": "" }] }),
        json!({ "id": "", "type": "message", "model": "", "content": [{ "type": "text", "text": "Hi" }],
            "stop_reason": "", "usage": { "output_tokens": null } }),
        json!({ "responseId": "", "modelVersion": "",
            "candidates": [{ "content": { "parts": [{ "text": "Hi" }] }, "finishReason": "" }] }),
        json!({ "model": "x", "message": { "content": "Hi" }, "done": true, "done_reason": "" }),
        json!({ "id": "", "object": "response", "model": "", "status": "",
            "incomplete_details": { "reason": "" }, "output": [{ "content": [{ "text": "Hi" }] }] }),
    ];
    for answer in answers {
        let told = said(&llm(answer.clone()));
        let streamed = said(&llm_stream(vec![answer.clone()], ALL));
        for line in told.iter().chain(&streamed) {
            assert!(!line.ends_with("= ") && !line.contains("[\"\"]"), "{answer}: {told:#?}");
        }
        assert_eq!(told.last().unwrap(), "output = Hi", "{answer}");
    }
    for transcript in [
        json!({ "text": "hi", "language": "", "model": "", "request_id": "" }),
        json!({ "results": { "channels": [
                { "alternatives": [{ "transcript": "hi" }], "detected_language": "" } ] },
            "metadata": { "request_id": "", "model_info": { "name": "" } } }),
        json!({ "transcript": "", "text": "hi", "languages": [""] }),
        json!({ "tokens": [
            { "text": "hi", "is_final": true, "language": "" }, { "text": "", "is_final": true } ] }),
        json!({ "transcript": "hi", "segments": [{ "text": "", "language": "" }], "language_code": "" }),
        json!([{ "transcript": "hi" }, { "transcript": "", "language": "" }]),
    ] {
        let told = said(&stt(transcript.clone()));
        assert_eq!(told.last().unwrap(), "stt.transcript = hi", "{transcript}");
        assert!(told.iter().all(|line| !line.ends_with("= ")), "{transcript}: {told:#?}");
    }
}

#[test]
fn without_output_a_failure_tells_its_kind_only() {
    fn failed() -> Value {
        json!({ "error": { "message": "SECRET", "type": "t" } })
    }
    #[cekura::llm(skip_output)]
    fn answers() -> BoxStream<'static, Value> {
        stream::iter([failed()]).boxed()
    }
    #[cekura::stt(skip_output)]
    fn hears() -> BoxStream<'static, Value> {
        stream::iter([failed()]).boxed()
    }
    #[cekura::llm(skip_output)]
    fn answer() -> Value {
        failed()
    }
    let read = |events: fn() -> BoxStream<'static, Value>| block_on_stream(events()).for_each(drop);
    for trace in [
        capture(|| read(answers)),
        capture(|| read(hears)),
        capture(|| drop(block_on_stream(answers()).next())),
        capture(|| drop(answer())),
    ] {
        let span = &trace.spans()[0];
        assert!(span.is_error() && !trace.to_string().contains("SECRET"), "{trace}");
        assert_eq!((span.error(), span.text("error.type")), ("", Some("t")), "{trace}");
    }
}
