//! Return values come in; what a known response shape says of them goes out, as found rather than set by the user.
//! This file does not know the shapes themselves.

use super::super::shapes::{Found, Shapes};
use super::{Attributes, Root, Value, Walk, as_walk, walk, write, write_json};
use crate::semconv;

impl Attributes {
    /// What an `stt` function returned: a string is the transcript.
    pub(super) fn found_transcript(&mut self, value: Value<'_>) {
        let Value::Serialize(serialize) = value else {
            if let Value::Str(_) = value {
                self.found_content(semconv::STT_TRANSCRIPT, value);
            }
            return;
        };
        let mut shapes = Shapes::default();
        let walked = walk(serialize, None, self.limit, Some(&mut shapes));
        if let Root::Text = walked.root {
            self.found_content(semconv::STT_TRANSCRIPT, value);
        }
        self.write_transcript(&shapes.found().transcribed());
    }

    pub(super) fn write_transcript(&mut self, found: &Found) {
        if let Some(transcript) = &found.transcript {
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
            return self.found_content(semconv::OUTPUT, value);
        };
        let mut shapes = Shapes::default();
        walk(serialize, None, self.limit, Some(&mut shapes));
        let found = shapes.found();
        if found.known {
            self.write_answer(&found);
        } else {
            self.found_content(semconv::OUTPUT, value);
        }
    }

    /// What a tool was given: JSON that is written already, or a value.
    pub(in crate::recording) fn tool_arguments(&mut self, arguments: &dyn Walk) {
        let mut json = Vec::new();
        let walked = walk(arguments, Some(&mut json), self.limit, None);
        if !json.is_empty() {
            let json = String::from_utf8(json).unwrap_or_default();
            self.content_texts(
                &[semconv::FUNCTION_INPUT, semconv::GEN_AI_TOOL_CALL_ARGUMENTS],
                &json,
                walked.truncated,
            );
        }
    }

    /// What a tool gave, as JSON whatever its type.
    pub(in crate::recording) fn tool_output(&mut self, value: &Value<'_>) {
        if !self.keeps_content() {
            return;
        }
        let limit = self.limit;
        let mut json = Vec::new();
        if let Some(truncated) = as_walk(value, |value| write_json(value, &mut json, limit))
            && !json.is_empty()
        {
            let json = String::from_utf8(json).unwrap_or_default();
            self.content_texts(
                &[semconv::FUNCTION_OUTPUT, semconv::GEN_AI_TOOL_CALL_RESULT],
                &json,
                truncated,
            );
        }
    }

    pub(super) fn write_answer(&mut self, found: &Found) {
        if let Some(text) = &found.text {
            self.found_content(semconv::OUTPUT, Value::Str(text));
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
            let reasons: Vec<&str> = found.finish_reasons.iter().map(String::as_str).collect();
            let start = self.entries.len();
            write::texts(&mut self.entries, semconv::GEN_AI_RESPONSE_FINISH_REASONS, &reasons);
            write::mark_found(&mut self.entries, start);
        }
    }
}
