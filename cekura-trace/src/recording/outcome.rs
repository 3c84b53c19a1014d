//! A reference to a return value comes in; whether it failed, and the value inside, go out. This file does not know
//! spans.
//!
//! The type decides, as in `value`: nested newtypes whose inherent `.get()` is found through `Deref`, so aliases like
//! `anyhow::Result` are what they stand for, and in a generic function a bare `T` is a plain value.

use std::any::type_name;
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
    pub(super) value: Option<&'a T>,
}

/// Wraps a return value for `.get()`.
pub fn outcome<R>(returned: &R) -> DisplayOption<'_, R> {
    DisplayOption(Displayed(DebugOption(Debugged(NamedOption(Named(Optional(Plain(returned))))))))
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
pub struct Plain<'a, R>(&'a R);

impl<'a, T, E: Display> DisplayOption<'a, Result<Option<T>, E>> {
    pub fn get(&self) -> Outcome<'a, T> {
        self.0.get().inside()
    }
}

impl<'a, T, E: Display> Displayed<'a, Result<T, E>> {
    pub fn get(&self) -> Outcome<'a, T> {
        Outcome::of(self.0.0.0.0.0.0.0, |error| FailureText::Display(error))
    }
}

impl<'a, T, E: Debug> DebugOption<'a, Result<Option<T>, E>> {
    pub fn get(&self) -> Outcome<'a, T> {
        self.0.get().inside()
    }
}

impl<'a, T, E: Debug> Debugged<'a, Result<T, E>> {
    pub fn get(&self) -> Outcome<'a, T> {
        Outcome::of(self.0.0.0.0.0, |error| FailureText::Debug(error))
    }
}

impl<'a, T, E> NamedOption<'a, Result<Option<T>, E>> {
    pub fn get(&self) -> Outcome<'a, T> {
        self.0.get().inside()
    }
}

impl<'a, T, E> Named<'a, Result<T, E>> {
    pub fn get(&self) -> Outcome<'a, T> {
        Outcome::of(self.0.0.0, |_| FailureText::TypeName)
    }
}

impl<'a, T> Optional<'a, Option<T>> {
    pub fn get(&self) -> Outcome<'a, T> {
        self.0.get().inside()
    }
}

impl<'a, R> Plain<'a, R> {
    pub fn get(&self) -> Outcome<'a, R> {
        Outcome { failure: None, value: Some(self.0) }
    }
}

impl<'a, T> Outcome<'a, T> {
    fn of<E>(returned: &'a Result<T, E>, text: impl FnOnce(&'a E) -> FailureText<'a>) -> Self {
        match returned {
            Err(error) => {
                let failure = Failure { error_type: type_name::<E>(), text: text(error) };
                Self { failure: Some(failure), value: None }
            }
            Ok(value) => Self { failure: None, value: Some(value) },
        }
    }
}

impl<'a, T> Outcome<'a, Option<T>> {
    fn inside(self) -> Outcome<'a, T> {
        Outcome { failure: self.failure, value: self.value.and_then(Option::as_ref) }
    }
}
