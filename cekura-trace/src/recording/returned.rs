//! What a function has returned ends its span, or keeps it open in the returned stream. Invariant: a
//! returned stream keeps the span open until it is over or dropped.
//!
//! The type decides whether the span stays open, as in `value`: nested newtypes have an inherent `.__items()`
//! that is found through `Deref`. The outer ones are for streams, by the type of their items. For a `Result`,
//! `.__error()` is found next.

use super::attributes::Attributes;
use super::failure::{How, Objects, Tell, kinds};
use super::outcome::{InnerResult, Outcome, outcome};
use super::seen::Item;
use super::span::ending::{Ending, Wait};
use super::stream::{Each, Slot};
use crate::destination::Place;
use crate::say::caught;
use std::any::type_name;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;

impl Ending {
    /// Wraps a return value for `.__get()`, which tells what it says.
    #[expect(clippy::unused_self, reason = "generated code has no other path to it that is as short")]
    pub fn __outcome<'r, R>(&self, returned: &'r mut R) -> InnerResult<'r, R> {
        outcome(returned)
    }

    /// What the return value says.
    pub fn end<T>(self, outcome: Outcome<'_, T>) -> Results<'_, T> {
        Results(Items(Ended(Cell::new(Some((self, outcome))))))
    }

    /// Ends the span with what a function that no attribute stands for has returned.
    pub(super) fn end_by_hand<How>(mut self, returned: &impl Item<How>) {
        let mut has_failed = false;
        // The first look, for the order in which an end goes; code of the value's that panics does so again
        // below.
        let look = || returned.show(&mut |seen| has_failed = seen.is_failure());
        caught(look);
        self.tells = !has_failed;
        let wait = if has_failed { Wait::Tellers } else { Wait::Holders };
        self.finish(wait, |attributes| returned.show(&mut |seen| seen.record(attributes)));
    }
}

layer!(Results over Items);
layer!(Items over Ended);
/// An [`Ending`] and what the return value says, until one of the layers takes them.
pub struct Ended<'a, T>(Cell<Option<(Ending, Outcome<'a, T>)>>);

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
        let at = Place::At(Location::caller());
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
