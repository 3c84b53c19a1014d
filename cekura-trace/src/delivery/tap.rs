//! What sees the worker's records beside their delivery. Invariant: nothing that a tap does, a panic included, changes
//! what is delivered or what the ledger says.

use super::call_log::sealed::SealedCallLog;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Sees every record that is drained.
pub(crate) trait Tap {
    fn take(&mut self, records: &[u8]);

    /// Asked when the queue has been drained: whether it must be once more before what was taken is complete.
    fn wants_more(&mut self) -> bool;

    /// Sees a call log before it is posted.
    fn call_log(&mut self, log: &SealedCallLog);

    /// Does what can be done now.
    fn proceed(&mut self);

    /// Nothing more will come.
    fn finish(&mut self);

    /// Forgets everything, after a panic.
    fn clear(&mut self);
}

/// The taps of one handle.
#[derive(Default)]
pub(crate) struct Taps(pub(crate) Vec<Box<dyn Tap>>);

impl Taps {
    pub(crate) fn take(&mut self, records: &[u8]) {
        self.each(|tap| tap.take(records));
    }

    pub(crate) fn wants_more(&mut self) -> bool {
        let mut wants_more = false;
        self.each(|tap| wants_more |= tap.wants_more());
        wants_more
    }

    pub(crate) fn call_log(&mut self, log: &SealedCallLog) {
        self.each(|tap| tap.call_log(log));
    }

    pub(crate) fn proceed(&mut self) {
        self.each(Tap::proceed);
    }

    pub(crate) fn finish(&mut self) {
        self.each(Tap::finish);
    }

    /// A tap that panics loses what it had, and sees what comes after.
    fn each(&mut self, mut run: impl FnMut(&mut (dyn Tap + 'static))) {
        for tap in &mut self.0 {
            if catch_unwind(AssertUnwindSafe(|| run(&mut **tap))).is_err() {
                tap.clear();
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/tap.rs"]
mod tests;
