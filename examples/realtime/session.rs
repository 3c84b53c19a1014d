//! A realtime session over a websocket: events as JSON in both directions.

use crate::audio::{self, SAMPLES_PER_MS};
use crate::clinic::Clinic;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) const MODEL: &str = "gpt-realtime";
pub(crate) const TRANSCRIBER: &str = "gpt-4o-mini-transcribe";
/// The service reports the start of speech so much too early, and its end so much too late.
pub(crate) const PREFIX_PADDING_MS: u64 = 100;
pub(crate) const SILENCE_MS: u64 = 200;

pub(crate) struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Session {
    pub(crate) async fn connect(url: &str) -> Result<Self, Error> {
        let (socket, _) = connect_async(url).await?;
        let mut session = Self { socket };
        session.send(json!({ "type": "session.update", "session": settings() })).await?;
        Ok(session)
    }

    /// The next event of the service. May be dropped before it is ready.
    pub(crate) async fn next(&mut self) -> Result<Value, crate::Error> {
        loop {
            match self.socket.next().await.ok_or("the service hung up")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(_) => return Err("the service hung up".into()),
                _ => {}
            }
        }
    }

    pub(crate) async fn send(&mut self, event: Value) -> Result<(), Error> {
        self.socket.send(Message::text(event.to_string())).await
    }

    pub(crate) async fn send_audio(&mut self, samples: &[i16]) -> Result<(), Error> {
        self.send(json!({ "type": "input_audio_buffer.append", "audio": audio::encode(samples) })).await
    }

    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        self.socket.close(None).await
    }
}

/// The client decides what becomes of an answer when the caller cuts in: only it knows how much was heard.
fn settings() -> Value {
    let format = json!({ "type": "audio/pcm", "rate": 1000 * SAMPLES_PER_MS });
    json!({
        "type": "realtime",
        "model": MODEL,
        "output_modalities": ["audio"],
        "instructions": "You answer the phone of a clinic. Be brief. Greet the caller first.",
        "tools": Clinic::functions(),
        "audio": {
            "input": {
                "format": format,
                "transcription": { "model": TRANSCRIBER },
                "turn_detection": {
                    "type": "server_vad",
                    "prefix_padding_ms": PREFIX_PADDING_MS,
                    "silence_duration_ms": SILENCE_MS,
                    "interrupt_response": false,
                },
            },
            "output": { "format": format, "voice": "marin" },
        },
    })
}
