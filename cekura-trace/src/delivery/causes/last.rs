//! Why what was sent last did not arrive: what a lane knows, for the last words of its handle. Invariant: a failure that is
//! over is forgotten, unless something was lost by it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared between a lane and its handle.
#[derive(Debug, Default)]
pub(crate) struct LastCause(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Why the last attempt has failed.
    now: Option<Told>,
    /// Why something was lost.
    of_loss: Option<Told>,
}

/// A cause in whole, and briefly.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(super) whole: String,
    pub(super) brief: String,
}

impl LastCause {
    pub(crate) fn fail(&self, cause: impl Into<Told>) {
        self.known().now = Some(cause.into());
    }

    /// Something is under way that was not answered; a failure that is known says more.
    pub(crate) fn wait<C: Into<Told>>(&self, cause: impl FnOnce() -> C) {
        self.known().now.get_or_insert_with(|| cause().into());
    }

    pub(crate) fn recover(&self) {
        self.known().now = None;
    }

    /// Something was lost, by what has failed last, or else by what is told here, if anything is.
    pub(crate) fn lose(&self, told: Option<String>) {
        let mut known = self.known();
        let told = told.map(|whole| Told { brief: whole.clone(), whole });
        if let Some(cause) = known.now.clone().or(told) {
            known.of_loss = Some(cause);
        }
    }

    /// Why something was lost, or else why it does not arrive.
    pub(crate) fn get(&self) -> Option<String> {
        self.known().last().map(|told| told.whole.clone())
    }

    /// The same without what a server says, which an event has told.
    pub(crate) fn brief(&self) -> Option<String> {
        self.known().last().map(|told| told.brief.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn last(&self) -> Option<&Told> {
        self.of_loss.as_ref().or(self.now.as_ref())
    }
}
