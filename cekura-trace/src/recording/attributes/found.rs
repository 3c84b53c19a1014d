//! Records what a known response says. Invariant: an argument that the user gave overrides what is found.
//!
//! Invariant: content goes through `found_content`, a failure through `fail_found`.

use super::{Attributes, Marks, Root, Target, Value, clipped, walk, write, write_value};
use crate::clip::clip;
use crate::destination::Place;
use crate::policy::CaptureContent;
use crate::recording::callsite::{View, warn_unfollowed};
use crate::recording::shapes::{Failed, Found, Shapes, ToolCalls};
use crate::semconv;
use std::any::type_name;

impl Attributes {
    /// As [`returned`](Self::returned), but for the content: sizes, tokens and names only.
    #[inline]
    pub fn returned_without_content(&mut self, value: Value<'_>) {
        // Of a number these views write nothing else.
        let is_number = matches!(value, Value::Bool(_) | Value::F64(_) | Value::I64(_));
        let is_plain = is_number && matches!(self.view, View::Conversation | View::Span | View::Turn);
        if !is_plain || self.gathers() {
            self.look_without_content(value);
        }
    }

    fn look_without_content(&mut self, value: Value<'_>) {
        let capture = std::mem::replace(&mut self.capture, CaptureContent::Metadata);
        if self.gathers() {
            self.extras().skips_output = true;
        }
        self.returned(value);
        self.capture = capture;
    }

    /// What an `stt` function returned: a string is the transcript. An empty one is none: nobody was heard.
    pub(super) fn found_transcript(&mut self, value: Value<'_>) {
        let serialize = match value {
            Value::Str(text) => return self.heard(text),
            Value::Serialize(serialize) => serialize,
            _ => return,
        };
        let mut shapes = Shapes::default();
        let walked = walk(serialize, None, self.limit, Some(&mut shapes));
        match walked.root {
            Root::Text => {
                let text = clipped(&value, self.limit.saturating_add(1));
                return self.heard(&text.unwrap_or_default());
            }
            Root::Null => self.told.speech = Some(false),
            _ => {}
        }
        let found = shapes.found().transcribed();
        if let Some(failed) = found.failure() {
            self.fail_found(failed);
        }
        if found.heard().is_none() && walked.root == Root::Json {
            self.note_unread();
        }
        self.told.speech = found.heard().or(self.told.speech);
        self.write_transcript(&found);
    }

    fn heard(&mut self, text: &str) {
        self.told.speech = Some(!text.is_empty());
        if !text.is_empty() {
            self.found_content(semconv::STT_TRANSCRIPT, Value::Str(text));
        }
    }

    /// What a `tts` function returned.
    pub(super) fn found_audio(&mut self, value: Value<'_>) {
        self.told.is_opaque = matches!(value, Value::Debug(_) | Value::Nothing);
        self.told.speech = self.has_audio(value);
    }

    /// Whether a `tts` gave audio. What has no name that audio goes by counts as audio, unless it is empty.
    pub(super) fn has_audio(&self, value: Value<'_>) -> Option<bool> {
        match value {
            Value::Len(length) => Some(length.elements > 0),
            Value::Serialize(value) => {
                let mut shapes = Shapes::of_audio();
                match walk(value, None, self.limit, Some(&mut shapes)).root {
                    Root::Null => Some(false),
                    Root::Json => shapes.has_audio(),
                    Root::Text => {
                        Some(clipped(&Value::Serialize(value), 4).is_some_and(|text| !text.is_empty()))
                    }
                    _ => None,
                }
            }
            Value::Str(text) => Some(!text.is_empty()),
            _ => None,
        }
    }

    /// Of what nobody can see into, the type may say that the answer is read later: in a channel, or in a stream that is
    /// part of something.
    #[inline]
    pub(in crate::recording) fn look_at_type(&mut self, name: fn() -> &'static str, at: Place) {
        let may_be_read_later = matches!(self.view, View::Llm | View::S2s | View::Stt | View::Tts);
        if self.told.is_opaque && may_be_read_later && warn_unfollowed(self.view, name(), at) {
            self.told.speech = Some(false);
            // This is what to mend.
            self.told.is_unread = false;
        }
        // Of a recogniser that gives `()` the transcript is an argument, or was said by `cekura::current()`.
        if self.view == View::Stt && self.told.speech == Some(false) && name() == type_name::<()>() {
            self.told.speech = None;
        }
    }

    /// The value is no text, and has not the form of a response that is known.
    pub(super) fn note_unread(&mut self) {
        self.told.is_unread = matches!(self.view, View::Llm | View::Stt) && self.keeps_content();
    }

    pub(super) fn write_transcript(&mut self, found: &Found) {
        if let Some(transcript) = found.transcript.as_ref().filter(|transcript| !transcript.is_empty()) {
            self.found_content(semconv::STT_TRANSCRIPT, Value::Str(transcript));
        }
        self.found(semconv::STT_CONFIDENCE, found.confidence.map(Value::F64));
        self.found(semconv::LANGUAGE, found.language.as_deref().map(Value::Str));
        self.found(semconv::IS_FINAL, found.is_final.map(Value::Bool));
        self.write_usage(found);
    }

    /// What an `llm` or `s2s` function returned: a string is the answer; of a value without a known shape, its JSON.
    pub(super) fn found_answer(&mut self, value: Value<'_>) {
        let Value::Serialize(serialize) = value else {
            self.told.is_opaque = matches!(value, Value::Debug(_));
            return self.found_content(semconv::OUTPUT, value);
        };
        let mut shapes = Shapes::default();
        walk(serialize, None, self.limit, Some(&mut shapes));
        let found = shapes.found();
        self.told.was_cut_off = found.cancelled;
        if found.known {
            self.write_answer(&found);
        }
        if let Some(failed) = found.failure() {
            self.fail_found(failed);
        } else if !found.known || !(found.has_output() || found.is_blocked) {
            self.found_content(semconv::OUTPUT, value);
        }
    }

    /// Says that the answer failed, as the server says it.
    pub(super) fn fail_found(&mut self, failed: &Failed) {
        if self.has_failed() {
            return;
        }
        write::text(&mut self.entries, semconv::ERROR_TYPE, &failed.kind());
        let message = if self.keeps_content() { clip(failed.message(), self.limit) } else { "" };
        self.extras().failure = Some(message.to_owned());
    }

    /// What a tool gave, as JSON whatever its type.
    pub(in crate::recording) fn tool_output(&mut self, value: &Value<'_>) {
        let limit = self.limit;
        self.content_json([semconv::FUNCTION_OUTPUT, semconv::GEN_AI_TOOL_CALL_RESULT], |out| {
            let start = out.len();
            write_value(Target::of(out, limit), out, value).filter(|_| out.len() > start)
        });
    }

    pub(super) fn write_answer(&mut self, found: &Found) {
        match &found.text {
            Some(text) if !text.is_empty() => self.found_content(semconv::OUTPUT, Value::Str(text)),
            _ if !found.tools().is_empty() => {
                self.found_content(semconv::OUTPUT, Value::Serialize(&ToolCalls(found.tools())));
            }
            _ => {}
        }
        self.write_usage(found);
    }

    fn write_usage(&mut self, found: &Found) {
        let usage = found.usage.settled();
        let counts = [
            (semconv::GEN_AI_USAGE_INPUT_TOKENS, usage.input),
            (semconv::GEN_AI_USAGE_OUTPUT_TOKENS, usage.output),
            (semconv::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read),
            (semconv::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS, usage.cache_creation),
            (semconv::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning),
            (semconv::GEN_AI_USAGE_AUDIO_INPUT_TOKENS, usage.audio_input),
            (semconv::GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS, usage.audio_output),
        ];
        for (key, count) in counts {
            self.found(key, count.map(Value::I64));
        }
        self.found(semconv::GEN_AI_RESPONSE_MODEL, found.model.as_deref().map(Value::Str));
        self.found(semconv::GEN_AI_RESPONSE_ID, found.response_id.as_deref().map(Value::Str));
        if !found.finish_reasons.is_empty() {
            let reasons: Vec<&str> = found.finish_reasons.iter().map(|(_, reason)| reason.as_str()).collect();
            let start = self.entries.len();
            write::texts(&mut self.entries, semconv::GEN_AI_RESPONSE_FINISH_REASONS, &reasons);
            write::mark(&mut self.entries, start, Marks::FOUND);
        }
    }
}
