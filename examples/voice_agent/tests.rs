//! The whole agent against services in this process: what it books, and the trace of the call.

use crate::agent::Agent;
use crate::caller::{Utterance, utterances};
use crate::openai::{Models, service_at};
use crate::phone::Pace;
use crate::service::Service;
use crate::stand_in;
use async_openai::types::audio::{CreateSpeechRequestArgs, SpeechResponseFormat};
use axum::body::Body;
use axum::{Json, Router, routing::post};
use cekura::opentelemetry::Value;
use cekura::testing::{Trace, capture_async};
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The beginning of an answer of two sentences.
const ONE: &str = r#"{"name": "", "day": "", "time": "", "action": "reply", "say": "One. T"#;

fn recorded() -> Vec<Utterance> {
    utterances(include_bytes!("caller.wav")).unwrap()
}

async fn call(agent: &mut Agent, utterances: &[Utterance]) -> Trace {
    let mut outcome = Ok(());
    let trace = capture_async(async { outcome = agent.answer_call("call-1", utterances).await }).await;
    outcome.unwrap();
    trace
}

async fn stand_in() -> Service {
    service_at(stand_in::start().await.unwrap(), Models::default())
}

#[tokio::test]
async fn the_recorded_caller_gets_an_appointment() {
    let mut agent = Agent::new(stand_in().await, Pace::Fast);
    let trace = call(&mut agent, &recorded()).await;

    let booked: Vec<String> = agent.desk().clinic.booked().iter().map(ToString::to_string).collect();
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
    tts
    playback
  turn interrupted
    stt
    llm
    tool_call failed
    tool_call
    tts
    playback interrupted
    tts interrupted
  turn
    stt
    llm
    tool_call
    tts
    playback
    tts
    playback
  turn
    stt
    llm
    tts
    playback
    tts
    playback
"
    );
}

#[tokio::test]
async fn the_trace_says_what_was_heard_used_and_said() {
    let mut agent = Agent::new(stand_in().await, Pace::Fast);
    let trace = call(&mut agent, &recorded()[..1]).await;

    let stt = trace.span("stt").unwrap();
    assert_eq!(
        stt.text("stt.transcript"),
        Some("Hello. I would like an appointment next Tuesday afternoon.")
    );
    let turn = trace.span("turn").unwrap();
    let Some(Value::F64(latency)) = turn.attribute("turn.user_bot_latency_seconds") else {
        panic!("{turn:?}")
    };
    let latency = Duration::from_secs_f64(*latency);
    assert!(stt.duration() < latency && latency < turn.duration(), "{latency:?} in {turn:?}");
    let llm = trace.span("llm").unwrap();
    assert_eq!(llm.text("gen_ai.request.model"), Some("gpt-4o-mini"));
    assert_eq!(
        llm.text("output"),
        Some(r#"{"name":"","day":"Tuesday","time":"afternoon","action":"find_slot","say":"Let me look."}"#)
    );
    let times = ["metrics.ttfb", "llm.first_token_ms", "stream.items", "stream.longest_gap_seconds"];
    let answer =
        ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons"];
    for key in times.into_iter().chain(answer) {
        assert!(llm.attribute(key).is_some(), "{key} in {llm:?}");
    }
    let tool_call = trace.span("tool_call").unwrap();
    assert_eq!(tool_call.text("function.input"), Some(r#"{"day":"tuesday","part_of_day":"afternoon"}"#));
    assert_eq!(tool_call.text("function.output"), Some(r#"["14:30","16:00"]"#));
    let said: Vec<_> = trace.named("tts").map(|tts| tts.text("text").unwrap()).collect();
    assert_eq!(said, ["On Tuesday I have half past two or four o'clock.", "Which would you like?"]);
    for tts in trace.named("tts") {
        for key in ["metrics.ttfb", "stream.items", "stream.bytes", "output.len"] {
            assert!(tts.attribute(key).is_some(), "{key} in {tts:?}");
        }
    }
}

#[tokio::test]
async fn a_model_that_makes_things_up_books_nothing() {
    let answer = json!({
        "name": "John Smith", "day": "Tuesday", "time": "09:30", "action": "book_appointment", "say": "Booked!",
    });
    let mut agent =
        Agent::new(service(stream::iter([written(&answer.to_string())]), || ()).await, Pace::Fast);
    let trace = call(&mut agent, &recorded()[..1]).await;

    assert!(agent.desk().clinic.booked().is_empty());
    assert_eq!(trace.named("tool_call").count(), 0);
    assert_eq!(trace.span("tts").unwrap().text("text"), Some("On which day would you like to come?"));
}

#[tokio::test]
async fn a_model_that_says_nothing_makes_the_agent_ask_again() {
    for text in ["Sure!", r#"{"name": "", "day": "", "time": "", "action": "reply", "say": " ..."}"#] {
        let mut agent = Agent::new(service(stream::iter([written(text)]), || ()).await, Pace::Fast);
        let trace = call(&mut agent, &recorded()[..1]).await;
        assert_eq!(trace.span("tts").unwrap().text("text"), Some("I am sorry, could you say that again?"));
    }
}

#[tokio::test]
async fn a_request_that_the_stand_in_cannot_answer_is_an_error() {
    let request =
        CreateSpeechRequestArgs::default().input("Hello").response_format(SpeechResponseFormat::Mp3).build();
    let error = stand_in().await.openai.audio().speech().create(request.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("400 Bad Request invalid_request_error"), "{error}");
}

#[tokio::test]
async fn the_first_sentence_is_spoken_before_the_model_writes_the_second() {
    let spoken = Arc::new(Notify::new());
    let speaks = spoken.clone();
    let rest = async move {
        spoken.notified().await;
        written(r#"wo."}"#)
    };
    let chunks = stream::iter([written(ONE)]).chain(stream::once(rest));
    let mut agent = Agent::new(service(chunks, move || speaks.notify_one()).await, Pace::Fast);
    let trace = timeout(Duration::from_secs(10), call(&mut agent, &recorded()[..1])).await.unwrap();

    let said: Vec<_> = trace.named("tts").map(|tts| tts.text("text").unwrap()).collect();
    assert_eq!(said, ["One.", "Two."]);
}

#[tokio::test]
async fn a_caller_who_cuts_in_stops_the_model_too() {
    let chunks = stream::iter([written(ONE)]).chain(stream::pending());
    let mut agent = Agent::new(service(chunks, || ()).await, Pace::Fast);
    let mut utterances = recorded();
    utterances[0].cuts_in = Some(Duration::from_millis(100));
    let trace = call(&mut agent, &utterances[..1]).await;

    assert_eq!(
        trace.to_string(),
        "\
conversation
  turn interrupted
    stt
    llm interrupted
    tts
    playback interrupted
"
    );
}

/// A piece of the model's answer.
pub(crate) fn written(content: &str) -> String {
    let choice = json!({ "index": 0, "delta": { "content": content } });
    let chunk = json!({
        "id": "1", "object": "chat.completion.chunk", "created": 0, "model": "parrot", "choices": [choice],
    });
    format!("data: {chunk}\n\n")
}

/// A service whose model writes this once, and which tells of each sentence that it is to speak.
pub(crate) async fn service(
    chunks: impl Stream<Item = String> + Send + 'static,
    told: impl Fn() + Clone + Send + Sync + 'static,
) -> Service {
    let chunks = Body::from_stream(chunks.map(Ok::<_, Infallible>));
    let chunks = Arc::new(Mutex::new(Some(chunks)));
    let speech = async move || {
        told();
        vec![0; 48_000]
    };
    let router = Router::new()
        .route("/v1/audio/transcriptions", post(async || Json(json!({ "text": "Hello." }))))
        .route("/v1/chat/completions", post(async move || chunks.lock().unwrap().take().unwrap()))
        .route("/v1/audio/speech", post(speech));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    service_at(url, Models::default())
}
