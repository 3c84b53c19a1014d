//! Gives memory back when it is short. Invariant: what is safe on disk leaves memory first, and then whole requests are
//! lost, the oldest first.

use super::pending::PendingRequest;
use super::{Delivery, Lane, Reason, Stored};
use tokio::time::Instant;

impl<D: Delivery> Lane<D> {
    /// Gives so many bytes back, as far as they are not in flight. What the disk is about to have is waited for.
    pub(super) fn give_back(&mut self, bytes: usize, now: Instant) {
        let mut missing = self.rest_safe(bytes);
        missing = missing.saturating_sub(self.write_more(missing, now));
        while missing > 0 {
            let may_go = |(_, pending): &(usize, &PendingRequest<_>)| holds_alone(pending);
            let waiting = self.waiting.iter().enumerate().filter(may_go);
            let oldest = waiting.min_by_key(|(_, pending)| pending.order).map(|(at, _)| at);
            let Some(pending) = oldest.and_then(|at| self.waiting.remove(at)) else { return };
            missing = missing.saturating_sub(pending.item.held());
            self.settle(pending, Err(Reason::QueueFull));
        }
    }

    /// Lets what is safe wait on disk only; what is missing then.
    fn rest_safe(&mut self, bytes: usize) -> usize {
        let mut missing = bytes;
        for pending in std::mem::take(&mut self.waiting) {
            let held = if missing > 0 && pending.is_safe() { pending.item.held() } else { 0 };
            missing = missing.saturating_sub(held);
            let left = if held > 0 { self.rest(pending) } else { Some(pending) };
            self.waiting.extend(left);
        }
        missing
    }

    /// Asks the disk for so many bytes at once; how many it may be expected to have in a moment.
    fn write_more(&mut self, bytes: usize, now: Instant) -> usize {
        let Some(spool) = self.spool.as_mut().filter(|spool| !spool.is_failing()) else { return 0 };
        let asked = self.waiting.iter().filter(|pending| pending.copy.is_some() && !pending.is_safe());
        // One that is behind gets no more to do.
        if asked.clone().any(|pending| now >= pending.write_at) {
            return 0;
        }
        let mut coming = asked.map(|pending| pending.item.held()).sum();
        let unwritten = self.waiting.iter_mut().filter(|pending| pending.copy.is_none());
        for pending in unwritten.filter(|pending| holds_alone(pending)) {
            if coming >= bytes {
                break;
            }
            pending.write(spool, now);
            if pending.copy.is_none() {
                break;
            }
            coming += pending.item.held();
        }
        coming
    }
}

/// Whether it takes memory, and is nowhere else.
fn holds_alone<I: Stored>(pending: &PendingRequest<I>) -> bool {
    pending.item.held() > 0 && !pending.is_safe()
}
