//! Stops a value's own `Serialize` before it has used up the stack. Invariant: what is not as deep is serialised as if
//! this were not there.

use crate::clip::Stack;
use serde::ser::{self, Error as _, Serialize, Serializer};
use std::fmt::Display;

/// A value, and where the stack was when the walk through it began.
pub(super) struct Bounded<'a, T: ?Sized>(pub(super) &'a T, pub(super) Stack);

impl<T: Serialize + ?Sized> Serialize for Bounded<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, stack) = *self;
        if stack.is_deep() {
            Err(S::Error::custom("too deep"))
        } else {
            value.serialize(Inside(serializer, stack))
        }
    }
}

/// A serializer, or what it made of a container, that bounds what is inside.
struct Inside<S>(S, Stack);

macro_rules! scalars {
    ($($method:ident($($value:ident: $type:ty),*);)*) => {
        $(fn $method(self, $($value: $type),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($value),*)
        })*
    };
}

macro_rules! containers {
    ($($container:ident: $method:ident($($value:ident: $type:ty),*);)*) => {
        $(fn $method(self, $($value: $type),*) -> Result<Inside<S::$container>, S::Error> {
            Ok(Inside(self.0.$method($($value),*)?, self.1))
        })*
    };
}

macro_rules! inner {
    ($($method:ident($($value:ident: $type:ty),*);)*) => {
        $(fn $method<T: Serialize + ?Sized>(self, $($value: $type,)* inner: &T) -> Result<S::Ok, S::Error> {
            self.0.$method($($value,)* &Bounded(inner, self.1))
        })*
    };
}

impl<S: Serializer> Serializer for Inside<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Inside<S::SerializeSeq>;
    type SerializeTuple = Inside<S::SerializeTuple>;
    type SerializeTupleStruct = Inside<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Inside<S::SerializeTupleVariant>;
    type SerializeMap = Inside<S::SerializeMap>;
    type SerializeStruct = Inside<S::SerializeStruct>;
    type SerializeStructVariant = Inside<S::SerializeStructVariant>;

    scalars! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, at: u32, variant: &'static str);
    }

    inner! {
        serialize_some();
        serialize_newtype_struct(name: &'static str);
        serialize_newtype_variant(name: &'static str, at: u32, variant: &'static str);
    }

    containers! {
        SerializeSeq: serialize_seq(length: Option<usize>);
        SerializeTuple: serialize_tuple(length: usize);
        SerializeTupleStruct: serialize_tuple_struct(name: &'static str, length: usize);
        SerializeTupleVariant:
            serialize_tuple_variant(name: &'static str, at: u32, variant: &'static str, length: usize);
        SerializeMap: serialize_map(length: Option<usize>);
        SerializeStruct: serialize_struct(name: &'static str, length: usize);
        SerializeStructVariant:
            serialize_struct_variant(name: &'static str, at: u32, variant: &'static str, length: usize);
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }
}

macro_rules! insides {
    ($($container:ident: $($method:ident($($key:ident)?)),*;)*) => {
        $(impl<C: ser::$container> ser::$container for Inside<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), C::Error> {
                self.0.$method($($key,)? &Bounded(value, self.1))
            })*

            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        })*
    };
}

insides! {
    SerializeMap: serialize_key(), serialize_value();
    SerializeSeq: serialize_element();
    SerializeStruct: serialize_field(key);
    SerializeStructVariant: serialize_field(key);
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
}
