//! What the worker does when a call is decided on, and what it keeps of calls that run. Invariant: of a call that is erased nothing is
//! left in a lane, a tap or the spool, but for what is under way.

use super::{Begun, Instant, Worker};
use crate::call::Call;
use crate::call::consent::ConsentFate;
use crate::delivery::warnings::tell_delay_of_held;

impl Worker {
    /// What becomes of a call was decided, perhaps after its end.
    pub(super) fn decided(&mut self, call: &Call) {
        self.collect();
        let (trace, root, fate) = (call.root.trace_id(), call.root.span_id(), call.fate());
        if fate == ConsentFate::Aborted {
            // Some of it may have begun to leave.
            self.taps.iter_mut().for_each(|tap| tap.abort(trace, root));
            self.sampler.iter_mut().for_each(|sampler| sampler.abort(trace));
            self.send_held();
            self.spans.iter_mut().for_each(|spans| spans.forget(trace));
        }
        if is_erased(call) {
            self.call_logs.cancel(root);
            #[cfg(all(feature = "audio", feature = "local"))]
            self.unheard.remove(&root);
            self.drafts.iter_mut().for_each(|drafts| drafts.remove(root));
        } else if !call.keeps_audio() {
            self.call_logs.refuse_audio(root);
        }
    }

    /// Writes what is held, where it is to survive the process.
    pub(super) fn write_held(&mut self, now: Instant) {
        if let Some(is_behind) = self.sampler.as_mut().and_then(|sampler| sampler.write(now)) {
            self.ledger.fall_behind_with_held(is_behind);
            self.events.emit(move || tell_delay_of_held(is_behind));
        }
    }

    /// The starts of conversations of calls that are not sent are not needed any more.
    pub(super) fn forget_dropped(&mut self) {
        let forgotten = std::mem::take(&mut self.begun.forgotten);
        if let Some(spans) = &mut self.spans {
            spans.begin(Begun { forgotten, roots: Vec::new() });
        }
    }

    /// Writes what is known of the calls that run, where it is to survive the process.
    pub(super) fn write_drafts(&mut self, now: Instant) {
        let Some(drafts) = &mut self.drafts else { return };
        #[cfg(feature = "audio")]
        let recorded = |call: &Call| {
            let (recorder, journal) = (self.recorder.as_ref()?, call.audio.get()?);
            (journal.is_granted() && !journal.is_erased()).then(|| recorder.recorded(journal, None))
        };
        #[cfg(not(feature = "audio"))]
        let recorded = |_: &Call| None;
        drafts.write(self.calls.all(), &self.account, recorded, now);
    }
}

/// Whether nothing is kept of a call.
pub(super) fn is_erased(call: &Call) -> bool {
    matches!(call.fate(), ConsentFate::Aborted | ConsentFate::NoConsent)
}
