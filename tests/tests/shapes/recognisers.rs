//! Transcripts of recognisers whose clients are no crate, whole and as they grow.

use cekura_trace_tests::vendors::{ALL, item, items, said, stt, stt_stream};
use serde_json::{Value, json};

const TRANSCRIPT: &str = "stt.transcript = When do you close?";

/// What the span says of the only line of a file, and of the same one level down.
#[track_caller]
fn whole(file: &str, expected: &[&str]) {
    assert_eq!(said(&stt(item::<Value>(file))), expected, "{file}");
    assert_eq!(
        said(&stt(json!({ "took_ms": 3, "raw": item::<Value>(file) }))),
        expected,
        "{file} in a field"
    );
    let streamed = said(&stt_stream(items::<Value>(file), ALL));
    let said_by_it: Vec<_> = streamed.iter().filter(|line| *line != "stream.items = 1").collect();
    assert_eq!(said_by_it, expected.iter().collect::<Vec<_>>(), "{file} as a stream");
}

#[track_caller]
fn stream(file: &str, expected: &[&str]) {
    let events: Vec<Value> = items(file);
    let count = format!("stream.items = {}", events.len());
    let mut expected = [expected, &[&count]].concat();
    expected.sort_unstable();
    assert_eq!(said(&stt_stream(events, ALL)), expected, "{file}");
}

#[test]
fn assemblyai_says_each_turn_again_as_it_grows() {
    stream("assemblyai", &["is_final = true", "stt.transcript = When do you close? On Sundays?"]);
    let events: Vec<Value> = items("assemblyai");
    let until = |taken| said(&stt_stream(events.clone(), taken)).pop().unwrap();
    assert_eq!(until(3), "stt.transcript = when do");
    assert_eq!(until(5), "stt.transcript = when do you close");
    assert_eq!(until(7), "stt.transcript = When do you close? on sun");
    let interrupted = |taken| stt_stream(events.clone(), taken).spans()[0].is_interrupted();
    assert!(interrupted(4) && !interrupted(5) && !interrupted(6) && interrupted(7));
}

#[test]
fn speechmatics() {
    stream("speechmatics", &["is_final = true", TRANSCRIPT]);
}

#[test]
fn google() {
    let id = "gen_ai.response.id = 6318";
    let google = [id, "language = en-us", "stt.confidence = 0.97", TRANSCRIPT];
    whole("google-stt", &google);
    let both = "stt.transcript = When do you close? On Sundays?";
    stream("google-stt-stream", &[id, "is_final = true", "language = en-us", "stt.confidence = 0.97", both]);
    let interim = said(&stt_stream(items::<Value>("google-stt-stream"), 2));
    assert!(interim.contains(&"stt.transcript = when do you".to_owned()), "{interim:#?}");
}

#[test]
fn azure() {
    whole("azure", &[TRANSCRIPT]);
    whole("azure-detailed", &["stt.confidence = 0.9", TRANSCRIPT]);
    whole("azure-fast", &[TRANSCRIPT]);
}

#[test]
fn aws() {
    whole("aws", &["language = en-US", TRANSCRIPT]);
    let both = "stt.transcript = When do you close? On Sundays?";
    stream("aws-stream", &["is_final = true", "language = en-US", both]);
    // As the fields of a Rust type.
    let own = json!({ "transcript": { "results": [
        { "is_partial": false, "alternatives": [{ "transcript": "When do you close?" }] } ] } });
    assert_eq!(said(&stt(own)), ["is_final = true", TRANSCRIPT]);
    let event: Value = items("aws-stream").remove(2);
    let wrapped = said(&stt(json!({ "TranscriptEvent": event })));
    assert_eq!(wrapped, ["is_final = true", "language = en-US", TRANSCRIPT]);
}

#[test]
fn gladia() {
    stream("gladia", &["is_final = true", "language = en", "stt.confidence = 0.91", TRANSCRIPT]);
    let batch: Value = item("gladia-batch");
    assert_eq!(said(&stt(batch)), ["language = en", TRANSCRIPT]);
}

#[test]
fn soniox() {
    stream("soniox", &["is_final = true", "language = en", TRANSCRIPT]);
    let until = |taken| said(&stt_stream(items::<Value>("soniox"), taken)).pop().unwrap();
    assert_eq!(until(1), "stt.transcript = Wh");
    assert_eq!(until(2), "stt.transcript = When do yo");
    whole("soniox-batch", &["language = en", TRANSCRIPT]);
}

#[test]
fn vosk() {
    let lower = "stt.transcript = when do you close";
    stream("vosk", &["is_final = true", lower]);
    // Its confidence is no share.
    whole("vosk-alternatives", &[lower]);
}

#[test]
fn rev() {
    stream("rev", &["is_final = true", TRANSCRIPT]);
    whole("rev-batch", &[TRANSCRIPT]);
}

#[test]
fn cartesia() {
    let lines = ["gen_ai.response.id = 58dfa4d4", "is_final = true", "language = en", TRANSCRIPT];
    stream("cartesia", &lines);
}

#[test]
fn a_text_is_the_transcript_whatever_stands_beside_it() {
    assert_eq!(said(&stt(item::<Value>("groq"))), [TRANSCRIPT]);
    let text = "When do you close?";
    assert_eq!(
        said(&stt(json!({ "text": text, "confidence": 0.75 }))),
        ["stt.confidence = 0.75", TRANSCRIPT]
    );
    assert_eq!(said(&stt(json!({ "text": text, "speaker": "caller", "id": 7 }))), [TRANSCRIPT]);
    let own =
        json!({ "transcript": text, "noise": 0.1, "is_final": true, "language": "en", "confidence": 1 });
    let expected = ["is_final = true", "language = en", "stt.confidence = 1", TRANSCRIPT];
    assert_eq!(said(&stt(own)), expected);
    let utterances = json!([{ "text": "When do", "speaker": 0 }, { "text": "you close?", "speaker": 0 }]);
    assert_eq!(said(&stt(utterances)), [TRANSCRIPT]);
}

#[test]
fn an_empty_item_changes_nothing_that_was_heard_before() {
    let deepgram = |text: &str, confidence: f64, is_final: bool| {
        json!({ "type": "Results", "is_final": is_final, "channel": { "alternatives": [
            { "transcript": text, "confidence": confidence, "words": [] } ] } })
    };
    let events = vec![
        deepgram("When do you close?", 0.97, true),
        deepgram("", 0.0, true),
        deepgram("", 0.0, false),
        json!({ "text": "", "confidence": 0.0, "language": "xx", "is_final": false }),
    ];
    let expected = ["is_final = true", "stream.items = 4", "stt.confidence = 0.97", TRANSCRIPT];
    assert_eq!(said(&stt_stream(events, ALL)), expected);
    for nothing in [json!({ "text": "" }), json!({ "transcript": "", "confidence": 0.0 }), json!("")] {
        assert_eq!(said(&stt(nothing.clone())), [""; 0], "{nothing}");
        assert_eq!(said(&stt_stream(vec![nothing], ALL)), ["stream.items = 1"]);
    }
}
