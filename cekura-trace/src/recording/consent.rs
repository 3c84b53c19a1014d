//! What the caller decides on during a call, or the program for him. Invariant: whatever is decided is decided at once, on whichever
//! thread.

use super::conversation::Conversation;
use crate::call::consent::ConsentEvent;

/// The caller's consent: [`Builder::consent`](crate::Builder::consent) says what waits for it. Each method may be called from any
/// thread and as often as you like. What was refused or aborted stays so: a later `grant()` has no effect, and an event says so.
///
/// ```
/// #[cekura::conversation(observe)]
/// fn answer_call(says_yes: bool) {
///     let call = cekura::current_conversation().unwrap_or_default();
///     if says_yes { call.grant() } else { call.refuse_audio() }
/// }
/// ```
impl Conversation {
    /// The caller agrees: what was kept back leaves now, and what follows leaves as usual.
    pub fn grant(&self) {
        self.decide(ConsentEvent::Grant);
    }

    /// The caller does not want to be recorded: what was recorded of the call is erased, and nothing more is. Spans, notes and log
    /// lines are not affected. After the call it still takes a recording back that is not posted yet.
    pub fn refuse_audio(&self) {
        self.decide(ConsentEvent::RefuseAudio);
    }

    /// Nothing more of the call is to leave: recording, notes, log lines and the spans that are not sent yet are erased, in memory
    /// and on disk, and spans that end from now on are dropped; all these spans are counted as `aborted`. The call log is not
    /// posted, also where the call has ended already. What was sent before cannot be recalled.
    pub fn abort(&self) {
        self.decide(ConsentEvent::Abort);
    }

    fn decide(&self, event: ConsentEvent) {
        if let Some((call, home)) = self.home().and_then(|home| home.call.as_ref().zip(Some(home)))
            && call.decide(event)
        {
            home.destination.decided(call);
        }
    }
}
