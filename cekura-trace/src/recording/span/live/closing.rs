//! The end of an open span: its record is taken, completed and handed over. Invariant: only the first end gets
//! the record.

#![expect(clippy::inline_always, reason = "each span passes here, and benches/gates.sh counts what it costs")]

use super::{Live, Stage, State, Twin};
use crate::finished::{self, write};
use crate::recording::attributes::Attributes;
use crate::recording::told::Told;
use opentelemetry::trace::Status;
use std::sync::PoisonError;
use std::time::Instant;

/// Whom a span waits for at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recording) enum Wait {
    /// Those who tell something right now, and the streams that are still to bring something.
    Holders,
    Nobody,
    /// Those who tell something right now.
    Tellers,
}

/// What is known of a span when it is over.
pub(super) struct Closed {
    pub(super) start: Instant,
    /// When the first chunk came that says something.
    pub(super) first: Option<Instant>,
    pub(super) status: finished::Status,
    pub(super) is_renamed: bool,
    /// What was returned has no form in which its words would be found.
    pub(super) is_unread: bool,
    pub(super) twin: Option<Box<Twin>>,
}

impl State {
    /// The span is over; true the first time.
    pub(super) fn end(&mut self) -> bool {
        std::mem::replace(&mut self.stage, Stage::Over) != Stage::Over
    }

    /// Its end begins; true the first time.
    fn begin_end(&mut self) -> bool {
        if self.stage != Stage::Open {
            return false;
        }
        self.stage = Stage::Ending;
        self.said.told = Told::default();
        true
    }

    /// Ends it, and adds to its record what was told of the answer, and `meanwhile`, which was set since the end began.
    /// `None` where it goes on for those that it waits for, or where it was over already.
    #[inline(always)]
    fn close(&mut self, at: Instant, wait: Wait, meanwhile: &[u8]) -> Option<Closed> {
        if self.stage == Stage::Over {
            return None;
        }
        let mut first = None;
        if self.parts.is_some() {
            if self.put_off(at, wait) {
                self.said.entries.extend_from_slice(meanwhile);
                return None;
            }
            first = self.write_parts();
        }
        self.stage = Stage::Over;
        let failure = self.said.take_extras().and_then(|extras| extras.failure);
        let record = &mut self.said.entries;
        record.extend_from_slice(meanwhile);
        let status = match (failure.as_deref(), &self.status) {
            (None, Status::Ok) => finished::Status::Ok,
            (None, Status::Unset) => finished::Status::Unset,
            (Some(description), _) => failed(record, description),
            (None, Status::Error { description }) => failed(record, description),
        };
        let Self { start, is_renamed, .. } = *self;
        let is_unread = self.said.told.is_unread;
        Some(Closed { start, first, status, is_renamed, is_unread, twin: self.twin.take() })
    }
}

#[cold]
fn failed(record: &mut Vec<u8>, description: &str) -> finished::Status {
    write::description(record, description);
    finished::Status::Error
}

/// How a function ended, and what it adds to its span's record.
pub(in crate::recording::span) struct End<'a> {
    pub(in crate::recording::span) at: Instant,
    pub(in crate::recording::span) wait: Wait,
    /// The return value says when somebody spoke.
    pub(in crate::recording::span) tells: bool,
    pub(in crate::recording::span) record: &'a mut dyn FnMut(&mut Attributes),
}

impl Live {
    /// Ends it where nobody else has it any more, so that it need not be locked. False where the end is put off.
    #[inline]
    pub(in crate::recording::span) fn end_alone(&mut self, end: End<'_>) -> bool {
        let Self { stand, state, .. } = self;
        let state = state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.begin_end() {
            return true;
        }
        state.said.guarded(end.record);
        if end.tells {
            stand.tell(end.at, state.said.told);
        }
        let Some(closed) = state.close(end.at, end.wait, &[]) else { return false };
        stand.hand_over(end.at, &mut state.said.entries, closed, end.wait);
        true
    }

    /// Ends it where others have it too. False where the end is put off.
    pub(in crate::recording::span) fn end_shared(&self, end: End<'_>) -> bool {
        let mut state = self.state();
        if !state.begin_end() {
            return true;
        }
        // Its code may record on the span itself.
        let mut said = std::mem::replace(&mut state.said, self.aside());
        drop(state);
        said.guarded(end.record);
        if end.tells {
            self.tell(end.at, said.told);
        }
        let mut state = self.state();
        let meanwhile = std::mem::replace(&mut state.said, said).entries;
        let closed = state.close(end.at, end.wait, &meanwhile);
        let is_over = state.stage == Stage::Over;
        if let Some(closed) = closed {
            let mut record = std::mem::take(&mut state.said.entries);
            drop(state);
            self.let_go();
            self.hand_over(end.at, &mut record, closed, end.wait);
        } else if state.goes_on() {
            self.close_turn(false);
        }
        is_over
    }
}
