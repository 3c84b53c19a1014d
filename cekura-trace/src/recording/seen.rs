//! What an item of an answer is: samples, a failure, or a value to record. Invariant: nothing is formatted; the
//! item's `Serialize` is stopped at its first call to the serializer.
//!
//! In generated code the type decides (`value`, `outcome`). A generic function such as `item` knows only its
//! bounds, so it asks `Serialize` instead: a list whose first element is a byte or a sample is a buffer, and
//! serde names a `Result`.

use super::attributes::Attributes;
use super::failure::{Failure, FailureText, Owned};
use super::locks::is_locked;
use super::value::{Form, Len, Value, clipped};
use crate::clip::Stack;
use crate::policy::CONTENT_LIMIT;
use serde::ser::{Impossible, SerializeSeq, SerializeTuple};
use serde::{Serialize, Serializer};
use std::error::Error;
use std::fmt;
use std::ops::Deref;

/// What an item is: a value, or a failure.
pub struct Seen<'a>(Result<Value<'a>, Failure<'a>>);

impl Seen<'_> {
    pub(super) fn is_failure(&self) -> bool {
        self.0.is_err()
    }

    /// Records it like the return value of the annotated function, or like an item of its stream.
    pub(super) fn record(self, attributes: &mut Attributes) {
        match self.0 {
            Ok(value) => attributes.returned(value),
            Err(failure) => attributes.fail(&failure),
        }
    }
}

/// Shows what an item is. An item that would take a lock counts as nothing.
pub(super) fn show<T: Serialize + ?Sized>(item: &T, see: &mut dyn FnMut(Seen<'_>)) {
    show_inside(item, Stack::here(), see);
}

fn show_inside<T: Serialize + ?Sized>(item: &T, stack: Stack, see: &mut dyn FnMut(Seen<'_>)) {
    if is_locked::<T>() {
        return see(Seen(Ok(Value::Nothing)));
    }
    let mut shown = false;
    if !stack.is_deep() {
        let _stopped = item.serialize(First { see, shown: &mut shown, list: None, stack });
    }
    if !shown {
        see(Seen(Ok(Value::Serialize(&item))));
    }
}

/// An item for [`follow`](crate::follow), or a result for [`trace`](crate::spans::Builder::trace): a type that
/// implements `Serialize`, a buffer such as `bytes::Bytes`, or a `Result` of one of these. The error of the
/// `Result` implements `std::error::Error` or `Serialize`, or is a boxed error or `anyhow`'s. `How` is
/// inferred.
#[diagnostic::on_unimplemented(
    message = "nothing can be recorded of `{Self}`",
    label = "expected a type that implements `Serialize`, or a `Result` of one and an error",
    note = "map it to such a type, or record what it says with `cekura::current()`"
)]
pub trait Item<How> {
    #[doc(hidden)]
    fn show(&self, see: &mut dyn FnMut(Seen<'_>));
}

#[derive(Debug)]
pub enum Plain {}

impl<T: Serialize> Item<Plain> for T {
    fn show(&self, see: &mut dyn FnMut(Seen<'_>)) {
        show(self, see);
    }
}

#[derive(Debug)]
pub enum Buffer {}

// `bytes::Bytes` and its like, without depending on their crates; nothing with this bound is `Serialize` by
// default.
impl<T: Deref<Target = [u8]> + PartialEq<str>> Item<Buffer> for T {
    fn show(&self, see: &mut dyn FnMut(Seen<'_>)) {
        see(Seen(Ok(Value::Len(Len { elements: self.len(), form: Form::Bytes }))));
    }
}

macro_rules! results {
    ($($how:ident: [$($bound:tt)*], |$error:ident| $failure:expr;)*) => {
        $(#[derive(Debug)]
        pub struct $how<How>(How);

        impl<T: Item<How>, How, E: $($bound)*> Item<$how<How>> for Result<T, E> {
            fn show(&self, see: &mut dyn FnMut(Seen<'_>)) {
                match self {
                    Ok(item) => item.show(see),
                    Err($error) => see(Seen(Err($failure))),
                }
            }
        })*
    };
}

results! {
    Fallible: [Error], |error| Failure::of::<E>(FailureText::Error(error));
    Reported: [Deref<Target: Owned>], |error| Failure::held::<E>(|| FailureText::Hidden((**error).owned()));
}

/// A serializer that takes only the first call of a value's `Serialize`; of a list, that of its first element.
struct First<'a> {
    see: &'a mut dyn FnMut(Seen<'_>),
    shown: &'a mut bool,
    /// How many elements the list has that this is in.
    list: Option<usize>,
    stack: Stack,
}

/// The error that ends a value's `Serialize` after its first call.
type Stopped<T = ()> = Result<T, fmt::Error>;

impl First<'_> {
    fn samples(self, elements: usize, are_bytes: bool) -> Stopped {
        *self.shown = true;
        let form = if are_bytes { Form::Bytes } else { Form::Samples };
        (self.see)(Seen(Ok(Value::Len(Len { elements, form }))));
        Err(fmt::Error)
    }

    fn element(self, is_byte: bool) -> Stopped {
        let elements = self.list.ok_or(fmt::Error)?;
        self.samples(elements, is_byte)
    }

    fn show<T: Serialize + ?Sized>(self, inside: &T) -> Stopped {
        *self.shown = true;
        show_inside(inside, self.stack, self.see);
        Err(fmt::Error)
    }

    fn failed<T: Serialize + ?Sized>(self, error: &T) -> Stopped {
        *self.shown = true;
        let text = clipped(&Value::Serialize(&error), CONTENT_LIMIT).unwrap_or_default();
        (self.see)(Seen(Err(Failure::of::<T>(FailureText::Display(&text)))));
        Err(fmt::Error)
    }
}

macro_rules! stop {
    ($($method:ident($($type:ty),*) $(-> $compound:ident)?;)*) => {
        $(fn $method(self, $(_: $type),*) -> Stopped<stop!(@ $($compound)?)> {
            Err(fmt::Error)
        })*
    };
    (@) => { () };
    (@ $compound:ident) => { Self::$compound };
}

impl Serializer for First<'_> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), fmt::Error>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Impossible<(), fmt::Error>;
    type SerializeStruct = Impossible<(), fmt::Error>;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    stop! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Stopped {
        // Without this serde would have the value shown, which may never end.
        Err(fmt::Error)
    }

    fn serialize_u8(self, _: u8) -> Stopped {
        self.element(true)
    }

    fn serialize_i16(self, _: i16) -> Stopped {
        self.element(false)
    }

    fn serialize_f32(self, _: f32) -> Stopped {
        self.element(false)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Stopped {
        Err(fmt::Error)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Stopped {
        if self.list.is_some() { Err(fmt::Error) } else { self.samples(bytes.len(), true) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Stopped {
        if self.list.is_some() { Err(fmt::Error) } else { self.show(value) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Stopped {
        match (self.list, name, variant) {
            (None, "Result", "Ok") => self.show(value),
            (None, "Result", "Err") => self.failed(value),
            _ => Err(fmt::Error),
        }
    }

    fn serialize_seq(self, length: Option<usize>) -> Stopped<Self> {
        if self.list.is_some() || length.is_none() {
            Err(fmt::Error)
        } else {
            Ok(Self { list: length, ..self })
        }
    }

    fn serialize_tuple(self, length: usize) -> Stopped<Self> {
        self.serialize_seq(Some(length))
    }
}

macro_rules! lists {
    ($($list:ident),*) => {
        $(impl $list for First<'_> {
            type Ok = ();
            type Error = fmt::Error;

            fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Stopped {
                if is_locked::<T>() {
                    return Err(fmt::Error);
                }
                let Self { see, shown, list, stack } = self;
                element.serialize(First { see: *see, shown, list: *list, stack: *stack })
            }

            fn end(self) -> Stopped {
                self.samples(0, false)
            }
        })*
    };
}

lists!(SerializeSeq, SerializeTuple);
