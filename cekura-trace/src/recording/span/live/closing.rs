//! The end of an open span: its record is taken, completed and handed over. Invariant: only the first end gets
//! the record.

use super::{Live, Stage, State, Twin};
use crate::call::Unfinished;
use crate::finished::{self, write};
use crate::recording::attributes::Attributes;
use crate::recording::callsite::View;
use crate::semconv;
use opentelemetry::trace::Status;
use std::time::{Duration, Instant};

/// A span at its end. Most often nobody else has it any more, and it need not be locked.
pub(in crate::recording::span) enum Held<'a> {
    Alone(&'a mut Live),
    Shared(&'a Live),
}

impl Held<'_> {
    /// Takes the record, to add what is known at the end. Only the first end gets it.
    #[inline]
    pub(in crate::recording::span) fn take_record(&mut self) -> Option<Vec<u8>> {
        self.change(State::take_record)
    }

    /// Hands the record over, with what was told of the answer and what was set since the record was taken;
    /// unless somebody is still awaited. Gives back the record's buffer.
    #[inline]
    pub(in crate::recording::span) fn finish(
        &mut self,
        at: Instant,
        mut end: Attributes,
        wait: Wait,
    ) -> Finished {
        match self.change(|state| state.close(at, &mut end, wait)) {
            Close::Closed(closed) => {
                let live = self.live();
                if live.view == View::Turn && wait != Wait::Nobody {
                    live.write_turn(at.saturating_duration_since(closed.start), &mut end.entries);
                }
                live.hand_over(at, &mut end.entries, closed);
                Finished::Over(end.entries)
            }
            Close::Over => Finished::Over(end.entries),
            Close::PutOff => Finished::PutOff,
        }
    }

    pub(in crate::recording::span) fn live(&self) -> &Live {
        match self {
            Self::Alone(live) => live,
            Self::Shared(live) => live,
        }
    }

    /// Calls `change` in one place, so that the compiler inlines it.
    #[inline]
    fn change<R>(&mut self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut locked;
        let state = match self {
            Self::Alone(live) => live.state_mut(),
            Self::Shared(live) => {
                locked = live.state();
                &mut *locked
            }
        };
        change(state)
    }
}

/// Whom a span waits for at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recording) enum Wait {
    /// Those who tell something right now, and the streams that are still to bring something.
    Holders,
    Nobody,
    /// Those who tell something right now.
    Tellers,
}

/// What became of an end.
pub(in crate::recording::span) enum Finished {
    /// The span is over; what is left is its buffer.
    Over(Vec<u8>),
    /// It goes on for those that it waits for.
    PutOff,
}

enum Close {
    Closed(Closed),
    /// It was over already.
    Over,
    PutOff,
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

    /// Ends it, and adds to its record what was told of the answer and what was set since the record was
    /// taken.
    #[inline]
    fn close(&mut self, at: Instant, end: &mut Attributes, wait: Wait) -> Close {
        if self.stage == Stage::Over {
            return Close::Over;
        }
        if self.parts.is_some() {
            if self.put_off(at, end, wait) {
                return Close::PutOff;
            }
            self.write_parts(end);
        }
        self.stage = Stage::Over;
        let failure = end.take_failure();
        let record = &mut end.entries;
        record.extend_from_slice(&self.record);
        let description = match (failure.as_deref(), &self.status) {
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
        Close::Closed(Closed { start, status, is_renamed, twin: self.twin.take() })
    }
}

impl Live {
    /// Writes how its turn went. It ends `length` after its start.
    fn write_turn(&self, length: Duration, entries: &mut Vec<u8>) {
        let Some(turn) = self.home().and_then(|home| home.turn.as_ref()) else { return };
        if let Some(latency) = turn.latency() {
            write::float(entries, semconv::TURN_USER_BOT_LATENCY_SECONDS, latency.as_secs_f64());
        }
        write::float(entries, semconv::TURN_DURATION_SECONDS, length.as_secs_f64());
        write::flag(entries, semconv::TURN_WAS_INTERRUPTED, turn.was_interrupted());
    }
}

impl Unfinished for Live {
    fn cut_off(&self, at: Instant) {
        let mut held = Held::Shared(self);
        if let Some(record) = held.take_record() {
            let mut end = self.end(record);
            write::flag(&mut end.entries, semconv::CEKURA_UNFINISHED, true);
            held.finish(at, end, Wait::Nobody);
            self.let_go();
        }
    }

    fn rename_call(&self, id: &str) {
        self.while_open(|state| {
            write::text(&mut state.record, semconv::CALL_ID, id);
            write::text(&mut state.record, semconv::CONVERSATION_ID, id);
        });
    }

    fn hold(&self) -> bool {
        self.hold()
    }

    fn release(&self, was_cut: bool) {
        self.release(Instant::now(), was_cut);
    }
}
