//! Sessions of models that hear and speak: what all their events say together.

use cekura::testing::capture;
use cekura_trace_tests::vendors::{ALL, items, s2s, s2s_stream, said};
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Value, json};

fn is_interrupted(events: &[Value], taken: usize) -> bool {
    s2s_stream(events.to_vec(), taken).spans()[0].is_interrupted()
}

#[test]
fn openai_realtime() {
    let events: Vec<Value> = items("openai-realtime");
    // Both answers are counted, not the transcription of the caller; the second was cut off by the caller.
    let expected = [
        r#"gen_ai.response.finish_reasons = ["turn_detected"]"#,
        "gen_ai.response.id = resp_2",
        "gen_ai.response.model = gpt-realtime-2025-08-28",
        "gen_ai.usage.audio.input_tokens = 54",
        "gen_ai.usage.audio.output_tokens = 105",
        "gen_ai.usage.cache_read.input_tokens = 64",
        "gen_ai.usage.input_tokens = 292",
        "gen_ai.usage.output_tokens = 141",
        "output = We are open until five.\nOn Sundays we",
        "stream.items = 30",
    ];
    assert_eq!(said(&s2s_stream(events.clone(), ALL)), expected);
    let is_done = |event: &Value| event["type"] == "response.done";
    let done: Vec<_> = (0..events.len()).filter(|&at| is_done(&events[at])).collect();
    // After an answer nothing is interrupted, unless that was.
    let ended: Vec<_> = (1..=events.len()).filter(|&taken| !is_interrupted(&events, taken)).collect();
    let expected: Vec<_> = (done[0] + 1..done[0] + 4).collect();
    assert_eq!(ended, expected);
}

#[test]
fn one_answer_of_a_session() {
    let events: Vec<Value> = items("openai-realtime");
    let first = events[6..21].to_vec();
    let expected = [
        r#"gen_ai.response.finish_reasons = ["completed"]"#,
        "gen_ai.response.id = resp_1",
        "gen_ai.usage.audio.input_tokens = 13",
        "gen_ai.usage.audio.output_tokens = 91",
        "gen_ai.usage.cache_read.input_tokens = 64",
        "gen_ai.usage.input_tokens = 132",
        "gen_ai.usage.output_tokens = 121",
        "output = We are open until five.",
    ];
    let streamed = said(&s2s_stream(first.clone(), ALL));
    assert_eq!(streamed, [&expected[..], &["stream.items = 15"]].concat());
    // A function that waits for the end and returns that.
    assert_eq!(said(&s2s(first[14].clone())), expected);
    // What was said until it was cut off.
    let cut_off = said(&s2s_stream(first, 6));
    assert!(cut_off.contains(&"output = We are open".to_owned()), "{cut_off:#?}");
}

#[test]
fn a_cancelled_answer_without_a_usage() {
    let done = |id, status, reason: Value, text| {
        json!({ "type": "response.done", "response": { "object": "realtime.response", "id": id, "status": status,
            "status_details": { "reason": reason }, "usage": null,
            "output": [{ "type": "message", "content": [{ "type": "output_audio", "transcript": text }] }] } })
    };
    let cancelled = done("resp_1", "cancelled", json!("client_cancelled"), "On Sun");
    let events = vec![cancelled.clone(), done("resp_2", "completed", Value::Null, "We are closed.")];
    let expected = [
        r#"gen_ai.response.finish_reasons = ["client_cancelled"]"#,
        "gen_ai.response.id = resp_1",
        "output = On Sun",
    ];
    assert_eq!(said(&s2s(cancelled)), expected);
    let expected = [
        r#"gen_ai.response.finish_reasons = ["completed"]"#,
        "gen_ai.response.id = resp_2",
        "output = On Sun\nWe are closed.",
        "stream.items = 2",
    ];
    assert_eq!(said(&s2s_stream(events, ALL)), expected);
}

#[test]
fn gemini_live() {
    let events: Vec<Value> = items("gemini-live");
    let expected = [
        r#"gen_ai.response.finish_reasons = ["interrupted"]"#,
        "gen_ai.usage.audio.input_tokens = 70",
        "gen_ai.usage.audio.output_tokens = 59",
        "gen_ai.usage.input_tokens = 260",
        "gen_ai.usage.output_tokens = 69",
        "gen_ai.usage.reasoning.output_tokens = 10",
        "output = We are open until five.\nOn Sundays we",
        "stream.items = 13",
    ];
    assert_eq!(said(&s2s_stream(events.clone(), ALL)), expected);
    // From `generationComplete` until the next answer, which was cut off.
    let ended: Vec<_> = (1..=13).filter(|&taken| !is_interrupted(&events, taken)).collect();
    assert_eq!(ended, [8, 9, 10]);
}

#[test]
fn deepgram_agent() {
    let events: Vec<Value> = items("deepgram-agent");
    let expected = ["output = Let me look. We are open until five.", "stream.items = 10"];
    assert_eq!(said(&s2s_stream(events.clone(), ALL)), expected);
    assert!(is_interrupted(&events, 9) && !is_interrupted(&events, 10));
}

#[test]
fn audio_in_an_event_is_the_turns_first() {
    #[cekura::s2s(skip(events))]
    fn session(events: Vec<Value>) -> BoxStream<'static, Value> {
        stream::iter(events).boxed()
    }
    #[cekura::turn(skip(events))]
    fn turn(events: Vec<Value>) {
        cekura::current_turn().unwrap().user_stopped();
        block_on_stream(session(events)).for_each(drop);
    }
    #[cekura::conversation(skip(events))]
    fn call(events: Vec<Value>) {
        turn(events);
    }
    for file in ["openai-realtime", "gemini-live", "deepgram-agent"] {
        let trace = capture(|| call(items(file)));
        let latency = trace.span("turn").unwrap().attribute("turn.user_bot_latency_seconds");
        // Deepgram sends audio beside its events, not in them.
        assert_eq!(latency.is_some(), file != "deepgram-agent", "{file}: {trace}");
    }
}

#[test]
fn events_given_to_a_span_by_hand_say_the_same() {
    for file in ["openai-realtime", "gemini-live", "deepgram-agent"] {
        let events: Vec<Value> = items(file);
        let trace = capture(|| {
            let mut session = cekura::spans::s2s().start();
            for event in &events {
                session.item(event);
            }
            session.end();
        });
        assert_eq!(said(&trace), said(&s2s_stream(events, ALL)), "{file}");
    }
}
