//! A voice agent behind Twilio: its media stream comes over a WebSocket of axum, µ-law both ways. The trace has the call's SID for its
//! id. It needs no network: `line.rs` plays Twilio and the caller, and the services are stand-ins.

mod line;
mod mulaw;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use base64::{Engine, prelude::BASE64_STANDARD};
use cekura::{Audio, Cekura, Mulaw, current_conversation, current_turn};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::sleep;

type Error = Box<dyn std::error::Error + Send + Sync>;

const RATE: u32 = 8_000;
/// What is louder is speech, and how long silence lasts after the last word: 35 packets of 20 ms.
const LOUD: u16 = 500;
const PAUSE: u32 = 35;

/// What Twilio asks for when somebody calls. A real service has `wss://`.
async fn voice(headers: HeaderMap) -> String {
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!(r#"<Response><Connect><Stream url="ws://{host}/media"/></Connect></Response>"#)
}

async fn media(State(ended): State<Sender<Result<(), Error>>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| drop(ended.send(serve(socket).await).await))
}

/// The first messages say which call it is.
async fn serve(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = receive(&mut socket).await? {
        if let (Some(sid), Some(stream)) =
            (message["start"]["callSid"].as_str(), message["streamSid"].as_str())
        {
            return answer_call(sid, Phone { socket, stream: stream.to_owned() }).await;
        }
    }
    Ok(())
}

/// The next message; `None` when the line is closed.
async fn receive(socket: &mut WebSocket) -> Result<Option<Value>, Error> {
    match socket.recv().await.transpose()? {
        Some(Message::Text(text)) => Ok(Some(serde_json::from_str(&text)?)),
        Some(Message::Close(_)) | None => Ok(None),
        Some(_) => Ok(Some(Value::Null)),
    }
}

struct Phone {
    socket: WebSocket,
    stream: String,
}

impl Phone {
    /// The next packet of the caller's, which is recorded; `None` when he has hung up.
    async fn packet(&mut self) -> Result<Option<Heard>, Error> {
        while let Some(message) = receive(&mut self.socket).await? {
            match message["event"].as_str() {
                Some("media") => {
                    let packet =
                        BASE64_STANDARD.decode(message["media"]["payload"].as_str().unwrap_or_default())?;
                    current_conversation().unwrap_or_default().audio().user(Mulaw(&packet), RATE);
                    return Ok(Some(Heard::Packet(packet)));
                }
                Some("mark") => return Ok(Some(Heard::Mark)),
                Some("stop") => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn send(&mut self, mut message: Value) -> Result<(), Error> {
        message["streamSid"] = self.stream.as_str().into();
        Ok(self.socket.send(Message::text(message.to_string())).await?)
    }
}

enum Heard {
    /// The agent's last words were played.
    Mark,
    Packet(Vec<u8>),
}

#[cekura::conversation(trace_id_from = sid, observe, skip(phone))]
async fn answer_call(sid: &str, mut phone: Phone) -> Result<(), Error> {
    let (mut utterance, mut silent, mut last_word) = (Vec::new(), 0, Instant::now());
    while let Some(heard) = phone.packet().await? {
        let Heard::Packet(packet) = heard else { continue };
        if packet.iter().any(|byte| mulaw::loudness(*byte) > LOUD) {
            (silent, last_word) = (0, Instant::now());
        } else if utterance.is_empty() {
            continue;
        } else {
            silent += 1;
        }
        utterance.extend(packet);
        if silent == PAUSE {
            turn(&mut phone, &std::mem::take(&mut utterance), last_word).await?;
            silent = 0;
        }
    }
    Ok(())
}

#[cekura::turn(skip_all)]
async fn turn(phone: &mut Phone, utterance: &[u8], last_word: Instant) -> Result<(), Error> {
    let turn = current_turn().unwrap_or_default();
    turn.user_stopped_at(last_word);
    let words = transcribe(utterance).await;
    let answer = think(&words).await;
    let speech = speak(&answer).await;
    println!("“{words}” → “{answer}”");
    phone.send(json!({"event": "media", "media": {"payload": BASE64_STANDARD.encode(&speech)}})).await?;
    turn.first_audio();
    current_conversation().unwrap_or_default().audio().agent(Mulaw(&speech), RATE);
    phone.send(json!({"event": "mark", "mark": {"name": turn.number().to_string()}})).await?;
    // A turn lasts until its answer was heard. An agent that may be interrupted would listen meanwhile, and send `clear`.
    while let Some(Heard::Packet(_)) = phone.packet().await? {}
    Ok(())
}

/// Stands in for a recogniser: it knows what the recorded caller says in which turn.
#[cekura::stt(provider = "deepgram", model = "nova-3", language = "en")]
async fn transcribe(utterance: &[u8]) -> String {
    sleep(Duration::from_millis(80)).await;
    let words = match current_turn().unwrap_or_default().number() {
        _ if utterance.len() < RATE as usize => "",
        1 => "Sorry, four o'clock is fine.",
        _ => "No, thank you. Goodbye.",
    };
    words.to_owned()
}

#[cekura::llm(provider = "openai", model = "gpt-4o")]
async fn think(words: &str) -> String {
    sleep(Duration::from_millis(120)).await;
    (if words.contains("Goodbye") { "Goodbye!" } else { "Four o'clock, then. Anything else?" }).to_owned()
}

#[cekura::tts(provider = "espeak", voice = "en-us")]
async fn speak(text: &str) -> Vec<u8> {
    sleep(Duration::from_millis(60)).await;
    mulaw::hum(text)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let builder = Cekura::builder().service_name("clinic").local_without_key();
    let cekura = builder.audio(Audio::stereo()).install()?;
    let (ended, mut calls) = channel(1);
    let router = Router::new().route("/voice", post(voice)).route("/media", get(media)).with_state(ended);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let service = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });

    let played = line::call(service, "CA0123456789abcdef0123456789abcdef").await?;
    calls.recv().await.ok_or("no call was served")??;
    let report = cekura.shutdown(Duration::from_secs(10)).await;
    println!("{report}; {played} bytes of speech were played");
    // The call and two turns of four spans.
    assert_eq!((report.accepted, report.lost()), (9, 0), "{report}");
    Ok(())
}
