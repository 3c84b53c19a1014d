//! An item in a lane, with what was tried for it so far. Invariant: it has a copy on disk, or a time at which one is
//! written where there is a spool.

use crate::delivery::spool::requests::{DiskCopy, SpooledRequests, Stored};
use tokio::time::Instant;

/// An item that is not settled.
pub(super) struct PendingRequest<I> {
    pub(super) item: I,
    /// Counts those that were made of ended spans; a part has that of the whole.
    pub(super) order: u64,
    /// The flush that waits for it, and all later ones.
    pub(super) epoch: u64,
    /// Given up when the endpoint still fails then; set when it is first tried, or could not be.
    pub(super) give_up: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    /// How often it was sent again after an error of the server's own.
    pub(super) repeats: u32,
    /// Never tried, nor a part of one that was, nor on disk; it may still grow.
    pub(super) is_new: bool,
    /// Whether it may be sent. One that waits for something else is left alone.
    pub(super) is_ready: bool,
    /// On disk, or asked for.
    pub(super) copy: Option<DiskCopy>,
    /// When it is written to disk, where there is a spool.
    pub(super) write_at: Instant,
}

impl<I: Stored> PendingRequest<I> {
    pub(super) fn new(item: I, epoch: u64, write_at: Instant) -> Self {
        let (order, give_up, not_before, repeats) = (0, None, None, 0);
        let (is_new, is_ready, copy) = (false, true, None);
        Self { item, order, epoch, give_up, not_before, repeats, is_new, is_ready, copy, write_at }
    }

    pub(super) fn is_safe(&self) -> bool {
        self.copy.as_ref().is_some_and(|copy| copy.is_safe)
    }

    /// Whether the disk was not asked for it as it is.
    pub(super) fn is_unwritten(&self) -> bool {
        self.copy.as_ref().is_none_or(|copy| copy.is_old)
    }

    /// Has its copy on disk written anew, at once.
    pub(super) fn outdate(&mut self) {
        if let Some(copy) = &mut self.copy {
            copy.is_old = true;
            self.write_at = Instant::now();
        }
    }

    /// Asks the disk for a copy, or for it as it is now in place of its copy.
    pub(super) fn write(&mut self, spool: &mut SpooledRequests<I>, now: Instant) {
        match &mut self.copy {
            Some(copy) => spool.write_again(copy, &self.item, now),
            copy => *copy = spool.write(&self.item, now),
        }
        self.write_at = now + spool.patience();
        self.is_new = false;
    }
}
