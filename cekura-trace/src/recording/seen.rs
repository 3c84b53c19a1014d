//! What an item of an answer is: samples, a failure, or a value to record. Invariant: nothing is formatted; the
//! item's `Serialize` is stopped at its first call to the serializer.
//!
//! In generated code the type decides (`value`, `outcome`). A generic function such as `item` knows only its
//! bounds, so it asks `Serialize` instead: a list whose first element is a byte or a sample is a buffer, and
//! serde names a `Result`.

use super::attributes::Attributes;
use super::failure::{Failure, FailureText, Owned};
use super::locks::is_locked;
use super::value::{Len, Value};
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
    if is_locked::<T>() {
        return see(Seen(Ok(Value::Nothing)));
    }
    let mut shown = false;
    let _stopped = item.serialize(First { see, shown: &mut shown });
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
        see(Seen(Ok(Value::Len(Len { elements: self.len(), are_bytes: true }))));
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

/// A serializer that takes only the first call of a value's `Serialize`.
struct First<'a> {
    see: &'a mut dyn FnMut(Seen<'_>),
    shown: &'a mut bool,
}

impl First<'_> {
    fn samples(self, elements: usize, are_bytes: bool) -> Stopped {
        *self.shown = true;
        (self.see)(Seen(Ok(Value::Len(Len { elements, are_bytes }))));
        Err(fmt::Error)
    }

    fn show<T: Serialize + ?Sized>(self, inside: &T) -> Stopped {
        *self.shown = true;
        show(inside, self.see);
        Err(fmt::Error)
    }

    fn failed<T: Serialize + ?Sized>(self, error: &T) -> Stopped {
        *self.shown = true;
        let json = if is_locked::<T>() { None } else { serde_json::to_value(error).ok() };
        let text = match json {
            Some(serde_json::Value::String(text)) => text,
            Some(error) => error.to_string(),
            None => String::new(),
        };
        (self.see)(Seen(Err(Failure::of::<T>(FailureText::Display(&text)))));
        Err(fmt::Error)
    }
}

/// The error that ends a value's `Serialize` after its first call.
type Stopped<T = ()> = Result<T, fmt::Error>;

macro_rules! stop {
    ($($method:ident($($type:ty),*);)*) => {
        $(fn $method(self, $(_: $type),*) -> Stopped<Self::Ok> {
            Err(fmt::Error)
        })*
    };
    ($($method:ident($($type:ty),*) -> $compound:ident;)*) => {
        $(fn $method(self, $(_: $type),*) -> Stopped<Self::$compound> {
            Err(fmt::Error)
        })*
    };
}

/// The methods that the serializer of a single element shares with that of the first call.
macro_rules! rest {
    ($ok:ty) => {
        type Ok = $ok;
        type Error = fmt::Error;
        type SerializeTupleStruct = Impossible<$ok, fmt::Error>;
        type SerializeTupleVariant = Impossible<$ok, fmt::Error>;
        type SerializeMap = Impossible<$ok, fmt::Error>;
        type SerializeStruct = Impossible<$ok, fmt::Error>;
        type SerializeStructVariant = Impossible<$ok, fmt::Error>;

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
        }
        stop! {
            serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
            serialize_map(Option<usize>) -> SerializeMap;
            serialize_struct(&'static str, usize) -> SerializeStruct;
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Stopped<$ok> {
            Err(fmt::Error)
        }
    };
}

impl<'a> Serializer for First<'a> {
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;

    rest!(());
    stop! { serialize_i16(i16); serialize_u8(u8); serialize_f32(f32); }

    fn serialize_bytes(self, bytes: &[u8]) -> Stopped {
        self.samples(bytes.len(), true)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Stopped {
        self.show(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Stopped {
        match (name, variant) {
            ("Result", "Ok") => self.show(value),
            ("Result", "Err") => self.failed(value),
            _ => Err(fmt::Error),
        }
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements<'a>, fmt::Error> {
        Ok(Elements { list: self, length: length.ok_or(fmt::Error)? })
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements<'a>, fmt::Error> {
        self.serialize_seq(Some(length))
    }
}

/// A list, until its first element is known.
struct Elements<'a> {
    list: First<'a>,
    length: usize,
}

impl Elements<'_> {
    fn first<T: Serialize + ?Sized>(&mut self, element: &T) -> Stopped {
        if is_locked::<T>() {
            return Err(fmt::Error);
        }
        let are_bytes = element.serialize(Element)?;
        let First { see, shown } = &mut self.list;
        First { see: *see, shown }.samples(self.length, are_bytes)
    }

    fn none(self) -> Stopped {
        self.list.samples(0, false)
    }
}

impl SerializeSeq for Elements<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Stopped {
        self.first(element)
    }

    fn end(self) -> Stopped {
        self.none()
    }
}

impl SerializeTuple for Elements<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Stopped {
        self.first(element)
    }

    fn end(self) -> Stopped {
        self.none()
    }
}

/// Says of an element whether it is a byte, where it is that or a sample.
struct Element;

impl Serializer for Element {
    type SerializeSeq = Impossible<bool, fmt::Error>;
    type SerializeTuple = Impossible<bool, fmt::Error>;

    rest!(bool);
    stop! {
        serialize_bytes(&[u8]);
    }
    stop! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
    }

    fn serialize_u8(self, _: u8) -> Stopped<bool> {
        Ok(true)
    }

    fn serialize_i16(self, _: i16) -> Stopped<bool> {
        Ok(false)
    }

    fn serialize_f32(self, _: f32) -> Stopped<bool> {
        Ok(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Stopped<bool> {
        Err(fmt::Error)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Stopped<bool> {
        Err(fmt::Error)
    }
}
