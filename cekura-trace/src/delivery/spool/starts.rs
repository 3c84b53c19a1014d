//! The starts of conversations that run, on disk, so that a crash does not lose their roots. Invariant: a start is on disk
//! until its root is safe, lost or forgotten.

use super::{Event, Item, Name, Spool};
use crate::delivery::encode::Encoder;
use crate::delivery::ledger::Counts;
use crate::delivery::queue::{Begun, START};
use crate::finished::{self, Head};
use crate::room::Room;
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::Instant;

/// How long those rest that the disk could not write.
const REST: Duration = Duration::from_secs(1);

/// The conversations of one handle that are open and whose start is on disk.
#[derive(Debug)]
pub(crate) struct Starts {
    spool: Arc<Spool>,
    /// By trace; several have the same where a carrier's id gives it to them.
    open: HashMap<TraceId, Vec<Start>>,
    /// Roots that have ended since it was last asked which have begun, and since the time before: one that had begun by then
    /// may have been heard of after its end.
    ended: [HashSet<SpanId>; 2],
    /// When those are asked for again for which the disk had no time, or that it could not write, if there are any.
    again: Option<Instant>,
}

#[derive(Debug)]
struct Start {
    root: SpanId,
    /// `None` while the disk is to be asked for it again.
    name: Option<Name>,
    /// Until it is on disk.
    record: Option<Vec<u8>>,
    /// Nanoseconds since the Unix epoch.
    last_seen: u64,
    /// Held until its file is removed.
    _room: Room,
}

impl Starts {
    pub(crate) fn new(spool: Arc<Spool>) -> Self {
        Self { spool, open: HashMap::new(), ended: Default::default(), again: None }
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
                if let Some(name) = open.name {
                    self.spool.mark(name, UNIX_EPOCH + Duration::from_nanos(end));
                }
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
            // Its record is there already.
            room.resize_anyway(body.len() + START);
            let name = self.spool.keep(Item::Start, &body, Vec::new());
            if name.is_none() {
                self.again.get_or_insert_with(Instant::now);
            }
            // Seldom are there two.
            let same = self.open.entry(trace_id).or_insert_with(|| Vec::with_capacity(1));
            same.push(Start { root, name, record: Some(record), last_seen, _room: room });
        }
        for (trace, root) in forgotten {
            self.close_one(trace, root);
        }
        self.ended = [HashSet::new(), std::mem::take(&mut self.ended[0])];
        if self.again.is_some_and(|at| at <= Instant::now()) && !self.spool.is_busy() {
            self.again = None;
            self.ask_again(encoder);
        }
    }

    fn ask_again(&mut self, encoder: &Encoder) {
        for start in self.open.values_mut().flatten().filter(|start| start.name.is_none()) {
            let Some(record) = &start.record else { continue };
            start.name = self.spool.keep(Item::Start, &encoder.start(record), Vec::new());
            match start.name {
                Some(name) => self.spool.mark(name, UNIX_EPOCH + Duration::from_nanos(start.last_seen)),
                None => self.again = Some(Instant::now()),
            }
        }
    }

    /// What the disk has to say of starts, perhaps of others.
    pub(crate) fn spooled(&mut self, event: &Event, now: Instant) {
        let Event::Kept { names, result } = event else { return };
        let names: HashSet<_> = names.iter().copied().collect();
        let are_meant = |start: &&mut Start| start.name.is_some_and(|name| names.contains(&name));
        for start in self.open.values_mut().flatten().filter(are_meant) {
            if result.is_ok() {
                start.record = None;
            } else {
                (start.name, self.again) = (None, Some(now + REST));
            }
        }
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
        same.swap_remove(at).name.into_iter().for_each(|name| self.spool.remove(name));
        if same.is_empty() {
            self.open.remove(&trace);
        }
    }
}

#[cfg(test)]
#[path = "../tests/spool_starts.rs"]
mod tests;
