//! The tools that an answer asks for: gathered from whole calls or from pieces, and written as JSON.
//!
//! Invariant: arguments that are JSON are written to the output unchanged; arguments that were cut are a
//! string.

use super::scalar::Scalar;
use crate::clip::clip;
use serde::ser::{SerializeMap, SerializeStruct};
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
pub(crate) struct Calls<'a>(pub(crate) &'a [Tool]);

impl Serialize for Calls<'_> {
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
        // The name under which `serde_json` passes text that is JSON already.
        const RAW: &str = "$serde_json::private::RawValue";
        let json = if self.0.trim().is_empty() { EMPTY } else { self.0 };
        if serde_json::from_str::<serde::de::IgnoredAny>(json).is_err() {
            return serializer.serialize_str(json);
        }
        let mut raw = serializer.serialize_struct(RAW, 1)?;
        raw.serialize_field(RAW, json)?;
        raw.end()
    }
}

/// JSON of a value that is being walked: the arguments of a tool where they are no text.
#[derive(Debug, Default)]
pub(super) struct Copy {
    json: Vec<u8>,
    /// One closing bracket for each open container.
    open: Vec<u8>,
    /// Of a field whose value has not come.
    key: Option<String>,
    limit: usize,
}

/// Stands for the bracket of a container that is not written.
const LEFT_OUT: u8 = 0;

impl Copy {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn enter(&mut self, opener: u8) {
        if self.leaves_out() {
            return self.open.push(LEFT_OUT);
        }
        self.begin_value();
        self.json.push(opener);
        self.open.push(if opener == b'{' { b'}' } else { b']' });
    }

    pub(super) fn back_to(&mut self, level: usize) {
        self.key = None;
        while self.open.len() > level
            && let Some(closing) = self.open.pop()
        {
            if closing != LEFT_OUT {
                self.json.push(closing);
            }
        }
    }

    /// Remembered only, for a value without a JSON of its own is left out with its key.
    pub(super) fn key(&mut self, key: &str) {
        self.key = (!self.is_full()).then(|| key.to_owned());
    }

    pub(super) fn scalar(&mut self, scalar: Scalar<'_>) {
        if self.leaves_out() {
            return;
        }
        self.begin_value();
        match scalar {
            Scalar::Bool(value) => self.put(&value),
            Scalar::F64(value) => self.put(&value),
            Scalar::I64(value) => self.put(&value),
            Scalar::Null => self.put(&()),
            Scalar::Text(text) => self.put(clip(text, self.limit)),
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.back_to(0);
        String::from_utf8(self.json).unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.json.len() > self.limit
    }

    /// Whether there is no place for a value: no room, no key, or none for the container that it is in.
    fn leaves_out(&self) -> bool {
        let innermost = self.open.last();
        self.is_full() || innermost == Some(&LEFT_OUT) || innermost == Some(&b'}') && self.key.is_none()
    }

    fn begin_value(&mut self) {
        if self.json.last().is_some_and(|last| !b"{[:".contains(last)) {
            self.json.push(b',');
        }
        if let Some(key) = self.key.take() {
            self.put(key.as_str());
            self.json.push(b':');
        }
    }

    /// Writing to memory does not fail.
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) {
        let _ = serde_json::to_writer(&mut self.json, value);
    }
}
