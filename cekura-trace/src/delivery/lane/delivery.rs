//! What a lane asks of the things that it sends. Invariant: every item ends in `settle`, once.

use crate::delivery::ledger::DropReason;
use crate::delivery::own_events::OwnEvents;
use crate::delivery::spool::requests::Stored;
use crate::delivery::transport::Sending;
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// What differs between the things that are sent.
pub(crate) trait Delivery {
    /// What is sent until it is settled, perhaps by several requests.
    type Item: Stored;
    type Answer: Send + 'static;
    /// What an answer can settle.
    type Outcome;

    /// Whether an item that is safe on disk waits there alone. Otherwise somebody waits for its answer, so that it stays in
    /// memory, and when it is given up it is left on disk for the next process.
    const RESTS_ON_DISK: bool;

    /// The next request of an item, or the outcome where none can be made.
    fn request(&mut self, item: &Self::Item) -> Result<Sending<Self::Answer>, Self::Outcome>;

    /// The answer to a request whose task has panicked.
    fn no_answer() -> Self::Answer;

    /// What an answer means for an item that was repeated so many times.
    fn judge(
        &mut self,
        item: &mut Self::Item,
        repeats: u32,
        answer: &Self::Answer,
    ) -> Judgement<Self::Item, Self::Outcome>;

    /// Whether an item that was read again from disk, and gets this place, can be sent at once.
    fn is_ready(&mut self, _item: &Self::Item, _place: u64, _now: Instant) -> bool {
        true
    }

    /// Leaves out what may be why an item is not taken, before it is given up; false where there is no such thing.
    fn lighten(&mut self, _item: &mut Self::Item) -> bool {
        false
    }

    /// Notes where an item now stands.
    fn note(&mut self, _item: &Self::Item, _standing: Standing) {}

    /// Ends an item, by an answer or for a reason of the lane's. `is_left` says that it stays on disk for the next process.
    fn settle(
        &mut self,
        item: Self::Item,
        end: Result<Self::Outcome, DropReason>,
        is_left: bool,
        events: &OwnEvents,
    );

    /// The disk has fallen behind what is promised, or has caught up.
    fn fall_behind(&mut self, _is_behind: bool, _events: &OwnEvents) {}

    /// Requests are given up that were not answered yet.
    fn wait_in_vain(&mut self);

    /// Tells the program of a change.
    fn tell(&self, change: Change<Self::Answer>, events: &OwnEvents);

    /// Whether the next process may have more success with an item of this outcome.
    fn may_pass(_outcome: &Self::Outcome) -> bool {
        false
    }
}

/// What an answer means.
pub(crate) enum Judgement<I, O> {
    /// The item goes on with its next request. Of the endpoint this says nothing.
    Again,
    End(O),
    /// These go in place of the item, before all others.
    Parts(Vec<I>),
    /// An error of the server's own: send it again, later.
    Repeat,
    /// Send it again when the endpoint may be tried again, which the server may have said.
    Retry {
        reason: DropReason,
        wait: Option<Duration>,
    },
}

/// Where an item stands, between memory and disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A dead process has left it on disk.
    Found,
    /// It is not on disk any more.
    Removed,
    /// It will not be needed again, in memory or on disk.
    Settled,
    /// It is safe on disk.
    Written,
}

/// What a program is told.
pub(crate) enum Change<A> {
    /// The endpoint fails for a reason, as its answer says.
    Fails(DropReason, A),
    /// The endpoint answers again.
    Recovers,
    /// The disk cannot be written.
    SpoolFails(io::Error),
}
