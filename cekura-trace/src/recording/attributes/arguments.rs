//! The arguments of a tool that come in one piece: JSON that a model wrote, or a value. Invariant: the recorded
//! text is valid JSON.

use super::{Attributes, Root, Value, Walk, as_walk, clipped, walk, write_json};
use crate::semconv;
use serde::de::IgnoredAny;

impl Attributes {
    /// Records it in place of a tool function's own arguments.
    pub fn arguments(&mut self, arguments: Value<'_>) {
        let _ = as_walk(&arguments, |arguments| self.tool_arguments(arguments));
    }

    pub(in crate::recording) fn tool_arguments(&mut self, arguments: &dyn Walk) {
        if !self.keeps_content() {
            return;
        }
        let (mut json, limit) = (Vec::new(), self.limit);
        let walked = walk(arguments, Some(&mut json), limit, None);
        let truncated = match walked.root {
            Root::Null => return,
            Root::Json => walked.truncated,
            Root::Bool(_) | Root::F64(_) | Root::I64(_) => write_json(arguments, &mut json, limit),
            Root::Name | Root::Text => {
                json.clear();
                let text = clipped(&Value::Serialize(arguments), usize::MAX).unwrap_or_default();
                write_text(&text, &mut json, limit)
            }
        };
        let json = String::from_utf8(json).unwrap_or_default();
        self.content_texts(&[semconv::FUNCTION_INPUT, semconv::GEN_AI_TOOL_CALL_ARGUMENTS], &json, truncated);
    }
}

/// Writes a text that is JSON as it is, another one as a JSON string; says whether something is missing.
fn write_text(text: &str, json: &mut Vec<u8>, limit: usize) -> bool {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return write_json(&text, json, limit);
    }
    if text.len() <= limit {
        json.extend_from_slice(text.as_bytes());
        return false;
    }
    // Cut anywhere it would not be JSON any more.
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| write_json(&value, json, limit))
}
