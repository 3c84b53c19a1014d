//! Twilio's part of a call, as its "Media Streams" documentation has it: fetches the instructions, opens the stream, sends what
//! the caller says in real time, plays what comes back, and refuses all else. The caller is a recording.

use super::{Error, mulaw};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, interval};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const STREAM: &str = "MZ18ad3ab5a668481ce02b83e7395059f0";
/// What goes into one message: 20 ms.
const FRAME: usize = 160;
/// Where the sentences are in the recording, in seconds. The caller waits for an answer after each.
const SENTENCES: [(f64, f64); 2] = [(10.4, 12.8), (14.2, 16.9)];

/// What the line still has to play, and the marks behind it.
struct Player {
    ends: Instant,
    marks: VecDeque<(Instant, String)>,
    played: usize,
}

/// Calls the service, and gives how many bytes of its speech were played.
pub(crate) async fn call(service: SocketAddr, sid: &str) -> Result<usize, Error> {
    let form = format!("CallSid={sid}&From=%2B15550100&CallStatus=ringing");
    // `async-openai` has this client built without a TLS provider. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new().post(format!("http://{service}/voice")).body(form);
    let twiml = request.send().await?.error_for_status()?.text().await?;
    let stream = twiml.split_once(r#"<Connect><Stream url=""#).and_then(|(_, rest)| rest.split_once('"'));
    let (url, _) = stream.ok_or("the instructions name no stream")?;
    let (mut socket, _) = connect_async(url).await?;
    let start = json!({"accountSid": "AC0", "streamSid": STREAM, "callSid": sid, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}});
    let mut messages = VecDeque::from([
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
        json!({"event": "start", "start": start}),
    ]);
    let mut sentences = VecDeque::from(recording()?);
    let mut speech = sentences.pop_front().unwrap_or_default().into_iter();
    let mut player = Player { ends: Instant::now(), marks: VecDeque::new(), played: 0 };
    let (mut clock, mut number, mut chunk) = (interval(Duration::from_millis(20)), 0_u64, 0_u64);
    loop {
        while let Some(mut message) = messages.pop_front() {
            number += 1;
            message["streamSid"] = STREAM.into();
            message["sequenceNumber"] = number.to_string().into();
            socket.send(Message::text(message.to_string())).await?;
            if message["event"] == "stop" {
                socket.close(None).await?;
                return Ok(player.played);
            }
        }
        tokio::select! {
            _ = clock.tick() => {
                // A line is never quiet: where nobody speaks it carries silence.
                let mut frame: Vec<_> = speech.by_ref().take(FRAME).collect();
                frame.resize(FRAME, mulaw::encoded(0));
                chunk += 1;
                messages.push_back(json!({"event": "media", "media": {"track": "inbound", "chunk": chunk.to_string(),
                    "timestamp": (20 * chunk).to_string(), "payload": BASE64_STANDARD.encode(frame)}}));
                while player.marks.front().is_some_and(|(at, _)| *at <= Instant::now()) {
                    let (_, name) = player.marks.pop_front().unwrap_or((player.ends, String::new()));
                    messages.push_back(json!({"event": "mark", "mark": {"name": name}}));
                    match sentences.pop_front() {
                        Some(next) => speech = next.into_iter(),
                        None => messages.push_back(json!({"event": "stop", "stop": {"accountSid": "AC0", "callSid": sid}})),
                    }
                }
            }
            message = socket.next() => match message.ok_or("the service hangs up")?? {
                Message::Text(text) => player.take(&serde_json::from_str(&text)?)?,
                other => return Err(format!("Twilio does not take {other:?}").into()),
            },
        }
    }
}

impl Player {
    /// Plays what the service sends after what it has sent before.
    fn take(&mut self, message: &Value) -> Result<(), Error> {
        if message["streamSid"] != STREAM {
            return Err(format!("{message} is of no stream that is open").into());
        }
        match (
            message["event"].as_str(),
            message["media"]["payload"].as_str(),
            message["mark"]["name"].as_str(),
        ) {
            (Some("media"), Some(payload), None) => {
                let sound = BASE64_STANDARD.decode(payload)?.len();
                let length = Duration::from_micros(125) * u32::try_from(sound)?;
                self.ends = self.ends.max(Instant::now()) + length;
                self.played += sound;
            }
            (Some("mark"), None, Some(name)) => {
                self.marks.push_back((self.ends.max(Instant::now()), name.to_owned()));
            }
            _ => return Err(format!("Twilio does not take {message}").into()),
        }
        Ok(())
    }
}

/// The sentences as the line carries them: of the recording's 16,000 samples a second every two become one.
fn recording() -> Result<Vec<Vec<u8>>, Error> {
    let wav = hound::WavReader::new(&include_bytes!("../voice_agent/caller.wav")[..])?;
    let samples: Vec<i16> = wav.into_samples().collect::<Result<_, _>>()?;
    let narrow: Vec<_> =
        samples.as_chunks::<2>().0.iter().map(|[a, b]| mulaw::encoded(a / 2 + b / 2)).collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a short recording"
    )]
    let at = |seconds: f64| ((seconds * 8_000.0) as usize).min(narrow.len());
    Ok(SENTENCES.iter().map(|(from, to)| narrow[at(*from)..at(*to)].to_vec()).collect())
}
