//! Which call logs wait for which traces, so that only those are looked at of which something has changed. Invariant: each of
//! them is here from when it begins to wait until it goes on.

use crate::delivery::flushes::last_chance;
use opentelemetry::trace::TraceId;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How often conversations that are open are looked at, and how many at a time.
const LOOK: Duration = Duration::from_millis(20);
const AT_A_TIME: usize = 256;

/// Those that wait, by their places in the lane.
#[derive(Default)]
pub(super) struct Awaited {
    traces: HashMap<TraceId, Trace>,
    waits: HashMap<u64, Wait>,
    until: BTreeSet<(Instant, u64)>,
    last_chances: BTreeSet<(Instant, u64)>,
    /// Traces that are to be looked at.
    news: Vec<TraceId>,
    /// Traces that were open when they were last looked at.
    open: VecDeque<TraceId>,
    next_look: Option<Instant>,
}

#[derive(Default)]
struct Trace {
    /// Nothing of it can be in the queue any more.
    is_collected: bool,
    /// It stands among the open ones.
    is_open: bool,
    places: BTreeSet<u64>,
    /// Those that were not asked for since they came.
    new: Vec<u64>,
}

struct Wait {
    trace: TraceId,
    until: Instant,
    /// How long it waits from its begin.
    long: Duration,
}

impl Awaited {
    /// Has a call log wait; true if it is the first for its trace.
    pub(super) fn add(&mut self, place: u64, trace: TraceId, until: Instant, long: Duration) -> bool {
        self.waits.insert(place, Wait { trace, until, long });
        self.until.insert((until, place));
        self.last_chances.extend(last_chance(until, long).map(|at| (at, place)));
        self.news.push(trace);
        let trace = self.traces.entry(trace).or_default();
        trace.places.insert(place);
        trace.new.push(place);
        trace.places.len() == 1
    }

    /// A call log goes on; its trace, if no other waits for that.
    pub(super) fn remove(&mut self, place: u64) -> Option<TraceId> {
        let Wait { trace, until, long } = self.waits.remove(&place)?;
        self.until.remove(&(until, place));
        if let Some(at) = last_chance(until, long) {
            self.last_chances.remove(&(at, place));
        }
        let places = &mut self.traces.get_mut(&trace)?.places;
        places.remove(&place);
        if !places.is_empty() {
            return None;
        }
        self.traces.remove(&trace);
        Some(trace)
    }

    /// Has traces looked at of which something has changed.
    pub(super) fn hear(&mut self, news: impl IntoIterator<Item = TraceId>) {
        self.news.extend(news);
    }

    /// Looks at the traces that have news, and at some of the open ones. `look` gets a trace and whether it was collected at its
    /// last look; it returns whether the trace is collected now.
    pub(super) fn look(&mut self, now: Instant, mut look: impl FnMut(TraceId, bool) -> bool) {
        if self.next_look.is_some_and(|at| now >= at) {
            for id in self.open.drain(..self.open.len().min(AT_A_TIME)) {
                self.traces.entry(id).and_modify(|trace| trace.is_open = false);
                self.news.push(id);
            }
            self.next_look = None;
        }
        self.news.sort_unstable_by_key(|trace| trace.to_bytes());
        self.news.dedup();
        for id in &self.news {
            let Some(trace) = self.traces.get_mut(id) else { continue };
            trace.is_collected = look(*id, trace.is_collected);
            if !trace.is_collected && !std::mem::replace(&mut trace.is_open, true) {
                self.open.push_back(*id);
            }
        }
        if !self.open.is_empty() {
            self.next_look.get_or_insert(now + LOOK);
        }
    }

    /// The traces that were looked at and are collected.
    pub(super) fn take_looked_at(&mut self) -> Vec<TraceId> {
        let mut looked_at = std::mem::take(&mut self.news);
        looked_at.retain(|id| self.traces.get(id).is_some_and(|trace| trace.is_collected));
        looked_at
    }

    /// The call logs that wait for a trace.
    pub(super) fn places(&self, trace: TraceId) -> Vec<u64> {
        self.traces.get(&trace).into_iter().flat_map(|trace| &trace.places).copied().collect()
    }

    /// The same for those that have come since this was last asked.
    pub(super) fn take_new(&mut self, trace: TraceId) -> Vec<u64> {
        self.traces.get_mut(&trace).map(|trace| std::mem::take(&mut trace.new)).unwrap_or_default()
    }

    /// A call log that has waited for long enough.
    pub(super) fn late(&self, now: Instant) -> Option<u64> {
        self.until.first().filter(|(until, _)| *until <= now).map(|(_, place)| *place)
    }

    /// When to look again although nothing has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until.first().map(|(until, _)| *until).into_iter().chain(self.next_look).min()
    }

    /// When spans that somebody waits for are tried for the last time. Those whose chance has come have had it.
    pub(super) fn last_chance(&mut self, now: Instant) -> Option<Instant> {
        while self.last_chances.first().is_some_and(|(at, _)| *at <= now) {
            self.last_chances.pop_first();
        }
        self.last_chances.first().map(|(at, _)| *at)
    }

    /// Changes until when each of them waits.
    pub(super) fn wait_until(&mut self, until: impl Fn(TraceId, Instant) -> Instant) {
        self.until.clear();
        self.last_chances.clear();
        for (place, wait) in &mut self.waits {
            wait.until = until(wait.trace, wait.until);
            self.until.insert((wait.until, *place));
            self.last_chances.extend(last_chance(wait.until, wait.long).map(|at| (at, *place)));
        }
        self.news.extend(self.traces.keys());
    }
}
