//! What the agent's code says of the call that it is in comes in, and is noted for the call log. This file does not
//! know how a call log looks.

use super::conversation::Conversation;
use crate::call::Notes;
use crate::transcript::{Entry, json};
use serde::Serialize;

/// For the call log of `#[cekura::conversation(observe)]`, or by hand of [`observe`](crate::spans::Builder::observe), which
/// is posted when the conversation ends, however it ends.
///
/// Each of these may be called from any task, waits for nothing, and does nothing where there is no such call log; an
/// event says so then, once, but for a conversation that is not recorded. A call log takes 4 MiB at most.
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
    /// Notes what the caller has said, at this moment.
    pub fn user(&self, text: impl Into<String>) {
        self.entry(Entry::user(text));
    }

    /// Notes what the agent says, at this moment.
    pub fn agent(&self, text: impl Into<String>) {
        self.entry(Entry::agent(text));
    }

    /// Notes any entry, at this moment unless it has times of its own, in seconds from the conversation's start.
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
            notes.entry(entry, || self.call.clock.elapsed());
        }
    }

    /// Adds tags: anything that serialises to a JSON object. Those of the same name are replaced.
    pub fn metadata(&self, metadata: impl Serialize) {
        if let Some(notes) = self.notes() {
            notes.metadata(json(metadata));
        }
    }

    /// Says why the call ended, such as `user-hangup` or `agent-ended-call`; the last word counts.
    pub fn ended(&self, reason: impl Into<String>) {
        if let Some(notes) = self.notes() {
            notes.ended(reason.into());
        }
    }

    /// The Cekura agent whose call it is, where the handle knows its project only.
    pub fn agent_id(&self, id: u64) {
        if let Some(notes) = self.notes() {
            notes.agent(id);
        }
    }

    /// `None` where nothing is recorded: nobody is told then that nothing is noted.
    fn notes(&self) -> Option<&Notes> {
        self.is_recorded().then_some(&self.call.notes)
    }
}
