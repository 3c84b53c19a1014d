//! Notes for a call log, taken while the call runs. Invariant: they are given out once, at the call's end.

use crate::lock::locked;
use crate::say::say;
use crate::transcript::{Content, Entry};
use serde_json::{Map, Value};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The most bytes that are noted of one call.
const LIMIT: usize = 4 << 20;
/// Bytes that an entry takes besides its texts.
const PER_ENTRY: usize = 128;

/// What is noted of a call for its call log.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_wanted: bool,
    is_over: bool,
    noted: Noted,
    /// Whether an event has told of what was not noted.
    is_told: bool,
}

/// Everything that was noted.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) entries: Vec<Entry>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) ended_reason: String,
    pub(crate) agent: Option<u64>,
    pub(crate) bytes: usize,
}

impl Notes {
    /// Says that the call is to have a call log.
    pub(crate) fn want(&self) {
        self.state().is_wanted = true;
    }

    /// Notes an entry; without times of its own, it stands where the call is, `elapsed` after its start.
    pub(crate) fn entry(&self, entry: Entry, elapsed: impl FnOnce() -> Duration) {
        if let Some((start, end)) = entry.times
            && !(start >= 0.0 && start <= end && end.is_finite())
        {
            return tell("the times of an entry must be seconds from the call's start");
        }
        if let Content::Unreadable { .. } = entry.content {
            return tell("the arguments or the result of a tool cannot be written as JSON");
        }
        self.note(entry.bytes() + PER_ENTRY, |noted| {
            // Read under the lock, so that no entry stands before an earlier one.
            let now = (elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
            let times = entry.times.or(Some((now, now)));
            noted.entries.push(Entry { times, ..entry });
        });
    }

    /// Notes the members of an object, which replace those of the same name.
    pub(crate) fn metadata(&self, metadata: Option<Value>) {
        let Some(Value::Object(metadata)) = metadata else { return tell("metadata must be a JSON object") };
        let bytes = metadata.iter().map(|(key, value)| key.len() + value.to_string().len()).sum();
        self.note(bytes, |noted| noted.metadata.extend(metadata));
    }

    pub(crate) fn ended(&self, reason: String) {
        self.note(reason.len(), |noted| noted.ended_reason = reason);
    }

    pub(crate) fn agent(&self, id: u64) {
        self.note(0, |noted| noted.agent = Some(id));
    }

    /// All that was noted, if the call is to have a call log; nothing is noted after that.
    pub(crate) fn close(&self) -> Option<Noted> {
        let mut state = self.state();
        let is_first = !std::mem::replace(&mut state.is_over, true);
        let noted = std::mem::take(&mut state.noted);
        (is_first && state.is_wanted).then_some(noted)
    }

    fn note(&self, bytes: usize, change: impl FnOnce(&mut Noted)) {
        let mut state = self.state();
        let obstacle = match &*state {
            State { is_wanted: false, .. } => {
                Some("the conversation has no call log: add `observe` to its arguments, or to its builder")
            }
            State { is_over: true, .. } => Some("the conversation is over"),
            State { noted, .. } if noted.bytes + bytes > LIMIT => Some("a call log holds at most 4 MiB"),
            _ => None,
        };
        if let Some(obstacle) = obstacle {
            let is_first = !std::mem::replace(&mut state.is_told, true);
            drop(state);
            if is_first {
                tell(obstacle);
            }
            return;
        }
        state.noted.bytes += bytes;
        change(&mut state.noted);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

fn tell(obstacle: &'static str) {
    say(|| tracing::warn!(target: "cekura", "the call log lacks an entry or a tag: {obstacle}"));
}
