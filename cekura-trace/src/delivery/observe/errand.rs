//! A call log on its way, and its next step. A trace is named only while its call log has not been posted.

use crate::delivery::call_log::Letter;
use crate::delivery::ledger::{Completeness, Ledger};
use crate::delivery::queue::Room;
use crate::delivery::spool::Name;
use tokio::time::Instant;

use super::Told;

/// A call log on its way.
pub(super) struct Errand {
    pub(super) letter: Letter,
    pub(super) told: Told,
    /// On disk.
    pub(super) kept: Option<Name>,
    /// Held until it is over.
    pub(super) room: Room,
    pub(super) step: Step,
    /// Given up when the API still fails then; set when it is first tried, or could not be.
    pub(super) give_up: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    /// Errors of the server's own.
    pub(super) errors: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It may be stored already.
    Ask,
    /// As `Ask`, on a further page of the list.
    AskOn(u32),
    Post,
    /// Its trace is being delivered. `is_collected` once nothing of it can be in the queue any more.
    Trace {
        until: Instant,
        is_collected: bool,
    },
}

impl Errand {
    pub(super) fn new(letter: Letter, room: Room, told: Told, step: Step) -> Self {
        let (kept, give_up, not_before) = (None, None, None);
        Self { letter, told, kept, room, step, give_up, not_before, errors: 0 }
    }

    pub(super) fn is_ready(&self) -> bool {
        !matches!(self.step, Step::Trace { .. })
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.is_ready() && self.not_before.is_none_or(|at| now >= at)
    }

    /// Goes on when it is known what became of the trace, or it has waited long enough.
    /// True if the call log has changed.
    pub(super) fn await_trace(&mut self, ledger: &Ledger, now: Instant) -> bool {
        let (Step::Trace { until, is_collected }, Some(trace)) = (self.step, self.letter.trace_id) else {
            return false;
        };
        let known = if is_collected { ledger.completeness(trace) } else { Completeness::Open };
        if known == Completeness::Complete {
            self.letter.name_trace();
            self.step = Step::Post;
        } else if known == Completeness::Incomplete || now >= until {
            self.letter.trace_id = None;
            self.step = Step::Post;
        }
        known == Completeness::Complete
    }
}
