//! What sees records beside the lanes, such as the drawing. Invariant: a tap never holds the worker up; what takes long has a
//! thread of its own.

use super::call_log::sealed::SealedCallLog;
use super::ledger::DropReason;
use crate::room::Room;
use opentelemetry::trace::TraceId;

/// What became of a conversation: how many of its spans are not in what was shown, or why nobody can see any.
pub(crate) type Drawn = Result<u64, DropReason>;

/// Sees every record that is drained. One that keeps nothing back needs only `take`.
pub(super) trait Tap {
    /// Takes a buffer of records; their `reservation`, unless they are delivered as well.
    fn take(&mut self, records: &[u8], reservation: Option<Room>);

    /// Asked when the queue has been drained: whether it must be once more before what was taken is complete.
    fn wants_more(&mut self) -> bool {
        false
    }

    /// Sees a call log before it is posted.
    fn call_log(&mut self, _log: &SealedCallLog) {}

    /// Nothing is kept of a conversation, and nothing shown.
    fn forget(&mut self, _trace: TraceId) {}

    /// Does what can be done now. `epoch` is the flush that waits for it.
    fn proceed(&mut self, _epoch: u64) {}

    /// What became of a conversation that was to be drawn.
    fn drawn(&mut self, _number: u64, _outcome: Drawn) {}

    /// The earliest flush that waits for it.
    fn oldest(&self) -> Option<u64> {
        None
    }

    /// Gives so many bytes of memory back, as far as it can; how many it gave.
    fn relieve(&mut self, _bytes: usize) -> usize {
        0
    }

    /// Nothing more will come.
    fn finish(&mut self, _epoch: u64) {}

    /// Gives up everything that is not done yet.
    fn abandon(&mut self, _reason: DropReason) {}

    /// How many spans of which traces are taken and not done.
    fn pending(&self) -> Vec<(TraceId, u64)> {
        Vec::new()
    }
}
