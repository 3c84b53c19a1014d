//! A destination comes in, what all spans of one conversation have in common goes out. This file does not know where one
//! of them stands.

use crate::call::{Call, Clock};
use crate::destination::{CaptureContent, Destination};
use std::sync::Arc;

/// What the spans of one conversation have in common, or those that stand in one trace outside any.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(super) destination: Arc<Destination>,
    /// Where a conversation is open.
    pub(super) call: Option<Arc<Call>>,
    /// How much of their content they keep; a conversation inside another may keep less.
    pub(super) capture: CaptureContent,
    pub(super) clock: Clock,
}

impl Home {
    /// That of spans outside any conversation.
    pub(super) fn outside(destination: Arc<Destination>) -> Self {
        let (capture, clock) = (destination.capture, Clock::read());
        Self { destination, call: None, capture, clock }
    }
}
