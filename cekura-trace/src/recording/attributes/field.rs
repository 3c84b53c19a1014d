//! The fields of a `tracing` span → span attributes of the same names. Invariant: what is not one of our keys is content, whatever its
//! type.

use super::{Attributes, Marks, Value, View, write};
use crate::semconv;

impl Attributes {
    /// Records a field under its name. `is_new` says that the span is about to begin.
    pub(in crate::recording) fn field(&mut self, name: &'static str, value: Value<'_>, is_new: bool) {
        let is_ours = semconv::KEYS.contains(&name);
        match (self.view, name) {
            (_, semconv::GEN_AI_RESPONSE_FINISH_REASONS) => return self.finish_reason(value),
            (View::Turn, semconv::TURN_NUMBER) if is_new => {
                if let Value::I64(number) = value {
                    self.number(&number);
                }
                return;
            }
            (View::ToolCall, semconv::FUNCTION_NAME | semconv::GEN_AI_TOOL_NAME) if is_new => {
                self.name(value)
            }
            // The arguments of an instrumented function.
            (View::ToolCall, _) if is_new && !is_ours => return self.argument(name, value),
            _ => {}
        }
        if !is_ours || semconv::CONTENT.contains(&name) {
            return self.content(name, value);
        }
        self.put(name, value, Marks::NONE);
        if let Some(other) = other_key(self.view, name) {
            self.put(other, value, Marks::FOUND);
        }
    }

    /// Whether a field is what a span says: a text that is a whole each time.
    pub(in crate::recording) fn is_said(&self, name: &str) -> bool {
        match self.view {
            View::Llm | View::S2s => name == semconv::OUTPUT,
            View::Stt => name == semconv::STT_TRANSCRIPT,
            View::ToolCall => TOOL_INPUT.contains(&name) || TOOL_OUTPUT.contains(&name),
            View::Tts => name == semconv::TEXT,
            View::Conversation | View::Span | View::Turn => false,
        }
    }

    /// Records such a text, in place of the one before.
    pub(in crate::recording) fn say_whole(&mut self, name: &str, text: &str) {
        self.forget_parts();
        match name {
            semconv::TEXT => self.say_part(text),
            _ if TOOL_INPUT.contains(&name) => self.arguments(Value::Str(text)),
            _ if TOOL_OUTPUT.contains(&name) => self.tool_result(text),
            _ => self.part(name, Value::Str(text)),
        }
    }

    /// Says where in the code it begins.
    pub(in crate::recording) fn place(&mut self, file: Option<&str>, line: Option<u32>) {
        if let (Some(file), Some(line)) = (file, line) {
            write::text(&mut self.entries, semconv::CODE_FILE_PATH, file);
            write::integer(&mut self.entries, semconv::CODE_LINE_NUMBER, line.into());
        }
    }
}

const TOOL_INPUT: [&str; 2] = [semconv::FUNCTION_INPUT, semconv::GEN_AI_TOOL_CALL_ARGUMENTS];
const TOOL_OUTPUT: [&str; 2] = [semconv::FUNCTION_OUTPUT, semconv::GEN_AI_TOOL_CALL_RESULT];

/// The other key under which views and conventions know the same value.
fn other_key(view: View, key: &str) -> Option<&'static str> {
    let pair = match view {
        View::Llm | View::S2s => [semconv::GEN_AI_PROVIDER_NAME, semconv::GEN_AI_SYSTEM],
        View::Stt => [semconv::GEN_AI_PROVIDER_NAME, semconv::STT_PROVIDER],
        View::ToolCall => [semconv::FUNCTION_NAME, semconv::GEN_AI_TOOL_NAME],
        View::Tts => [semconv::GEN_AI_PROVIDER_NAME, semconv::TTS_PROVIDER],
        View::Conversation | View::Span | View::Turn => return None,
    };
    let at = pair.iter().position(|one| *one == key)?;
    Some(pair[1 - at])
}
