//! Notes for a call log, taken while the call runs. Invariant: they are given out once, at the call's end.

use crate::lock::locked;
use crate::room::Room;
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
    /// As Cekura counts them.
    pub(crate) bytes: usize,
    /// What they take of the memory limit.
    pub(crate) room: Room,
}

/// What something takes: of what a call log may hold, and of the memory.
#[derive(Clone, Copy, Default)]
struct Cost {
    bytes: usize,
    memory: usize,
}

impl Notes {
    /// Says that the call is to have a call log, and what it may take of the memory limit.
    pub(crate) fn want(&self, room: Room) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_wanted, true) {
            state.noted.room = room;
        }
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
        let bytes = entry.bytes() + PER_ENTRY;
        let cost = Cost { bytes, memory: bytes + PER_ENTRY };
        self.note(
            cost,
            entry,
            |_, _| Cost::default(),
            |noted, entry| {
                // Read under the lock, so that no entry stands before an earlier one.
                let now = (elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
                let times = entry.times.or(Some((now, now)));
                noted.entries.push(Entry { times, ..entry });
            },
        );
    }

    /// Notes the members of an object, which replace those of the same name.
    pub(crate) fn metadata(&self, metadata: Option<Value>) {
        let Some(Value::Object(metadata)) = metadata else { return tell("metadata must be a JSON object") };
        let cost = sum(metadata.iter().map(|(key, value)| cost_of(key, value)));
        let old = |noted: &Noted, metadata: &Map<String, Value>| {
            let known = metadata.keys().filter_map(|key| noted.metadata.get_key_value(key));
            sum(known.map(|(key, value)| cost_of(key, value)))
        };
        self.note(cost, metadata, old, |noted, metadata| noted.metadata.extend(metadata));
    }

    pub(crate) fn ended(&self, reason: String) {
        let cost = |reason: &str| Cost { bytes: reason.len(), memory: reason.len() };
        let old = |noted: &Noted, _: &_| cost(&noted.ended_reason);
        self.note(cost(&reason), reason, old, |noted, reason| noted.ended_reason = reason);
    }

    pub(crate) fn agent(&self, id: u64) {
        self.note(Cost::default(), id, |_, _| Cost::default(), |noted, id| noted.agent = Some(id));
    }

    /// All that was noted, if the call is to have a call log; nothing is noted after that.
    pub(crate) fn close(&self) -> Option<Noted> {
        let mut state = self.state();
        let is_first = !std::mem::replace(&mut state.is_over, true);
        let noted = std::mem::take(&mut state.noted);
        (is_first && state.is_wanted).then_some(noted)
    }

    /// Notes something in place of something else, if there is room for it.
    fn note<T>(
        &self,
        new: Cost,
        what: T,
        old: impl FnOnce(&Noted, &T) -> Cost,
        change: impl FnOnce(&mut Noted, T),
    ) {
        let mut state = self.state();
        let old = old(&state.noted, &what);
        let bytes = (state.noted.bytes + new.bytes).saturating_sub(old.bytes);
        let memory = (state.noted.room.bytes() + new.memory).saturating_sub(old.memory);
        let obstacle = if !state.is_wanted {
            Some("the conversation has no call log: add `observe` to its arguments, or to its builder")
        } else if state.is_over {
            Some("the conversation is over")
        } else if bytes > LIMIT {
            Some("a call log holds at most 4 MiB")
        } else if !state.noted.room.resize(memory) {
            Some("what is open has reached half of the memory limit: raise .memory_limit(…)")
        } else {
            None
        };
        if let Some(obstacle) = obstacle {
            let is_first = !std::mem::replace(&mut state.is_told, true);
            drop(state);
            if is_first {
                tell(obstacle);
            }
            return;
        }
        state.noted.bytes = bytes;
        change(&mut state.noted, what);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

fn tell(obstacle: &'static str) {
    say(|| tracing::warn!(target: "cekura", "the call log lacks an entry or a tag: {obstacle}"));
}

fn sum(costs: impl Iterator<Item = Cost>) -> Cost {
    costs.fold(Cost::default(), |one, other| Cost {
        bytes: one.bytes + other.bytes,
        memory: one.memory + other.memory,
    })
}

/// A member of an object: as JSON, and as it is kept.
fn cost_of(key: &str, value: &Value) -> Cost {
    Cost { bytes: key.len() + value.to_string().len(), memory: key.len() + memory_of(value) }
}

/// A number takes as much as a list does, besides what is in that.
fn memory_of(value: &Value) -> usize {
    const NODE: usize = 2 * size_of::<Value>();
    NODE + match value {
        Value::Array(items) => items.iter().map(memory_of).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() + memory_of(value)).sum(),
        Value::String(text) => text.len(),
        Value::Bool(_) | Value::Null | Value::Number(_) => 0,
    }
}
