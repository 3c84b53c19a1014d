//! Notes for the call log of the current conversation: what was said, tags, why the call ended. Invariant:
//! noting never waits.

use super::conversation::Conversation;
use crate::call::Notes;
use crate::transcript::{Entry, json};
use serde::Serialize;
use serde_json::Value;

/// Notes for the call log, which is posted when the conversation ends, in whatever way it ends. They need
/// `#[cekura::conversation(observe)]`, or [`observe`](crate::spans::Builder::observe) for a conversation by
/// hand. With it the spans of the conversation write the transcript; what is noted here of a speaker, or of
/// tools, stands in place of what they say of the same in the same turn.
///
/// These methods may be called from any task and never wait. Without such a call log they do nothing, and an
/// event says so once; for a conversation that is not recorded there is no event. A call log holds at most 4
/// MiB of notes; what finds no room is left out whole, and the call log says `metadata.call_log_truncated`.
///
/// ```
/// #[cekura::conversation(call_id = call_id, observe)]
/// async fn answer_call(call_id: &str) {
///     if let Some(call) = cekura::current_conversation() {
///         call.metadata(serde_json::json!({ "bot_version": "1.0" }));
///         call.user("Do you open on Sundays?");
///         call.agent("From ten to four.");
///         call.ended("user-hangup");
///     }
/// }
/// ```
impl Conversation {
    /// Notes what the caller said, at this moment.
    pub fn user(&self, text: impl Into<String>) {
        self.entry(Entry::user(text));
    }

    /// Notes what the agent says, at this moment.
    pub fn agent(&self, text: impl Into<String>) {
        self.entry(Entry::agent(text));
    }

    /// Notes an entry. It gets the current time, unless it has times of its own, in seconds from the
    /// conversation's start.
    ///
    /// ```
    /// # use cekura::{Conversation, Entry};
    /// # fn note(call: &Conversation, slots: &[String]) {
    /// call.entry(Entry::tool_call("call-1", "find_slot", serde_json::json!({ "day": "tuesday" })));
    /// call.entry(Entry::tool_result("call-1", "find_slot", slots));
    /// # }
    /// ```
    pub fn entry(&self, entry: Entry) {
        if let Some(notes) = self.notes() {
            notes.entry(entry, self.turn(), || self.call.clock.elapsed());
        }
    }

    /// Adds tags: any value that serialises to a JSON object. A tag replaces an earlier one of the same name.
    pub fn metadata(&self, metadata: impl Serialize) {
        if let Some(notes) = self.notes() {
            notes.metadata(json(metadata));
        }
    }

    /// The tags that were added until now, as a JSON object. It is empty without a call log, and when the conversation is over.
    ///
    /// ```
    /// # fn note(call: &cekura::Conversation) {
    /// let attempts = call.metadata_so_far()["attempts"].as_u64().unwrap_or_default();
    /// call.metadata(serde_json::json!({ "attempts": attempts + 1 }));
    /// # }
    /// ```
    #[must_use]
    pub fn metadata_so_far(&self) -> Value {
        self.notes().map(Notes::metadata_so_far).unwrap_or_default().into()
    }

    /// Notes why the call ended, such as `user-hangup` or `agent-ended-call`. The last reason counts.
    pub fn ended(&self, reason: impl Into<String>) {
        if let Some(notes) = self.notes() {
            notes.ended(reason.into());
        }
    }

    /// Sets the Cekura agent that took the call. It is needed if the handle has only a project.
    pub fn agent_id(&self, id: u64) {
        if let Some(notes) = self.notes() {
            notes.agent(id);
        }
    }

    /// `None` if nothing is recorded. No event is sent then.
    fn notes(&self) -> Option<&Notes> {
        self.is_recorded().then_some(&self.call.notes)
    }
}
