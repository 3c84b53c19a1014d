//! Puts ended spans together to whole conversations. Invariant: each conversation is given out at most once.
//!
//! Several conversations have the same trace id where `trace_id_from` gives it to them, one after the other or at the same time.
//! So it is kept which roots have begun: a trace is over when none of them is open.

use crate::finished::{Head, records};
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
    /// The roots that have begun and have not ended, as far as was heard.
    begun: HashMap<TraceId, HashSet<SpanId>>,
    /// Roots that have ended.
    ended: Vec<(TraceId, SpanId)>,
    /// Those of them of which no buffer can hold an older span.
    complete: Vec<(TraceId, SpanId)>,
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
    /// A conversation begins, perhaps in a trace that was over.
    pub(super) fn begin(&mut self, id: TraceId, root: SpanId) {
        self.begun.entry(id).or_default().insert(root);
        if self.over.remove(&id) {
            self.order.retain(|over| *over != id);
        }
    }

    /// Nothing of this root will come any more.
    pub(super) fn forget(&mut self, id: TraceId, root: SpanId) {
        if let Some(roots) = self.begun.get_mut(&id) {
            roots.remove(&root);
            if roots.is_empty() {
                self.begun.remove(&id);
            }
        }
    }

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
            self.ended.push((id, head.span_id));
            self.forget(id, head.span_id);
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
        let mut roots = HashMap::<_, usize>::new();
        for (id, _) in &complete {
            *roots.entry(*id).or_default() += 1;
        }
        let mut taken = Vec::with_capacity(complete.len());
        for (id, root) in complete {
            let left = roots.entry(id).or_default();
            *left -= 1;
            let is_last = *left == 0 && !self.begun.contains_key(&id);
            let trace = if is_last { self.end(id) } else { self.take_below(id, root) };
            taken.extend(trace.map(|trace| (id, trace)));
        }
        taken
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

    /// Takes a conversation that is not over, as far as it can be told from others of its trace.
    pub(super) fn take_call(&mut self, id: TraceId, root: SpanId) -> Option<Trace> {
        let is_alone = self.begun.get(&id).is_none_or(|roots| roots.iter().all(|other| *other == root));
        if is_alone { self.take(id) } else { self.take_below(id, root) }
    }

    /// How many spans of each trace are here.
    pub(super) fn open(&self) -> impl Iterator<Item = (TraceId, u64)> {
        self.open.iter().map(|(id, trace)| (*id, trace.spans))
    }

    /// Nothing more will come: what is open is complete.
    pub(super) fn finish(&mut self) {
        self.begun.clear();
        self.complete.extend(self.open.keys().map(|id| (*id, SpanId::INVALID)));
    }

    /// Takes what is open, and forgets what was complete.
    pub(super) fn take_open(&mut self) -> impl Iterator<Item = (TraceId, Trace)> {
        self.begun.clear();
        self.ended.clear();
        self.complete.clear();
        self.numbers.clear();
        std::mem::take(&mut self.open).into_iter()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.numbers.is_empty() && self.ended.is_empty() && self.begun.is_empty()
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.over.len()
    }

    /// Takes a root and what is below it; the rest is another conversation's.
    fn take_below(&mut self, id: TraceId, root: SpanId) -> Option<Trace> {
        let trace = self.open.get_mut(&id)?;
        let mut children = HashMap::<_, Vec<_>>::new();
        for (record, _) in records(&trace.records) {
            children.entry(record.head.parent_id).or_default().push(record.head.span_id);
        }
        let (mut below, mut next) = (HashSet::new(), vec![root]);
        while let Some(span) = next.pop() {
            below.insert(span);
            next.extend(children.remove(&span).unwrap_or_default());
        }
        let (mut taken, mut left) = (Trace::default(), Vec::new());
        let mut rest = &*trace.records;
        for (record, bytes) in records(&trace.records) {
            let (span, after) = rest.split_at(bytes);
            rest = after;
            if below.contains(&record.head.span_id) {
                taken.records.extend_from_slice(span);
                taken.spans += 1;
            } else {
                left.extend_from_slice(span);
            }
        }
        trace.records = left;
        trace.spans -= taken.spans;
        taken.reservation = trace.reservation.split(taken.records.len());
        if trace.spans == 0 {
            self.numbers.remove(&trace.number);
            self.open.remove(&id);
        }
        (taken.spans > 0).then_some(taken)
    }

    fn end(&mut self, id: TraceId) -> Option<Trace> {
        let trace = self.open.remove(&id)?;
        self.numbers.remove(&trace.number);
        self.begun.remove(&id);
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
