//! Roots of conversations that have begun come in, and what has ended meanwhile; which of them are on disk, and until
//! when something of them was seen, goes out. This file does not know the disk.

use super::Name;
use crate::finished::{self, Head};
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The conversations of one handle that are open and whose start is on disk.
#[derive(Debug, Default)]
pub(crate) struct Beginnings {
    /// By trace; several have the same where a carrier's id gives it to them.
    open: HashMap<TraceId, Vec<Open>>,
    /// Roots that have ended since it was last asked which have begun.
    ended: HashSet<SpanId>,
}

#[derive(Debug)]
struct Open {
    root: SpanId,
    name: Name,
    /// Nanoseconds since the Unix epoch.
    last_seen: u64,
}

impl Beginnings {
    /// Looks at spans that have ended; what they say of open conversations goes to `mark`.
    pub(crate) fn look(&mut self, records: &[u8], mut mark: impl FnMut(Name, SystemTime)) {
        let mut seen = HashMap::<TraceId, u64>::new();
        for (record, _) in finished::records(records) {
            let Head { trace_id, span_id, parent_id, end, .. } = record.head;
            if parent_id == SpanId::INVALID {
                self.ended.insert(span_id);
            }
            let last_seen = seen.entry(trace_id).or_default();
            *last_seen = end.max(*last_seen);
        }
        for (trace, end) in seen {
            for open in self.open.get_mut(&trace).into_iter().flatten().filter(|open| open.last_seen < end) {
                open.last_seen = end;
                mark(open.name.clone(), UNIX_EPOCH + Duration::from_nanos(end));
            }
        }
    }

    /// Whether a root that has begun is still open. It may have ended before anybody heard that it had begun.
    pub(crate) fn is_open(&self, root: SpanId) -> bool {
        !self.ended.contains(&root)
    }

    /// Its start is kept under a name.
    pub(crate) fn add(&mut self, head: &Head, name: Name) {
        let open = Open { root: head.span_id, name, last_seen: head.start };
        self.open.entry(head.trace_id).or_default().push(open);
    }

    /// All that have begun were added.
    pub(crate) fn forget_ended(&mut self) {
        self.ended.clear();
    }

    /// What is kept of a root that is known to be safe, or gone.
    pub(crate) fn close(&mut self, trace: TraceId, root: SpanId) -> Option<Name> {
        let same = self.open.get_mut(&trace)?;
        let at = same.iter().position(|open| open.root == root)?;
        let open = same.swap_remove(at);
        if same.is_empty() {
            self.open.remove(&trace);
        }
        Some(open.name)
    }
}
