//! An answer → the events of a response, piece by piece, to its end or to where it is cancelled.

use super::script::Answer;
use crate::audio::{self, SAMPLES_PER_MS};
use serde_json::{Value, json};
use std::ops::{Add, AddAssign};

/// A token stands for about four characters of text, or for 50 ms of the stand-in's voice.
#[derive(Clone, Copy, Default)]
pub(super) struct Tokens {
    pub(super) text: usize,
    pub(super) audio: usize,
}

impl Tokens {
    pub(super) fn of_text(text: &str) -> Self {
        Self { text: text.len().div_ceil(4), audio: 0 }
    }

    fn total(self) -> usize {
        self.text + self.audio
    }
}

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { text: self.text + other.text, audio: self.audio + other.audio }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// How a response ends.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// With the reason.
    Cancelled(&'static str),
    Completed,
}

pub(super) struct Response {
    pub(super) number: usize,
    pub(super) answer: Answer,
    /// What is said to the model before, and how much of it the model knows already.
    pub(super) input: Tokens,
    pub(super) cached: Tokens,
    /// How much of the answer was sent, in bytes of its text.
    sent: usize,
    audio_ms: usize,
}

impl Response {
    pub(super) fn new(number: usize, answer: Answer, input: Tokens, cached: Tokens) -> Self {
        Self { number, answer, input, cached, sent: 0, audio_ms: 0 }
    }

    pub(super) fn id(&self) -> String {
        format!("resp_{}", self.number)
    }

    pub(super) fn item_id(&self) -> String {
        format!("item_answer_{}", self.number)
    }

    pub(super) fn audio_ms(&self) -> usize {
        self.audio_ms
    }

    pub(super) fn output(&self) -> Tokens {
        Tokens::of_text(self.said()) + Tokens { text: 0, audio: self.audio_ms / 50 }
    }

    pub(super) fn created(&self) -> Value {
        json!({ "type": "response.created", "response": self.resource(None) })
    }

    pub(super) fn opening(&self, previous_item_id: Option<&str>) -> Vec<Value> {
        let item = self.item("in_progress");
        let mut events = vec![
            self.event("response.output_item.added", json!({ "item": item })),
            json!({ "type": "conversation.item.added", "previous_item_id": previous_item_id, "item": item }),
        ];
        if let Answer::Say(_) = self.answer {
            events.push(self.part_event("response.content_part.added", json!({ "part": part("") })));
        }
        events
    }

    /// One word with its sound, or one piece of a function's arguments; none at the end of the answer.
    pub(super) fn piece(&mut self) -> Option<Vec<Value>> {
        let text = self.text();
        let piece = text[self.sent..].split_inclusive([' ', ',']).next()?;
        self.sent += piece.len();
        Some(match self.answer {
            Answer::Call { .. } => {
                let name = "response.function_call_arguments.delta";
                vec![self.event(name, json!({ "call_id": self.call_id(), "delta": piece }))]
            }
            Answer::Say(_) => {
                let samples = audio::hum(piece);
                self.audio_ms += samples.len() / SAMPLES_PER_MS;
                let sound = json!({ "delta": audio::encode(&samples) });
                let words = json!({ "delta": piece });
                vec![
                    self.part_event("response.output_audio_transcript.delta", words),
                    self.part_event("response.output_audio.delta", sound),
                ]
            }
        })
    }

    pub(super) fn closing(&self, ending: Ending) -> Vec<Value> {
        let done =
            |output| json!({ "type": "response.done", "response": self.resource(Some((ending, output))) });
        if self.sent == 0 {
            return vec![done(json!([]))];
        }
        let item = self.item(match ending {
            Ending::Cancelled(_) => "incomplete",
            Ending::Completed => "completed",
        });
        let said = self.said();
        let mut events = match self.answer {
            Answer::Call { name, .. } => {
                let call = json!({ "call_id": self.call_id(), "name": name, "arguments": said });
                vec![self.event("response.function_call_arguments.done", call)]
            }
            Answer::Say(_) => vec![
                self.part_event("response.output_audio.done", json!({})),
                self.part_event("response.output_audio_transcript.done", json!({ "transcript": said })),
                self.part_event("response.content_part.done", json!({ "part": part(said) })),
            ],
        };
        events.extend([
            json!({ "type": "conversation.item.done", "previous_item_id": null, "item": item }),
            self.event("response.output_item.done", json!({ "item": item })),
            done(json!([item])),
        ]);
        events
    }

    fn text(&self) -> &'static str {
        match self.answer {
            Answer::Call { arguments, .. } => arguments,
            Answer::Say(words) => words,
        }
    }

    fn said(&self) -> &'static str {
        &self.text()[..self.sent]
    }

    fn call_id(&self) -> String {
        format!("call_{}", self.number)
    }

    fn item(&self, status: &str) -> Value {
        let (id, said) = (self.item_id(), self.said());
        match self.answer {
            Answer::Call { name, .. } => json!({
                "id": id, "object": "realtime.item", "type": "function_call", "status": status,
                "call_id": self.call_id(), "name": name, "arguments": said,
            }),
            Answer::Say(_) => {
                let content = if self.sent == 0 { json!([]) } else { json!([spoken(said)]) };
                json!({
                    "id": id, "object": "realtime.item", "type": "message", "status": status,
                    "role": "assistant", "content": content,
                })
            }
        }
    }

    fn resource(&self, ended: Option<(Ending, Value)>) -> Value {
        let (status, details, output) = match ended {
            None => ("in_progress", Value::Null, json!([])),
            Some((Ending::Completed, output)) => ("completed", Value::Null, output),
            Some((Ending::Cancelled(reason), output)) => {
                ("cancelled", json!({ "type": "cancelled", "reason": reason }), output)
            }
        };
        json!({
            "id": self.id(), "object": "realtime.response", "status": status, "status_details": details,
            "output": output, "conversation_id": "conv_1", "output_modalities": ["audio"],
            "max_output_tokens": "inf", "metadata": null,
            "audio": { "output": { "format": { "type": "audio/pcm", "rate": 24_000 }, "voice": "marin" } },
            "usage": if status == "in_progress" { Value::Null } else { self.usage() },
        })
    }

    fn usage(&self) -> Value {
        let Self { input, cached, .. } = self;
        let output = self.output();
        json!({
            "total_tokens": input.total() + output.total(),
            "input_tokens": input.total(),
            "output_tokens": output.total(),
            "input_token_details": {
                "text_tokens": input.text, "audio_tokens": input.audio, "image_tokens": 0,
                "cached_tokens": cached.total(),
                "cached_tokens_details": {
                    "text_tokens": cached.text, "audio_tokens": cached.audio, "image_tokens": 0,
                },
            },
            "output_token_details": { "text_tokens": output.text, "audio_tokens": output.audio },
        })
    }

    fn event(&self, kind: &str, mut fields: Value) -> Value {
        fields["type"] = kind.into();
        fields["response_id"] = self.id().into();
        fields["output_index"] = 0.into();
        if fields.get("item").is_none() {
            fields["item_id"] = self.item_id().into();
        }
        fields
    }

    fn part_event(&self, kind: &str, fields: Value) -> Value {
        let mut event = self.event(kind, fields);
        event["content_index"] = 0.into();
        event
    }
}

fn part(transcript: &str) -> Value {
    json!({ "type": "audio", "transcript": transcript })
}

fn spoken(transcript: &str) -> Value {
    json!({ "type": "output_audio", "transcript": transcript })
}
