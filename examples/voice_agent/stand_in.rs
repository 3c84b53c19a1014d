//! A small server with OpenAI's three voice endpoints: a request over HTTP → an answer made from what the request holds.
//! It is no model: it knows the words of one recording (`ear`), follows rules (`rules`) and hums (`voice`).

mod ear;
mod rules;
mod voice;

use async_openai::types::chat::{CreateChatCompletionRequest, ResponseFormat};
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Starts the server on a free port of this machine and returns its base URL.
pub(crate) async fn start() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    let router = Router::new()
        .route("/v1/audio/transcriptions", post(transcriptions))
        .route("/v1/chat/completions", post(completions))
        .route("/v1/audio/speech", post(speech));
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
    let answer = rules::answer(&messages, &json_schema.schema);
    let content = serde_json::to_string(&answer).map_err(|error| Invalid(error.to_string()))?;
    let read: usize = messages.iter().map(|message| tokens(&message.content)).sum();
    let written = tokens(&content);
    sleep(Duration::from_millis(30) + Duration::from_micros(100 * read as u64 + 1500 * written as u64)).await;
    let answer = json!({
        "id": format!("chatcmpl-{}", messages.len()),
        "object": "chat.completion",
        "created": 0,
        "model": request.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written },
    });
    Ok(Json(answer).into_response())
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
    if request.response_format.as_deref() != Some("wav") {
        return Err(Invalid("the stand-in speaks with a `response_format` of `wav` only".to_owned()));
    }
    let audio = voice::speak(&request.input).map_err(|error| Invalid(error.to_string()))?;
    sleep(Duration::from_millis(50 + request.input.len() as u64)).await;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], audio).into_response())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Invalid> {
    serde_json::from_slice(body).map_err(|error| Invalid(error.to_string()))
}

/// About four characters are a token.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
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
