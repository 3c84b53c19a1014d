//! How an open span is over: its record is taken, completed and handed over. Invariant: only the first end gets the record.

use super::{Live, Stage, State, Twin};
use crate::call::Unfinished;
use crate::finished::{self, write};
use crate::semconv;
use opentelemetry::trace::Status;
use std::time::Instant;

/// A span at its end. Most often nobody else has it any more, and it need not be locked.
pub(in super::super) enum Held<'a> {
    Alone(&'a mut Live),
    Shared(&'a Live),
}

impl Held<'_> {
    /// Takes the record, to add what is known at the end. Only the first end gets it.
    #[inline]
    pub(in super::super) fn take_record(&mut self) -> Option<Vec<u8>> {
        self.change(State::take_record)
    }

    /// Hands the record over, with what was set since it was taken.
    #[inline]
    pub(in super::super) fn finish(&mut self, at: Instant, record: &mut Vec<u8>, failure: Option<&str>) {
        if let Some(closed) = self.change(|state| state.close(record, failure)) {
            self.live().hand_over(at, record, closed);
        }
    }

    pub(in super::super) fn live(&self) -> &Live {
        match self {
            Self::Alone(live) => live,
            Self::Shared(live) => live,
        }
    }

    #[inline]
    fn change<R>(&mut self, change: impl FnOnce(&mut State) -> R) -> R {
        match self {
            Self::Alone(live) => change(live.state_mut()),
            Self::Shared(live) => change(&mut live.state()),
        }
    }
}

/// What is known of a span when it is over.
pub(super) struct Closed {
    pub(super) start: Instant,
    pub(super) status: finished::Status,
    pub(super) is_renamed: bool,
    pub(super) twin: Option<Box<Twin>>,
}

impl State {
    /// The span is over; true the first time.
    pub(super) fn end(&mut self) -> bool {
        std::mem::replace(&mut self.stage, Stage::Over) != Stage::Over
    }

    fn take_record(&mut self) -> Option<Vec<u8>> {
        if self.stage != Stage::Open {
            return None;
        }
        self.stage = Stage::Ending;
        Some(std::mem::take(&mut self.record))
    }

    /// Ends it, and adds to its record what was set since that was taken; `None` where it is over already.
    #[inline]
    fn close(&mut self, record: &mut Vec<u8>, failure: Option<&str>) -> Option<Closed> {
        if !self.end() {
            return None;
        }
        record.extend_from_slice(&self.record);
        let description = match (failure, &self.status) {
            (Some(failure), _) => Some(failure),
            (None, Status::Error { description }) => Some(description.as_ref()),
            (None, Status::Ok | Status::Unset) => None,
        };
        if let Some(description) = description {
            write::description(record, description);
        }
        let status = match (description, &self.status) {
            (Some(_), _) => finished::Status::Error,
            (None, Status::Ok) => finished::Status::Ok,
            (None, _) => finished::Status::Unset,
        };
        let Self { start, is_renamed, .. } = *self;
        Some(Closed { start, status, is_renamed, twin: self.twin.take() })
    }
}

impl Unfinished for Live {
    fn cut_off(&self, at: Instant) {
        let mut held = Held::Shared(self);
        if let Some(mut record) = held.take_record() {
            write::flag(&mut record, semconv::CEKURA_UNFINISHED, true);
            held.finish(at, &mut record, None);
            self.let_go();
        }
    }

    fn rename_call(&self, id: &str) {
        self.while_open(|state| {
            write::text(&mut state.record, semconv::CALL_ID, id);
            write::text(&mut state.record, semconv::CONVERSATION_ID, id);
        });
    }
}
