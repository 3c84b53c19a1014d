//! What is wrong with what came in, and what to change. Invariant: each finding is one line that is safe to print, and is counted.
//!
//! Without `--check` only what Cekura itself refuses is looked for.

pub(super) mod call_log;
pub(super) mod fields;
mod spans;
pub(super) mod time;
pub(super) mod webhook;

use super::facts::Batch;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An agent that sends elsewhere, or not at all, is no good one.
const NOTHING: &str = "nothing came, so nothing was checked: start the agent with the addresses above";
/// The traces themselves are as they should be.
const WITHOUT_CALL_LOGS: &str = "nothing is wrong, but Cekura shows a trace on the page of a call log that names it: \
    write #[cekura::conversation(call_id = …, observe)], and set CEKURA_API_KEY and CEKURA_AGENT_ID";
/// Findings, traces and keys that are kept; what comes later is counted only.
const MOST: usize = 10_000;
/// Characters of one finding.
const LONGEST: usize = 400;

#[derive(Clone)]
pub(super) struct Findings {
    pub(super) is_strict: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    findings: BTreeMap<String, u64>,
    more: u64,
    spans: u64,
    calls: u64,
    /// Each trace, and whether it has a conversation.
    traces: HashMap<[u8; 16], bool>,
    /// The traces that call logs name, with their calls.
    named: HashMap<[u8; 16], String>,
    /// The keys that requests had in their header.
    keys: HashSet<String>,
}

impl Findings {
    pub(super) fn new(is_strict: bool) -> Self {
        Self { is_strict, seen: Arc::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a finding, and says it the first time.
    pub(super) fn add(&self, finding: &str) {
        let line = one_line(finding);
        let mut seen = self.seen();
        if let Some(count) = seen.findings.get_mut(&line) {
            *count += 1;
        } else if seen.findings.len() < MOST {
            eprintln!("{line}");
            seen.findings.insert(line, 1);
        } else {
            seen.more += 1;
        }
    }

    /// Looks at spans, before they are kept.
    pub(super) fn spans(&self, all: &[ResourceSpans]) {
        if !self.is_strict {
            return;
        }
        let keys = self.seen().keys.clone();
        let found = spans::check(all, &keys);
        for finding in found {
            self.add(&finding);
        }
    }

    /// Notes what has come.
    pub(super) fn took(&self, batches: &[Batch]) {
        let mut seen = self.seen();
        for batch in batches {
            seen.spans += batch.facts.spans.unsigned_abs();
            if seen.traces.len() < MOST || seen.traces.contains_key(&batch.trace) {
                *seen.traces.entry(batch.trace).or_default() |= batch.facts.is_over;
            }
        }
    }

    /// Notes that a call log has come, with the trace that it names.
    pub(super) fn logged(&self, call_id: &str, trace: Option<[u8; 16]>) {
        let mut seen = self.seen();
        seen.calls += 1;
        if let Some(trace) = trace.filter(|_| seen.named.len() < MOST) {
            seen.named.insert(trace, call_id.to_owned());
        }
    }

    /// Notes the key of a request, which must not be in any span.
    pub(super) fn key(&self, key: &str) {
        let mut seen = self.seen();
        if self.is_strict && key.len() >= spans::SHORTEST_KEY && seen.keys.len() < MOST {
            seen.keys.insert(key.to_owned());
        }
    }

    /// The traces that call logs have named and of which no span came, with their calls.
    pub(super) fn awaited(&self) -> Vec<([u8; 16], String)> {
        let seen = self.seen();
        let missing = seen.named.iter().filter(|(trace, _)| !seen.traces.contains_key(*trace));
        missing.map(|(trace, call)| (*trace, call.clone())).collect()
    }

    /// What can only be known at the end. `missing` are traces that never came.
    pub(super) fn finish(&self, missing: Vec<([u8; 16], String)>) {
        for (trace, call) in missing {
            self.add(&format!(
                "call {call}: its trace_id {} never came: send the spans to this server before it ends, or leave the trace_id out",
                hex(&trace)
            ));
        }
        let without: Vec<_> = {
            let seen = self.seen();
            seen.traces.iter().filter(|(_, has_root)| !**has_root).map(|(trace, _)| *trace).collect()
        };
        for trace in without.iter().filter(|_| self.is_strict) {
            self.add(&format!(
                "trace {}: its spans are in no conversation: begin them inside a span named `conversation`, and end that one too; in Rust, start tasks with cekura::spawn",
                hex(trace)
            ));
        }
    }

    /// What came, and every finding; whether there are any.
    pub(super) fn summary(&self) -> (String, bool) {
        let seen = self.seen();
        let plural = |count: u64, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let count = seen.findings.values().sum::<u64>() + seen.more;
        let has_nothing = seen.spans == 0 && seen.calls == 0;
        let mut text = format!(
            "{} in {}, {}: {}\n",
            plural(seen.spans, "span"),
            plural(seen.traces.len() as u64, "trace"),
            plural(seen.calls, "call log"),
            match (count, self.is_strict) {
                (0, true) if seen.calls == 0 && !seen.traces.is_empty() => WITHOUT_CALL_LOGS.to_owned(),
                (0, true) if has_nothing => NOTHING.to_owned(),
                (0, true) => "nothing is wrong".to_owned(),
                (0, false) => "nothing was refused".to_owned(),
                _ => plural(count, "finding"),
            }
        );
        for (finding, count) in &seen.findings {
            // Nothing is written that can fail.
            let _ = match count {
                1 => writeln!(text, "  {finding}"),
                count => writeln!(text, "  {finding} ({count} times)"),
            };
        }
        (text, count > 0 || has_nothing)
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) what: String,
    /// Whether Cekura itself refuses it.
    pub(super) is_refused: bool,
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The bytes of a trace id of 32 lower-case hexadecimal digits.
pub(super) fn trace_id(text: &str) -> Option<[u8; 16]> {
    let is_hex = text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(text, 16).ok().filter(|number| is_hex && *number != 0)?;
    Some(number.to_be_bytes())
}

/// Anybody's text without what a terminal would obey.
fn one_line(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            ' '
        } else {
            c
        }
    };
    let mut line: String = text.chars().take(LONGEST).map(plain).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}
