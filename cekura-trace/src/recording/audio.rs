//! The sound of the current conversation, as the program hands it over. Invariant: handing it over waits for nothing but others
//! who do the same.

use super::conversation::Conversation;
use crate::call::audio::Journal;
pub use crate::call::audio::frames::{Frames, Mulaw};
use crate::say::say_once;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// The line of a call: takes what caller and agent say, from [`Conversation::audio`]. It is cheap to clone, may be used from
/// any thread, and waits for nothing. Of a call that is not recorded it does nothing.
///
/// Frames are `&[i16]`, `&[f32]` between -1 and 1, or [`Mulaw`], of one channel, with their samples a second.
///
/// ```
/// # fn receive() -> (Vec<i16>, Vec<u8>) { (vec![0; 160], vec![0; 160]) }
/// #[cekura::conversation(call_id = call_id, observe)]
/// fn answer_call(call_id: &str) {
///     let line = cekura::current_conversation().unwrap_or_default().audio();
///     let (speech, packet) = receive();
///     line.user(cekura::Mulaw(&packet), 8_000); // as it comes in
///     line.agent(&speech, 24_000); // as the service gives it, faster than it plays
///     line.clear(); // the caller cuts in: what is still queued is not heard
/// }
/// ```
#[derive(Clone, Default)]
pub struct Line {
    /// `None` where nothing is recorded.
    journal: Option<Arc<Journal>>,
    /// Whether it belongs to a call.
    is_of_call: bool,
}

impl Conversation {
    /// The line of the call, to record it with [`audio`](crate::Builder::audio) and `observe`.
    pub fn audio(&self) -> Line {
        let call = self.home().and_then(|home| home.call.as_ref());
        let journal = call.and_then(|call| call.audio.get().cloned());
        Line { journal, is_of_call: call.is_some() }
    }
}

impl Line {
    /// What the caller says, as it comes in.
    #[inline]
    pub fn user<'a>(&self, frames: impl Frames<'a>, rate: u32) {
        if let Some(journal) = self.journal() {
            journal.user(frames, rate);
        }
    }

    /// What the caller says. `began` is when the first of these samples was spoken.
    #[inline]
    pub fn user_at<'a>(&self, began: Instant, frames: impl Frames<'a>, rate: u32) {
        if let Some(journal) = self.journal() {
            journal.user_at(began, frames, rate);
        }
    }

    /// What the agent says, as it is handed to the line, which plays it in real time and in order.
    #[inline]
    pub fn agent<'a>(&self, frames: impl Frames<'a>, rate: u32) {
        if let Some(journal) = self.journal() {
            journal.agent(frames, rate);
        }
    }

    /// The caller cuts in: what the agent was given to say and has not been played is not heard. It happens by itself when a turn
    /// ends interrupted.
    pub fn clear(&self) {
        if let Some(journal) = self.journal() {
            journal.clear();
        }
    }

    /// Sets how long it takes from handing the agent's speech over to the caller hearing it, from now on; nothing unless set.
    pub fn delay(&self, delay: Duration) {
        if let Some(journal) = self.journal() {
            journal.delay(delay);
        }
    }

    fn journal(&self) -> Option<&Journal> {
        if !self.is_of_call {
            tell();
        }
        self.journal.as_deref()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("is_recorded", &self.journal.is_some()).finish_non_exhaustive()
    }
}

/// Says once that there is no call.
#[cold]
fn tell() {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if crate::destination::any_open() {
        say_once(&IS_TOLD, || {
            tracing::warn!(
                target: "cekura",
                "sound was handed over outside any call and is not recorded: take the line inside the conversation, \
                 with cekura::current_conversation().unwrap_or_default().audio()"
            );
        });
    }
}
