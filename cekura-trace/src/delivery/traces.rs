//! Puts ended spans together to whole conversations. Invariant: each conversation is given out at most once.

use crate::finished::Head;
use crate::room::Room;
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// How many conversations that are over are remembered, for spans that end after them.
pub(super) const REMEMBERED: usize = 1024;

/// The conversations of which something has ended.
#[derive(Default)]
pub(super) struct Traces {
    open: HashMap<TraceId, Trace>,
    /// The open ones in the order in which they were opened.
    numbers: BTreeMap<u64, TraceId>,
    /// Traces whose root has ended.
    ended: Vec<TraceId>,
    /// Those of them of which no buffer can hold an older span.
    complete: Vec<TraceId>,
    over: HashSet<TraceId>,
    /// The traces that are over, oldest first.
    order: VecDeque<TraceId>,
    opened: u64,
}

/// What has ended of one conversation.
#[derive(Default)]
pub(super) struct Trace {
    /// Its spans, one after the other.
    pub(super) records: Vec<u8>,
    pub(super) spans: u64,
    /// What they take of the memory limit.
    pub(super) reservation: Room,
    number: u64,
}

impl Traces {
    /// Takes the record of a span, unless its conversation is over.
    pub(super) fn add(&mut self, head: &Head, record: &[u8], reservation: Room) {
        let id = head.trace_id;
        if self.over.contains(&id) {
            return;
        }
        let trace = self.open.entry(id).or_insert_with(|| {
            self.opened += 1;
            self.numbers.insert(self.opened, id);
            Trace { number: self.opened, ..Trace::default() }
        });
        trace.records.extend_from_slice(record);
        trace.spans += 1;
        trace.reservation.join(reservation);
        if head.parent_id == SpanId::INVALID {
            self.ended.push(id);
        }
    }

    pub(super) fn is_over(&self, id: TraceId) -> bool {
        self.over.contains(&id)
    }

    /// Asked when the queue has been drained. A child that ended on another thread before its root may lie in a buffer
    /// that was drained before the root's, so the queue is drained once more.
    pub(super) fn wants_more(&mut self) -> bool {
        self.complete.append(&mut self.ended);
        !self.complete.is_empty()
    }

    /// The conversations that are complete.
    pub(super) fn take_complete(&mut self) -> Vec<(TraceId, Trace)> {
        let complete = std::mem::take(&mut self.complete);
        complete.into_iter().filter_map(|id| Some((id, self.end(id)?))).collect()
    }

    /// Takes the oldest conversation that is open; all that is still to come of it is late.
    pub(super) fn take_oldest(&mut self) -> Option<Trace> {
        let id = *self.numbers.first_key_value()?.1;
        self.end(id)
    }

    /// Takes a conversation; all that is still to come of it is late.
    pub(super) fn take(&mut self, id: TraceId) -> Option<Trace> {
        self.open.entry(id).or_default();
        self.end(id)
    }

    /// How many spans of each trace are here.
    pub(super) fn open(&self) -> impl Iterator<Item = (TraceId, u64)> {
        self.open.iter().map(|(id, trace)| (*id, trace.spans))
    }

    /// Nothing more will come: what is open is complete.
    pub(super) fn finish(&mut self) {
        self.complete.extend(self.open.keys().copied());
    }

    /// Takes what is open, and forgets what was complete.
    pub(super) fn take_open(&mut self) -> impl Iterator<Item = (TraceId, Trace)> {
        self.ended.clear();
        self.complete.clear();
        self.numbers.clear();
        std::mem::take(&mut self.open).into_iter()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.numbers.is_empty() && self.ended.is_empty()
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.over.len()
    }

    fn end(&mut self, id: TraceId) -> Option<Trace> {
        let trace = self.open.remove(&id)?;
        self.numbers.remove(&trace.number);
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.over.remove(&oldest);
        }
        if self.over.insert(id) {
            self.order.push_back(id);
        }
        Some(trace)
    }
}
