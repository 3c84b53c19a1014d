//! Call logs that the program keeps back. Invariant: each of them is here until it is released or has waited for long enough.

use opentelemetry::trace::SpanId;
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;

/// Those that are kept back, by the spans of their conversations.
#[derive(Default)]
pub(super) struct Held {
    /// The place in the lane, and until when.
    places: HashMap<SpanId, (u64, Instant)>,
    until: BTreeMap<(Instant, u64), SpanId>,
}

impl Held {
    pub(super) fn add(&mut self, root: SpanId, place: u64, until: Instant) {
        self.places.insert(root, (place, until));
        self.until.insert((until, place), root);
    }

    /// It is kept back no longer; its place, if it was.
    pub(super) fn release(&mut self, root: SpanId) -> Option<u64> {
        let (place, until) = self.places.remove(&root)?;
        self.until.remove(&(until, place));
        Some(place)
    }

    /// One that has waited for long enough.
    pub(super) fn late(&self, now: Instant) -> Option<SpanId> {
        self.until.first_key_value().filter(|((until, _), _)| *until <= now).map(|(_, root)| *root)
    }

    /// When the next one has waited for long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until.first_key_value().map(|((until, _), _)| *until)
    }

    /// All of them.
    pub(super) fn roots(&self) -> Vec<SpanId> {
        self.places.keys().copied().collect()
    }
}
