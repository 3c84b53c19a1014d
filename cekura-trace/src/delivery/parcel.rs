//! A request comes in and carries its history from attempt to attempt. This file does not know what is done with it.

use super::encode::Request;
use super::spool::{Returned, Slip};
use tokio::time::Instant;

/// A request and its history.
pub(super) struct Parcel {
    pub(super) request: Request,
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
        let (give_up, not_before, repeated, is_new, slip) = (None, None, false, false, None);
        Self { request, epoch, give_up, not_before, repeated, is_new, slip, deposit_at }
    }

    /// One that no flush waits for.
    pub(super) fn again(returned: Returned, now: Instant) -> Self {
        let Returned { request, slip, repeated } = returned;
        Self { repeated, slip, ..Self::new(request, u64::MAX, now) }
    }

    pub(super) fn is_safe(&self) -> bool {
        self.slip.as_ref().is_some_and(|slip| slip.is_safe)
    }

    /// Takes in what has ended later, so that a wait makes requests larger rather than more.
    pub(super) fn grow(&mut self, request: Request) {
        self.request.join(request);
        self.give_up = None;
    }
}
