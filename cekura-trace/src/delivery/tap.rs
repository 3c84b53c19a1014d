//! What sees records beside the lanes, such as the drawing. Invariant: a tap never holds the worker up; what takes long has a
//! thread of its own.

use super::call_log::sealed::SealedCallLog;
use super::ledger::DropReason;
use super::queue::Begun;
#[cfg(all(feature = "audio", feature = "local"))]
use crate::local::SoundFile;
use crate::room::Room;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};

/// What became of a conversation: what was shown of it, or why nobody can see anything.
pub(crate) type Drawn = Result<Seen, DropReason>;

/// What was shown of a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// How many of its spans are not in it.
    pub(crate) missing: u64,
    /// Whether its recording is; `None` while that is being added.
    pub(crate) is_heard: Option<bool>,
}

/// Sees every record that is drained. One that keeps nothing back needs only `take`.
pub(super) trait Tap {
    /// Hears which conversations have begun, before it takes anything of them.
    fn begun(&mut self, _begun: &Begun) {}

    /// Takes a buffer of records; their `reservation`, unless they are delivered as well.
    fn take(&mut self, records: &[u8], reservation: Option<Room>);

    /// Whether it takes records as they were made, before values are redacted: one that keeps no content.
    fn takes_unredacted(&self) -> bool {
        false
    }

    /// Asked when the queue has been drained: whether it must be once more before what was taken is complete.
    fn wants_more(&mut self) -> bool {
        false
    }

    /// Sees a call log before it is posted. It is told of the recording later, if there is to be one.
    fn call_log(&mut self, _log: &SealedCallLog, _awaits_sound: bool) {}

    /// The recording of a call is prepared: its call log with what that shows, and its file, or why there is none. Whether it was
    /// waited for.
    #[cfg(all(feature = "audio", feature = "local"))]
    fn recorded(
        &mut self,
        _trace: TraceId,
        _log: Option<SealedCallLog>,
        _sound: Result<SoundFile, &'static str>,
    ) -> bool {
        false
    }

    /// Sees the root, as a record, of a conversation whose process has died.
    fn recovered(&mut self, _root: &[u8]) {}

    /// Hears what a call was worth whose root has ended.
    fn score(&mut self, _root: &SpanContext, _name: &str, _value: f64) {}

    /// Nothing is kept of a conversation, and nothing shown. `root` is its span.
    fn abort(&mut self, _trace: TraceId, _root: SpanId) {}

    /// Does what can be done now. `epoch` is the flush that waits for it.
    fn proceed(&mut self, _epoch: u64) {}

    /// A flush waits for what was taken.
    fn flush(&mut self, _epoch: u64) {}

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
