//! Why what was sent last did not arrive: what a lane knows, for the last words of its handle. Invariant: a failure that is
//! over is forgotten, unless something was lost by it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared between a lane and its handle.
#[derive(Debug, Default)]
pub(crate) struct LastCause(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Why the last attempt has failed.
    now: Option<String>,
    /// Why something was lost.
    of_loss: Option<String>,
}

impl LastCause {
    pub(crate) fn fail(&self, cause: String) {
        self.known().now = Some(cause);
    }

    /// Something is under way that was not answered; a failure that is known says more.
    pub(crate) fn wait(&self, cause: impl FnOnce() -> String) {
        self.known().now.get_or_insert_with(cause);
    }

    pub(crate) fn recover(&self) {
        self.known().now = None;
    }

    /// Something was lost, by what has failed last, or else by what is told here, if anything is.
    pub(crate) fn lose(&self, told: Option<String>) {
        let mut known = self.known();
        if let Some(cause) = known.now.clone().or(told) {
            known.of_loss = Some(cause);
        }
    }

    /// Why something was lost, or else why it does not arrive.
    pub(crate) fn get(&self) -> Option<String> {
        let known = self.known();
        known.of_loss.as_ref().or(known.now.as_ref()).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
