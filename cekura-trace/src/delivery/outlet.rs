//! What the worker asks of whatever takes its records, a lane or the terminal. Invariant: the fate
//! of every record goes into the ledger.

use super::call_log::sealed::SealedCallLog;
use super::ledger::Reason;
use super::queue::{BegunConversation, Reservation};
use super::spool::{Event, Name};
use prost::bytes::Bytes;
use std::time::SystemTime;
use tokio::time::Instant;

/// Where drained records go: to an endpoint or to the terminal.
pub(crate) trait Outlet: Driven {
    /// Takes a buffer of records, which the ledger has taken already. `epoch` is the flush that waits for it.
    fn take(&mut self, records: &[u8], reservation: Reservation, epoch: u64);

    /// Asked when the queue has been drained: whether it must be once more before what was taken is complete.
    fn wants_more(&mut self) -> bool {
        false
    }

    /// Takes the conversations that have begun; those that have ended as well were taken before.
    fn begin(&mut self, _begun: Vec<BegunConversation>) {}

    /// Takes the start of a conversation that a dead process has not ended.
    fn end_start(&mut self, _name: Name, _body: &Bytes, _last_seen: SystemTime, _now: Instant) {}

    /// Takes the call log of a conversation, which is not posted: local mode.
    fn call_log(&mut self, _log: &SealedCallLog) {}
}

/// What the worker drives until nothing is left of it.
pub(crate) trait Driven {
    /// Answers have come to requests of it.
    fn answered(&mut self, _now: Instant) {}

    /// Does what can be done now.
    fn proceed(&mut self, now: Instant);

    /// Memory is short: gives so many bytes of it back, as far as it can. What is drawn is small, and waits for its whole.
    fn relieve(&mut self, _bytes: usize, _now: Instant) {}

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

    /// Whether there is nothing to wait for at the end: all is settled, or safe on disk where it cannot be sent now.
    fn is_at_rest(&self) -> bool {
        self.oldest().is_none()
    }

    /// What the disk has to say.
    fn spooled(&mut self, _event: Event, _now: Instant) {}

    /// Nothing more will come: tries once more at once, unless the server has asked for a wait.
    fn finish(&mut self, now: Instant);

    /// Gives everything up, but for what is safe on disk.
    fn abandon(&mut self, reason: Reason);

    /// Forgets everything, but for what is safe on disk; the ledger has dropped it already.
    fn clear(&mut self);
}
