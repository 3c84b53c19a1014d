//! A span whose function is over comes in, with what the return value says; its record goes out, or the span goes on in
//! the stream that was returned. This file does not know how a stream is polled.
//!
//! Whether it goes on is decided by type, in the way of `value`: nested newtypes whose inherent `.record(…)` is found
//! through `Deref`. The outer ones are for streams, by what is in their items.

use super::super::attributes::Attributes;
use super::super::callsite::View;
use super::super::outcome::{Failure, FailureText, Outcome};
use super::super::seen::Item;
use super::super::stream::{Each, Slot};
use super::live::{Finished, Held, Live, Wait};
use super::{Open, pool};
use crate::destination::CaptureContent;
use opentelemetry::Context;
use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// A span whose function is over, at the moment it was.
pub struct Ending<'a> {
    pub(super) at: Instant,
    pub(super) open: &'a mut Open,
}

impl<'a> Ending<'a> {
    /// What the return value says.
    pub fn end<T>(self, outcome: Outcome<'a, T>) -> DisplayItems<'a, T> {
        let ended = Ended(Cell::new(Some((self, outcome))));
        DisplayItems(DebugItems(NamedItems(Items(ended))))
    }

    /// Ends the span with what a function that no attribute stands for has returned.
    pub(in super::super) fn end_by_hand<How>(self, returned: &impl Item<How>) {
        let mut has_failed = false;
        // The first look, for the order in which an end goes; code of the value's that panics does so again
        // below.
        let look = || returned.show(&mut |seen| has_failed = seen.is_failure());
        let _ = catch_unwind(AssertUnwindSafe(look));
        if !has_failed {
            self.open.end_tells_turn(self.at);
        }
        let wait = if has_failed { Wait::Tellers } else { Wait::Holders };
        self.finish(wait, |attributes| returned.show(&mut |seen| seen.record(attributes)));
    }

    /// The span goes on.
    pub(in super::super) fn go_on(self) -> Open {
        self.open.go_on()
    }

    pub(in super::super) fn finish(self, wait: Wait, record: impl FnOnce(&mut Attributes)) {
        let mut record = Some(record);
        self.finish_with(wait, &mut |attributes| record.take().map_or((), |record| record(attributes)));
    }

    /// Not generic, so that it is compiled once.
    fn finish_with(self, wait: Wait, record: &mut dyn FnMut(&mut Attributes)) {
        let Self { at, open: Open { view, context, live, capture, .. } } = self;
        let Some(mut live) = live.take() else { return };
        // They have the span too.
        *context = Context::new();
        live.let_go();
        let end = End { at, view: *view, capture: *capture, wait };
        if let Some(alone) = Arc::get_mut(&mut live) {
            if let Finished::Over(buffer) = end.write(Held::Alone(alone), record) {
                alone.rest();
                pool::give(live, buffer);
            }
        } else if let Finished::PutOff = end.write(Held::Shared(&live), record) {
            Live::keep(&live);
        }
    }
}

/// How a span ends, but for what its function records.
struct End {
    at: Instant,
    view: View,
    capture: CaptureContent,
    wait: Wait,
}

impl End {
    /// Hands the record over with what `record` adds.
    #[inline]
    fn write(self, mut span: Held<'_>, record: &mut dyn FnMut(&mut Attributes)) -> Finished {
        let Self { at, view, capture, wait } = self;
        let Some(entries) = span.take_record() else { return Finished::Over(Vec::new()) };
        let mut attributes = Attributes::new(view, capture, span.live().content_limit(), entries);
        guarded(&mut attributes, record);
        span.finish(at, attributes, wait)
    }
}

layer!(DisplayItems over DebugItems);
layer!(DebugItems over NamedItems);
layer!(NamedItems over Items);
layer!(Items over Ended);
/// An [`Ending`] and what the return value says, until one of the layers takes them.
pub struct Ended<'a, T>(Cell<Option<(Ending<'a>, Outcome<'a, T>)>>);

impl<T> DisplayItems<'_, T> {
    /// Asks for a stream: the word `stream` in the attribute.
    pub fn stream(&self) -> &Self
    where
        T: Slot,
    {
        self
    }
}

/// Of a stream of results, the error ends the span and `record` sees what is inside.
macro_rules! results {
    ($($layer:ident<$error:ident $(: $bound:path)?>, $text:expr;)*) => {
        $(impl<T, V, $error $(: $bound)?> $layer<'_, T>
        where
            T: Slot<Item = Result<V, $error>>,
        {
            pub fn record(&self, record: impl Fn(&mut Attributes, &V) + Send + Sync + 'static) {
                self.follow(Box::new(move |attributes, item| match item {
                    Err(error) => attributes.fail(&Failure::of(error, $text)),
                    Ok(value) => record(attributes, value),
                }));
            }
        })*
    };
}

results! {
    DisplayItems<E: Display>, |error| FailureText::Display(error);
    DebugItems<E: Debug>, |error| FailureText::Debug(error);
    NamedItems<E>, |_| FailureText::TypeName;
}

impl<T: Slot> Items<'_, T> {
    pub fn record(&self, record: impl Fn(&mut Attributes, &T::Item) + Send + Sync + 'static) {
        self.follow(Box::new(record));
    }
}

impl<T> Ended<'_, T> {
    /// Ends the span, with what `record` sets of the value inside.
    pub fn record(&self, record: impl FnOnce(&mut Attributes, &T)) {
        let Some((ending, outcome)) = self.0.take() else { return };
        if let (Some(_), View::Stt | View::Tts) = (&outcome.value, ending.open.view) {
            ending.open.end_tells_turn(ending.at);
        }
        // Only what was returned as it should can bring more.
        let wait = if outcome.failure.is_some() { Wait::Tellers } else { Wait::Holders };
        ending.finish(wait, |attributes| {
            if let Some(failure) = &outcome.failure {
                attributes.fail(failure);
            } else if let Some(value) = outcome.value {
                record(attributes, value);
            }
        });
    }

    /// Gives the span to the stream inside, if there is one.
    fn follow(&self, each: Each<T::Item>)
    where
        T: Slot,
    {
        match self.0.take() {
            Some((ending, Outcome { failure: None, value: Some(stream) })) => stream.fill(ending, each),
            rest => {
                self.0.set(rest);
                self.record(|_, _| {});
            }
        }
    }
}

/// Calls code of the user's values, whose panics are not the traced function's.
pub(in super::super) fn guarded(attributes: &mut Attributes, record: impl FnOnce(&mut Attributes)) {
    let recorded = catch_unwind(AssertUnwindSafe(|| record(attributes)));
    if recorded.is_err() {
        attributes.drop_unfinished();
        tracing::error!(
            target: "cekura",
            "recording a value panicked (in its Serialize, Debug or Display, or in an attribute's argument): \
             the span lacks it and what was to be recorded after it, the call goes on"
        );
    }
}
