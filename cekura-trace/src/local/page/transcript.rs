//! Who said what in a conversation, from its spans and its call log.

use super::{Entry, Role};
use crate::finished::{Span, Tree};
use crate::local::row::{self, Streams};
use crate::semconv as key;
use opentelemetry::Value as ApiValue;
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// What the call log says; for a role that it does not name, what the spans say.
pub(super) fn transcript(tree: &Tree, log: &Value) -> Vec<Entry> {
    let turns = turns(tree);
    let mut spoken = derive(tree, &turns);
    let mut entries = given(tree, log, &spoken);
    let told: HashSet<_> = entries.iter().map(|entry| entry.role).collect();
    spoken.retain(|entry| !told.contains(&entry.role));
    if !spoken.is_empty() {
        entries.extend(spoken);
        entries.sort_by_key(|entry| entry.start);
    }
    let begun = begun(tree);
    for entry in &mut entries {
        entry.turn = entry.row.map_or_else(|| begun(entry.start), |row| turns[row]);
    }
    // What the caller says before a turn begins is what that turn answers.
    let mut next = None;
    for entry in entries.iter_mut().rev() {
        let is_inside = entry.row.is_some_and(|row| turns[row].is_some());
        let answer: Option<usize> = next.filter(|turn: &usize| tree.rows[*turn].1.head.start >= entry.start);
        if entry.role == Role::User && !is_inside && answer.is_some() {
            entry.turn = answer;
        }
        next = entry.turn;
    }
    entries
}

/// The field of a call log with its entries ("Transcript format" in Cekura's documentation).
pub(super) const ENTRIES: &str = "transcript_json";

/// When the conversation began, which is second 0 of its call log and of its recording.
pub(super) fn start(tree: &Tree) -> u64 {
    let call = tree.rows.iter().find(|(_, span)| span.name == key::span::CONVERSATION);
    call.or(tree.rows.first()).map_or(0, |(_, span)| span.head.start)
}

/// The entries of a call log. One that says what a span says belongs to that span.
fn given(tree: &Tree, log: &Value, spoken: &[Entry]) -> Vec<Entry> {
    let start = start(tree);
    let mut free: HashMap<_, VecDeque<_>> = HashMap::new();
    for entry in spoken {
        free.entry((entry.role, entry.text.trim())).or_default().push_back(entry);
    }
    let mut begun = start;
    let said = log[ENTRIES].as_array().into_iter().flatten().filter_map(|entry| {
        let (role, text) = match entry["role"].as_str()? {
            "Main Agent" | "assistant" => (Role::Agent, &entry["content"]),
            "Testing Agent" | "user" => (Role::User, &entry["content"]),
            "Function Call" | "tool_call" => (Role::Tool, &entry["data"]["name"]),
            _ => return None,
        };
        let text = text.as_str()?;
        let same = free.get_mut(&(role, text.trim())).and_then(VecDeque::pop_front);
        let passed = entry["start_time"].as_f64().and_then(|time| Duration::try_from_secs_f64(time).ok());
        let passed = passed.and_then(|time| u64::try_from(time.as_nanos()).ok());
        begun =
            passed.map_or_else(|| same.map_or(begun, |same| same.start), |time| start.saturating_add(time));
        let row = same.and_then(|same| same.row);
        Some(Entry { role, text: text.to_owned(), start: begun, truncated: false, row, turn: None })
    });
    said.collect()
}

/// What the spans say, by time.
///
/// The caller's words are transcripts. The agent's are what a voice was given to say; in a turn without a voice, what
/// the model answered. What nobody heard anything of was not said.
fn derive(tree: &Tree, turns: &[Option<usize>]) -> Vec<Entry> {
    let streams = Streams::of(tree);
    let spans = || tree.rows.iter().map(|(_, span)| span).enumerate();
    let mut voiced = HashMap::new();
    let mut settled = HashMap::new();
    for (row, span) in spans() {
        *voiced.entry(turns[row]).or_insert(false) |= spoken(span).is_some();
        *settled.entry(turns[row]).or_insert(false) |= span.name == key::span::STT && !is_interim(span);
    }
    let mut entries: Vec<_> = spans()
        .filter_map(|(row, span)| {
            let turn = &turns[row];
            let (role, key) = match span.name.as_str() {
                key::span::STT if is_interim(span) && settled[turn] => return None,
                key::span::STT => (Role::User, key::STT_TRANSCRIPT),
                key::span::LLM if voiced[turn] => return None,
                key::span::LLM => (Role::Agent, key::OUTPUT),
                key::span::TOOL_CALL => (Role::Tool, key::FUNCTION_NAME),
                _ if streams.brought_nothing(span) => return None,
                _ => (Role::Agent, spoken(span)?),
            };
            Some(Entry { row: Some(row), ..entry(role, span, key)? })
        })
        .collect();
    entries.sort_by_key(|entry| entry.start);
    entries
}

/// For each row the row of the turn that it is in.
fn turns(tree: &Tree) -> Vec<Option<usize>> {
    let mut open: Option<(usize, usize)> = None;
    let turn_of = |(row, (depth, span)): (usize, &(usize, Span))| {
        open = open.filter(|(_, above)| depth > above);
        if open.is_none() && span.name == key::span::TURN {
            open = Some((row, *depth));
        }
        open.map(|(turn, _)| turn)
    };
    tree.rows.iter().enumerate().map(turn_of).collect()
}

/// Gives for a time the last row of a turn that has begun by then.
fn begun(tree: &Tree) -> impl Fn(u64) -> Option<usize> {
    let rows = tree.rows.iter().enumerate().filter(|(_, (_, row))| row.name == key::span::TURN);
    let mut starts: Vec<_> = rows.map(|(at, (_, row))| (row.head.start, at)).collect();
    starts.sort_unstable();
    let mut last = 0;
    for (_, at) in &mut starts {
        last = last.max(*at);
        *at = last;
    }
    move |time| Some(starts[starts.partition_point(|(start, _)| *start <= time).checked_sub(1)?].1)
}

/// The key of the words that a voice has spoken.
fn spoken(span: &Span) -> Option<&'static str> {
    let key = match span.name.as_str() {
        key::span::S2S => key::OUTPUT,
        key::span::TTS => key::TEXT,
        _ => return None,
    };
    row::string(span, key).map(|_| key)
}

fn is_interim(span: &Span) -> bool {
    span.attribute(key::IS_FINAL) == Some(&ApiValue::Bool(false))
}

fn entry(role: Role, span: &Span, key: &str) -> Option<Entry> {
    let text = match role {
        Role::Tool => row::string(span, key).unwrap_or(span.name.as_str().into()),
        Role::Agent | Role::User => row::string(span, key)?,
    };
    let start = row::first_chunk(span).filter(|_| role == Role::Agent).unwrap_or(span.head.start);
    let truncated = span.attribute(&format!("{key}{}", key::TRUNCATED_SUFFIX)) == Some(&ApiValue::Bool(true));
    Some(Entry { role, text: text.into_owned(), start, truncated, row: None, turn: None })
}
