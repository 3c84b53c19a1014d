//! The arguments of a tool: its function's own, one by one, or in one piece, which is JSON that a model wrote or a value.
//! Invariant: the recorded text is valid JSON, whatever happens between two arguments.

use super::{Attributes, Marks, Root, Value, Walk, as_walk, clipped, walk, write, write_json, write_value};
use crate::recording::json::Object;
use crate::recording::value::LONGEST;
use crate::semconv;
use serde::de::IgnoredAny;

const KEYS: [&str; 2] = [semconv::FUNCTION_INPUT, semconv::GEN_AI_TOOL_CALL_ARGUMENTS];

/// The arguments so far: an object in the entry of the first key, which is whole after each of them. The second key
/// follows when all are known.
pub(super) struct ToolInput {
    /// Where its entry begins and ends.
    start: usize,
    end: usize,
    object: Object,
}

impl Attributes {
    /// Records one of a tool function's own arguments.
    pub(super) fn tool_argument(&mut self, name: &str, value: &Value<'_>) {
        if self.keeps_content() {
            let Self { entries, tool_input, limit, .. } = self;
            let input = tool_input.get_or_insert_with(|| ToolInput::begin(entries, *limit));
            input.field(entries, name, value);
        }
    }

    /// Writes the second key.
    pub(super) fn close_tool_input(&mut self) {
        if let Some(mut input) = self.tool_input.take() {
            input.come_last(&mut self.entries);
            self.repeat(KEYS, input.object.start, input.object.is_truncated);
        }
    }

    /// Records it in place of a tool function's own arguments.
    pub fn arguments(&mut self, arguments: Value<'_>) {
        if let Value::Str(text) = arguments {
            let limit = self.limit;
            return self.content_json(KEYS, |json| Some(write_text(text, json, limit)));
        }
        let _ = as_walk(&arguments, |arguments| self.tool_arguments(arguments));
    }

    /// Records what a tool gave as a text, which may be JSON already.
    #[cfg(feature = "tracing")]
    pub(super) fn tool_result(&mut self, text: &str) {
        let limit = self.limit;
        let keys = [semconv::FUNCTION_OUTPUT, semconv::GEN_AI_TOOL_CALL_RESULT];
        self.content_json(keys, |json| Some(write_text(text, json, limit)));
    }

    pub(in crate::recording) fn tool_arguments(&mut self, arguments: &dyn Walk) {
        let limit = self.limit;
        self.content_json(KEYS, |json| {
            let start = json.len();
            let walked = walk(arguments, Some(json), limit, None);
            match walked.root {
                Root::Null => None,
                Root::Json => Some(walked.truncated),
                Root::Bool(_) | Root::F64(_) | Root::I64(_) => Some(write_json(arguments, json, limit)),
                Root::Name | Root::Text => {
                    json.truncate(start);
                    let text = clipped(&Value::Serialize(arguments), usize::MAX).unwrap_or_default();
                    Some(write_text(&text, json, limit))
                }
            }
        });
    }
}

impl ToolInput {
    fn begin(entries: &mut Vec<u8>, limit: usize) -> Self {
        let start = entries.len();
        write::marked_text(entries, KEYS[0], "", Marks::CONTENT);
        let object = Object::begin(entries, limit);
        let mut input = Self { start, end: entries.len(), object };
        input.settle(entries);
        input
    }

    #[inline]
    fn field(&mut self, entries: &mut Vec<u8>, name: &str, value: &Value<'_>) {
        self.come_last(entries);
        self.object.field(entries, name, |target, out| write_value(target, out, value) == Some(true));
        self.settle(entries);
    }

    /// Moves its entry behind those that were written since.
    fn come_last(&mut self, entries: &mut [u8]) {
        let behind = entries.len().saturating_sub(self.end);
        if behind > 0
            && let Some(moved) = entries.get_mut(self.start..)
        {
            moved.rotate_right(behind);
            self.start += behind;
            self.end += behind;
            self.object.start += behind;
        }
    }

    /// Writes how long the object is now.
    fn settle(&mut self, entries: &mut [u8]) {
        self.end = entries.len();
        write::set_text_length(entries, self.start, self.end.saturating_sub(self.object.start));
    }
}

/// Writes a text that is JSON as it is, another one as a JSON string; says whether something is missing.
fn write_text(text: &str, json: &mut Vec<u8>, limit: usize) -> bool {
    if text.len() <= limit && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        json.extend_from_slice(text.as_bytes());
        return false;
    }
    // Cut anywhere it would not be JSON any more. Where it is too large or too deep to be read, it is a text.
    match serde_json::from_str::<serde_json::Value>(if text.len() <= LONGEST { text } else { "" }) {
        Ok(value) => write_json(&value, json, limit),
        Err(_) => write_json(&text, json, limit),
    }
}
