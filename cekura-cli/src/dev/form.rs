//! Bodies of call logs: JSON, and forms with a recording. Invariant: a recording goes to a file that has no name, and no other part
//! of a body is long.

use super::check::fields::Fields;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of everything but a recording.
const TEXTS: usize = 16 << 20;
/// Bytes of a recording.
const SOUND: usize = 512 << 20;

/// Why a body is refused.
pub(super) type Refusal = (StatusCode, String);

/// A call log as it came.
pub(super) struct CallLogBody {
    pub(super) fields: Fields,
    pub(super) recording: Option<(String, File)>,
}

/// Reads a body of any of the three kinds.
///
/// # Errors
///
/// When it is none of them or too long.
pub(super) async fn read(request: Request, folder: &Path) -> Result<CallLogBody, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => Ok(CallLogBody { fields: json(request.into_body()).await?, recording: None }),
        "multipart/form-data" => {
            let form = Multipart::from_request(request, &()).await;
            parts(form.map_err(|error| (error.status(), error.body_text()))?, folder).await
        }
        other => {
            let why =
                format!("the content type is to be application/json or multipart/form-data, not `{other}`");
            Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
        }
    }
}

/// Reads an object.
///
/// # Errors
///
/// When it is none or too long.
pub(super) async fn json(body: Body) -> Result<Fields, Refusal> {
    let bytes = to_bytes(body, TEXTS).await;
    let bytes = bytes.map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(bad("the body is JSON, but no object".to_owned())),
        Err(error) => Err(bad(format!("the body is no JSON: {error}"))),
    }
}

async fn parts(mut form: Multipart, folder: &Path) -> Result<CallLogBody, Refusal> {
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let mut body = CallLogBody { fields: Fields::new(), recording: None };
    let mut left = TEXTS;
    while let Some(mut part) = form.next_field().await.map_err(|error| (error.status(), error.body_text()))? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_sound = name == "voice_recording";
        let media_type = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let mut file = is_sound.then(|| nameless(folder)).transpose().map_err(|error| {
            (StatusCode::INSUFFICIENT_STORAGE, format!("the recording cannot be kept: {error}"))
        })?;
        let (mut text, mut length) = (Vec::new(), 0);
        while let Some(chunk) = part.chunk().await.map_err(|error| (error.status(), error.body_text()))? {
            length += chunk.len();
            if length > if is_sound { SOUND } else { left } {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("the part `{name}` is too long")));
            }
            let written = file.as_mut().map_or(Ok(()), |file| file.write_all(&chunk));
            written.map_err(|error| (StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?;
            if !is_sound {
                text.extend_from_slice(&chunk);
            }
        }
        if let Some(mut file) = file {
            file.rewind().map_err(|error| (StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?;
            body.recording = Some((media_type, file));
        } else {
            left -= length;
            let text = String::from_utf8(text).map_err(|_| bad(format!("the part `{name}` is not UTF-8")))?;
            let value = typed(&name, text).map_err(bad)?;
            if body.fields.insert(name.clone(), value).is_some() {
                return Err(bad(format!("the form has the part `{name}` twice")));
            }
        }
    }
    Ok(body)
}

/// The text of a form's part as the JSON that it stands for.
fn typed(name: &str, text: String) -> Result<Value, String> {
    const JSON: [&str; 5] = ["transcript_json", "metadata", "dynamic_variables", "logs", "redact_fields"];
    const OTHERS: [&str; 3] = ["agent", "main_agent_channel_index", "reconcile_with_cekura_transcript"];
    if JSON.contains(&name) || OTHERS.contains(&name) {
        return serde_json::from_str(&text).map_err(|error| format!("the part `{name}` is no JSON: {error}"));
    }
    Ok(Value::String(text))
}

/// A file that goes when it is closed, or with the process.
fn nameless(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("upload-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}
