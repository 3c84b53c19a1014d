//! Ends a span with what the return value says, or keeps it open in the returned stream.
//!
//! The type decides whether the span stays open, as in `value`: nested newtypes have an inherent `.__items()`
//! that is found through `Deref`. The outer ones are for streams, by the type of their items. For a `Result`,
//! `.__error()` is found next.

use super::super::attributes::Attributes;
use super::super::failure::{How, Objects, Tell, kinds};
use super::super::outcome::{InnerResult, Outcome, outcome};
use super::super::seen::Item;
use super::super::stream::{Each, Slot};
use super::live::{Finished, Held, Live, Wait};
use super::{Open, pool};
use opentelemetry::Context;
use std::any::type_name;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// A span whose function is over, at the moment it was.
pub struct Ending<'a> {
    pub(super) at: Instant,
    /// The value says when somebody spoke.
    pub(super) tells: bool,
    pub(super) open: &'a mut Open,
}

impl<'a> Ending<'a> {
    /// Wraps a return value for `.__get()`, which tells what it says.
    #[expect(clippy::unused_self, reason = "generated code has no other path to it that is as short")]
    pub fn __outcome<'r, R>(&self, returned: &'r mut R) -> InnerResult<'r, R> {
        outcome(returned)
    }

    /// What the return value says.
    pub fn end<T>(self, outcome: Outcome<'a, T>) -> Results<'a, T> {
        Results(Items(Ended(Cell::new(Some((self, outcome))))))
    }

    /// Ends the span with what a function that no attribute stands for has returned.
    pub(in super::super) fn end_by_hand<How>(mut self, returned: &impl Item<How>) {
        let mut has_failed = false;
        // The first look, for the order in which an end goes; code of the value's that panics does so again
        // below.
        let look = || returned.show(&mut |seen| has_failed = seen.is_failure());
        let _ = catch_unwind(AssertUnwindSafe(look));
        self.tells = !has_failed;
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
        let Self { at, tells, open: Open { context, live } } = self;
        let Some(mut live) = live.take() else { return };
        let tells = tells && live.returned_tells(at);
        // They have the span too.
        *context = Context::new();
        live.let_go();
        if let Some(alone) = Arc::get_mut(&mut live) {
            if let Finished::Over(buffer) = write(Held::Alone(alone), at, wait, tells, record) {
                alone.rest();
                pool::give(live, buffer);
            }
        } else if let Finished::PutOff = write(Held::Shared(&live), at, wait, tells, record) {
            Live::keep(&live);
        }
    }
}

/// Hands the record over with what `record` adds. `tells` says that the value says when somebody spoke.
#[inline]
fn write(
    mut span: Held<'_>,
    at: Instant,
    wait: Wait,
    tells: bool,
    record: &mut dyn FnMut(&mut Attributes),
) -> Finished {
    let Some(entries) = span.take_record() else { return Finished::Over(Vec::new()) };
    let mut attributes = span.live().end(entries);
    guarded(&mut attributes, record);
    if tells {
        span.live().tell(at, attributes.told);
    }
    span.finish(at, attributes, wait)
}

layer!(Results over Items);
layer!(Items over Ended);
/// An [`Ending`] and what the return value says, until one of the layers takes them.
pub struct Ended<'a, T>(Cell<Option<(Ending<'a>, Outcome<'a, T>)>>);

impl<T> Results<'_, T> {
    /// Asks for a stream: the word `stream` in the attribute.
    pub fn __stream(&self) -> &Self
    where
        T: Slot,
    {
        self
    }
}

impl<'a, T: Slot<Item = Result<V, E>>, V, E> Results<'a, T> {
    /// Of a stream of results, the error ends the span and `record` sees what is inside.
    pub fn __items(&self) -> Objects<ResultsIn<'a, T>, E> {
        kinds(ResultsIn(Some(Ended(Cell::new(self.0.0.0.take())))))
    }
}

impl<'a, T: Slot> Items<'a, T> {
    pub fn __items(&self) -> ItemsIn<'a, T> {
        ItemsIn(Ended(Cell::new(self.0.0.take())))
    }
}

impl<'a, T> Ended<'a, T> {
    pub fn __items(&self) -> Whole<'a, T> {
        Whole(Self(Cell::new(self.0.take())))
    }
}

/// What has no items.
pub struct Whole<'a, T>(Ended<'a, T>);

/// Items that are no results.
pub struct ItemsIn<'a, T>(Ended<'a, T>);

macro_rules! without_errors {
    ($($type:ident),*) => {
        $(impl<T> $type<'_, T> {
            #[must_use]
            pub fn __borrowed(self) -> Self {
                self
            }

            #[must_use]
            pub fn __error(self) -> Self {
                self
            }
        })*
    };
}

without_errors!(Whole, ItemsIn);

impl<T> Whole<'_, T> {
    #[track_caller]
    pub fn __record(&self, record: impl FnOnce(&mut Attributes, &T)) {
        self.0.record(record);
    }
}

impl<T: Slot> ItemsIn<'_, T> {
    pub fn __record(&self, record: impl Fn(&mut Attributes, &T::Item) + Send + Sync + 'static) {
        self.0.follow(Box::new(record));
    }
}

/// Results, of which it is not yet known how their error is told.
pub struct ResultsIn<'a, T>(Option<Ended<'a, T>>);

impl<T> Default for ResultsIn<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a, T, E> Tell<E> for ResultsIn<'a, T> {
    type Told<H> = ToldResults<'a, T, H>;

    fn tell<H: How<E>>(self) -> Self::Told<H> {
        ToldResults(self.0, PhantomData)
    }
}

pub struct ToldResults<'a, T, H>(Option<Ended<'a, T>>, PhantomData<H>);

impl<T: Slot<Item = Result<V, E>>, V, E, H: How<E>> ToldResults<'_, T, H> {
    pub fn __record(&self, record: impl Fn(&mut Attributes, &V) + Send + Sync + 'static) {
        let Some(ended) = &self.0 else { return };
        ended.follow(Box::new(move |attributes, item| match item {
            Err(error) => attributes.fail(&H::failure(error)),
            Ok(value) => record(attributes, value),
        }));
    }
}

impl<T> Ended<'_, T> {
    /// Ends the span, with what `record` sets of the value inside.
    #[track_caller]
    fn record(&self, record: impl FnOnce(&mut Attributes, &T)) {
        let at = Location::caller();
        let Some((mut ending, outcome)) = self.0.take() else { return };
        ending.tells = outcome.value.is_some();
        // Only what was returned as it should can bring more.
        let wait = if outcome.failure.is_some() { Wait::Tellers } else { Wait::Holders };
        ending.finish(wait, |attributes| {
            if let Some(failure) = &outcome.failure {
                attributes.fail(failure);
            } else if let Some(value) = outcome.value {
                record(attributes, value);
                attributes.look_at_type(type_name::<T>, at);
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
        tracing::error!(
            target: "cekura",
            "recording a value panicked (in its Serialize, Debug or Display, or in an attribute's argument): \
             the span lacks this value and those to be recorded after it, and the call goes on"
        );
    }
}
