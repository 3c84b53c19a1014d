//! Counts records as the worker drains them. Invariant: a conversation's turns are counted after all of them that ended before
//! its root, on whatever thread.

use super::export::Export;
use super::listener::Listener;
use super::mirror::Mirror;
use super::reading::Metrics;
use super::seen::{Outcome, Seen};
use super::table::{Exemplar, Place};
use crate::call::nanoseconds;
use crate::delivery::ledger::DropReason;
use crate::delivery::own_events::OwnEvents;
use crate::delivery::tap::Tap;
use crate::finished::records;
use crate::lock::locked;
use crate::room::Room;
use crate::semconv::span;
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{SpanContext, TraceId};
use std::collections::{HashMap, VecDeque};
use std::time::SystemTime;

/// Of so many conversations that run the turns are counted; of more, the oldest have none.
const MOST_CALLS: usize = 16 << 10;

/// Counts what is drained.
pub(crate) struct Counting {
    metrics: Metrics,
    turns: Turns,
    /// Roots that have ended, and those of them of which no buffer can hold an older turn.
    ended: Vec<Root>,
    complete: Vec<Root>,
    mirror: Option<Mirror>,
    /// Where they are sent, and where they are served.
    export: Option<Export>,
    listener: Option<Listener>,
}

struct Root {
    place: Place,
    exemplar: Exemplar,
}

/// How many turns have ended of each conversation that runs.
#[derive(Default)]
struct Turns {
    counts: HashMap<TraceId, u32>,
    /// Oldest first.
    order: VecDeque<TraceId>,
}

impl Counting {
    pub(crate) fn new(
        metrics: Metrics,
        meter: Option<&Meter>,
        events: OwnEvents,
        export: Option<Export>,
        listener: Option<Listener>,
    ) -> Self {
        let (turns, ended, complete) = (Turns::default(), Vec::new(), Vec::new());
        let mirror = meter.zip(metrics.counted.as_ref());
        let mirror = mirror.map(|(meter, shared)| Mirror::new(meter, shared, events));
        Self { metrics, turns, ended, complete, mirror, export, listener }
    }

    /// Hands on what was counted since this was last done.
    fn hand_on(&mut self) {
        if let Some(mirror) = &mut self.mirror
            && let Some(shared) = &self.metrics.counted
        {
            mirror.record(locked(&shared.table).take_counted());
        }
    }
}

impl Tap for Counting {
    fn take(&mut self, buffer: &[u8], _: Option<Room>) {
        let Some(shared) = &self.metrics.counted else { return };
        let mut table = locked(&shared.table);
        let own = table.own.clone();
        for (record, _) in records(buffer) {
            let seen = Seen::of(&record, &own);
            table.add(&seen);
            if seen.name == span::TURN {
                self.turns.add(seen.head.trace_id);
            } else if seen.is_call()
                && seen.outcome != Outcome::Incomplete
                && let Some(place) = table.turns(&seen)
            {
                self.ended.push(Root { place, exemplar: seen.exemplar() });
            }
        }
        drop(table);
        self.hand_on();
    }

    fn takes_unredacted(&self) -> bool {
        true
    }

    fn recovered(&mut self, root: &[u8]) {
        self.take(root, None);
    }

    fn score(&mut self, root: &SpanContext, name: &str, value: f64) {
        if let Some(shared) = &self.metrics.counted {
            let (trace, span, time) = (root.trace_id(), root.span_id(), nanoseconds(SystemTime::now()));
            locked(&shared.table).score(name.as_bytes(), None, Exemplar { trace, span, value, time });
        }
        self.hand_on();
    }

    fn wants_more(&mut self) -> bool {
        self.complete.append(&mut self.ended);
        !self.complete.is_empty()
    }

    fn proceed(&mut self, _: u64) {
        let Some(shared) = &self.metrics.counted else { return };
        let mut table = locked(&shared.table);
        for Root { place, exemplar } in self.complete.drain(..) {
            let turns = self.turns.take(exemplar.trace);
            table.count(place, Exemplar { value: turns.into(), ..exemplar });
        }
        drop(table);
        self.hand_on();
    }

    fn flush(&mut self, epoch: u64) {
        if let Some(export) = &mut self.export {
            export.flush(epoch);
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.settle();
        }
    }

    fn oldest(&self) -> Option<u64> {
        self.export.as_ref()?.oldest()
    }

    fn finish(&mut self, epoch: u64) {
        self.complete.append(&mut self.ended);
        self.proceed(epoch);
        self.flush(epoch);
    }

    fn abandon(&mut self, reason: DropReason) {
        if reason == DropReason::Shutdown {
            self.listener = None;
        }
    }
}

impl Turns {
    fn add(&mut self, trace: TraceId) {
        let count = self.counts.entry(trace).or_insert_with(|| {
            self.order.push_back(trace);
            0
        });
        *count += 1;
        while self.counts.len() > MOST_CALLS
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        if self.order.len() > 2 * MOST_CALLS {
            let Self { counts, order } = self;
            order.retain(|trace| counts.contains_key(trace));
        }
    }

    fn take(&mut self, trace: TraceId) -> u32 {
        self.counts.remove(&trace).unwrap_or_default()
    }
}
