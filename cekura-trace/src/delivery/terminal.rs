//! Draws each finished conversation on a thread of its own: as local mode, or beside the delivery. Invariant: a conversation is
//! drawn at most once, and one that is not drawn in time costs no other anything.

use super::call_log::sealed::SealedCallLog;
use super::ledger::{Counts, DropReason, Ledger};
use super::own_events::OwnEvents;
use super::queue::Queue;
use super::side::Side;
use super::tap::{Drawn, Tap};
use super::traces::{Trace, Traces};
use super::warnings::tell_undrawn;
use crate::finished::records;
use crate::room::{Room, Use};
use crate::say::caught;
use opentelemetry::trace::TraceId;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How many call logs wait for their conversations, of which they come just before the end.
const WAITING_LOGS: usize = 64;

/// Shows the records of a conversation, with its call log as it would be posted.
pub(super) type Show = dyn Fn(&[u8], Option<&[u8]>) -> Drawn + Send + Sync;

/// Hears the number of a conversation, and what became of it.
pub(super) type Shown = Box<dyn Fn(u64, Drawn) + Send + Sync>;

/// Shows conversations when they are complete.
pub(super) struct Terminal {
    /// In local mode, where what is drawn is delivered.
    ledger: Option<Arc<Ledger>>,
    queue: Arc<Queue>,
    events: OwnEvents,
    side: Side<Drawing>,
    traces: Traces,
    /// Call logs of conversations that are not drawn yet, oldest first.
    logs: VecDeque<CallLog>,
    /// What was handed to the thread, and is not drawn yet.
    handed: BTreeMap<u64, Handed>,
    number: u64,
    /// How many conversations are not drawn because the thread was behind.
    undrawn: u64,
}

/// A whole conversation on its way to be drawn.
struct Drawing {
    number: u64,
    trace: Trace,
    log: Option<CallLog>,
}

struct CallLog {
    trace: TraceId,
    body: Bytes,
    /// Held until it is drawn.
    _held: Room,
}

struct Handed {
    id: TraceId,
    spans: u64,
    /// The flush that waits for it.
    epoch: u64,
}

impl Terminal {
    pub(super) fn new(queue: Arc<Queue>, events: OwnEvents, show: Box<Show>, shown: Shown) -> Self {
        let draw = move |Drawing { number, trace, log }| {
            let log = log.as_ref().map(|log| &*log.body);
            shown(number, caught(|| show(&trace.records, log)).unwrap_or(Err(DropReason::Panicked)));
        };
        Self {
            ledger: None,
            queue,
            events,
            side: Side::new("cekura-trace-terminal", draw),
            traces: Traces::default(),
            logs: VecDeque::new(),
            handed: BTreeMap::new(),
            number: 0,
            undrawn: 0,
        }
    }

    /// Local mode: what is drawn is delivered.
    pub(super) fn delivers_to(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    fn give_up(&mut self, number: u64, reason: DropReason) {
        if let Some(Handed { id, spans, .. }) = self.handed.remove(&number)
            && let Some(ledger) = &self.ledger
        {
            ledger.lose(&Counts::from([(id, spans)]), reason);
        }
    }

    /// A conversation will not be drawn, which is said once, and at the end.
    fn miss(&mut self) {
        self.undrawn += 1;
        if self.undrawn == 1 {
            self.events.emit(|| tell_undrawn(1));
        }
    }

    /// Takes bytes of the memory limit that the delivery does not need, from the oldest conversations where none are left.
    fn reserve(&mut self, bytes: usize) -> Option<Room> {
        loop {
            let taken = Room::take(self.queue.clone(), Use::Drawing, bytes);
            if taken.is_some() || self.relieve(bytes) == 0 {
                return taken;
            }
        }
    }
}

impl Tap for Terminal {
    fn take(&mut self, buffer: &[u8], mut reservation: Option<Room>) {
        let mut rest = buffer;
        for (record, bytes) in records(buffer) {
            let (span, after) = rest.split_at(bytes);
            rest = after;
            let id = record.head.trace_id;
            if self.traces.is_over(id) {
                if let Some(ledger) = &self.ledger {
                    ledger.lose(&Counts::from([(id, 1)]), DropReason::Late);
                }
                continue;
            }
            let held = match &mut reservation {
                Some(reservation) => Some(reservation.split(bytes)),
                None => self.reserve(bytes),
            };
            if let Some(held) = held {
                self.traces.add(&record.head, span, held);
            } else {
                // What is left of it would be drawn as if it were whole.
                drop(self.traces.take(id));
                self.miss();
            }
        }
    }

    fn wants_more(&mut self) -> bool {
        self.traces.wants_more()
    }

    fn call_log(&mut self, log: &SealedCallLog) {
        let Some(trace) = log.trace_id.filter(|trace| !self.traces.is_over(*trace)) else { return };
        let Some(held) = Room::take(self.queue.clone(), Use::Drawing, log.body.len()) else { return };
        if self.logs.len() == WAITING_LOGS {
            self.logs.pop_front();
        }
        self.logs.push_back(CallLog { trace, body: log.body.clone(), _held: held });
    }

    fn forget(&mut self, trace: TraceId) {
        self.logs.retain(|log| log.trace != trace);
        if let Some(spans) = self.traces.take(trace).map(|taken| taken.spans).filter(|spans| *spans > 0)
            && let Some(ledger) = &self.ledger
        {
            ledger.lose(&Counts::from([(trace, spans)]), DropReason::Aborted);
        }
    }

    fn proceed(&mut self, epoch: u64) {
        for (id, trace) in self.traces.take_complete() {
            let log = self.logs.iter().position(|log| log.trace == id).and_then(|at| self.logs.remove(at));
            self.number += 1;
            let number = self.number;
            self.handed.insert(number, Handed { id, spans: trace.spans, epoch });
            self.side.push(Drawing { number, trace, log }, usize::MAX);
        }
    }

    fn drawn(&mut self, number: u64, drawn: Drawn) {
        let missing = match drawn {
            Ok(missing) => missing,
            Err(reason) => return self.give_up(number, reason),
        };
        let Some(Handed { id, spans, .. }) = self.handed.remove(&number) else { return };
        if let Some(ledger) = &self.ledger {
            ledger.deliver(&Counts::from([(id, spans - missing)]));
            if missing > 0 {
                ledger.lose(&Counts::from([(id, missing)]), DropReason::QueueFull);
            }
        }
    }

    fn oldest(&self) -> Option<u64> {
        self.handed.first_key_value().map(|(_, handed)| handed.epoch)
    }

    // The oldest conversations that are not drawn yet; beside a delivery those that are not over too.
    fn relieve(&mut self, bytes: usize) -> usize {
        let mut given = 0;
        // In local mode nothing else has the last one, and new spans are refused in its place.
        while given < bytes && (self.ledger.is_none() || self.handed.len() > 1) {
            let trace = if let Some(Drawing { number, trace, .. }) = self.side.take_back() {
                self.give_up(number, DropReason::QueueFull);
                trace
            } else if let Some(trace) = self.ledger.is_none().then(|| self.traces.take_oldest()).flatten() {
                trace
            } else {
                break;
            };
            given += trace.reservation.bytes();
            self.miss();
        }
        given
    }

    fn finish(&mut self, epoch: u64) {
        self.traces.finish();
        self.proceed(epoch);
    }

    fn abandon(&mut self, reason: DropReason) {
        while self.side.take_back().is_some() {}
        while let Some(number) = self.handed.keys().next().copied() {
            self.give_up(number, reason);
            self.undrawn += 1;
        }
        for (id, trace) in self.traces.take_open() {
            if let Some(ledger) = &self.ledger {
                ledger.lose(&Counts::from([(id, trace.spans)]), reason);
            }
        }
        self.logs.clear();
        if self.undrawn > 0 {
            let undrawn = self.undrawn;
            self.events.emit(move || tell_undrawn(undrawn));
        }
    }

    fn pending(&self) -> Vec<(TraceId, u64)> {
        self.traces.open().chain(self.handed.values().map(|handed| (handed.id, handed.spans))).collect()
    }
}

#[cfg(test)]
#[path = "tests/terminal.rs"]
mod tests;
