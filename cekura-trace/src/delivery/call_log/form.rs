//! A call log with its recording → one form of several parts, as Cekura's API takes it. Invariant: the recording is its last part,
//! and is made while it is sent.
//!
//! Objects and lists are JSON text in it ("Send Calls" in Cekura's documentation).

use crate::delivery::audio::sound::Sound;
use crate::delivery::transport::Form;
use http::HeaderValue;
use prost::bytes::Bytes;
use rand::Rng;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::io;
use std::thread;
use tokio::sync::mpsc;

/// Parts of the recording that are made ahead.
const AHEAD: usize = 4;

/// The form of a sealed call log. Its recording is made on a thread that ends with it.
///
/// # Errors
///
/// When there is no thread to be had.
pub(crate) fn form(call_id: &str, json: &Bytes, sound: &Sound) -> io::Result<Form> {
    let boundary = format!("cekura-{:032x}", rand::rng().random::<u128>());
    let (ending, kind) = sound.kind();
    let mut first = String::new();
    let mut fields: Map<String, Value> = serde_json::from_slice(json)?;
    // One that a dead process has left may not have known yet that there is sound.
    fields.entry("main_agent_channel_index").or_insert_with(|| 1.into());
    for (name, value) in fields {
        let text = if let Value::String(text) = value { text } else { value.to_string() };
        // Nothing is written that can fail.
        let _ = write!(
            first,
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
        );
    }
    let name: String =
        call_id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let _ = write!(
        first,
        "--{boundary}\r\ncontent-disposition: form-data; name=\"voice_recording\"; filename=\"{name}.{ending}\"\r\n\
         content-type: {kind}\r\n\r\n"
    );
    let last = format!("\r\n--{boundary}--\r\n");
    let length = first.len() as u64 + sound.length + last.len() as u64;
    let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
    let content_type = content_type.map_err(io::Error::other)?;
    let (send, parts) = mpsc::channel(AHEAD);
    let sound = sound.clone();
    let make = move || {
        let whole = [Ok(Bytes::from(first))].into_iter().chain(sound.file()).chain([Ok(Bytes::from(last))]);
        for part in whole {
            let is_broken = part.is_err();
            // Nobody may want it any more.
            if send.blocking_send(part).is_err() || is_broken {
                return;
            }
        }
    };
    thread::Builder::new().name("cekura-trace-sound".to_owned()).spawn(make)?;
    Ok(Form { content_type, length, parts })
}
