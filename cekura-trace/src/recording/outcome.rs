//! A return value, or an item of a stream, comes in by reference; whether it failed, and the value inside, go out. This
//! file does not know spans.
//!
//! The type decides, as in `value`: nested newtypes whose inherent `.__get()` is found through `Deref`, so aliases like
//! `anyhow::Result` are what they stand for, and in a generic function a bare `T` is a plain value.

use std::any::type_name;
use std::cell::Cell;
use std::fmt::{Debug, Display};

/// What a failed call says of itself.
pub(super) struct Failure<'a> {
    /// The error's type, by name.
    pub(super) error_type: &'static str,
    pub(super) text: FailureText<'a>,
}

pub(super) enum FailureText<'a> {
    Debug(&'a dyn Debug),
    Display(&'a dyn Display),
    /// Nothing can be shown of the error but its type.
    TypeName,
}

/// What a return value says: the failure, or the value inside it, of a `Result` and then of an `Option`.
pub struct Outcome<'a, T> {
    pub(super) failure: Option<Failure<'a>>,
    /// Mutable, for a stream is replaced in its place by one with a span.
    pub(super) value: Option<&'a mut T>,
}

/// Wraps a return value for `.__get()`.
pub fn outcome<R>(returned: &mut R) -> DisplayOption<'_, R> {
    let plain = Plain(Cell::new(Some(returned)));
    DisplayOption(Displayed(DebugOption(Debugged(NamedOption(Named(Optional(plain)))))))
}

/// Gives an async block its return type, in code that never runs.
pub fn never<R>() -> R {
    unreachable!("stands behind `if false`")
}

layer!(DisplayOption over Displayed);
layer!(Displayed over DebugOption);
layer!(DebugOption over Debugged);
layer!(Debugged over NamedOption);
layer!(NamedOption over Named);
layer!(Named over Optional);
layer!(Optional over Plain);
/// The reference, until one of the layers takes it.
pub struct Plain<'a, R>(Cell<Option<&'a mut R>>);

impl<'a, T, E: Display> DisplayOption<'a, Result<Option<T>, E>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        self.0.__get().inside()
    }
}

impl<'a, T, E: Display> Displayed<'a, Result<T, E>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        Outcome::of(self, |error| FailureText::Display(error))
    }
}

impl<'a, T, E: Debug> DebugOption<'a, Result<Option<T>, E>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        self.0.__get().inside()
    }
}

impl<'a, T, E: Debug> Debugged<'a, Result<T, E>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        Outcome::of(self, |error| FailureText::Debug(error))
    }
}

impl<'a, T, E> NamedOption<'a, Result<Option<T>, E>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        self.0.__get().inside()
    }
}

impl<'a, T, E> Named<'a, Result<T, E>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        Outcome::of(self, |_| FailureText::TypeName)
    }
}

impl<'a, T> Optional<'a, Option<T>> {
    pub fn __get(&self) -> Outcome<'a, T> {
        self.0.__get().inside()
    }
}

impl<'a, R> Plain<'a, R> {
    pub fn __get(&self) -> Outcome<'a, R> {
        Outcome { failure: None, value: self.0.take() }
    }
}

impl<'a, T> Outcome<'a, T> {
    fn of<E>(result: &Plain<'a, Result<T, E>>, text: impl FnOnce(&'a E) -> FailureText<'a>) -> Self {
        match result.0.take() {
            Some(Err(error)) => Self { failure: Some(Failure::of(error, text)), value: None },
            Some(Ok(value)) => Self { failure: None, value: Some(value) },
            None => Self { failure: None, value: None },
        }
    }
}

impl<'a, T> Outcome<'a, Option<T>> {
    fn inside(self) -> Outcome<'a, T> {
        Outcome { failure: self.failure, value: self.value.and_then(Option::as_mut) }
    }
}

impl<'a> Failure<'a> {
    pub(super) fn of<E>(error: &'a E, text: impl FnOnce(&'a E) -> FailureText<'a>) -> Self {
        Self { error_type: type_name::<E>(), text: text(error) }
    }
}
