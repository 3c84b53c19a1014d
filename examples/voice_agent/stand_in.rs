//! A small server with OpenAI's three voice endpoints: a request over HTTP → an answer made from what the request holds,
//! tokens and audio bit by bit. It is no model: it knows the words of one recording (`ear`), follows rules (`rules`) and
//! hums (`voice`).

mod ear;
mod rules;
mod voice;

use async_openai::types::chat::{CreateChatCompletionRequest, ResponseFormat};
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Multipart, MultipartError};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use axum::{Json, Router, routing::post};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Between two tokens.
const TOKEN: Duration = Duration::from_millis(2);
/// Between two pieces of audio, each of 500 ms: few, so that a busy machine delays them no more than the phone.
const AUDIO: Duration = Duration::from_millis(10);
const AUDIO_BYTES: usize = 24_000;

/// The model of this name thinks so long before its first token.
const SLOW: (&str, Duration) = ("slow", Duration::from_secs(2));

/// Starts the server on a free port of this machine and returns its base URL.
pub(crate) async fn start() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    let router = Router::new()
        .route("/v1/audio/transcriptions", post(transcriptions))
        .route("/v1/chat/completions", post(completions))
        .route("/v1/audio/speech", post(speech));
    // Small pieces would wait for each other.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    tokio::spawn(async { axum::serve(listener, router).await });
    Ok(url)
}

async fn transcriptions(mut form: Multipart) -> Result<Response, Invalid> {
    let (mut file, mut model) = (None, None);
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("file") => file = Some(field.bytes().await?),
            Some("model") => model = Some(field.text().await?),
            _ => {}
        }
    }
    model.ok_or_else(|| Invalid::missing("model"))?;
    let file = file.ok_or_else(|| Invalid::missing("file"))?;
    let heard = ear::listen(&file).map_err(|error| Invalid(format!("the file is not audio: {error}")))?;
    sleep(Duration::from_millis(40) + heard.length / 40).await;
    let usage = json!({ "type": "duration", "seconds": heard.length.as_secs_f32().ceil() });
    Ok(Json(json!({ "text": heard.text, "usage": usage })).into_response())
}

async fn completions(body: Bytes) -> Result<Response, Invalid> {
    let request: CreateChatCompletionRequest = read(&body)?;
    let Some(ResponseFormat::JsonSchema { json_schema }) = request.response_format else {
        return Err(Invalid(
            "the stand-in answers with a `response_format` of type `json_schema` only".to_owned(),
        ));
    };
    let messages = serde_json::to_value(&request.messages).map_err(|error| Invalid(error.to_string()))?;
    let messages: Vec<rules::Message> =
        serde_json::from_value(messages).map_err(|error| Invalid(error.to_string()))?;
    if request.stream != Some(true) {
        return Err(Invalid("the stand-in answers with `stream` only".to_owned()));
    }
    let answer = rules::answer(&messages, &json_schema.schema);
    let content = serde_json::to_string(&answer).map_err(|error| Invalid(error.to_string()))?;
    let read: usize = messages.iter().map(|message| tokens(&message.content).len()).sum();
    let chunks = chunks(&request.model, read, &tokens(&content), request.stream_options.is_some());
    let chunks = chunks.iter().map(Value::to_string).chain(["[DONE]".to_owned()]);
    let events: Vec<Event> = chunks.map(|chunk| Event::default().data(chunk)).collect();
    let thinks = if request.model == SLOW.0 { SLOW.1 } else { Duration::from_millis(30) };
    sleep(thinks + Duration::from_micros(100 * read as u64)).await;
    Ok(Sse::new(bit_by_bit(events, TOKEN)).into_response())
}

/// An answer as OpenAI streams it: who speaks, the tokens, why they end, and the usage if that is wanted.
fn chunks(model: &str, read: usize, tokens: &[String], with_usage: bool) -> Vec<Value> {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": format!("chatcmpl-{read}"), "object": "chat.completion.chunk", "created": 0, "model": model,
            "choices": choices, "usage": usage,
        })
    };
    let choice = |delta: Value, finish_reason: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish_reason }]), Value::Null)
    };
    let mut chunks = vec![choice(json!({ "role": "assistant", "content": "" }), Value::Null)];
    chunks.extend(tokens.iter().map(|token| choice(json!({ "content": token }), Value::Null)));
    chunks.push(choice(json!({}), "stop".into()));
    if with_usage {
        let written = tokens.len();
        let usage =
            json!({ "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written });
        chunks.push(chunk(json!([]), usage));
    }
    chunks
}

async fn speech(body: Bytes) -> Result<Response, Invalid> {
    #[derive(Deserialize)]
    struct Speech {
        input: String,
        #[serde(rename = "model")]
        _model: String,
        #[serde(rename = "voice")]
        _voice: String,
        response_format: Option<String>,
    }
    let request: Speech = read(&body)?;
    if request.response_format.as_deref() != Some("pcm") {
        return Err(Invalid("the stand-in speaks with a `response_format` of `pcm` only".to_owned()));
    }
    let audio: Vec<_> =
        voice::speak(&request.input).chunks(AUDIO_BYTES).map(Bytes::copy_from_slice).collect();
    sleep(Duration::from_millis(80)).await;
    Ok(([(header::CONTENT_TYPE, "audio/pcm")], Body::from_stream(bit_by_bit(audio, AUDIO))).into_response())
}

/// One of the pieces each time that `pause` is over.
fn bit_by_bit<T>(pieces: Vec<T>, pause: Duration) -> impl Stream<Item = Result<T, Infallible>> {
    stream::iter(pieces).then(move |piece| async move {
        sleep(pause).await;
        Ok(piece)
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Invalid> {
    serde_json::from_slice(body).map_err(|error| Invalid(error.to_string()))
}

/// About four characters are a token.
fn tokens(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(4).map(String::from_iter).collect()
}

/// A request that cannot be answered, told as OpenAI tells it.
struct Invalid(String);

impl Invalid {
    fn missing(field: &str) -> Self {
        Self(format!("you must provide `{field}`"))
    }
}

impl From<MultipartError> for Invalid {
    fn from(error: MultipartError) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        let error =
            json!({ "message": self.0, "type": "invalid_request_error", "param": null, "code": null });
        (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
    }
}
