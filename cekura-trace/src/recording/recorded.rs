//! The values that `record` takes: numbers, texts, `bool`s, lists of the OpenTelemetry API, or nothing.
//! Invariant: writing one runs no code of the program, so it may happen under a span's lock.

use super::attributes::Attributes;
use super::value::{AsScalar as _, Value};
use crate::finished::write;
use opentelemetry::{Array, StringValue, Value as ApiValue};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// A value for [`record`](crate::record): an integer, a float, a `bool`, a `char`, a string, a list of strings,
/// a value or a list of the OpenTelemetry API, a reference to one of these, or an `Option` of one. `None`
/// records nothing.
///
/// An integer that does not fit into an `i64` is recorded as text. Text is cut at the content limit. For any
/// other type that implements `Serialize` use `record_json`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a span attribute",
    label = "expected a number, a `bool`, a string, or an `Option` of one",
    note = "`cekura::current().record_json(key, &value)` records anything that implements `Serialize`"
)]
pub trait Recorded: Sealed {}

pub trait Sealed {
    /// Records the value under this key, unless it is absent.
    fn write(&self, attributes: &mut Attributes, key: &str);
}

impl<T: Sealed + ?Sized> Recorded for T {}

macro_rules! scalars {
    ($($type:ty),*) => {
        $(impl Sealed for $type {
            fn write(&self, attributes: &mut Attributes, key: &str) {
                attributes.record(key, self.scalar());
            }
        })*
    };
}

scalars!(bool, f32, f64, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
scalars!(str, Cow<'_, str>, String);

impl Sealed for char {
    fn write(&self, attributes: &mut Attributes, key: &str) {
        attributes.record(key, Value::Str(self.encode_utf8(&mut [0; 4])));
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $type:ty),*) => {
        $(impl<$($generics)*> Sealed for $type {
            fn write(&self, attributes: &mut Attributes, key: &str) {
                attributes.record_texts(key, self);
            }
        })*
    };
}

lists!([] [&str], [const N: usize] [&str; N], [] Vec<&str>, [] [String], [] Vec<String>);

impl Sealed for Array {
    fn write(&self, attributes: &mut Attributes, key: &str) {
        match self {
            Self::String(texts) => attributes.record_texts(key, texts),
            other => write::of_api(&mut attributes.entries, key, &ApiValue::Array(other.clone())),
        }
    }
}

impl Sealed for ApiValue {
    fn write(&self, attributes: &mut Attributes, key: &str) {
        match self {
            Self::Array(list) => list.write(attributes, key),
            Self::String(text) => text.as_str().write(attributes, key),
            other => write::of_api(&mut attributes.entries, key, other),
        }
    }
}

impl Sealed for StringValue {
    fn write(&self, attributes: &mut Attributes, key: &str) {
        self.as_str().write(attributes, key);
    }
}

impl<T: Sealed> Sealed for Option<T> {
    fn write(&self, attributes: &mut Attributes, key: &str) {
        if let Some(value) = self {
            value.write(attributes, key);
        }
    }
}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {
        $(impl<T: Sealed + ?Sized> Sealed for $pointer {
            fn write(&self, attributes: &mut Attributes, key: &str) {
                (**self).write(attributes, key);
            }
        })*
    };
}

through_pointers!(&T, &mut T, Arc<T>, Box<T>, Rc<T>);
