//! The tools that an answer asks for: gathered from whole calls or from pieces, and written as JSON.
//!
//! Invariant: arguments that are JSON are written to the output unchanged; arguments that were cut are a
//! string.

use crate::recording::json::raw::Raw;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A call of a tool that the model asks for, or a piece of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tool {
    /// Which of an answer's calls a piece belongs to; a whole call has none.
    pub(super) index: Option<i64>,
    pub(super) name: String,
    /// JSON, or as much as has come of it.
    pub(super) arguments: String,
    /// Without arguments, the name may be that of something else.
    pub(super) is_doubtful: bool,
}

/// What a placeholder for arguments holds that come piece by piece.
const EMPTY: &str = "{}";

/// Puts a call behind those from `start` on, or a piece to the call that it belongs to.
pub(super) fn add(tools: &mut Vec<Tool>, start: usize, piece: Tool, limit: usize) {
    // What is over the limit would be cut, however long the stream goes on.
    if tools.iter().map(|tool| tool.name.len() + tool.arguments.len()).sum::<usize>() > limit {
        return;
    }
    let this_answer = tools.get_mut(start..).unwrap_or_default();
    let begun = match piece.index {
        None if piece.name.is_empty() => this_answer.last_mut(),
        None => None,
        Some(_) => this_answer.iter_mut().rev().find(|tool| tool.index == piece.index),
    };
    // Some servers say the name with every piece, some give every call the same index.
    match begun.filter(|tool| piece.name.is_empty() || tool.name.is_empty() || tool.name == piece.name) {
        None => tools.push(piece),
        Some(tool) => {
            if tool.name.is_empty() {
                tool.name = piece.name;
            }
            if !piece.arguments.is_empty() && tool.arguments == EMPTY {
                tool.arguments.clear();
            }
            tool.arguments.push_str(&piece.arguments);
        }
    }
}

/// The calls as a list of objects with `name` and `arguments`.
pub(crate) struct ToolCalls<'a>(pub(crate) &'a [Tool]);

impl Serialize for ToolCalls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0)
    }
}

impl Serialize for Tool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut call = serializer.serialize_map(Some(2))?;
        call.serialize_entry("name", &self.name)?;
        call.serialize_entry("arguments", &Arguments(&self.arguments))?;
        call.end()
    }
}

struct Arguments<'a>(&'a str);

impl Serialize for Arguments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = if self.0.trim().is_empty() { EMPTY } else { self.0 };
        let is_valid = serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok();
        if is_valid { Raw(json).serialize(serializer) } else { serializer.serialize_str(json) }
    }
}
