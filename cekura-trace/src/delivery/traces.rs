//! Puts ended spans together to whole conversations. Invariant: each conversation is given out at most once.

use super::queue::Reservation;
use crate::finished::{Record, Span};
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::{HashMap, HashSet, VecDeque};

/// How many conversations that are over are remembered, for spans that end after them.
pub(super) const REMEMBERED: usize = 1024;

/// The conversations of which something has ended.
#[derive(Default)]
pub(super) struct Traces {
    open: HashMap<TraceId, Trace>,
    /// Traces whose root has ended.
    ended: Vec<TraceId>,
    /// Those of them of which no buffer can hold an older span.
    complete: Vec<TraceId>,
    over: HashSet<TraceId>,
    /// The traces that are over, oldest first.
    order: VecDeque<TraceId>,
    /// What the records of open traces take.
    bytes: usize,
    opened: u64,
}

/// What has ended of one conversation.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) spans: Vec<Span>,
    /// What the spans take of the memory limit, where they count.
    reservations: Vec<Reservation>,
    bytes: usize,
    /// Counts them in the order in which they were opened.
    number: u64,
}

impl Traces {
    /// Takes a span; false if its conversation is over.
    pub(super) fn add(&mut self, record: &Record<'_>, bytes: usize, reservation: Reservation) -> bool {
        let id = record.head.trace_id;
        if self.over.contains(&id) {
            return false;
        }
        let trace = self.open.entry(id).or_insert_with(|| {
            self.opened += 1;
            Trace { number: self.opened, ..Trace::default() }
        });
        trace.spans.push(Span::from(record));
        trace.reservations.push(reservation);
        trace.bytes += bytes;
        self.bytes += bytes;
        if record.head.parent_id == SpanId::INVALID {
            self.ended.push(id);
        }
        true
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

    /// Drops the oldest conversations until the rest takes at most so many bytes; how many were dropped.
    pub(super) fn shrink(&mut self, limit: usize) -> usize {
        let mut dropped = 0;
        while self.bytes > limit {
            let oldest = self.open.iter().min_by_key(|(_, trace)| trace.number).map(|(id, _)| *id);
            let Some(id) = oldest else { break };
            drop(self.end(id));
            dropped += 1;
        }
        dropped
    }

    /// Nothing more will come: what is open is complete.
    pub(super) fn finish(&mut self) {
        self.complete.extend(self.open.keys().copied());
    }

    /// Takes what is open, and forgets what was complete.
    pub(super) fn take_open(&mut self) -> impl Iterator<Item = (TraceId, Trace)> {
        self.ended.clear();
        self.complete.clear();
        self.bytes = 0;
        std::mem::take(&mut self.open).into_iter()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.ended.is_empty() && self.bytes == 0
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.over.len()
    }

    fn end(&mut self, id: TraceId) -> Option<Trace> {
        let trace = self.open.remove(&id)?;
        self.bytes -= trace.bytes;
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
