//! Gives memory back when it is short. Invariant: what is safe on disk leaves memory first, and then whole items are
//! lost, the oldest first.

use super::pending::PendingRequest;
use super::{Delivery, DropReason, Lane, SpooledRequests, Stored};
use tokio::time::Instant;

impl<D: Delivery> Lane<D> {
    /// Gives so many bytes back, as far as they are not in flight. What the disk is about to have is waited for, and where it
    /// is not urgent, also a disk that is slow.
    pub(crate) fn relieve(&mut self, bytes: usize, is_urgent: bool, now: Instant) {
        let mut missing = self.rest_safe(bytes);
        missing = missing.saturating_sub(self.write_more(missing, now));
        let may_wait = || !is_urgent && self.spool.as_ref().is_some_and(|spool| !spool.is_failing());
        if missing == 0 || may_wait() {
            return;
        }
        // What takes next to nothing goes last, and only what there is too much of.
        let place = |(place, pending): (&u64, &PendingRequest<D::Item>)| {
            let held = pending.item.held();
            (held <= D::Item::LIGHT, pending.order, *place, held)
        };
        let mut places: Vec<_> =
            self.items.waiting.iter().map(place).filter(|(.., held)| *held > 0).collect();
        places.sort_unstable();
        let small: usize = places.iter().filter(|(is_small, ..)| *is_small).map(|(.., held)| held).sum();
        let mut too_much = small.saturating_sub(self.spool.as_ref().map_or(0, SpooledRequests::most_known));
        for (is_small, _, place, held) in places {
            if missing == 0 || is_small && too_much == 0 {
                return;
            }
            too_much = too_much.saturating_sub(if is_small { held } else { 0 });
            // The disk has what it was asked to write, and gives it back when it is to be sent.
            let given = self.items.change(place, |PendingRequest { item, copy, .. }| {
                let is_asked = copy.as_ref().is_some_and(|copy| !copy.is_old) && !item.is_light();
                let held = item.held();
                (!D::RESTS_ON_DISK && is_asked).then(|| item.lighten()).map(|()| held - item.held())
            });
            if let Some(given) = given.flatten() {
                missing = missing.saturating_sub(given);
            } else if let Some(pending) = self.items.take_out(place) {
                missing = missing.saturating_sub(pending.item.held());
                self.settle(pending, Err(DropReason::QueueFull));
            }
        }
    }

    /// Lets what is safe wait on disk only, until so many bytes are given back; what is missing then.
    pub(crate) fn rest_safe(&mut self, bytes: usize) -> usize {
        let small = self.spool.as_mut().map_or(0, SpooledRequests::rest_small);
        let mut missing = bytes.saturating_sub(small);
        let may_rest = |pending: &PendingRequest<D::Item>| {
            let is_on_disk = pending.copy.as_ref().is_some_and(|copy| copy.is_safe && !copy.is_old);
            is_on_disk && !pending.item.is_light() && pending.item.held() > D::Item::LIGHT
        };
        let safe = self.items.waiting.iter().filter(|(_, pending)| may_rest(pending));
        for place in safe.map(|(place, _)| *place).collect::<Vec<_>>() {
            if missing == 0 {
                break;
            }
            let given = if D::RESTS_ON_DISK {
                self.items.take_out(place).map(|pending| {
                    let held = pending.item.held();
                    drop(self.rest(pending));
                    held
                })
            } else {
                self.items.change(place, |PendingRequest { item, .. }| {
                    let held = item.held();
                    item.lighten();
                    held - item.held()
                })
            };
            missing = missing.saturating_sub(given.unwrap_or_default());
        }
        missing
    }

    /// Asks the disk for so many bytes at once; how many it may be expected to have in a moment.
    fn write_more(&mut self, bytes: usize, now: Instant) -> usize {
        // One that is behind gets no more to do.
        if self.spool.as_mut().is_none_or(|spool| spool.is_failing() || spool.is_late(now)) {
            return 0;
        }
        let waiting = &self.items.waiting;
        let asked = waiting.values().filter(|pending| !pending.is_safe() && !pending.is_unwritten());
        let mut coming = asked.map(|pending| pending.item.held()).sum();
        let held = |place| Some((place, waiting.get(&place)?.item.held())).filter(|(_, held)| *held > 0);
        for (place, held) in self.items.unwritten().filter_map(held).collect::<Vec<_>>() {
            if coming >= bytes || !self.write(place, now) {
                break;
            }
            coming += held;
        }
        coming
    }
}
