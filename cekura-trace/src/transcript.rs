//! Entries of a transcript: what was said and done in a call. Invariant: an entry is the same whatever form it
//! is sent in.

use crate::clip::{Stack, Text, in_json};
use crate::say::caught;
use bounded::Bounded;
use serde::Serialize;
use serde_json::Value;
use std::cmp::Ordering;

mod bounded;

/// One entry of a transcript: something that was said, a tool call, or the result of a tool.
///
/// ```
/// use cekura::Entry;
///
/// let transcript = [
///     Entry::user("Is there a table for two?").at(0.0, 1.6),
///     Entry::tool_call("call-1", "find_table", serde_json::json!({ "people": 2 })).at(1.9, 1.9),
///     Entry::tool_result("call-1", "find_table", "19:30").at(2.1, 2.1),
///     Entry::agent("At half past seven.").at(2.4, 3.7),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(crate) content: Content,
    /// Start and end in seconds from the call's start.
    pub(crate) times: Option<(f64, f64)>,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Speech {
        role: Role,
        text: String,
    },
    ToolCall {
        id: String,
        name: String,
        arguments: String,
    },
    ToolResult {
        id: String,
        name: String,
        result: String,
    },
    /// The arguments or the result of this tool cannot be written as JSON.
    Unreadable {
        name: String,
    },
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Agent,
    User,
}

impl Entry {
    /// What the caller said. An entry without text is left out.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Content::Speech { role: Role::User, text: text.into() })
    }

    /// What the agent said. An entry without text is left out.
    pub fn agent(text: impl Into<String>) -> Self {
        Self::new(Content::Speech { role: Role::Agent, text: text.into() })
    }

    /// A tool that the agent called. If `arguments` is a string, it is taken as JSON that a model wrote.
    pub fn tool_call(id: impl Into<String>, name: impl Into<String>, arguments: impl Serialize) -> Self {
        let name = name.into();
        Self::new(match json_text(arguments) {
            Some(arguments) => Content::ToolCall { id: id.into(), name, arguments },
            None => Content::Unreadable { name },
        })
    }

    /// The result of a tool: a string as it is, anything else as JSON.
    pub fn tool_result(id: impl Into<String>, name: impl Into<String>, result: impl Serialize) -> Self {
        let name = name.into();
        Self::new(match json_text(result) {
            Some(result) => Content::ToolResult { id: id.into(), name, result },
            None => Content::Unreadable { name },
        })
    }

    /// Sets when it began and ended, in seconds from the call's start.
    ///
    /// Give times to all entries or to none. Only a tool call or a tool result may lack them: it then stands at
    /// the end of the entry before it.
    #[must_use]
    pub fn at(mut self, start: f64, end: f64) -> Self {
        self.times = Some((start, end));
        self
    }

    /// Bytes of its texts as JSON.
    pub(crate) fn bytes(&self) -> usize {
        let texts: [&str; 3] = match &self.content {
            Content::Speech { text, .. } => [text, "", ""],
            Content::ToolCall { id, name, arguments: text }
            | Content::ToolResult { id, name, result: text } => [id, name, text],
            Content::Unreadable { name } => [name, "", ""],
        };
        texts.into_iter().map(text_bytes).sum()
    }

    fn new(content: Content) -> Self {
        Self { content, times: None }
    }
}

/// Bytes of a text as JSON.
pub(crate) fn text_bytes(text: &str) -> usize {
    text.bytes().map(in_json).sum()
}

/// The order of their starts.
pub(crate) fn by_start(left: &Entry, right: &Entry) -> Ordering {
    let start = |entry: &Entry| entry.times.unwrap_or_default().0;
    start(left).total_cmp(&start(right))
}

/// The most bytes of a value in a call log.
const MOST: usize = 16 << 20;

/// A value as JSON; `None` if it cannot be written, is too large or deeper than `serde_json` reads, or its `Serialize`
/// panics.
pub(crate) fn json(value: impl Serialize) -> Option<Value> {
    let mut text = Text::new(MOST);
    let write = || serde_json::to_writer(&mut text, &Bounded(&value, Stack::here()));
    caught(write)?.ok()?;
    serde_json::from_str(text.as_str()).ok()
}

fn json_text(value: impl Serialize) -> Option<String> {
    Some(match json(value)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}
