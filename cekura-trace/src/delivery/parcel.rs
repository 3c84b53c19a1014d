//! A request comes in and carries its history from attempt to attempt. This file does not know what is done with it.

use super::encode::Request;
use super::spool::{Depot, Returned, Slip};
use tokio::time::Instant;

/// A request and its history.
pub(super) struct Parcel {
    pub(super) request: Request,
    /// Counts those that were made of ended spans; a part has that of the whole.
    pub(super) birth: u64,
    /// The flush that waits for it, and all later ones.
    pub(super) epoch: u64,
    /// Dropped when the endpoint still fails then; set when it is first tried, or could not be.
    pub(super) give_up: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    pub(super) repeated: bool,
    /// Never tried, nor a part of one that was, nor on disk; it may still grow.
    pub(super) is_new: bool,
    pub(super) slip: Option<Slip>,
    /// When it is put on disk, where there is a spool.
    pub(super) deposit_at: Instant,
}

impl Parcel {
    pub(super) fn new(request: Request, epoch: u64, deposit_at: Instant) -> Self {
        let (birth, give_up, not_before, repeated, is_new, slip) = (0, None, None, false, false, None);
        Self { request, birth, epoch, give_up, not_before, repeated, is_new, slip, deposit_at }
    }

    /// One that no flush waits for.
    pub(super) fn again(returned: Returned, now: Instant) -> Self {
        let Returned { request, slip, repeated } = returned;
        Self { repeated, slip, ..Self::new(request, u64::MAX, now) }
    }

    pub(super) fn is_safe(&self) -> bool {
        self.slip.as_ref().is_some_and(|slip| slip.is_safe)
    }

    /// Asks the disk for it.
    pub(super) fn deposit(&mut self, depot: &Depot, now: Instant) {
        self.slip = depot.ask(&self.request);
        self.deposit_at = now + depot.patience();
        self.is_new = false;
    }

    /// Takes in what has ended later, so that a wait makes requests larger rather than more.
    pub(super) fn grow(&mut self, request: Request) {
        self.request.join(request);
        self.give_up = None;
    }
}
