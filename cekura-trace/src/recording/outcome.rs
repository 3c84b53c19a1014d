//! What a return value says: whether the call failed, and the value inside. Invariant: a failed call has no
//! value.
//!
//! The type decides, as in `value`: nested newtypes have an inherent `.__get()` that is found through `Deref`.
//! So aliases such as `anyhow::Result` count as the type they stand for, and in a generic function a bare `T`
//! is a plain value. How an error is shown is decided by its own type (`failure`).

use super::failure::{Failure, How, NoError, Objects, Tell, kinds};
use std::cell::Cell;

/// What a return value says: the failure, or the value inside it, of a `Result` and then of an `Option`.
pub struct Outcome<'a, T> {
    pub(super) failure: Option<Failure<'a>>,
    /// Mutable, for a stream is replaced in its place by one with a span.
    pub(super) value: Option<&'a mut T>,
}

/// Wraps a return value for `.__get()`.
pub(super) fn outcome<R>(returned: &mut R) -> InnerResult<'_, R> {
    InnerResult(InnerOption(Fallible(Optional(Plain(Cell::new(Some(returned)))))))
}

/// Gives an async block its return type, in code that never runs.
pub fn never<R>() -> R {
    unreachable!("stands behind `if false`")
}

layer!(InnerResult over InnerOption);
layer!(InnerOption over Fallible);
layer!(Fallible over Optional);
layer!(Optional over Plain);
/// The reference, until one of the layers takes it.
pub struct Plain<'a, R>(Cell<Option<&'a mut R>>);

/// What waits to hear how the error is told, and then how the one inside is, of `timeout(…)` around a `Result`.
type Waiting<'a, T, E, I> = Objects<Outer<'a, T, E, I>, E>;

impl<'a, T, I, E> InnerResult<'a, Result<Result<T, I>, E>> {
    pub fn __get(&self) -> Waiting<'a, Result<T, I>, E, I> {
        let (error, value) = self.split();
        let is_failed = value.as_ref().is_some_and(|value| value.is_err());
        let (inner, value) = if is_failed { (value, None) } else { (None, value) };
        kinds(Outer { value, error, inner: inner.and_then(|inner| inner.as_ref().err()) })
    }
}

impl<'a, T, E> InnerOption<'a, Result<Option<T>, E>> {
    pub fn __get(&self) -> Waiting<'a, T, E, NoError> {
        let (error, value) = self.split();
        kinds(Outer { value: value.and_then(Option::as_mut), error, inner: None })
    }
}

impl<'a, T, E> Fallible<'a, Result<T, E>> {
    pub fn __get(&self) -> Waiting<'a, T, E, NoError> {
        let (error, value) = self.split();
        kinds(Outer { value, error, inner: None })
    }
}

impl<'a, T> Optional<'a, Option<T>> {
    pub fn __get(&self) -> Waiting<'a, T, NoError, NoError> {
        let value = self.0.0.take().and_then(Option::as_mut);
        kinds(Outer { value, error: None, inner: None })
    }
}

impl<'a, R> Plain<'a, R> {
    pub fn __get(&self) -> Waiting<'a, R, NoError, NoError> {
        kinds(Outer { value: self.0.take(), error: None, inner: None })
    }
}

impl<'a, T, E> Plain<'a, Result<T, E>> {
    fn split(&self) -> (Option<&'a E>, Option<&'a mut T>) {
        match self.0.take() {
            Some(Ok(value)) => (None, Some(value)),
            Some(Err(error)) => (Some(error), None),
            None => (None, None),
        }
    }
}

pub struct Outer<'a, T, E, I> {
    value: Option<&'a mut T>,
    error: Option<&'a E>,
    inner: Option<&'a I>,
}

impl<T, E, I> Default for Outer<'_, T, E, I> {
    fn default() -> Self {
        Self { value: None, error: None, inner: None }
    }
}

impl<'a, T, E, I> Tell<E> for Outer<'a, T, E, I> {
    type Told<H> = Objects<Inner<'a, T, I>, I>;

    fn tell<H: How<E>>(self) -> Self::Told<H> {
        let Self { value, error, inner } = self;
        kinds(Inner { value, failure: error.map(H::failure), error: inner })
    }
}

pub struct Inner<'a, T, I> {
    value: Option<&'a mut T>,
    failure: Option<Failure<'a>>,
    error: Option<&'a I>,
}

impl<T, I> Default for Inner<'_, T, I> {
    fn default() -> Self {
        Self { value: None, failure: None, error: None }
    }
}

impl<'a, T, I> Tell<I> for Inner<'a, T, I> {
    type Told<H> = Outcome<'a, T>;

    fn tell<H: How<I>>(self) -> Outcome<'a, T> {
        let Self { value, failure, error } = self;
        Outcome { failure: failure.or_else(|| error.map(H::failure)), value }
    }
}
