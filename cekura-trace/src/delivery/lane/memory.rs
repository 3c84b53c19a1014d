//! Gives memory back when it is short. Invariant: what is safe on disk leaves memory first, and then whole requests are
//! lost, the oldest first.

use super::pending::PendingRequest;
use super::{Delivery, DropReason, Lane, SpooledRequests, Stored};
use tokio::time::Instant;

impl<D: Delivery> Lane<D> {
    /// Gives so many bytes back, as far as they are not in flight. What the disk is about to have is waited for.
    pub(crate) fn relieve(&mut self, bytes: usize, now: Instant) {
        let mut missing = self.rest_safe(bytes);
        missing = missing.saturating_sub(self.write_more(missing, now));
        if missing == 0 {
            return;
        }
        let may_go = self.items.waiting.iter().filter(|(_, pending)| holds_alone(pending));
        let mut places: Vec<_> = may_go.map(|(place, pending)| (pending.order, *place)).collect();
        places.sort_unstable();
        for (_, place) in places {
            if missing == 0 {
                return;
            }
            if let Some(pending) = self.items.take_out(place) {
                missing = missing.saturating_sub(pending.item.held());
                self.settle(pending, Err(DropReason::QueueFull));
            }
        }
    }

    /// Lets what is safe wait on disk only; what is missing then.
    fn rest_safe(&mut self, bytes: usize) -> usize {
        let small = self.spool.as_mut().map_or(0, SpooledRequests::rest_small);
        let mut missing = bytes.saturating_sub(small);
        let safe =
            self.items.waiting.iter().filter(|(_, pending)| pending.is_safe() && pending.item.held() > 0);
        for place in safe.map(|(place, _)| *place).collect::<Vec<_>>() {
            if missing == 0 {
                break;
            }
            if let Some(pending) = self.items.take_out(place) {
                missing = missing.saturating_sub(pending.item.held());
                drop(self.rest(pending));
            }
        }
        missing
    }

    /// Asks the disk for so many bytes at once; how many it may be expected to have in a moment.
    fn write_more(&mut self, bytes: usize, now: Instant) -> usize {
        if self.spool.as_ref().is_none_or(SpooledRequests::is_failing) {
            return 0;
        }
        let asked =
            self.items.waiting.values().filter(|pending| pending.copy.is_some() && !pending.is_safe());
        // One that is behind gets no more to do.
        if asked.clone().any(|pending| now >= pending.write_at) {
            return 0;
        }
        let mut coming = asked.map(|pending| pending.item.held()).sum();
        let is_unwritten = |pending: &PendingRequest<_>| pending.copy.is_none() && holds_alone(pending);
        let unwritten = self.items.waiting.iter().filter(|(_, pending)| is_unwritten(pending));
        for (place, held) in
            unwritten.map(|(place, pending)| (*place, pending.item.held())).collect::<Vec<_>>()
        {
            if coming >= bytes || !self.write(place, now) {
                break;
            }
            coming += held;
        }
        coming
    }
}

/// Whether it takes memory, and is nowhere else.
fn holds_alone<I: Stored>(pending: &PendingRequest<I>) -> bool {
    pending.item.held() > 0 && !pending.is_safe()
}
