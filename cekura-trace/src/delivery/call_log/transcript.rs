//! Writes a transcript as the API takes it, with its type. Invariant: entries with times stand in
//! the order of their starts.
//!
//! The one form that every description of the API agrees on: roles "Testing Agent" and "Main Agent", start and end in
//! seconds, sorted. Where no times are known it is pipecat's, which has none ("Transcript format" in Cekura's
//! documentation).

use super::error::Mistake;
use crate::transcript::{Content, Entry, Role, by_start};
use serde_json::{Value, json};

pub(super) const TYPE: &str = "transcript_type";
pub(super) const JSON: &str = "transcript_json";

/// The type of the transcript and its entries; `None` if there are none.
pub(super) fn write(entries: Vec<Entry>, mistakes: &mut Vec<Mistake>) -> Option<(&'static str, Value)> {
    let (entries, is_timed) = in_order(entries, mistakes);
    if entries.is_empty() {
        None
    } else if is_timed {
        Some(("cekura", entries.iter().map(timed).collect()))
    } else {
        Some(("pipecat", entries.iter().map(untimed).collect()))
    }
}

/// The entries that say something, in their order, and whether they have times.
pub(super) fn in_order(mut entries: Vec<Entry>, mistakes: &mut Vec<Mistake>) -> (Vec<Entry>, bool) {
    entries.retain(says_something);
    let is_timed = entries.iter().any(|entry| entry.times.is_some());
    if is_timed {
        fill_in_tools(&mut entries);
    }
    for mistake in check(&entries, is_timed) {
        mistakes.push(Mistake { field: "transcript", rule: mistake.into() });
    }
    if is_timed {
        entries.sort_by(by_start);
    }
    (entries, is_timed)
}

fn says_something(entry: &Entry) -> bool {
    !matches!(&entry.content, Content::Speech { text, .. } if text.trim().is_empty())
}

fn fill_in_tools(entries: &mut [Entry]) {
    let mut last = 0.0;
    for entry in entries {
        let is_tool = !matches!(entry.content, Content::Speech { .. });
        match entry.times {
            Some((_, end)) => last = end,
            None if is_tool => entry.times = Some((last, last)),
            None => {}
        }
    }
}

/// What is wrong with each entry, counted from 1.
fn check(entries: &[Entry], is_timed: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut last = [0.0; 2];
    for (entry, number) in entries.iter().zip(1..) {
        if let Content::Unreadable { name } = &entry.content {
            wrong.push(format!(
                "entry {number}: the arguments or the result of the tool `{name}` cannot be written as JSON"
            ));
        }
        let Some((start, end)) = entry.times else {
            if is_timed {
                wrong.push(format!("entry {number} has no times: give times to all entries, or to none"));
            }
            continue;
        };
        if !(start.is_finite() && end.is_finite() && start >= 0.0) {
            let rule = "seconds from the call's start, at least 0";
            wrong.push(format!("entry {number} is at {start} to {end}: give {rule}"));
        } else if end < start {
            wrong.push(format!("entry {number} ends before it starts ({start} to {end})"));
        } else if let Content::Speech { role, .. } = entry.content {
            let last = &mut last[usize::from(role == Role::Agent)];
            if start < *last {
                let speaker = name(role);
                wrong.push(format!(
                    "entry {number} starts at {start}, before the {speaker}'s previous entry at {last}"
                ));
            }
            *last = start.max(*last);
        }
    }
    wrong
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Agent => "agent",
        Role::User => "user",
    }
}

fn timed(entry: &Entry) -> Value {
    let (start, end) = entry.times.unwrap_or_default();
    match &entry.content {
        Content::Speech { role, text } => {
            let role = if *role == Role::Agent { "Main Agent" } else { "Testing Agent" };
            json!({ "role": role, "content": text, "start_time": start, "end_time": end })
        }
        Content::ToolCall { id, name, arguments } => json!({
            "role": "Function Call", "content": "", "start_time": start, "end_time": end,
            "data": { "id": id, "name": name, "arguments": arguments },
        }),
        Content::ToolResult { id, name, result } => json!({
            "role": "Function Call Result", "start_time": start, "end_time": end,
            "data": { "id": id, "name": name, "result": result },
        }),
        Content::Unreadable { .. } => Value::Null,
    }
}

fn untimed(entry: &Entry) -> Value {
    match &entry.content {
        Content::Speech { role, text } => {
            json!({ "role": if *role == Role::Agent { "assistant" } else { "user" }, "content": text })
        }
        Content::ToolCall { id, name, arguments } => {
            json!({ "role": "tool_call", "data": { "id": id, "name": name, "arguments": arguments } })
        }
        Content::ToolResult { id, name, result } => {
            json!({ "role": "tool_call_result", "data": { "id": id, "name": name, "result": result } })
        }
        Content::Unreadable { .. } => Value::Null,
    }
}
