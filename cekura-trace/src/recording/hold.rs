//! Keeps the call log of a conversation back until the program knows more of the call. Invariant: it is released once, also where
//! it is only dropped.

use super::conversation::Conversation;
use super::home::Home;
use std::sync::Arc;
use std::time::Duration;

/// Keeps a call log back, from [`Conversation::hold`]. The call log is posted when every hold of its call is released or
/// dropped, at the latest 5 minutes after the end of the conversation. It contains all
/// [`metadata`](Conversation::metadata) set before the release, also after the end. A shutdown posts it at once.
///
/// With a spool the call log survives a crash, as it was when the conversation ended; the next handle posts it. A
/// simulated call ([`Calls`](crate::Calls)) is held for 4.5 minutes at most.
///
/// ```
/// #[cekura::conversation(call_id = call_id, observe)]
/// async fn answer_call(call_id: &str) {
///     let call = cekura::current_conversation().unwrap_or_default();
///     let hold = call.hold();
///     cekura::spawn(async move {
///         // The booking system answers after the call.
///         call.metadata(serde_json::json!({ "booked": true }));
///         hold.release();
///     });
/// }
/// ```
#[derive(Debug)]
#[must_use = "the call log is posted without waiting when this is dropped"]
pub struct Hold {
    /// `None` where there is no call log.
    home: Option<Arc<Home>>,
}

impl Conversation {
    /// Keeps its call log back, as long as what this gives is kept: `let _ = call.hold()` keeps nothing back. If the
    /// conversation has no call log or is over, the hold does nothing, and an event says so.
    pub fn hold(&self) -> Hold {
        let holds = |home: &Arc<Home>| home.call.as_ref().is_some_and(|call| call.notes.hold());
        Hold { home: self.home().filter(|home| holds(home)).cloned() }
    }
}

impl Hold {
    /// Sets the longest wait after the end of the conversation; the default is 5 minutes. Call it before that end. With several
    /// holds of a call, the last call of `for_up_to` counts.
    pub fn for_up_to(self, wait: Duration) -> Self {
        if let Some(call) = self.home.as_ref().and_then(|home| home.call.as_ref()) {
            call.notes.hold_for(wait);
        }
        self
    }

    /// The call log can be posted now. Dropping it does the same.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(home) = self.home.as_deref() else { return };
        if let Some(call) = home.call.as_ref().filter(|call| call.notes.let_go()) {
            home.destination.release(call);
        }
    }
}
