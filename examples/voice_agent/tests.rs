//! The whole agent against services in this process: what it books, and the trace of the call.

use crate::agent::Agent;
use crate::caller::{Utterance, utterances};
use crate::openai::{Models, OpenAi, client_at};
use crate::stand_in;
use async_openai::types::audio::{CreateSpeechRequestArgs, SpeechResponseFormat};
use axum::{Json, Router, routing::post};
use cekura::testing::{Trace, capture_async};
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn recorded() -> Vec<Utterance> {
    utterances(include_bytes!("caller.wav")).unwrap()
}

async fn call(agent: &mut Agent, utterances: &[Utterance]) -> Trace {
    let mut outcome = Ok(());
    let trace = capture_async(async { outcome = agent.answer_call("call-1", utterances).await }).await;
    outcome.unwrap();
    trace
}

async fn stand_in() -> OpenAi {
    client_at(stand_in::start().await.unwrap())
}

#[tokio::test]
async fn the_recorded_caller_gets_an_appointment() {
    let mut agent = Agent::new(stand_in().await, Models::default());
    let trace = call(&mut agent, &recorded()).await;

    let booked: Vec<String> = agent.clinic().booked().iter().map(ToString::to_string).collect();
    assert_eq!(booked, ["Tuesday 16:00 for Anna Miller"]);
    assert_eq!(
        trace.to_string(),
        "\
conversation
  turn
    stt
    llm
    tool_call
    tts
    playback
  turn interrupted
    stt
    llm
    tool_call failed
    tool_call
    tts
    playback interrupted
  turn
    stt
    llm
    tool_call
    tts
    playback
  turn
    stt
    llm
    tts
    playback
"
    );
}

#[tokio::test]
async fn the_trace_says_what_was_heard_used_and_said() {
    let mut agent = Agent::new(stand_in().await, Models::default());
    let trace = call(&mut agent, &recorded()[..1]).await;

    let stt = trace.span("stt").unwrap();
    assert_eq!(
        stt.text("stt.transcript"),
        Some("Hello. I would like an appointment next Tuesday afternoon.")
    );
    let llm = trace.span("llm").unwrap();
    assert_eq!(llm.text("gen_ai.request.model"), Some("gpt-4o-mini"));
    for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons"] {
        assert!(llm.attribute(key).is_some(), "{key} in {llm:?}");
    }
    let tool_call = trace.span("tool_call").unwrap();
    assert_eq!(tool_call.text("function.input"), Some(r#"{"day":"tuesday","part_of_day":"afternoon"}"#));
    assert_eq!(tool_call.text("function.output"), Some(r#"["14:30","16:00"]"#));
    let tts = trace.span("tts").unwrap();
    assert_eq!(
        tts.text("text"),
        Some("On Tuesday I have half past two or four o'clock. Which would you like?")
    );
    assert!(tts.attribute("output.len").is_some());
}

#[tokio::test]
async fn a_model_that_makes_things_up_books_nothing() {
    let answer = json!({
        "name": "John Smith", "day": "Tuesday", "time": "09:30", "action": "book_appointment", "say": "Booked!",
    });
    let mut agent = Agent::new(service_that_answers(&answer.to_string()).await, Models::default());
    let trace = call(&mut agent, &recorded()[..1]).await;

    assert!(agent.clinic().booked().is_empty());
    assert_eq!(trace.named("tool_call").count(), 0);
    assert_eq!(trace.span("tts").unwrap().text("text"), Some("On which day would you like to come?"));
}

#[tokio::test]
async fn a_request_that_the_stand_in_cannot_answer_is_an_error() {
    let request =
        CreateSpeechRequestArgs::default().input("Hello").response_format(SpeechResponseFormat::Mp3).build();
    let error = stand_in().await.audio().speech().create(request.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("400 Bad Request invalid_request_error"), "{error}");
}

/// A service whose model always answers the same.
async fn service_that_answers(content: &str) -> OpenAi {
    let answer = json!({
        "id": "1", "object": "chat.completion", "created": 0, "model": "parrot",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": content } }],
    });
    let reply = |json: Value| post(async move || Json(json.clone()));
    let router = Router::new()
        .route("/v1/audio/transcriptions", reply(json!({ "text": "Hello." })))
        .route("/v1/chat/completions", reply(answer))
        .route("/v1/audio/speech", post(async || recorded()[0].wav.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    client_at(url)
}
