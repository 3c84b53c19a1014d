//! What the worker drives: records come in, their fate goes into the ledger. This file does not know which way they
//! leave.

use super::call_log::Letter;
use super::ledger::Reason;
use super::queue::Begun;
use super::queue::Room;
use super::spool::Event;
use super::transport::Answer;
use tokio::time::Instant;

/// Where drained records go: to an endpoint or to the terminal.
pub(crate) trait Outlet {
    /// Takes a buffer of records, which the ledger has taken already. `epoch` is the flush that waits for it.
    fn take(&mut self, records: &[u8], room: Room, epoch: u64);

    /// Asked when the queue has been drained: whether it must be once more before what was taken is complete.
    fn wants_more(&mut self) -> bool {
        false
    }

    /// Memory is short: gives so many bytes of it back, as far as it can. What is drawn is small, and waits for its whole.
    fn relieve(&mut self, _bytes: usize, _now: Instant) {}

    /// Does what can be done now.
    fn proceed(&mut self, now: Instant);

    /// Somebody waits: what rests after a failure is tried again at `by` at the latest.
    fn hurry(&mut self, _by: Instant, _now: Instant) {}

    /// When to proceed although nothing has happened.
    fn due(&self, _now: Instant) -> Option<Instant> {
        None
    }

    /// The earliest epoch of which something is neither settled nor safe on disk.
    fn oldest(&self) -> Option<u64> {
        None
    }

    /// Whether there is nothing to wait for at the end: all is settled, or safe where it cannot be delivered now.
    fn is_at_rest(&self) -> bool {
        self.oldest().is_none()
    }

    /// Takes the conversations that have begun; those that have ended as well were taken before.
    fn begin(&mut self, _begun: Vec<Begun>) {}

    /// What the disk has to say.
    fn spooled(&mut self, _event: Event, _now: Instant) {}

    /// The answer to one of its requests.
    fn answered(&mut self, _number: u64, _answer: &Answer, _now: Instant) {}

    /// Takes the call log of a conversation, which is not posted: local mode.
    fn call_log(&mut self, _letter: &Letter) {}

    /// Nothing more will come.
    fn finish(&mut self, now: Instant);

    /// Drops everything.
    fn abandon(&mut self, reason: Reason);

    /// Forgets everything; the ledger has dropped it already.
    fn clear(&mut self);
}
