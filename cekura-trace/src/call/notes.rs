//! Notes for a call log, taken while the call runs. Invariant: they are given out once, at the call's end.

use super::run::Run;
use super::said::{Said, Stage, Told};
use super::transcript::{Heard, Note, Played, Sources};
use crate::lock::locked;
use crate::room::Room;
use crate::say::say;
use crate::transcript::{Content, Entry, text_bytes};
use opentelemetry::trace::SpanId;
use serde_json::{Map, Value};
use std::collections::HashMap;
#[cfg(feature = "audio")]
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The most bytes that are noted of one call.
const LIMIT: usize = 4 << 20;
/// How long a call log is kept back, unless the program says otherwise: Cekura evaluates a call 5 minutes after it is stored at the
/// latest (its documentation of deferred evaluation).
const HELD: Duration = Duration::from_secs(300);
/// Bytes that an entry takes besides its texts.
const PER_ENTRY: usize = 128;

/// What is noted of a call for its call log.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Whether spans write its transcript.
    reads_spans: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is known at another time")]
struct State {
    is_wanted: bool,
    is_over: bool,
    /// Nothing of it is kept: what is noted is left out, and nobody is told of that.
    is_erased: bool,
    /// How many keep the call log back, and for how long after the end.
    holds: usize,
    held_for: Duration,
    /// How often anything was noted or said.
    changes: u64,
    noted: Noted,
    /// What spans say, also those that end after the conversation.
    said: Vec<Said>,
    /// As `Noted::bytes`, of what is said and heard.
    said_bytes: usize,
    /// Streams that are open, with what they have said.
    told: HashMap<SpanId, Told>,
    heard: Vec<Heard>,
    /// What the recording shows of the agent's speeches, in the order of `said`.
    played: Vec<Option<Played>>,
    /// When the caller stopped speaking.
    stops: Vec<u64>,
    /// Whether an event has told of what was not noted.
    is_told: bool,
    /// How often something was left out because there was no room for it.
    left_out: usize,
}

/// Everything that was noted.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) entries: Vec<Note>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) ended_reason: String,
    pub(crate) agent: Option<u64>,
    /// The run of a simulation that it belongs to.
    pub(crate) run: Run,
    /// Lines of the program's log, as they are posted.
    pub(crate) logs: Vec<Value>,
    /// As Cekura counts them.
    pub(crate) bytes: usize,
    /// What they take of the memory limit.
    pub(crate) room: Room,
    /// When the conversation ended, in nanoseconds since the Unix epoch.
    pub(crate) end: u64,
}

/// What something takes: of what a call log may hold, and of the memory.
#[derive(Clone, Copy, Default)]
struct Cost {
    bytes: usize,
    memory: usize,
}

impl Notes {
    /// Says that the call is to have a call log, what it may take of the memory limit, and whether spans write the transcript.
    pub(crate) fn want(&self, room: Room, reads_spans: bool) {
        self.reads_spans.store(reads_spans, Ordering::Relaxed);
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_wanted, true) {
            state.noted.room = room;
        }
    }

    /// Notes an entry; without times of its own, it stands where the call is, `elapsed` after its start. `turn` is where it was
    /// noted.
    pub(crate) fn entry(&self, entry: Entry, turn: Option<i64>, elapsed: impl FnOnce() -> Duration) {
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
            false,
            cost,
            entry,
            |_, _| Cost::default(),
            |noted, entry| {
                // Read under the lock, so that no entry stands before an earlier one.
                let now = (elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
                let times = entry.times.or(Some((now, now)));
                noted.entries.push(Note { entry: Entry { times, ..entry }, turn });
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
        self.note(true, cost, metadata, old, |noted, metadata| noted.metadata.extend(metadata));
    }

    pub(crate) fn ended(&self, reason: String) {
        let cost = |reason: &str| Cost { bytes: text_bytes(reason), memory: reason.len() };
        let old = |noted: &Noted, _: &_| cost(&noted.ended_reason);
        self.note(false, cost(&reason), reason, old, |noted, reason| noted.ended_reason = reason);
    }

    pub(crate) fn agent(&self, id: u64) {
        self.note(false, Cost::default(), id, |_, _| Cost::default(), |noted, id| noted.agent = Some(id));
    }

    /// It belongs to this run of a simulation.
    pub(crate) fn belong_to(&self, run: &Run) {
        // One inside another conversation may be of no run.
        if *run != Run::default() {
            self.state().noted.run = run.clone();
        }
    }

    /// Whether spans write its transcript.
    #[inline]
    pub(crate) fn reads_spans(&self) -> bool {
        self.reads_spans.load(Ordering::Relaxed)
    }

    /// A span has ended, with this record.
    pub(crate) fn read(&self, stage: Stage, turn: Option<i64>, record: &[u8]) {
        let told = |span| self.state().told.remove(&span).unwrap_or_default();
        if let Some(said) = Said::read(stage, turn, record, told) {
            self.say(said);
        }
    }

    /// A span says something.
    pub(crate) fn say(&self, said: Said) {
        self.keep(said.bytes(), said, |state| &mut state.said);
    }

    /// The stream of a span goes on behind so many bytes of its text, which were said; what follows has begun at `since`.
    pub(crate) fn go_on(&self, span: SpanId, bytes: usize, since: Option<u64>) {
        self.state().told.insert(span, Told { bytes, since });
    }

    /// The caller has stopped speaking, in nanoseconds since the Unix epoch.
    pub(crate) fn stop(&self, at: u64) {
        if self.reads_spans() {
            self.keep(0, at, |state| &mut state.stops);
        }
    }

    /// The caller has heard these words.
    pub(crate) fn hear(&self, heard: Heard) {
        if self.reads_spans() {
            self.keep(text_bytes(&heard.text), heard, |state| &mut state.heard);
        }
    }

    /// When the agent was given to say something, until it was given the next: nanoseconds since the call's `start`.
    #[cfg(feature = "audio")]
    pub(crate) fn speeches(&self, start: u64) -> Vec<Range<i64>> {
        let state = self.state();
        let begins: Vec<u64> = state.said.iter().filter_map(Said::speech).collect();
        drop(state);
        let mut sorted = begins.clone();
        sorted.sort_unstable();
        let since = |at: u64| i64::try_from(at.saturating_sub(start)).unwrap_or(i64::MAX);
        let next = |at: &u64| {
            sorted.get(sorted.partition_point(|other| other <= at)).map_or(i64::MAX, |at| since(*at))
        };
        begins.iter().map(|at| since(*at)..next(at)).collect()
    }

    /// What the recording shows of the agent's speeches, in the order of the spans' ends.
    pub(crate) fn set_played(&self, played: Vec<Option<Played>>) {
        self.state().played = played;
    }

    /// The transcript: what was noted, and what spans have said until now, in a conversation of these times.
    pub(crate) fn transcript(&self, notes: Vec<Note>, start: u64, end: u64) -> Vec<Entry> {
        let state = self.state();
        let State { said, heard, played, stops, .. } = &*state;
        Sources { notes, said, heard, played, stops, start, end }.write()
    }

    /// Keeps the call log back; false where there is none, or where the conversation is over.
    pub(crate) fn hold(&self) -> bool {
        let mut state = self.state();
        let obstacle = if !state.is_wanted {
            UNWANTED
        } else if state.is_over {
            OVER
        } else {
            if state.holds == 0 {
                state.held_for = HELD;
            }
            state.holds += 1;
            return true;
        };
        Self::refuse(state, obstacle);
        false
    }

    pub(crate) fn hold_for(&self, wait: Duration) {
        self.state().held_for = wait;
    }

    /// One that keeps it back does no longer; true for the last one, where the conversation is over.
    pub(crate) fn let_go(&self) -> bool {
        let mut state = self.state();
        state.holds = state.holds.saturating_sub(1);
        state.holds == 0 && state.is_over
    }

    /// For how long it is kept back after the end, if it is.
    pub(crate) fn held_for(&self) -> Option<Duration> {
        let state = self.state();
        (state.holds > 0).then_some(state.held_for)
    }

    /// Whether something is left out because there was no room for it.
    pub(crate) fn is_cut(&self) -> bool {
        self.state().left_out > 0
    }

    /// What was added to the metadata after the end; nothing is added from now on.
    pub(crate) fn late_metadata(&self) -> Map<String, Value> {
        let mut state = self.state();
        state.holds = 0;
        std::mem::take(&mut state.noted.metadata)
    }

    pub(super) fn changes(&self) -> u64 {
        self.state().changes
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// What was noted until now, if the call is to have a call log and runs.
    pub(super) fn so_far(&self, now: u64) -> Option<Noted> {
        let state = self.state();
        let Noted { entries, metadata, ended_reason, agent, run, .. } = &state.noted;
        (state.is_wanted && !state.is_over).then(|| Noted {
            entries: entries.clone(),
            metadata: metadata.clone(),
            ended_reason: ended_reason.clone(),
            agent: *agent,
            run: run.clone(),
            end: now,
            ..Noted::default()
        })
    }

    /// The metadata that were told, while the conversation runs.
    pub(crate) fn metadata_so_far(&self) -> Map<String, Value> {
        let state = self.state();
        if state.is_over { Map::new() } else { state.noted.metadata.clone() }
    }

    /// Forgets everything, and keeps nothing any more.
    pub(super) fn erase(&self) {
        self.reads_spans.store(false, Ordering::Relaxed);
        let erased = State { is_erased: true, is_over: true, ..State::default() };
        drop(std::mem::replace(&mut *self.state(), erased));
    }

    /// Whether the call is to have a call log.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state().is_wanted
    }

    /// All that was noted, if the call is to have a call log; nothing is noted after that. The conversation has ended at `end`,
    /// in nanoseconds since the Unix epoch.
    pub(super) fn close(&self, end: u64) -> Option<Noted> {
        let mut state = self.state();
        let is_first = !std::mem::replace(&mut state.is_over, true);
        let noted = std::mem::take(&mut state.noted);
        // What comes later takes its own share of the memory.
        state.noted.room = noted.room.another();
        (is_first && state.is_wanted).then_some(Noted { end, ..noted })
    }

    /// Keeps something that spans or the program say beside the notes, also when the conversation is over, if there is room for
    /// it.
    fn keep<T>(&self, bytes: usize, what: T, list: impl FnOnce(&mut State) -> &mut Vec<T>) {
        let cost = Cost { bytes: 0, memory: bytes + PER_ENTRY + size_of::<T>() };
        let mut state = self.state();
        if state.is_erased {
            return;
        }
        // Beside the notes, for these may stand in their place.
        let is_too_much = state.said_bytes + bytes + PER_ENTRY > LIMIT;
        let fits = if is_too_much { Err(FULL) } else { state.take_room(cost, Cost::default()) };
        match fits {
            Ok(()) => {
                state.said_bytes += bytes + PER_ENTRY;
                list(&mut state).push(what);
            }
            Err(obstacle) => Self::refuse(state, obstacle),
        }
    }

    /// Notes something in place of something else, if there is room for it.
    fn note<T>(
        &self,
        is_metadata: bool,
        new: Cost,
        what: T,
        old: impl FnOnce(&Noted, &T) -> Cost,
        change: impl FnOnce(&mut Noted, T),
    ) {
        let mut state = self.state();
        let old = old(&state.noted, &what);
        let fits = if !state.is_wanted {
            Err(UNWANTED)
        } else if state.is_over && !(is_metadata && state.holds > 0) {
            Err(if is_metadata { UPDATE } else { OVER })
        } else {
            state.take_room(new, old)
        };
        match fits {
            Ok(()) => change(&mut state.noted, what),
            Err(obstacle) => Self::refuse(state, obstacle),
        }
    }

    fn refuse(mut state: MutexGuard<'_, State>, obstacle: &'static str) {
        let is_first = !std::mem::replace(&mut state.is_told, true) && !state.is_erased;
        state.left_out += usize::from([FULL, NO_MEMORY].contains(&obstacle));
        drop(state);
        if is_first {
            tell(obstacle);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    /// Makes room for something in place of something else, or says what is in the way.
    fn take_room(&mut self, new: Cost, old: Cost) -> Result<(), &'static str> {
        let noted = &mut self.noted;
        let bytes = (noted.bytes + new.bytes).saturating_sub(old.bytes);
        let memory = (noted.room.bytes() + new.memory).saturating_sub(old.memory);
        if bytes > LIMIT {
            return Err(FULL);
        }
        if !noted.room.resize(memory) {
            return Err(NO_MEMORY);
        }
        noted.bytes = bytes;
        self.changes += 1;
        Ok(())
    }
}

const UNWANTED: &str = "the conversation has no call log: add `observe` to its arguments, or to its builder";
const FULL: &str = "a call log holds at most 4 MiB of notes, and as much of what spans say";
const NO_MEMORY: &str = "what is open has reached half of the memory limit: raise .memory_limit(…)";
const OVER: &str = "the conversation is over";
const UPDATE: &str = "the conversation is over: write `cekura.update(call_id, Update::new().metadata(…)).await`, or `hold()` before its end";

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
    Cost { bytes: text_bytes(key) + value.to_string().len(), memory: key.len() + memory_of(value) }
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
