//! The end of a span: its function has returned, failed or panicked, or was interrupted (its future or stream was dropped
//! before the end). Invariant: a span gives at most one record.

use super::live::Live;
use super::live::closing::End;
use super::open::Open;
use super::pool;
use crate::finished::write;
use crate::recording::attributes::Attributes;
use crate::semconv;
use opentelemetry::Context;
use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;

pub(in crate::recording) use super::live::closing::Wait;

/// A span whose function is over, at the moment it was.
pub struct Ending {
    at: Instant,
    /// The value says when somebody spoke.
    pub(in crate::recording) tells: bool,
    open: Open,
}

impl Ending {
    /// The span goes on.
    pub(in crate::recording) fn go_on(self) -> Open {
        if let Some(live) = &self.open.live {
            live.close_turn(false);
        }
        self.open.go_on()
    }

    pub(in crate::recording) fn finish(self, wait: Wait, record: impl FnOnce(&mut Attributes)) {
        let mut record = Some(record);
        self.finish_with(wait, &mut |attributes| record.take().map_or((), |record| record(attributes)));
    }

    /// Not generic, so that it is compiled once.
    fn finish_with(self, wait: Wait, record: &mut dyn FnMut(&mut Attributes)) {
        let Self { at, tells, open: Open { context, live } } = self;
        let Some(mut live) = live else { return };
        let tells = tells && live.returned_tells(at);
        // They have the span too.
        drop(context);
        live.let_go();
        let end = End { at, wait, tells, record };
        if let Some(alone) = Arc::get_mut(&mut live) {
            if alone.end_alone(end) {
                alone.rest();
                pool::give(live);
            }
        } else if !live.end_shared(end) {
            Live::keep(&live);
        }
    }
}

impl Open {
    pub(in crate::recording) fn run<R>(
        mut self,
        body: impl FnOnce() -> R,
        close: impl FnOnce(Ending, &mut R),
    ) -> R {
        let is_remade = self.live.as_ref().is_some_and(|live| live.is_remade());
        let context = |own: &mut Context| if is_remade { std::mem::take(own) } else { own.clone() };
        match self.inside_of(context, body) {
            Ok(mut returned) => {
                close(self.ending(), &mut returned);
                returned
            }
            Err(panic) => self.panicked(panic, |_| {}),
        }
    }

    #[inline]
    pub(in crate::recording) fn ending(self) -> Ending {
        let at = self.end_time();
        self.ending_at(at)
    }

    /// The present, as the end of its span.
    #[inline]
    fn end_time(&self) -> Instant {
        if let Some(live) = &self.live {
            live.close_turn(true);
        }
        Instant::now()
    }

    #[inline]
    pub(in crate::recording) fn ending_at(self, at: Instant) -> Ending {
        Ending { at, tells: false, open: self }
    }

    /// Ends the span, with what `record` sets, and lets the panic go on.
    pub(in crate::recording) fn panicked(
        self,
        panic: Box<dyn Any + Send>,
        record: impl FnOnce(&mut Attributes),
    ) -> ! {
        let message = panic_message(&*panic);
        self.ending().finish(Wait::Tellers, |attributes| {
            record(attributes);
            attributes.panic(message);
        });
        resume_unwind(panic)
    }

    /// Ends the span of a future or stream that was dropped before its end, with what `record` sets.
    pub(in crate::recording) fn interrupted(self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = &self.live {
            live.interrupt_turn();
        }
        self.ending().finish(Wait::Tellers, |attributes| {
            write::flag(&mut attributes.entries, semconv::CEKURA_INTERRUPTED, true);
            record(attributes);
        });
    }

    /// Ends the span of an answer that came in chunks, now.
    pub(in crate::recording) fn end_now(self) {
        let at = self.end_time();
        self.end(at);
    }

    /// Ends the span of an answer that came in chunks.
    pub(in crate::recording) fn end(self, at: Instant) {
        if let Some(live) = &self.live {
            live.close_turn(true);
            live.tell_at_end_by_hand(at);
        }
        self.ending_at(at).finish(Wait::Tellers, |_| {});
    }

    /// Ends a span that was left at that moment, by a panic or not.
    #[cfg(feature = "tracing")]
    pub(in crate::recording) fn close(self, at: Instant, by_panic: bool) {
        if !by_panic {
            return self.end(at);
        }
        if let Some(live) = &self.live {
            live.close_turn(true);
        }
        self.ending_at(at).finish(Wait::Tellers, |attributes| attributes.panic(None));
    }

    /// Ends the span of an answer that is dropped: when it was over, if that was said.
    pub(in crate::recording) fn let_go(self) {
        match self.live.as_ref().and_then(|live| live.answer_over()) {
            Some(at) => self.end(at),
            None => self.interrupted(|_| {}),
        }
    }

    /// Ends the span of a guard that is dropped by a panic, unless its answer was over.
    pub(in crate::recording) fn let_go_by_panic(self) {
        match self.live.as_ref().and_then(|live| live.answer_over()) {
            Some(at) => self.end(at),
            None => self.ending().finish(Wait::Tellers, |attributes| attributes.panic(None)),
        }
    }
}

/// The message of a panic, where it is a text.
pub(in crate::recording) fn panic_message(panic: &(dyn Any + Send)) -> Option<&str> {
    let message = panic.downcast_ref::<&str>().copied();
    message.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}
