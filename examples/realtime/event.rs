//! The service's events, as JSON → what the agent and its trace need of them.

use crate::audio;
use crate::clinic::FunctionCall;
use serde::Deserialize;

/// The names are OpenAI's.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Event {
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted { audio_start_ms: u64, item_id: String },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped { audio_end_ms: u64 },
    /// Of what the caller said.
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    TranscriptDelta { item_id: String },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    Transcript { item_id: String, transcript: String },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    TranscriptFailed { item_id: String, error: Problem },
    #[serde(rename = "response.created")]
    ResponseCreated { response: Response },
    /// Of what the model says, or of the arguments with which it calls a function.
    #[serde(
        rename = "response.output_audio_transcript.delta",
        alias = "response.function_call_arguments.delta"
    )]
    Delta { response_id: String },
    #[serde(rename = "response.output_audio.delta")]
    Audio {
        response_id: String,
        item_id: String,
        #[serde(rename = "delta", deserialize_with = "audio::deserialize")]
        samples: Vec<i16>,
    },
    #[serde(rename = "response.done")]
    ResponseDone { response: Response },
    #[serde(rename = "error")]
    Error { error: Problem },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(crate) struct Response {
    pub(crate) id: String,
    pub(crate) status: Status,
    output: Vec<Item>,
}

impl Response {
    /// What the model said.
    pub(crate) fn spoken(&self) -> impl Iterator<Item = &str> {
        self.output
            .iter()
            .flat_map(|item| match item {
                Item::Message { content } => content.as_slice(),
                _ => &[],
            })
            .map(|part| part.transcript.trim_end())
    }

    /// What the model calls.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &FunctionCall> {
        self.output.iter().filter_map(|item| match item {
            Item::FunctionCall(call) if self.status == Status::Completed => Some(call),
            _ => None,
        })
    }
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Cancelled,
    Completed,
    Failed,
    InProgress,
    Incomplete,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    FunctionCall(FunctionCall),
    Message {
        content: Vec<Spoken>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Spoken {
    #[serde(default)]
    transcript: String,
}

#[derive(Deserialize)]
pub(crate) struct Problem {
    pub(crate) message: String,
}
