//! What is recorded of a failed call: the type and the text of its error. Invariant: a panic in an error's own
//! code never reaches the traced function; it is caught here, or by the caller of `describe` and `error_type`.
//!
//! The type decides, as in `value`: [`kinds`] wraps the waiting value in nested newtypes, and their inherent
//! `.__error()` is found through `Deref`. So no bound is put on an error's type, and in a generic function the
//! written bounds decide.

use crate::clip::{Text, clip};
use crate::say::caught;
use std::any::type_name;
use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;
use std::ops::Deref;
use std::{array, char, env, io, iter, net, num, str, string, sync, time};

/// A failed call.
pub struct Failure<'a> {
    /// The name of the error's type, as the function declares it.
    pub(super) declared: &'static str,
    pub(super) text: FailureText<'a>,
}

pub(super) enum FailureText<'a> {
    Debug(&'a dyn Debug),
    Display(&'a dyn Display),
    /// With sources, perhaps.
    Error(&'a (dyn Error + 'a)),
    /// The same, of a type that is not declared.
    Hidden(&'a (dyn Error + 'static)),
    /// Nothing can be shown of the error but its type.
    TypeName,
}

/// How many sources of an error are looked at. One may be its own source.
const MOST_SOURCES: usize = 16;

impl<'a> Failure<'a> {
    pub(super) fn of<E: ?Sized>(text: FailureText<'a>) -> Self {
        Self { declared: bare(type_name::<E>()), text }
    }

    /// Of an error that gives another one, by code of its own, which may panic.
    pub(super) fn held<E>(ask: impl FnOnce() -> FailureText<'a>) -> Self {
        Self::of::<E>(caught(ask).unwrap_or(FailureText::TypeName))
    }

    /// The error's type, by name. Of a `dyn Error` it is what that is, of `anyhow::Error` and its like also what its
    /// first cause is, where that is one of the [`known`].
    pub(super) fn error_type(&self) -> &'static str {
        let FailureText::Hidden(error) = self.text else { return self.declared };
        let is_report = self.declared != DYN_ERROR;
        let first = || if is_report { sources(error).last().and_then(known) } else { None };
        known(error).or_else(first).unwrap_or(self.declared)
    }

    /// Writes its text into `out`, and behind that those of its sources that it does not say already, with `: ` between.
    pub(super) fn describe(&self, limit: usize, out: &mut String) {
        let said = match self.text {
            FailureText::Debug(error) => Text::of(format_args!("{error:?}"), limit),
            FailureText::Display(error) => Text::of(format_args!("{error}"), limit),
            FailureText::Error(error) | FailureText::Hidden(error) => {
                Text::of(format_args!("{error}"), limit)
            }
            FailureText::TypeName => Text::of(format_args!("{}", self.declared), limit),
        };
        out.push_str(said.as_str());
        let (FailureText::Error(error) | FailureText::Hidden(error)) = self.text else { return };
        for source in sources(error) {
            let said = Text::of(format_args!("{source}"), limit);
            if !out.contains(said.as_str()) {
                if !out.is_empty() {
                    out.push_str(": ");
                }
                out.push_str(said.as_str());
            }
            if out.len() >= limit {
                break;
            }
        }
        out.truncate(clip(out, limit).len());
    }
}

/// The text of an error and of its sources; empty where its own code panics.
#[cfg(feature = "tracing")]
pub(super) fn described(error: &(dyn Error + 'static), limit: usize) -> String {
    let describe = || {
        let mut text = String::new();
        Failure { declared: DYN_ERROR, text: FailureText::Error(error) }.describe(limit, &mut text);
        text
    };
    caught(describe).unwrap_or_default()
}

fn sources<'a>(error: &'a (dyn Error + 'a)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |error| Error::source(*error)).take(MOST_SOURCES)
}

const DYN_ERROR: &str = "dyn Error";

/// A type's name without the pointers around it; `&str` is a name itself.
fn bare(name: &'static str) -> &'static str {
    const POINTERS: [&str; 3] = ["alloc::boxed::Box<", "alloc::rc::Rc<", "alloc::sync::Arc<"];
    let pointed = |pointer| name.strip_prefix(pointer).and_then(|name: &str| name.strip_suffix('>'));
    let reference = || name.strip_prefix('&').filter(|name| *name != "str");
    match POINTERS.into_iter().find_map(pointed).or_else(reference) {
        Some(name) => bare(name),
        None if name.starts_with("dyn core::error::Error") => DYN_ERROR,
        None => name,
    }
}

/// The name of the error's type, of those that are in most programs: nothing else can be asked of a `dyn Error`.
fn known(error: &(dyn Error + 'static)) -> Option<&'static str> {
    type Ask = fn(&(dyn Error + 'static)) -> Option<&'static str>;
    fn is<E: Error + 'static>(error: &(dyn Error + 'static)) -> Option<&'static str> {
        error.is::<E>().then(type_name::<E>)
    }
    const ASKED: &[Ask] = &[
        is::<io::Error>,
        is::<fmt::Error>,
        is::<num::ParseIntError>,
        is::<num::ParseFloatError>,
        is::<num::TryFromIntError>,
        is::<str::Utf8Error>,
        is::<string::FromUtf8Error>,
        is::<str::ParseBoolError>,
        is::<char::ParseCharError>,
        is::<array::TryFromSliceError>,
        is::<net::AddrParseError>,
        is::<env::VarError>,
        is::<time::SystemTimeError>,
        is::<sync::mpsc::RecvError>,
        is::<sync::mpsc::RecvTimeoutError>,
        is::<sync::mpsc::TryRecvError>,
        is::<serde_json::Error>,
    ];
    ASKED.iter().find_map(|ask| ask(error))
}

/// `dyn Error`, with or without `Send` and `Sync`.
pub trait Held {
    fn held(&self) -> &(dyn Error + '_);
}

/// The same, where it borrows nothing, so that its type can be asked for.
pub trait Owned {
    fn owned(&self) -> &(dyn Error + 'static);
}

macro_rules! objects {
    ($($object:ty, $owned:ty;)*) => {
        $(impl<'x> Held for $object {
            fn held(&self) -> &(dyn Error + '_) {
                self
            }
        }

        impl Owned for $owned {
            fn owned(&self) -> &(dyn Error + 'static) {
                self
            }
        })*
    };
}

objects! {
    dyn Error + 'x, dyn Error + 'static;
    dyn Error + Send + 'x, dyn Error + Send + 'static;
    dyn Error + Send + Sync + 'x, dyn Error + Send + Sync + 'static;
}

/// The error of what cannot fail. The outermost layer takes it, which is the cheapest to find.
pub enum NoError {}

impl Deref for NoError {
    type Target = dyn Error;

    fn deref(&self) -> &Self::Target {
        match *self {}
    }
}

/// What waits to hear how an error of type `E` is told.
pub trait Tell<E>: Default {
    type Told<H>;

    fn tell<H: How<E>>(self) -> Self::Told<H>;
}

/// How an error of type `E` is told. A type and no function, for that would not outlive an error that borrows.
pub trait How<E> {
    fn failure(error: &E) -> Failure<'_>;
}

/// Wraps what waits for `.__error()`.
pub(super) fn kinds<P: Tell<E>, E>(waiting: P) -> Objects<P, E> {
    let any = Anything(Cell::new(waiting), PhantomData);
    Objects(Boxes(Errors(References(SharedReferences(Displays(Debugs(any)))))))
}

macro_rules! kinds {
    ($($layer:ident over $inner:ident, $how:ident: [$($bound:tt)*], |$error:ident| $failure:expr;)*) => {
        $(pub struct $layer<P, E>($inner<P, E>);

        impl<P, E> Deref for $layer<P, E> {
            type Target = $inner<P, E>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl<P: Tell<E>, E: $($bound)*> $layer<P, E> {
            pub fn __error(&self) -> P::Told<$how> {
                self.take().tell()
            }
        }

        pub enum $how {}

        impl<E: $($bound)*> How<E> for $how {
            fn failure($error: &E) -> Failure<'_> {
                $failure
            }
        })*
    };
}

// The best first. Pointers to a `dyn Error` are no errors themselves, nor are `anyhow::Error` and its like.
kinds! {
    Objects over Boxes, ByObject: [Deref<Target: Owned>], |error| Failure::held::<E>(|| FailureText::Hidden(error.owned()));
    Boxes over Errors, ByBox: [Deref<Target: Held>], |error| Failure::held::<E>(|| FailureText::Error(error.held()));
    Errors over References, ByError: [Error], |error| Failure::of::<E>(FailureText::Error(error));
    References over SharedReferences, ByReference: [AsRef<dyn Error>],
        |error| Failure::held::<E>(|| FailureText::Hidden(error.as_ref()));
    SharedReferences over Displays, BySharedReference: [AsRef<dyn Error + Send + Sync>],
        |error| Failure::held::<E>(|| FailureText::Hidden(error.as_ref()));
    Displays over Debugs, ByDisplay: [Display], |error| Failure::of::<E>(FailureText::Display(error));
    Debugs over Anything, ByDebug: [Debug], |error| Failure::of::<E>(FailureText::Debug(error));
}

/// The innermost layer: what waits, until one of them takes it.
pub struct Anything<P, E>(Cell<P>, PhantomData<fn(E)>);

impl<P: Tell<E>, E> Anything<P, E> {
    pub fn __error(&self) -> P::Told<ByName> {
        self.take().tell()
    }

    fn take(&self) -> P {
        self.0.take()
    }
}

pub enum ByName {}

impl<E> How<E> for ByName {
    fn failure(_: &E) -> Failure<'_> {
        Failure::of::<E>(FailureText::TypeName)
    }
}

impl<P, E> Objects<P, E> {
    /// Looks no further than an error that may borrow: nobody can ask for the type of that.
    pub fn __borrowed(&self) -> &Boxes<P, E> {
        self
    }
}

impl<'a> Failure<'a> {
    /// Of an error that can be displayed and of which no more is known.
    pub(super) fn display<E: Display>(error: &'a E) -> Self {
        ByDisplay::failure(error)
    }
}

/// What `error = …` may give.
#[diagnostic::on_unimplemented(
    message = "`error` takes an `Option`, found `{Self}`",
    label = "expected `Some(error)` where the returned value is a failure, else `None`"
)]
pub trait Refusal {
    type Error;

    fn refusal(&self) -> Option<&Self::Error>;
}

impl<E> Refusal for Option<E> {
    type Error = E;

    fn refusal(&self) -> Option<&E> {
        self.as_ref()
    }
}

/// Wraps what `error = …` gave for `.__error()`.
pub fn failure<R: Refusal<Error = E>, E>(given: &R) -> Boxes<Refused<'_, E>, E> {
    kinds(Refused(given.refusal())).0
}

pub struct Refused<'a, E>(Option<&'a E>);

impl<E> Default for Refused<'_, E> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a, E> Tell<E> for Refused<'a, E> {
    type Told<H> = Option<Failure<'a>>;

    fn tell<H: How<E>>(self) -> Option<Failure<'a>> {
        self.0.map(H::failure)
    }
}
