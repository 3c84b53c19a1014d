//! Transcripts of speech recognisers.

use super::found;
use crate::recording::shapes::Found;
use serde::Serialize;
use serde_json::json;

fn transcript(text: &str) -> Found {
    Found { transcript: Some(text.into()), ..Found::default() }
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the deepgram crate's names")]
struct Word {
    word: &'static str,
    start: f64,
    confidence: f64,
}

#[derive(Serialize)]
struct Alternative {
    transcript: &'static str,
    words: Vec<Word>,
    confidence: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    languages: Vec<&'static str>,
}

#[derive(Serialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}

/// As `deepgram::common::stream_response::StreamResponse`, which serialises untagged.
#[derive(Serialize)]
#[serde(untagged)]
enum StreamResponse {
    Transcript {
        #[serde(rename = "type")]
        type_field: &'static str,
        start: f64,
        duration: f64,
        is_final: bool,
        speech_final: bool,
        channel: Channel,
        metadata: serde_json::Value,
        channel_index: Vec<i32>,
    },
}

#[test]
fn deepgram_live() {
    let word = Word { word: "two", start: 0.1, confidence: 0.2 };
    let alternative = |transcript, confidence, languages| Alternative {
        transcript,
        words: vec![Word { ..word }],
        confidence,
        languages,
    };
    let response = StreamResponse::Transcript {
        type_field: "Results",
        start: 0.0,
        duration: 1.5,
        is_final: true,
        speech_final: false,
        channel: Channel {
            alternatives: vec![
                alternative("two tickets", 0.98, vec!["en", "es"]),
                alternative("to tickets", 0.4, vec![]),
            ],
        },
        metadata: json!({"request_id": "r", "model_info": {"name": "nova-3"}}),
        channel_index: vec![0, 1],
    };
    let expected = Found {
        confidence: Some(0.98),
        language: Some("en".into()),
        is_final: Some(true),
        model: Some("nova-3".into()),
        response_id: Some("r".into()),
        ..transcript("two tickets")
    };
    assert_eq!(found(&response), expected);
    assert_eq!(found(&json!({"Transcript": response})), expected);
    let silence = Found { ended: true, ..Found::default() };
    assert_eq!(found(&json!({"type": "UtteranceEnd", "last_word_end": 2.3})), silence);
}

#[test]
fn deepgram_flux() {
    let turn = |event| {
        json!({"type": "TurnInfo", "event": event, "turn_index": 0, "transcript": "hello", "words": [],
            "end_of_turn_confidence": 0.9})
    };
    assert_eq!(found(&turn("EndOfTurn")), Found { is_final: Some(true), ..transcript("hello") });
    assert_eq!(found(&turn("Update")), Found { is_final: Some(false), ..transcript("hello") });
}

#[test]
fn deepgram_prerecorded() {
    let response = json!({
        "metadata": {"request_id": "r", "duration": 25.9, "channels": 2},
        "results": {"channels": [
            {"alternatives": [{"transcript": "hello", "confidence": 0.99}, {"transcript": "yellow"}], "detected_language": "en"},
            {"alternatives": [{"transcript": "hi", "confidence": 0.5}]},
        ]},
    });
    let expected = Found {
        confidence: Some(0.99),
        language: Some("en".into()),
        response_id: Some("r".into()),
        ..transcript("hello\nhi")
    };
    assert_eq!(found(&response), expected);
}

#[test]
fn whisper() {
    let expected = transcript("two tickets");
    assert_eq!(found(&json!({"text": "two tickets"})), expected);
    let tokens = json!({"text": "two tickets", "usage": {"type": "duration", "seconds": 3}});
    assert_eq!(found(&tokens), expected);
    let verbose = json!({"task": "transcribe", "language": "english", "duration": 3.1, "text": "two tickets",
        "segments": [{"id": 0, "text": "two", "avg_logprob": -0.2}, {"id": 1, "text": "tickets"}]});
    assert_eq!(found(&verbose), Found { language: Some("english".into()), ..expected });
}

#[test]
fn elevenlabs() {
    let response = json!({"language_code": "eng", "language_probability": 0.98, "text": "Hello world!",
        "words": [{"text": "Hello", "type": "word", "start": 0.0, "end": 0.4, "logprob": 0.0}]});
    let expected = Found { language: Some("eng".into()), ..transcript("Hello world!") };
    assert_eq!(found(&response), expected);
    let partial = json!({"message_type": "partial_transcript", "text": "Hel"});
    assert_eq!(found(&partial), Found { is_final: Some(false), ..transcript("Hel") });
    let committed =
        json!({"message_type": "committed_transcript_with_timestamps", "text": "Hello", "words": []});
    assert_eq!(found(&committed), Found { is_final: Some(true), ..transcript("Hello") });
}

#[test]
fn a_users_own_transcript() {
    #[derive(Serialize)]
    struct Utterance {
        transcript: String,
        confidence: Option<f32>,
        language: Option<&'static str>,
        is_final: bool,
    }
    let utterance =
        Utterance { transcript: String::new(), confidence: Some(0.5), language: None, is_final: false };
    // An empty one is none, and what stands beside it belongs to nothing.
    assert_eq!(found(&utterance), Found::default());
    let utterance = Utterance { transcript: "yes".to_owned(), ..utterance };
    let expected = Found { confidence: Some(0.5), is_final: Some(false), ..transcript("yes") };
    assert_eq!(found(&utterance), expected);
}

#[test]
fn openai_transcription_event() {
    let event = json!({
        "type": "conversation.item.input_audio_transcription.completed", "item_id": "item_1",
        "transcript": "two tickets", "usage": {"type": "tokens", "total_tokens": 22, "input_tokens": 13,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 13}, "output_tokens": 9},
    });
    let event = found(&event);
    assert_eq!((event.transcript.as_deref(), event.usage.input), (Some("two tickets"), Some(13)));
}
