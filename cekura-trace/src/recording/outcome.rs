//! A reference to a return value comes in; whether it failed, and the value inside, go out. This file does not know
//! spans.
//!
//! The type decides, as in `value`: nested newtypes whose inherent `.get()` is found through `Deref`, so aliases like
//! `anyhow::Result` are what they stand for, and in a generic function a bare `T` is a plain value.

use std::any::type_name;
use std::fmt::{Debug, Display};

/// What a failed call says of itself.
pub struct Failure<'a> {
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

/// Wraps a return value for `.get()`, which gives the failure if there is one.
pub fn failure<R>(returned: &R) -> WithDisplay<'_, R> {
    WithDisplay(WithDebug(WithType(NoFailure(returned))))
}

/// Wraps a return value for `.get()`, which gives the value inside: of a `Result`, then of an `Option`, one layer each.
pub fn inside<R>(returned: &R) -> ResultOption<'_, R> {
    ResultOption(OkOnly(SomeOnly(Plain(returned))))
}

/// Gives an async block its return type, in code that never runs.
pub fn never<R>() -> R {
    unreachable!("stands behind `if false`")
}

layer!(WithDisplay over WithDebug);
layer!(WithDebug over WithType);
layer!(WithType over NoFailure);
pub struct NoFailure<'a, R>(&'a R);

impl<'a, T, E: Display> WithDisplay<'a, Result<T, E>> {
    pub fn get(&self) -> Option<Failure<'a>> {
        let error = self.0.0.0.0.as_ref().err()?;
        Some(Failure { error_type: type_name::<E>(), text: FailureText::Display(error) })
    }
}

impl<'a, T, E: Debug> WithDebug<'a, Result<T, E>> {
    pub fn get(&self) -> Option<Failure<'a>> {
        let error = self.0.0.0.as_ref().err()?;
        Some(Failure { error_type: type_name::<E>(), text: FailureText::Debug(error) })
    }
}

impl<'a, T, E> WithType<'a, Result<T, E>> {
    pub fn get(&self) -> Option<Failure<'a>> {
        self.0.0.as_ref().err()?;
        Some(Failure { error_type: type_name::<E>(), text: FailureText::TypeName })
    }
}

impl<'a, R> NoFailure<'a, R> {
    #[expect(clippy::unused_self, reason = "the innermost layer: there is no failure")]
    pub fn get(&self) -> Option<Failure<'a>> {
        None
    }
}

layer!(ResultOption over OkOnly);
layer!(OkOnly over SomeOnly);
layer!(SomeOnly over Plain);
pub struct Plain<'a, R>(&'a R);

impl<'a, T, E> ResultOption<'a, Result<Option<T>, E>> {
    pub fn get(&self) -> Option<&'a T> {
        self.0.0.0.0.as_ref().ok()?.as_ref()
    }
}

impl<'a, T, E> OkOnly<'a, Result<T, E>> {
    pub fn get(&self) -> Option<&'a T> {
        self.0.0.0.as_ref().ok()
    }
}

impl<'a, T> SomeOnly<'a, Option<T>> {
    pub fn get(&self) -> Option<&'a T> {
        self.0.0.as_ref()
    }
}

impl<'a, R> Plain<'a, R> {
    #[expect(clippy::unnecessary_wraps, reason = "the innermost layer: every value is inside itself")]
    pub fn get(&self) -> Option<&'a R> {
        Some(self.0)
    }
}
