//! A client that speaks the protocol by hand → what the stand-in answers, event by event.

use super::start;
use crate::audio::{self, SAMPLES_PER_MS};
use crate::session::Session;
use serde_json::{Value, json};

/// A session with these settings beside those of the agent.
async fn connect(turn_detection: Value) -> Session {
    let mut session = Session::connect(&start().await.unwrap()).await.unwrap();
    let settings = json!({ "audio": { "input": { "turn_detection": turn_detection } } });
    session.send(json!({ "type": "session.update", "session": settings })).await.unwrap();
    let begun = events_to(&mut session, "session.updated").await;
    assert_eq!(types(&begun), ["session.created", "session.updated"]);
    let updated = events_to(&mut session, "session.updated").await;
    let updated = &updated[0]["session"]["audio"]["input"]["turn_detection"];
    assert_eq!((&updated["silence_duration_ms"], &updated["type"]), (&json!(200), &json!("server_vad")));
    session
}

/// What arrives, to the first event of this type.
async fn events_to(session: &mut Session, last: &str) -> Vec<Value> {
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Value| event["type"] != last) {
        events.push(session.next().await.unwrap());
    }
    events
}

/// The types of events, of equal ones in a row once.
fn types(events: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    types.dedup();
    types
}

async fn refusal(session: &mut Session, event: Value) -> Value {
    session.send(event).await.unwrap();
    events_to(session, "error").await.pop().unwrap()["error"].take()
}

#[tokio::test]
async fn speech_becomes_a_transcript_a_function_call_and_a_response() {
    let mut session = connect(json!({})).await;
    let silence = vec![0; 300 * SAMPLES_PER_MS];
    let spoken = [silence.clone(), audio::hum("What is free?"), silence].concat();
    session.send_audio(&spoken).await.unwrap();
    let called = events_to(&mut session, "response.done").await;
    let expected = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&called), expected);
    let call = &called.last().unwrap()["response"]["output"][0];
    assert_eq!(call["arguments"], r#"{"day":"Tuesday"}"#);

    let output = json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "[]" });
    session.send(json!({ "type": "conversation.item.create", "item": output })).await.unwrap();
    session.send(json!({ "type": "response.create" })).await.unwrap();
    let answered = events_to(&mut session, "response.done").await;
    let deltas = ["response.output_audio_transcript.delta", "response.output_audio.delta"];
    let expected = [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    let mut kinds = types(&answered);
    kinds.retain(|kind| !deltas.contains(kind));
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_cancelled_response_says_what_was_said_of_it_and_can_be_truncated() {
    let mut session = connect(json!({})).await;
    session.send(json!({ "type": "response.create" })).await.unwrap();
    let begun = events_to(&mut session, "response.output_audio.delta").await;
    let item_id = begun.last().unwrap()["item_id"].clone();
    session.send(json!({ "type": "response.cancel" })).await.unwrap();
    let done = events_to(&mut session, "response.done").await.pop().unwrap()["response"].take();

    assert_eq!(done["status"], "cancelled");
    assert_eq!(done["status_details"], json!({ "type": "cancelled", "reason": "client_cancelled" }));
    assert_eq!(done["output"][0]["status"], "incomplete");
    let said = done["output"][0]["content"][0]["transcript"].as_str().unwrap();
    assert!("Clinic, good morning.".starts_with(said) && !said.is_empty(), "{said}");
    let audio_ms = audio::hum(said).len() / SAMPLES_PER_MS;
    let tokens = json!({ "audio_tokens": audio_ms / 50, "text_tokens": said.len().div_ceil(4) });
    assert_eq!(done["usage"]["output_token_details"], tokens);

    let mut truncate = json!({
        "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0,
        "audio_end_ms": audio_ms + 1,
    });
    let refusal = refusal(&mut session, truncate.clone()).await;
    let message = format!("Audio content of {audio_ms}ms is already shorter than {}ms", audio_ms + 1);
    assert_eq!(refusal["message"], message);
    truncate["audio_end_ms"] = 100.into();
    session.send(truncate).await.unwrap();
    let truncated = events_to(&mut session, "conversation.item.truncated").await.pop().unwrap();
    assert_eq!((&truncated["item_id"], &truncated["audio_end_ms"]), (&item_id, &json!(100)));
}

#[tokio::test]
async fn a_response_cancelled_before_its_first_word_has_no_output() {
    let mut session = connect(json!({})).await;
    session.send(json!({ "type": "response.create" })).await.unwrap();
    session.send(json!({ "type": "response.cancel" })).await.unwrap();
    let done = events_to(&mut session, "response.done").await.pop().unwrap()["response"].take();
    assert_eq!((&done["status"], &done["output"]), (&json!("cancelled"), &json!([])));
}

#[tokio::test]
async fn the_service_interrupts_its_response_when_it_is_asked_to() {
    let mut session = connect(json!({ "interrupt_response": true })).await;
    session.send(json!({ "type": "response.create" })).await.unwrap();
    events_to(&mut session, "response.output_audio.delta").await;
    session.send_audio(&audio::hum("Stop")).await.unwrap();
    let done = events_to(&mut session, "response.done").await.pop().unwrap();
    assert_eq!(done["response"]["status_details"]["reason"], "turn_detected");
}

#[tokio::test]
async fn what_the_service_cannot_do_is_an_error_and_the_session_goes_on() {
    let mut session = connect(json!({})).await;
    let cancel = json!({ "type": "response.cancel", "event_id": "mine" });
    let refused = refusal(&mut session, cancel).await;
    assert_eq!(
        (&refused["code"], &refused["event_id"]),
        (&json!("response_cancel_not_active"), &json!("mine"))
    );
    assert_eq!(refusal(&mut session, json!({ "type": "sing" })).await["message"], "Invalid value: 'sing'.");
    let sound = json!({ "type": "input_audio_buffer.append", "audio": "?" });
    assert_eq!(refusal(&mut session, sound).await["code"], "invalid_value");

    session.send(json!({ "type": "response.create" })).await.unwrap();
    events_to(&mut session, "response.created").await;
    let again = refusal(&mut session, json!({ "type": "response.create" })).await;
    assert_eq!(again["code"], "conversation_already_has_active_response");
    events_to(&mut session, "response.done").await;
}
