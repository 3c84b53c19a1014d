//! The starts of conversations that run, on disk, so that a crash does not lose their roots. Invariant: a start is on disk
//! until its root is safe, lost or forgotten.

use super::{Item, Name, Spool};
use crate::delivery::encode::Encoder;
use crate::delivery::ledger::Counts;
use crate::delivery::queue::{Begun, START};
use crate::finished::{self, Head};
use crate::room::Room;
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// The conversations of one handle that are open and whose start is on disk.
#[derive(Debug)]
pub(crate) struct Starts {
    spool: Arc<Spool>,
    /// By trace; several have the same where a carrier's id gives it to them.
    open: HashMap<TraceId, Vec<Start>>,
    /// Roots that have ended since it was last asked which have begun, and since the time before: one that had begun by then
    /// may have been heard of after its end.
    ended: [HashSet<SpanId>; 2],
}

#[derive(Debug)]
struct Start {
    root: SpanId,
    name: Name,
    /// Nanoseconds since the Unix epoch.
    last_seen: u64,
    /// Held until its file is removed.
    _room: Room,
}

impl Starts {
    pub(crate) fn new(spool: Arc<Spool>) -> Self {
        Self { spool, open: HashMap::new(), ended: Default::default() }
    }

    /// Looks at spans that have ended, and marks when something of an open conversation was last seen.
    pub(crate) fn look(&mut self, records: &[u8]) {
        let mut seen = HashMap::<TraceId, u64>::new();
        for (record, _) in finished::records(records) {
            let Head { trace_id, span_id, parent_id, end, .. } = record.head;
            if parent_id == SpanId::INVALID {
                self.ended[0].insert(span_id);
            }
            let last_seen = seen.entry(trace_id).or_default();
            *last_seen = end.max(*last_seen);
        }
        for (trace, end) in seen {
            for open in self.open.get_mut(&trace).into_iter().flatten().filter(|open| open.last_seen < end) {
                open.last_seen = end;
                self.spool.mark(open.name, UNIX_EPOCH + Duration::from_nanos(end));
            }
        }
    }

    /// Keeps the roots of conversations that have begun. One may have ended before anybody heard that it had begun.
    pub(crate) fn begin(&mut self, Begun { roots, forgotten }: Begun, encoder: &Encoder) {
        for (record, mut room) in roots {
            let Some((read, _)) = finished::records(&record).next() else { continue };
            let Head { trace_id, span_id: root, start: last_seen, .. } = read.head;
            if self.ended.iter().any(|ended| ended.contains(&root)) {
                continue;
            }
            let body = encoder.start(&record);
            if room.resize(body.len() + START)
                && let Some(name) = self.spool.keep(Item::Start, &body, Vec::new())
            {
                // Seldom are there two.
                let same = self.open.entry(trace_id).or_insert_with(|| Vec::with_capacity(1));
                same.push(Start { root, name, last_seen, _room: room });
            }
        }
        for (trace, root) in forgotten {
            self.close_one(trace, root);
        }
        self.ended = [HashSet::new(), std::mem::take(&mut self.ended[0])];
    }

    /// The roots are safe, or gone: their starts are not needed any more.
    pub(crate) fn close(&mut self, counts: &Counts, roots: &[SpanId]) {
        for root in roots {
            for trace in counts.keys() {
                self.close_one(*trace, *root);
            }
        }
    }

    /// Removes the start that a dead process has left under a name.
    pub(crate) fn remove(&self, name: Name) {
        self.spool.remove(name);
    }

    fn close_one(&mut self, trace: TraceId, root: SpanId) {
        let Some(same) = self.open.get_mut(&trace) else { return };
        let Some(at) = same.iter().position(|open| open.root == root) else { return };
        self.spool.remove(same.swap_remove(at).name);
        if same.is_empty() {
            self.open.remove(&trace);
        }
    }
}

#[cfg(test)]
#[path = "../tests/spool_starts.rs"]
mod tests;
