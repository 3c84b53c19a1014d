//! What one held call has on disk. Invariant: its copies have its records in their order.

use crate::delivery::spool::Name;
use crate::delivery::spool::requests::DiskCopy;
use crate::room::Room;
use opentelemetry::trace::SpanId;
use std::collections::VecDeque;
use tokio::time::Instant;

/// What a copy takes in memory.
const PER_COPY: usize = 256;

/// The copies of one call, in the order of its records.
#[derive(Default)]
pub(super) struct OwnCopies {
    pub(super) list: VecDeque<Copy>,
    /// What they stand in place of, until they are on disk.
    pub(super) replaced: Vec<Name>,
    pub(super) not_before: Option<Instant>,
    /// The spool has no room for them.
    pub(super) is_given_up: bool,
    /// The conversations in it whose starts are on disk.
    pub(super) roots: Vec<SpanId>,
}

/// One of them.
pub(super) struct Copy {
    pub(super) on_disk: DiskCopy,
    pub(super) spans: u64,
    pub(super) bytes: u64,
    /// Held until it is written.
    pub(super) room: Room,
}

impl OwnCopies {
    /// How many spans they have.
    pub(super) fn spans(&self) -> u64 {
        self.list.iter().map(|copy| copy.spans).sum()
    }

    /// What they take in memory.
    pub(super) fn memory(&self) -> usize {
        (self.list.len() + self.replaced.len()) * PER_COPY
    }

    /// How many spans the first one has, if there is one.
    pub(super) fn first(&self) -> Option<u64> {
        self.list.front().map(|copy| copy.spans)
    }

    pub(super) fn is_due(&self, spans: u64, now: Instant) -> bool {
        !self.is_given_up && self.not_before.is_none_or(|at| at <= now) && self.spans() < spans
    }
}
