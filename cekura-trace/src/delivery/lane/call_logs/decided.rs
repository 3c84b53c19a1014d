//! What is done with a call log that is not posted yet when its caller, or the program, decides otherwise. Invariant: what has left
//! stays as it is.

use super::{CallLogs, PendingCallLog};
use crate::delivery::call_log::error::Sent;
use crate::delivery::lane::Lane;
use crate::delivery::spool::requests::Stored;
use opentelemetry::trace::SpanId;

impl Lane<CallLogs> {
    /// Nothing is kept of this conversation: its call log is not posted, unless it is under way, and then not again.
    pub(crate) fn cancel(&mut self, root: SpanId) {
        let Some(place) = self.of(root) else { return };
        self.refuse_audio(root);
        self.delivery.held_back.remove(root);
        if let Some(trace) = self.delivery.awaited.remove(place) {
            self.delivery.ledger.ignore(trace);
        }
        if let Some(pending) = self.items.take_out(place) {
            return self.settle(pending, Ok(Ok(Sent::default())));
        }
        let copy = self.items.change(place, |pending| {
            pending.item.is_cancelled = true;
            pending.copy.take()
        });
        if let Some((copy, spool)) = copy.flatten().zip(self.spool.as_mut()) {
            spool.remove(&copy);
        }
    }

    /// The recording of this conversation is not to be posted.
    pub(crate) fn refuse_audio(&mut self, root: SpanId) {
        let Some(place) = self.of(root) else { return };
        let spool = &self.spool;
        #[cfg(feature = "audio")]
        let ledger = &self.delivery.ledger;
        self.items.change(place, |pending| {
            let item = &mut pending.item;
            if let Some(spool) = spool {
                spool.remove_recording(item);
            }
            item.recording = None;
            item.shown.is_recorded = false;
            #[cfg(feature = "audio")]
            if item.sound.take().is_some() {
                ledger.count_recording(|count| count.dropped += 1);
            }
            // Of what is on disk only when it is read again.
            item.refuses_audio = item.is_light();
            // Otherwise it is written anew.
            if item.rewrite.is_none() && item.log.refuse_audio() {
                pending.outdate();
            }
        });
    }

    /// Where the call log of a conversation is. It looks at all of them, for few are decided on so late.
    fn of(&self, root: SpanId) -> Option<u64> {
        self.items.place_of(|item: &PendingCallLog| item.root == Some(root))
    }
}
