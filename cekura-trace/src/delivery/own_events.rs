//! Sends the delivery's own events to the program's `tracing` subscriber, and silences those of the
//! HTTP stack beneath. A subscriber that turned these into spans would make a request of each
//! request.

use std::cell::RefCell;
use tracing::Dispatch;
use tracing::dispatcher::{self, DefaultGuard};
use tracing::subscriber::NoSubscriber;

thread_local! {
    static SILENCE: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Where events of the worker's thread go.
#[derive(Clone, Debug)]
pub(crate) struct OwnEvents(Option<Dispatch>);

impl OwnEvents {
    /// Takes the subscriber of the calling thread, or the process's, if there is one yet.
    pub(crate) fn here() -> Self {
        let current = dispatcher::get_default(Clone::clone);
        Self(Some(current).filter(|current| !current.is::<NoSubscriber>()))
    }

    /// Says something from a silent thread; without a subscriber of its own, to the process's of the moment.
    pub(crate) fn emit(&self, event: impl FnOnce()) {
        if let Some(subscriber) = &self.0 {
            return dispatcher::with_default(subscriber, event);
        }
        let _silent_again = SILENCE.take().map(|_| Silent);
        event();
    }
}

/// Makes the thread silent when dropped, after a subscriber's panic too.
struct Silent;

impl Drop for Silent {
    fn drop(&mut self) {
        silence();
    }
}

/// Keeps every event of this thread, but those that are said, from any subscriber.
pub(crate) fn silence() {
    SILENCE.set(Some(dispatcher::set_default(&Dispatch::new(NoSubscriber::new()))));
}
