//! The values that `record` takes: numbers, texts, `bool`s, lists of the OpenTelemetry API, or nothing.
//! Invariant: writing one runs no code of the program, so it may happen under a span's lock.

use super::attributes::Attributes;
use super::value::Value;
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

macro_rules! recorded {
    ($($type:ty: $value:ident => $as:expr;)*) => {
        $(impl Sealed for $type {
            fn write(&self, attributes: &mut Attributes, key: &str) {
                let $value = self;
                attributes.record(key, $as);
            }
        })*
    };
}

recorded! {
    bool: value => Value::Bool(*value);
    f32: value => Value::F64((*value).into());
    f64: value => Value::F64(*value);
    i8: value => Value::I64((*value).into());
    i16: value => Value::I64((*value).into());
    i32: value => Value::I64((*value).into());
    i64: value => Value::I64(*value);
    u8: value => Value::I64((*value).into());
    u16: value => Value::I64((*value).into());
    u32: value => Value::I64((*value).into());
    char: value => Value::Str(value.encode_utf8(&mut [0; 4]));
    str: value => Value::Str(value);
    String: value => Value::Str(value);
    Cow<'_, str>: value => Value::Str(value);
    StringValue: value => Value::Str(value.as_str());
}

macro_rules! lists {
    ($($type:ty),*) => {
        $(impl Sealed for $type {
            fn write(&self, attributes: &mut Attributes, key: &str) {
                attributes.record_texts(key, self);
            }
        })*
    };
}

lists!([&str], Vec<&str>, [String], Vec<String>);

impl<const N: usize> Sealed for [&str; N] {
    fn write(&self, attributes: &mut Attributes, key: &str) {
        attributes.record_texts(key, self);
    }
}

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
            Self::String(text) => text.write(attributes, key),
            other => write::of_api(&mut attributes.entries, key, other),
        }
    }
}

macro_rules! wide_integers {
    ($($type:ty),*) => {
        $(impl Sealed for $type {
            fn write(&self, attributes: &mut Attributes, key: &str) {
                match i64::try_from(*self) {
                    Ok(value) => attributes.record(key, Value::I64(value)),
                    Err(_) => attributes.record(key, Value::Str(&self.to_string())),
                }
            }
        })*
    };
}

wide_integers!(isize, i128, u64, u128, usize);

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
