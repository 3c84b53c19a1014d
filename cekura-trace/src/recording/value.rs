//! What can be recorded of a value, chosen by its type. Invariant: choosing formats nothing, and asks nothing
//! of the user's types.
//!
//! # How the type decides
//!
//! Nothing is required of the user's types, so the choice is made where the type is known: in the generated
//! code. [`value`] wraps the reference in nested newtypes. `.__get()` is an inherent method of each layer, with
//! a bound on its `impl`. Method look-up takes the outermost layer whose bound holds, and goes inwards through
//! `Deref`:
//!
//! ```text
//! Scalar<T: AsScalar> → Buffer<T: AsBuffer> → Shared<T: Deref<Target: AsBuffer>> → … → Serial<T: Serialize> → Shown<T: Debug> → Opaque<T>
//! ```
//!
//! No trait needs to be in scope, and in a generic function the bounds written on it decide.

use super::json::{FEW, Root, Walk, caught, walk};
use super::locks::is_locked;
use super::wav;
use crate::clip::{Text, clip};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

/// What can be recorded of a value. Nothing is formatted yet.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Bool(bool),
    Debug(&'a dyn Debug),
    F64(f64),
    I64(i64),
    /// A byte or sample buffer. Its content is never recorded.
    Len(Len),
    Nothing,
    Serialize(&'a dyn Walk),
    /// A short buffer. A tool call may record it as a list; any other span records its length.
    Short(Samples<'a>),
    Str(&'a str),
}

/// The content of a short buffer.
#[derive(Clone, Copy)]
pub enum Samples<'a> {
    Bytes(&'a [u8]),
    F32(&'a [f32]),
    I16(&'a [i16]),
}

impl Samples<'_> {
    pub(super) fn length(self) -> Len {
        match self {
            Self::Bytes(bytes) => {
                let form = wav::seconds(bytes).map_or(Form::Bytes, Form::Wav);
                Len { elements: bytes.len(), form }
            }
            Self::F32(samples) => Len { elements: samples.len(), form: Form::Samples },
            Self::I16(samples) => Len { elements: samples.len(), form: Form::Samples },
        }
    }
}

/// The size of a buffer.
#[derive(Clone, Copy)]
pub struct Len {
    pub(super) elements: usize,
    pub(super) form: Form,
}

/// What a buffer holds.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Bytes,
    Numbers,
    Samples,
    /// A WAV file of so many seconds.
    Wav(f64),
}

/// Wraps a value for `.__get()`.
pub(super) fn value<T>(value: &T) -> Scalar<'_, T> {
    let shared = SharedOption(SharedOptionRef(Serial(Shown(Opaque(value)))));
    Scalar(List(Buffer(SharedList(Shared(SharedRefList(SharedRef(shared)))))))
}

layer!(Scalar over List);
layer!(List over Buffer);
layer!(Buffer over SharedList);
layer!(SharedList over Shared);
layer!(Shared over SharedRefList);
layer!(SharedRefList over SharedRef);
layer!(SharedRef over SharedOption);
layer!(SharedOption over SharedOptionRef);
layer!(SharedOptionRef over Serial);
layer!(Serial over Shown);
layer!(Shown over Opaque);

pub struct Opaque<'a, T>(&'a T);

impl<'a, T> Opaque<'a, T> {
    /// What every layer is around.
    fn it(&self) -> &'a T {
        self.0
    }

    #[expect(clippy::unused_self, reason = "the innermost layer: there is nothing to look at")]
    pub fn __get(&self) -> Value<'a> {
        Value::Nothing
    }
}

macro_rules! looks {
    ($($layer:ident<$type:ty>: [$($bound:tt)*], |$it:ident| $value:expr;)*) => {
        $(impl<'a, T: $($bound)*> $layer<'a, $type> {
            #[inline]
            pub fn __get(&self) -> Value<'a> {
                let $it = self.it();
                $value
            }
        })*
    };
}

// Numbers that are no samples are a `List`: the literals `[0.1, 0.2]` would become the only float that is one.
// `bytes::Bytes` and its like are known by what they dereference to, without depending on their crates.
looks! {
    Scalar<T>: [AsScalar], |it| it.scalar();
    List<T>: [AsBuffer + Serialize], |it| if it.is_list() { Value::Serialize(it) } else { it.buffer() };
    Buffer<T>: [AsBuffer], |it| it.buffer();
    SharedList<T>: [Deref<Target: AsBuffer> + Serialize], |it| list_or_shared(it);
    Shared<T>: [Deref<Target: AsBuffer>], |it| shared(Some(it));
    SharedRefList<&T>: [Deref<Target: AsBuffer> + Serialize], |it| list_or_shared(*it);
    SharedRef<&T>: [Deref<Target: AsBuffer>], |it| shared(Some(*it));
    SharedOption<Option<T>>: [Deref<Target: AsBuffer>], |it| shared(it.as_ref());
    SharedOptionRef<Option<&T>>: [Deref<Target: AsBuffer>], |it| shared(*it);
    Serial<T>: [Serialize], |it| Value::Serialize(it);
    Shown<T>: [Debug], |it| debug(it);
}

fn list_or_shared<T: Deref<Target: AsBuffer> + Serialize>(buffer: &T) -> Value<'_> {
    if !is_locked::<T>() && buffer.deref().is_list() {
        Value::Serialize(buffer)
    } else {
        shared(Some(buffer))
    }
}

/// Looking at a `LazyLock` would compute it.
fn shared<T: Deref<Target: AsBuffer>>(buffer: Option<&T>) -> Value<'_> {
    buffer.filter(|_| !is_locked::<T>()).map_or(Value::Nothing, |buffer| buffer.deref().buffer())
}

/// A value as `Debug` shows it.
pub(super) fn debug<T: Debug>(value: &T) -> Value<'_> {
    if is_locked::<T>() { Value::Nothing } else { Value::Debug(value) }
}

impl From<Root> for Value<'_> {
    /// Of a value whose text stands elsewhere nothing.
    fn from(root: Root) -> Self {
        match root {
            Root::Bool(value) => Self::Bool(value),
            Root::F64(value) => Self::F64(value),
            Root::I64(value) => Self::I64(value),
            Root::Json | Root::Name | Root::Null | Root::Text => Self::Nothing,
        }
    }
}

/// What `Debug` shows, until it is longer than `limit` and than is usual; `None` where it panics.
pub(super) fn shown(value: &dyn Debug, limit: usize) -> Option<Text> {
    caught(|| Text::of(format_args!("{value:?}"), limit.max(Text::MOST)))
}

/// A value as a text of at most `limit` bytes.
pub(super) fn clipped<'a>(value: &Value<'a>, limit: usize) -> Option<Cow<'a, str>> {
    Some(match value {
        Value::Str(text) => Cow::Borrowed(clip(text, limit)),
        Value::Bool(value) => Cow::Owned(value.to_string()),
        Value::Debug(value) => Cow::Owned(clip(shown(*value, 0)?.as_str(), limit).to_owned()),
        Value::F64(value) => Cow::Owned(value.to_string()),
        Value::I64(value) => Cow::Owned(value.to_string()),
        Value::Len(_) | Value::Nothing | Value::Short(_) => return None,
        Value::Serialize(value) => {
            let mut out = Vec::new();
            match walk(*value, Some(&mut out), limit.min(LONGEST), None).root {
                Root::Json | Root::Name | Root::Text => Cow::Owned(String::from_utf8(out).ok()?),
                scalar => return clipped(&scalar.into(), limit),
            }
        }
    })
}

/// The most bytes of a text that is made of a value to be read on.
pub(super) const LONGEST: usize = 1 << 20;

/// Types that are span attribute values as they are.
pub trait AsScalar {
    fn scalar(&self) -> Value<'_>;
}

/// Types that hold bytes, audio samples, or other numbers.
pub trait AsBuffer {
    /// Its size, together with the samples if they are few; nothing for an absent buffer.
    fn buffer(&self) -> Value<'_>;

    /// Whether it holds other numbers.
    fn is_list(&self) -> bool;
}

/// Implements a trait for pointers to a `T` that has it, and for `Option<T>`.
macro_rules! through_pointers {
    ($trait:ident, $($method:ident -> $output:ty, absent: $absent:expr),*) => {
        through_pointers!(@ $trait, ($($method -> $output),*), &T, &mut T, Arc<T>, Box<T>, Rc<T>);

        impl<T: $trait> $trait for Option<T> {
            $(fn $method(&self) -> $output {
                self.as_ref().map_or($absent, $trait::$method)
            })*
        }
    };
    (@ $trait:ident, $methods:tt, $($pointer:ty),*) => {
        $(through_pointers!(@@ $trait, $methods, $pointer);)*
    };
    (@@ $trait:ident, ($($method:ident -> $output:ty),*), $pointer:ty) => {
        impl<T: $trait + ?Sized> $trait for $pointer {
            $(#[inline]
            fn $method(&self) -> $output {
                (**self).$method()
            })*
        }
    };
}

through_pointers!(AsScalar, scalar -> Value<'_>, absent: Value::Nothing);
through_pointers!(AsBuffer, buffer -> Value<'_>, absent: Value::Nothing, is_list -> bool, absent: false);
through_pointers!(Flag, flag -> Option<bool>, absent: None);
through_pointers!(Float, float -> Option<f64>, absent: None);
through_pointers!(Integer, integer -> Option<i64>, absent: None);

macro_rules! scalars {
    ($($type:ty => $variant:ident),*) => {
        $(impl AsScalar for $type {
            #[inline]
            fn scalar(&self) -> Value<'_> {
                Value::$variant((*self).into())
            }
        })*
    };
}

scalars!(bool => Bool, f32 => F64, f64 => F64, i8 => I64, i16 => I64, i32 => I64, i64 => I64, u8 => I64, u16 => I64, u32 => I64);

macro_rules! wide_integers {
    ($($type:ty),*) => {
        $(impl AsScalar for $type {
            #[inline]
            fn scalar(&self) -> Value<'_> {
                i64::try_from(*self).map_or(Value::Serialize(self), Value::I64)
            }
        })*
    };
}

wide_integers!(i128, isize, u64, u128, usize);

macro_rules! texts {
    ($($type:ty),*) => {
        $(impl AsScalar for $type {
            #[inline]
            fn scalar(&self) -> Value<'_> {
                Value::Str(self)
            }
        })*
    };
}

texts!(str, Cow<'_, str>, String);

/// A number.
pub trait Sample: Sized {
    /// `None` where it is neither a byte nor a sample of audio.
    fn samples(_: &[Self]) -> Option<Samples<'_>> {
        None
    }
}

macro_rules! samples {
    ($($type:ty => $variant:ident),*) => {
        $(impl Sample for $type {
            fn samples(all: &[Self]) -> Option<Samples<'_>> {
                Some(Samples::$variant(all))
            }
        })*
    };
    ($($type:ty),*) => {
        $(impl Sample for $type {})*
    };
}

samples!(f32 => F32, i16 => I16, u8 => Bytes);
samples!(f64, i8, i32, i64, i128, isize, u16, u32, u64, u128, usize);

impl<S: Sample> AsBuffer for [S] {
    fn buffer(&self) -> Value<'_> {
        match S::samples(self) {
            None => Value::Len(Len { elements: self.len(), form: Form::Numbers }),
            Some(samples) if self.len() <= FEW => Value::Short(samples),
            Some(samples) => Value::Len(samples.length()),
        }
    }

    fn is_list(&self) -> bool {
        S::samples(&[]).is_none()
    }
}

macro_rules! slices {
    ($([$($generics:tt)*] $type:ty),*) => {
        $(impl<$($generics)*> AsBuffer for $type {
            fn buffer(&self) -> Value<'_> {
                self[..].buffer()
            }

            fn is_list(&self) -> bool {
                self[..].is_list()
            }
        })*
    };
}

slices!([S: Sample, const N: usize] [S; N], [S: Sample] Vec<S>, [S: Sample + Clone] Cow<'_, [S]>);

/// A value for an argument that is true or false.
#[diagnostic::on_unimplemented(
    message = "this argument takes a `bool`, found `{Self}`",
    label = "expected a `bool`, a reference to one, or an `Option` of one"
)]
pub trait Flag {
    fn flag(&self) -> Option<bool>;
}

/// A value for an argument that is a decimal number.
#[diagnostic::on_unimplemented(
    message = "this argument takes a number, found `{Self}`",
    label = "expected a float or an integer, a reference to one, or an `Option` of one"
)]
pub trait Float {
    fn float(&self) -> Option<f64>;
}

/// A value for an argument that is a count.
#[diagnostic::on_unimplemented(
    message = "this argument takes an integer, found `{Self}`",
    label = "expected an integer, a reference to one, or an `Option` of one"
)]
pub trait Integer {
    fn integer(&self) -> Option<i64>;
}

impl Flag for bool {
    fn flag(&self) -> Option<bool> {
        Some(*self)
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Integer for $type {
            fn integer(&self) -> Option<i64> {
                i64::try_from(*self).ok()
            }
        })*
    };
    (float: $($type:ty),*) => {
        $(impl Float for $type {
            fn float(&self) -> Option<f64> {
                Some(f64::from(*self))
            }
        })*
    };
}

numbers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);
numbers!(float: f32, f64, i8, i16, i32, u8, u16, u32);
