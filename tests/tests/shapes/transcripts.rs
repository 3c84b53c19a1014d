//! Transcripts of recognisers, whole and as they grow.

use cekura_trace_tests::vendors::{ALL, item, items, said, stt, stt_stream};
use serde_json::{Value, json};

const TRANSCRIPT: &str = "stt.transcript = When do you close?";

/// How many items of a stream must have been read so that dropping it interrupts nothing.
fn ended(items: &[Value]) -> Vec<usize> {
    let is_interrupted = |taken| stt_stream(items.to_vec(), taken).spans()[0].is_interrupted();
    (1..=items.len()).filter(|&taken| !is_interrupted(taken)).collect()
}

#[test]
fn openai() {
    let counts = [
        "gen_ai.usage.audio.input_tokens = 17",
        "gen_ai.usage.input_tokens = 17",
        "gen_ai.usage.output_tokens = 9",
    ];
    let whole: Value = item("openai-transcription");
    assert_eq!(said(&stt(whole)), [&counts[..], &[TRANSCRIPT]].concat());
    let stream: Vec<Value> = items("openai-transcription-stream");
    let expected = [&counts[..], &["is_final = true", "stream.items = 3", TRANSCRIPT]].concat();
    assert_eq!(said(&stt_stream(stream.clone(), ALL)), expected);
    assert_eq!(ended(&stream), [3]);
}

#[test]
fn openai_realtime() {
    let events: Vec<Value> = items("openai-realtime-transcription");
    let expected = [
        "gen_ai.usage.audio.input_tokens = 17",
        "gen_ai.usage.input_tokens = 17",
        "gen_ai.usage.output_tokens = 9",
        "is_final = true",
        "stream.items = 5",
        "stt.transcript = When do you close? On Sundays?",
    ];
    assert_eq!(said(&stt_stream(events.clone(), ALL)), expected);
    assert_eq!(ended(&events), [3, 5]);
    // A turn that is billed by tokens, behind one that was too.
    let twice = vec![events[2].clone(), events[2].clone()];
    let said_twice = said(&stt_stream(twice, ALL));
    assert!(said_twice.contains(&"gen_ai.usage.input_tokens = 34".to_owned()), "{said_twice:#?}");
    // What the caller has said so far.
    let cut_off = said(&stt_stream(events[..2].to_vec(), 1));
    assert!(cut_off.contains(&"stt.transcript = When do".to_owned()), "{cut_off:#?}");
    // The same events in a session whose answers are not asked for.
    let session = said(&stt_stream(items::<Value>("openai-realtime"), ALL));
    assert!(session.contains(&TRANSCRIPT.to_owned()), "{session:#?}");
}

#[test]
fn deepgram() {
    let whole: Value = item("deepgram-prerecorded");
    let id = "gen_ai.response.id = a4d1a3b6-7c0e-4f0b-9d57-0f3d0e7a9d11";
    assert_eq!(said(&stt(whole)), [id, "language = en", "stt.confidence = 0.99", TRANSCRIPT]);
    let live: Vec<Value> = items("deepgram-live");
    let expected = [
        id,
        "gen_ai.response.model = general-nova-3",
        "is_final = true",
        "language = en",
        "stream.items = 9",
        "stt.confidence = 0.95",
        "stt.transcript = When do you close on Sundays?",
    ];
    assert_eq!(said(&stt_stream(live.clone(), ALL)), expected);
    assert_eq!(ended(&live), [4, 5, 7, 8, 9]);
}

#[test]
fn deepgram_flux() {
    let turns: Vec<Value> = items("deepgram-flux");
    let expected = [
        "gen_ai.response.id = dd3a7d7b-2b0c-4a4a-9b61-6b7f4b0c6f10",
        "is_final = true",
        "stream.items = 9",
        "stt.transcript = When do you close on Sundays? And on Mondays?",
    ];
    assert_eq!(said(&stt_stream(turns.clone(), ALL)), expected);
    assert_eq!(ended(&turns), [7, 9]);
}

#[test]
fn deepgram_agent() {
    let expected = ["is_final = true", "stream.items = 10", TRANSCRIPT];
    assert_eq!(said(&stt_stream(items::<Value>("deepgram-agent"), ALL)), expected);
}

#[test]
fn elevenlabs() {
    let whole: Value = item("elevenlabs");
    assert_eq!(said(&stt(whole)), ["language = eng", TRANSCRIPT]);
    let events: Vec<Value> = items("elevenlabs-realtime");
    let expected = [
        "is_final = true",
        "language = en",
        "stream.items = 6",
        "stt.transcript = When do you close? On Sundays?",
    ];
    assert_eq!(said(&stt_stream(events.clone(), ALL)), expected);
    assert_eq!(ended(&events), [4, 6]);
}

#[test]
fn whisper() {
    let whole: Value = item("whisper-verbose");
    assert_eq!(said(&stt(whole)), ["language = english", TRANSCRIPT]);
    // Each segment begins with its space.
    let segments: Vec<Value> = items("whisper-segments");
    let spoken = "stt.transcript =  When do you close?";
    assert_eq!(said(&stt(segments.clone())), [spoken]);
    assert_eq!(said(&stt_stream(segments, ALL)), ["stream.items = 2", spoken]);
    // As a program keeps those of whisper-rs, which are no `Serialize` values.
    let kept = |text, start| json!({ "start_timestamp": start, "end_timestamp": start + 120, "text": text });
    assert_eq!(said(&stt(vec![kept("When do", 0), kept("you close?", 120)])), [TRANSCRIPT]);
}

#[test]
fn livekit() {
    let events: Vec<Value> = items("livekit-segments");
    let transcript = "stt.transcript = When do you close? On Sundays?";
    assert_eq!(said(&stt(events[1].clone())), ["is_final = true", "language = en", transcript]);
    let expected = ["is_final = true", "language = en", "stream.items = 2", transcript];
    assert_eq!(said(&stt_stream(events.clone(), ALL)), expected);
    assert_eq!(ended(&events), [2]);
}

#[test]
fn rustvani() {
    let entry = items::<Value>("rustvani").remove(1);
    assert_eq!(said(&stt(entry)), ["language = en", TRANSCRIPT]);
}

#[test]
fn a_model_that_transcribes() {
    let whole = said(&stt(item::<Value>("gemini")));
    assert!(whole.contains(&"stt.transcript = We are open until five.".to_owned()), "{whole:#?}");
    let chunks: Vec<Value> = items("openai-chat-stream");
    let streamed = said(&stt_stream(chunks.clone(), ALL));
    assert!(streamed.contains(&"stt.transcript = We are open until five.".to_owned()), "{streamed:#?}");
    assert_eq!(ended(&chunks), [5, 6]);
    // What the model says is not what it heard.
    let live = said(&stt_stream(items::<Value>("gemini-live"), ALL));
    assert!(live.contains(&"stt.transcript = When do you close? And on Sundays?".to_owned()), "{live:#?}");
}
