//! A client's events and the time that passes → the service's events.

use super::ear::{Ear, Noticed, Sensitivity};
use super::response::{Ending, Response, Tokens};
use super::script::{Answer, EXCHANGES};
use crate::audio;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// From the caller's last word to its transcript.
const TRANSCRIPTION: Duration = Duration::from_millis(180);
/// From a question to the first word of its answer.
const THOUGHT: Duration = Duration::from_millis(220);
/// The stand-in speaks so many times faster than what it says is heard.
const FASTER: u32 = 2;

/// What is still to be done, and when.
enum Due {
    Answer,
    Piece,
    Transcript { item_id: String, words: &'static str, audio: Tokens },
}

pub(super) struct Service {
    session: Value,
    ear: Ear,
    /// How often the caller has spoken, and how often the model has answered since.
    exchange: usize,
    answers: usize,
    responses: usize,
    response: Option<Response>,
    last_item: Option<String>,
    /// How much sound each of the model's items has.
    audio_ms: HashMap<String, usize>,
    context: Tokens,
    cached: Tokens,
    due: Vec<(Instant, Due)>,
    events: Vec<Value>,
}

impl Service {
    pub(super) fn new() -> Self {
        let format = json!({ "type": "audio/pcm", "rate": 24_000 });
        let turn_detection = json!({
            "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
            "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
        });
        let session = json!({
            "type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime",
            "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": {
                "input": { "format": format, "transcription": null, "turn_detection": turn_detection },
                "output": { "format": format, "voice": "marin", "speed": 1.0 },
            },
        });
        let events = vec![json!({ "type": "session.created", "session": session })];
        Self {
            session,
            ear: Ear::default(),
            exchange: 0,
            answers: 0,
            responses: 0,
            response: None,
            last_item: None,
            audio_ms: HashMap::new(),
            context: Tokens::default(),
            cached: Tokens::default(),
            due: Vec::new(),
            events,
        }
    }

    /// The events to be sent now.
    pub(super) fn take_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    /// When [`Self::advance`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.iter().map(|(at, _)| *at).min()
    }

    pub(super) fn advance(&mut self, now: Instant) {
        let (due, later) = std::mem::take(&mut self.due).into_iter().partition(|(at, _)| *at <= now);
        self.due = later;
        let due: Vec<(Instant, Due)> = due;
        for (_, due) in due {
            match due {
                Due::Answer => self.open_answer(now),
                Due::Piece => self.speak(now),
                Due::Transcript { item_id, words, audio } => self.transcribe(&item_id, words, audio),
            }
        }
    }

    pub(super) fn receive(&mut self, text: &str, now: Instant) {
        let Ok(event) = serde_json::from_str::<Value>(text) else {
            return self.refuse(&Value::Null, "invalid_json", "The event is not JSON.");
        };
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => self.update(&event["session"]),
            "input_audio_buffer.append" => self.hear(&event, now),
            "conversation.item.create" => self.add_item(event["item"].clone()),
            "conversation.item.truncate" => self.truncate(&event),
            "response.create" if self.response.is_some() => {
                let code = "conversation_already_has_active_response";
                self.refuse(&event, code, "Conversation already has an active response in progress.");
            }
            "response.create" => self.respond(now),
            "response.cancel" if self.response.is_none() => {
                let code = "response_cancel_not_active";
                self.refuse(&event, code, "Cancellation failed: no active response found");
            }
            "response.cancel" => self.end_response(Ending::Cancelled("client_cancelled")),
            other => self.refuse(&event, "invalid_value", &format!("Invalid value: '{other}'.")),
        }
    }

    fn update(&mut self, changes: &Value) {
        merge(&mut self.session, changes);
        self.context = Tokens::of_text(&self.session["instructions"].to_string())
            + Tokens::of_text(&self.session["tools"].to_string());
        self.events.push(json!({ "type": "session.updated", "session": self.session }));
    }

    fn hear(&mut self, event: &Value, now: Instant) {
        let Ok(samples) = audio::decode(event["audio"].as_str().unwrap_or_default()) else {
            return self.refuse(
                event,
                "invalid_value",
                "Invalid 'audio'. Expected base64-encoded audio bytes.",
            );
        };
        let detection = &self.session["audio"]["input"]["turn_detection"];
        let ms = |name: &str| detection[name].as_u64().and_then(|ms| ms.try_into().ok()).unwrap_or(0);
        let sensitivity = Sensitivity {
            prefix_padding_ms: ms("prefix_padding_ms"),
            silence_duration_ms: ms("silence_duration_ms"),
        };
        let interrupts = detection["interrupt_response"] == true;
        for noticed in self.ear.hear(&samples, sensitivity) {
            match noticed {
                Noticed::Started { start_ms } => {
                    self.exchange += 1;
                    self.answers = 0;
                    let item_id = self.caller_item_id();
                    self.events.push(json!({
                        "type": "input_audio_buffer.speech_started",
                        "audio_start_ms": start_ms, "item_id": item_id,
                    }));
                    if interrupts && self.response.is_some() {
                        self.end_response(Ending::Cancelled("turn_detected"));
                    }
                }
                Noticed::Stopped { end_ms, heard_ms } => self.commit(end_ms, heard_ms, now),
            }
        }
    }

    fn commit(&mut self, end_ms: usize, heard_ms: usize, now: Instant) {
        let item_id = self.caller_item_id();
        let words = EXCHANGES.get(self.exchange).map_or("", |exchange| exchange.words);
        let audio = Tokens { text: 0, audio: heard_ms / 100 };
        self.context += audio;
        self.events.extend([
            json!({
                "type": "input_audio_buffer.speech_stopped", "audio_end_ms": end_ms, "item_id": item_id,
            }),
            json!({
                "type": "input_audio_buffer.committed",
                "previous_item_id": self.last_item, "item_id": item_id,
            }),
        ]);
        self.add_item(json!({
            "id": item_id, "object": "realtime.item", "type": "message", "status": "completed",
            "role": "user", "content": [{ "type": "input_audio", "transcript": null }],
        }));
        if !self.session["audio"]["input"]["transcription"].is_null() {
            self.due.push((now + TRANSCRIPTION, Due::Transcript { item_id, words, audio }));
        }
        self.respond(now);
    }

    fn add_item(&mut self, mut item: Value) {
        let new_id = || format!("item_client_{}", self.responses);
        let id = item["id"].as_str().map_or_else(new_id, str::to_owned);
        item["id"] = id.clone().into();
        item["status"] = "completed".into();
        self.context += Tokens::of_text(item["output"].as_str().unwrap_or_default());
        for kind in ["conversation.item.added", "conversation.item.done"] {
            self.events.push(json!({ "type": kind, "previous_item_id": self.last_item, "item": item }));
        }
        self.last_item = Some(id);
    }

    fn truncate(&mut self, event: &Value) {
        let item_id = event["item_id"].as_str().unwrap_or_default();
        let end_ms = event["audio_end_ms"].as_u64().and_then(|ms| ms.try_into().ok()).unwrap_or(0);
        match self.audio_ms.get_mut(item_id) {
            None => self.refuse(event, "item_truncate_invalid_item_id", "Item not found."),
            Some(audio_ms) if *audio_ms < end_ms => {
                let message = format!("Audio content of {audio_ms}ms is already shorter than {end_ms}ms");
                self.refuse(event, "invalid_value", &message);
            }
            Some(audio_ms) => {
                *audio_ms = end_ms;
                self.events.push(json!({
                    "type": "conversation.item.truncated",
                    "item_id": item_id, "content_index": 0, "audio_end_ms": end_ms,
                }));
            }
        }
    }

    fn respond(&mut self, now: Instant) {
        if self.response.is_some() {
            return;
        }
        let answers = EXCHANGES.get(self.exchange).map_or(&[][..], |exchange| exchange.answers);
        let answer = answers.get(self.answers).copied().unwrap_or(Answer::Say("Pardon?"));
        self.answers += 1;
        self.responses += 1;
        let response = Response::new(self.responses, answer, self.context, self.cached);
        self.cached = self.context;
        self.events.push(response.created());
        self.response = Some(response);
        self.due.push((now + THOUGHT, Due::Answer));
    }

    fn open_answer(&mut self, now: Instant) {
        let Some(response) = &mut self.response else { return };
        self.events.extend(response.opening(self.last_item.as_deref()));
        self.last_item = Some(response.item_id());
        self.speak(now);
    }

    fn speak(&mut self, now: Instant) {
        let Some(response) = &mut self.response else { return };
        let before = response.audio_ms();
        let Some(events) = response.piece() else { return self.end_response(Ending::Completed) };
        let spoken = u32::try_from(response.audio_ms() - before).unwrap_or(0);
        self.events.extend(events);
        self.due.push((now + Duration::from_millis(spoken.into()) / FASTER, Due::Piece));
    }

    fn end_response(&mut self, ending: Ending) {
        let Some(response) = self.response.take() else { return };
        self.due.retain(|(_, due)| !matches!(due, Due::Answer | Due::Piece));
        self.events.extend(response.closing(ending));
        self.context += response.output();
        self.audio_ms.insert(response.item_id(), response.audio_ms());
    }

    fn transcribe(&mut self, item_id: &str, words: &str, audio: Tokens) {
        let event = |kind, mut fields: Value| {
            fields["type"] = format!("conversation.item.input_audio_transcription.{kind}").into();
            fields["item_id"] = item_id.into();
            fields["content_index"] = 0.into();
            fields
        };
        self.events.extend(words.split_inclusive(' ').map(|word| event("delta", json!({ "delta": word }))));
        let output = Tokens::of_text(words).text;
        let usage = json!({
            "type": "tokens", "total_tokens": audio.audio + output, "input_tokens": audio.audio,
            "input_token_details": { "text_tokens": 0, "audio_tokens": audio.audio },
            "output_tokens": output,
        });
        self.events.push(event("completed", json!({ "transcript": words, "usage": usage })));
    }

    fn caller_item_id(&self) -> String {
        format!("item_caller_{}", self.exchange)
    }

    fn refuse(&mut self, event: &Value, code: &str, message: &str) {
        self.events.push(json!({
            "type": "error",
            "error": {
                "type": "invalid_request_error", "code": code, "message": message, "param": null,
                "event_id": event["event_id"],
            },
        }));
    }
}

/// Changes what `changes` names and leaves the rest.
fn merge(settings: &mut Value, changes: &Value) {
    match (settings, changes) {
        (Value::Object(settings), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(settings.entry(name).or_insert(Value::Null), change);
            }
        }
        (setting, change) => *setting = change.clone(),
    }
}
