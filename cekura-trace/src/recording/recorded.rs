//! What `record` takes as a value: numbers, texts, truth, lists of the OpenTelemetry API, or nothing.
//! Invariant: writing one runs no code of the program's, so that it may happen under a span's lock.

use crate::finished::write;
use opentelemetry::{Array, StringValue, Value};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// What [`record`](crate::record) takes as a value: any integer or float, a `bool`, a `char`, a string, a
/// list of strings, a value or list of the OpenTelemetry API, a reference to one of these, or an `Option`, of
/// which `None` records nothing.
///
/// An integer that `i64` does not hold is recorded as its digits. Anything else that implements `Serialize`
/// is for `record_json`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a span attribute",
    label = "expected a number, a `bool`, a string, or an `Option` of one",
    note = "`cekura::current().record_json(key, &value)` records anything that implements `Serialize`"
)]
pub trait Recorded: Sealed {}

pub trait Sealed {
    /// Appends the value under its key, unless there is none.
    fn write(&self, entries: &mut Vec<u8>, key: &str);
}

impl<T: Sealed + ?Sized> Recorded for T {}

macro_rules! recorded {
    ($($type:ty: $value:ident => $written:ident($as:expr);)*) => {
        $(impl Sealed for $type {
            fn write(&self, entries: &mut Vec<u8>, key: &str) {
                let $value = self;
                write::$written(entries, key, $as);
            }
        })*
    };
}

recorded! {
    bool: value => flag(*value);
    f32: value => float((*value).into());
    f64: value => float(*value);
    i8: value => integer((*value).into());
    i16: value => integer((*value).into());
    i32: value => integer((*value).into());
    i64: value => integer(*value);
    u8: value => integer((*value).into());
    u16: value => integer((*value).into());
    u32: value => integer((*value).into());
    char: value => text(value.encode_utf8(&mut [0; 4]));
    str: value => text(value);
    String: value => text(value);
    Cow<'_, str>: value => text(value);
    StringValue: value => text(value.as_str());
    [&str]: value => texts(value);
    Vec<&str>: value => texts(value);
    [String]: value => texts(&value.iter().map(String::as_str).collect::<Vec<_>>());
    Vec<String>: value => texts(&value.iter().map(String::as_str).collect::<Vec<_>>());
    Value: value => of_api(value);
    Array: value => of_api(&Value::Array(value.clone()));
}

impl<const N: usize> Sealed for [&str; N] {
    fn write(&self, entries: &mut Vec<u8>, key: &str) {
        write::texts(entries, key, self);
    }
}

macro_rules! wide_integers {
    ($($type:ty),*) => {
        $(impl Sealed for $type {
            fn write(&self, entries: &mut Vec<u8>, key: &str) {
                match i64::try_from(*self) {
                    Ok(value) => write::integer(entries, key, value),
                    Err(_) => write::text(entries, key, &self.to_string()),
                }
            }
        })*
    };
}

wide_integers!(isize, i128, u64, u128, usize);

impl<T: Sealed> Sealed for Option<T> {
    fn write(&self, entries: &mut Vec<u8>, key: &str) {
        if let Some(value) = self {
            value.write(entries, key);
        }
    }
}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {
        $(impl<T: Sealed + ?Sized> Sealed for $pointer {
            fn write(&self, entries: &mut Vec<u8>, key: &str) {
                (**self).write(entries, key);
            }
        })*
    };
}

through_pointers!(&T, &mut T, Arc<T>, Box<T>, Rc<T>);
