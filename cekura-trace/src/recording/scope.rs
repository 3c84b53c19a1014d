//! What every context inside a conversation, a turn or a capture carries, so that a new span knows where it stands.
//! Invariant: it never changes; who enters a conversation or turn makes another context.

use super::home::Home;
use crate::call::{Call, Turn};
use crate::destination::Destination;
use opentelemetry::trace::SpanId;
use std::sync::Arc;

/// What every context inside a conversation, a turn or a capture carries.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// `None` where nothing is recorded.
    pub(super) home: Option<Arc<Home>>,
    /// The innermost span that was begun by hand.
    pub(super) by_hand: Option<SpanId>,
}

impl Scope {
    /// Sends the spans of a context without a conversation to a destination.
    pub(crate) fn of(destination: Arc<Destination>) -> Self {
        Self::inside(Arc::new(Home::outside(destination)))
    }

    pub(super) fn inside(home: Arc<Home>) -> Self {
        Self { home: Some(home), ..Self::OFF }
    }

    /// Where a conversation is open.
    pub(super) fn call(&self) -> Option<&Arc<Call>> {
        self.home.as_ref()?.call.as_ref()
    }

    /// The turn that it is in.
    pub(super) fn turn(&self) -> Option<&Arc<Turn>> {
        self.home.as_ref()?.turn.as_ref()
    }

    /// Whether this is the span of the turn, of the conversation, or the innermost span by hand.
    pub(super) fn is_of(&self, span: SpanId) -> bool {
        self.by_hand == Some(span)
            || self.turn().is_some_and(|turn| turn.span.span_id() == span)
            || self.call().is_some_and(|call| call.root.span_id() == span)
    }

    pub(super) const OFF: Self = Self { home: None, by_hand: None };
}
