//! A server with the endpoints of OpenAI that the programs ask. A request that the public reference would refuse is
//! answered with status 400, so that the program fails with its words.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use cekura_trace_tests::vendors::items;
use futures::SinkExt;
use futures::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// Between what announces an answer and its first word.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Starts the server on a free port, and gives a client of it.
pub(super) async fn start() -> Client<OpenAIConfig> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(responses))
        .route("/v1/audio/speech", post(speech));
    tokio::spawn(async { axum::serve(listener, router).await });
    Client::with_config(OpenAIConfig::new().with_api_base(url).with_api_key("sk-of-the-test"))
}

/// Starts a realtime endpoint on a free port, and gives its address.
pub(super) async fn start_realtime() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/realtime?model=gpt-realtime", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        session(connection).await;
    });
    url
}

type Answer = Result<Response, (StatusCode, Json<Value>)>;

/// The answer that the reference documents for a request with a mistake.
fn refusal(message: &str) -> (StatusCode, Json<Value>) {
    let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": null });
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error })))
}

fn read(body: &Bytes, required: &[&str]) -> Result<Value, (StatusCode, Json<Value>)> {
    let request: Value = serde_json::from_slice(body).map_err(|error| refusal(&error.to_string()))?;
    match required.iter().find(|field| request[**field].is_null()) {
        Some(field) => Err(refusal(&format!("Missing required parameter: '{field}'."))),
        None => Ok(request),
    }
}

async fn chat(body: Bytes) -> Answer {
    let request = read(&body, &["model", "messages"])?;
    if request["stream"] != true {
        return Err(refusal("this server streams"));
    }
    let messages = request["messages"].as_array().ok_or_else(|| refusal("'messages' is a list"))?;
    let is_answered = messages.iter().any(|message| message["role"] == "tool");
    let asks_tools = !request["tools"].is_null() && !is_answered;
    let mut chunks = if asks_tools { tool_calls() } else { items("openai-chat-stream") };
    if request["stream_options"]["include_usage"] != true {
        chunks.retain(|chunk| chunk["usage"].is_null());
    }
    Ok(events(chunks, 1, Some("[DONE]")).into_response())
}

/// Two calls of one tool, with arguments in pieces.
fn tool_calls() -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        json!({
            "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-2025-04-14",
            "choices": [choice], "usage": null,
        })
    };
    let call = |index: u32, id: Value, function: Value| {
        let mut call = json!({ "index": index, "function": function });
        if !id.is_null() {
            call["id"] = id;
            call["type"] = "function".into();
        }
        chunk(json!({ "tool_calls": [call] }), Value::Null)
    };
    let mut usage = chunk(Value::Null, Value::Null);
    usage["choices"] = json!([]);
    usage["usage"] = json!({ "prompt_tokens": 88, "completion_tokens": 51, "total_tokens": 139 });
    vec![
        chunk(json!({ "role": "assistant", "content": null }), Value::Null),
        call(0, "call_1".into(), json!({ "name": "get_current_weather", "arguments": "" })),
        call(0, Value::Null, json!({ "arguments": "{\"location\": " })),
        call(0, Value::Null, json!({ "arguments": "\"Boston\"}" })),
        call(1, "call_2".into(), json!({ "name": "get_current_weather", "arguments": "" })),
        call(1, Value::Null, json!({ "arguments": "{\"location\": \"Atlanta\"}" })),
        chunk(json!({}), "tool_calls".into()),
        usage,
    ]
}

async fn responses(body: Bytes) -> Answer {
    let request = read(&body, &["model", "input"])?;
    if request["stream"] != true {
        return Err(refusal("this server streams"));
    }
    Ok(events(items("openai-responses-stream"), 2, None).into_response())
}

async fn speech(body: Bytes) -> Answer {
    let request = read(&body, &["model", "input", "voice"])?;
    if request["stream_format"] != "sse" {
        return Ok([7; 480].into_response());
    }
    let delta = |audio: &str| json!({ "type": "speech.audio.delta", "audio": audio });
    let usage = json!({ "input_tokens": 14, "output_tokens": 101, "total_tokens": 115 });
    let done = json!({ "type": "speech.audio.done", "usage": usage });
    Ok(events(vec![delta("BwcH"), delta("BwcHBw=="), done], 0, None).into_response())
}

/// Sends what is given as server-sent events, with the pause behind the first `announced` of them.
fn events(
    items: Vec<Value>,
    announced: usize,
    end: Option<&str>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let end = end.map(str::to_owned);
    let texts = items.into_iter().map(|item| item.to_string()).chain(end).enumerate();
    Sse::new(stream::iter(texts).then(move |(place, text)| async move {
        if place == announced {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Event::default().data(text))
    }))
}

/// One realtime session: the recorded events, once the client has asked for an answer.
async fn session(connection: TcpStream) {
    let socket = tokio_tungstenite::accept_async(connection).await.unwrap();
    let (mut write, mut read) = socket.split();
    let events: Vec<Value> = items("openai-realtime");
    let (session, answers) = events.split_at(1);
    write.send(Message::text(session[0].to_string())).await.unwrap();
    while let Some(Ok(message)) = read.next().await {
        let event: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        if event["type"] == "response.create" {
            break;
        }
        assert_eq!(event["type"], "conversation.item.create", "an event that the reference does not have");
    }
    tokio::time::sleep(PAUSE).await;
    for event in answers {
        write.send(Message::text(event.to_string())).await.unwrap();
    }
    write.close().await.unwrap();
}
