//! Sends the delivery's own events to the program's `tracing` subscriber. Invariant: the subscriber runs on a thread of its own,
//! so that one that blocks or panics costs events, and nothing else.

use super::side::Side;
use super::warnings::tell_unsaid;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tracing::dispatcher;
use tracing::subscriber::NoSubscriber;

/// How many events wait at most for a subscriber that is slow.
const MOST: usize = 256;

/// Where the delivery's events go.
#[derive(Clone)]
pub(crate) struct OwnEvents {
    side: Arc<Side<Event>>,
    /// How many found no room since the last that was said.
    unsaid: Arc<AtomicU64>,
    /// Whether the subscriber was too slow to be waited for when it last was.
    is_behind: Arc<AtomicBool>,
}

type Event = Box<dyn FnOnce() + Send>;

impl OwnEvents {
    /// To the subscriber of the calling thread, or the process's, or where there is none yet, to the process's of the moment.
    pub(crate) fn here() -> Self {
        let current = dispatcher::get_default(Clone::clone);
        let subscriber = Some(current).filter(|current| !current.is::<NoSubscriber>());
        let unsaid = Arc::<AtomicU64>::default();
        let missed = unsaid.clone();
        let say = move |event: Event| {
            let all = || {
                tell_unsaid(missed.swap(0, Ordering::Relaxed));
                event();
            };
            match &subscriber {
                Some(subscriber) => dispatcher::with_default(subscriber, all),
                None => all(),
            }
        };
        Self { side: Arc::new(Side::new("cekura-trace-events", say)), unsaid, is_behind: Arc::default() }
    }

    /// Has something said. What is not said in time is counted.
    pub(crate) fn emit(&self, event: impl FnOnce() + Send + 'static) {
        if !self.side.push(Box::new(event), MOST) {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Blocks until all was said, but no longer than `wait`.
    pub(super) fn wait(&self, wait: Duration) {
        self.is_behind.store(!self.side.wait(wait), Ordering::Relaxed);
    }

    /// Blocks for a moment until all was said, unless that was too short the last time.
    pub(super) fn settle(&self) {
        const MOMENT: Duration = Duration::from_millis(50);
        self.wait(if self.is_behind.load(Ordering::Relaxed) { Duration::ZERO } else { MOMENT });
    }
}

#[cfg(test)]
#[path = "tests/own_events.rs"]
mod tests;
