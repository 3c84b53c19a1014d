//! What the caller of one call has agreed to: a table of where the call stands, what happens, and where it stands then.
//! Invariant: what was refused or erased is never kept again, and nothing else decides what of a call may leave.

use crate::say::say;
use std::sync::atomic::{AtomicU8, Ordering};

/// What of a call waits for its caller's consent: [`Builder::consent`](crate::Builder::consent).
///
/// [`Conversation::grant`](crate::Conversation::grant), [`refuse_audio`](crate::Conversation::refuse_audio) and
/// [`abort`](crate::Conversation::abort) say what the caller has decided. `docs/calls.md` has the whole table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Consent {
    /// The recording: it is kept in memory and in a file that vanishes with the process, and is erased if the call ends
    /// without `grant()`.
    Audio,
    /// Everything: spans, notes, log lines and the recording stay in the memory of the process, within the memory limit, and
    /// are erased if the call ends without `grant()`.
    Everything,
    /// Nothing: the caller has agreed before the call.
    #[default]
    Given,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConsentState {
    /// Everything leaves.
    Open,
    /// The text leaves, the recording waits.
    AudioHeld,
    /// Everything waits.
    AllHeld,
    /// The text waits, the recording was refused.
    TextHeld,
    /// The text leaves, the recording was refused.
    NoAudio,
    /// The program has ended the recording of the whole call.
    Aborted,
    /// It has ended without consent to anything.
    NoConsent,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentEvent {
    /// The caller agrees.
    Grant,
    /// The caller does not want to be recorded.
    RefuseAudio,
    /// Nothing of the call is to be kept.
    Abort,
    /// Its conversation ends.
    End,
}

/// What becomes of the spans, notes and log lines of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentFate {
    /// Erased, because the program has aborted the call.
    Aborted,
    /// They leave.
    Leaves,
    /// Erased, because nobody has agreed.
    NoConsent,
    /// It is not known yet.
    Waits,
}

impl ConsentState {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::AudioHeld,
        Self::AllHeld,
        Self::TextHeld,
        Self::NoAudio,
        Self::Aborted,
        Self::NoConsent,
    ];

    /// Where a call stands when it begins.
    #[must_use]
    pub const fn at_begin(consent: Consent) -> Self {
        match consent {
            Consent::Audio => Self::AudioHeld,
            Consent::Everything => Self::AllHeld,
            Consent::Given => Self::Open,
        }
    }

    /// Where it stands after something has happened, and whether a warning says that this has no effect.
    #[must_use]
    pub const fn after(self, event: ConsentEvent) -> (Self, bool) {
        use ConsentState::{Aborted, AllHeld, AudioHeld, NoAudio, NoConsent, Open, TextHeld};
        #[rustfmt::skip]
        let row = match self {
            //            grant()            refuse_audio()     abort()            the conversation ends
            Open      => [(Open, false),     (NoAudio, false),  (Aborted, false),  (Open, false)],
            AudioHeld => [(Open, false),     (NoAudio, false),  (Aborted, false),  (NoAudio, false)],
            AllHeld   => [(Open, false),     (TextHeld, false), (Aborted, false),  (NoConsent, false)],
            TextHeld  => [(NoAudio, false),  (TextHeld, false), (Aborted, false),  (NoConsent, false)],
            NoAudio   => [(NoAudio, true),   (NoAudio, false),  (Aborted, false),  (NoAudio, false)],
            Aborted   => [(Aborted, true),   (Aborted, true),   (Aborted, false),  (Aborted, false)],
            NoConsent => [(NoConsent, true), (NoConsent, true), (NoConsent, false), (NoConsent, false)],
        };
        row[event as usize]
    }

    /// Whether the recording is kept.
    #[must_use]
    pub const fn keeps_audio(self) -> bool {
        matches!(self, Self::AllHeld | Self::AudioHeld | Self::Open)
    }

    /// What becomes of everything else.
    #[must_use]
    pub const fn fate(self) -> ConsentFate {
        match self {
            Self::Aborted => ConsentFate::Aborted,
            Self::AllHeld | Self::TextHeld => ConsentFate::Waits,
            Self::AudioHeld | Self::NoAudio | Self::Open => ConsentFate::Leaves,
            Self::NoConsent => ConsentFate::NoConsent,
        }
    }
}

impl ConsentEvent {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 4] = [Self::Grant, Self::RefuseAudio, Self::Abort, Self::End];
}

/// Where one call stands, for all its threads.
#[derive(Debug)]
pub(crate) struct CallConsent {
    /// What waits for consent.
    asked: Consent,
    state: AtomicU8,
    /// The events of which no warning tells, one bit each: it has, or the last of them was no more than said twice.
    told: AtomicU8,
}

impl CallConsent {
    pub(crate) fn new(asked: Consent) -> Self {
        Self { asked, state: AtomicU8::new(ConsentState::at_begin(asked) as u8), told: AtomicU8::new(0) }
    }

    pub(crate) fn state(&self) -> ConsentState {
        of_number(self.state.load(Ordering::Acquire))
    }

    /// Something happens: where the call stood before, and stands now.
    pub(crate) fn happens(&self, event: ConsentEvent) -> [ConsentState; 2] {
        let next = |state| of_number(state).after(event).0 as u8;
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| Some(next(state)));
        let before = of_number(before.unwrap_or_else(|state| state));
        let (now, is_in_vain) = before.after(event);
        let bit = 1 << event as u8;
        if now != before {
            self.told.store(bit, Ordering::Relaxed);
        } else if is_in_vain && self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            tell(event);
        }
        [before, now]
    }

    /// Whether the caller has agreed to the recording, where that was asked.
    pub(crate) fn to_audio(&self) -> Option<bool> {
        (self.asked != Consent::Given).then(|| self.state() == ConsentState::Open)
    }
}

fn of_number(number: u8) -> ConsentState {
    // Only numbers of states are ever stored.
    ConsentState::ALL.get(usize::from(number)).copied().unwrap_or(ConsentState::Aborted)
}

fn tell(event: ConsentEvent) {
    let what = if event == ConsentEvent::Grant { "grant()" } else { "refuse_audio()" };
    let why = "the recording was refused, or the call was aborted or has ended, and what was erased cannot be had again";
    say(|| tracing::warn!(target: "cekura", "{what} has no effect: {why}"));
}

#[cfg(test)]
#[path = "tests/consent.rs"]
mod tests;
