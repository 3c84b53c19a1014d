//! Gives memory back when it is short. Invariant: what is nowhere else goes last, and then whole requests go, the
//! oldest first.

use super::Sender;
use crate::delivery::ledger::Reason;
use crate::delivery::parcel::Parcel;
use tokio::time::Instant;

impl Sender {
    /// Gives so many bytes back, as far as they are not in flight. What the disk is about to have is waited for.
    pub(super) fn give_back(&mut self, bytes: usize, now: Instant) {
        let mut missing = self.rest_safe(bytes);
        missing = missing.saturating_sub(self.hurry(missing, now));
        while missing > 0 {
            let may_go = |(_, parcel): &(usize, &Parcel)| parcel.request.held() > 0 && !parcel.is_safe();
            let waiting = self.ready.iter().enumerate().filter(may_go);
            let oldest = waiting.min_by_key(|(_, parcel)| parcel.birth).map(|(at, _)| at);
            let Some(parcel) = oldest.and_then(|at| self.ready.remove(at)) else { return };
            missing = missing.saturating_sub(parcel.request.held());
            self.lose(parcel, Reason::QueueFull);
        }
    }

    /// Lets what is safe wait on disk only; what is missing then.
    fn rest_safe(&mut self, bytes: usize) -> usize {
        let mut missing = bytes;
        for parcel in std::mem::take(&mut self.ready) {
            let held = if missing > 0 && parcel.is_safe() { parcel.request.held() } else { 0 };
            missing = missing.saturating_sub(held);
            let left = if held > 0 { self.rest(parcel) } else { Some(parcel) };
            self.ready.extend(left);
        }
        missing
    }

    /// Asks the disk for so many bytes at once; how many it may be expected to have in a moment.
    fn hurry(&mut self, bytes: usize, now: Instant) -> usize {
        let Some(depot) = self.depot.as_ref().filter(|depot| !depot.is_failing()) else { return 0 };
        let asked = self.ready.iter().filter(|parcel| parcel.slip.is_some() && !parcel.is_safe());
        // One that is behind gets no more to do.
        if asked.clone().any(|parcel| now >= parcel.deposit_at) {
            return 0;
        }
        let mut coming = asked.map(|parcel| parcel.request.held()).sum();
        let waiting = self.ready.iter_mut().filter(|parcel| parcel.slip.is_none());
        for parcel in waiting.filter(|parcel| parcel.request.held() > 0) {
            if coming >= bytes {
                break;
            }
            parcel.deposit(depot, now);
            if parcel.slip.is_none() {
                break;
            }
            coming += parcel.request.held();
        }
        coming
    }
}
