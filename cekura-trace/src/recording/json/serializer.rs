//! The calls of a `Serialize` value come in, steps of the walk go out. This file does not know how JSON is cut.

use super::word::{Kind, Word};
use super::{Float, Place, Root, Scalar, Stop, Walker};
use serde::ser::{self, Serialize, Serializer};
use std::fmt;

/// The names under which `serde_json` passes numbers of arbitrary precision and JSON that is text already.
const NUMBER: &str = "$serde_json::private::Number";
const RAW: &str = "$serde_json::private::RawValue";

macro_rules! small_integers {
    ($($method:ident: $integer:ty,)*) => {$(
        fn $method(self, value: $integer) -> Result<(), Stop> {
            self.serialize_i64(value.into())
        }
    )*};
}

macro_rules! large_integers {
    ($($method:ident: $integer:ty,)*) => {$(
        fn $method(self, value: $integer) -> Result<(), Stop> {
            match i64::try_from(value) {
                Ok(value) => self.scalar(Scalar::I64(value)),
                Err(_) => self.big_integer(format_args!("{value}")),
            }
            Ok(())
        }
    )*};
}

impl<'a, 'w> Serializer for &'a mut Walker<'w> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Compound<'a, 'w>;
    type SerializeTuple = Compound<'a, 'w>;
    type SerializeTupleStruct = Compound<'a, 'w>;
    type SerializeTupleVariant = Compound<'a, 'w>;
    type SerializeMap = Compound<'a, 'w>;
    type SerializeStruct = Compound<'a, 'w>;
    type SerializeStructVariant = Compound<'a, 'w>;

    small_integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
    }

    large_integers! { serialize_i128: i128, serialize_u64: u64, serialize_u128: u128, }

    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.scalar(Scalar::Bool(value));
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Stop> {
        self.scalar(Scalar::I64(value));
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        let wide = f64::from(value);
        // The digits of the narrow float: 0.1, not 0.10000000149011612.
        self.value(Scalar::F64(wide), Root::F64(wide), |json| json.token(format_args!("{}", Float(value))));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.scalar(Scalar::F64(value));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stop> {
        let outer = self.place();
        self.open(b'{', false);
        self.key("len");
        self.scalar(Scalar::I64(i64::try_from(value.len()).unwrap_or(i64::MAX)));
        self.back_to(outer);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        self.nested(value)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.scalar(Scalar::Null);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.serialize_str(variant)?;
        if self.bare {
            self.root = Root::Name;
        }
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        self.nested(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let mut compound = Compound::open(self, b'{', false);
        compound.entry(variant, value)?;
        compound.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open(self, b'[', false))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open(self, b'[', true))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Compound<'a, 'w>, Stop> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open_variant(self, variant, b'['))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open(self, b'{', false))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a, 'w>, Stop> {
        let verbatim = match name {
            NUMBER => Kind::Number,
            RAW => Kind::Raw,
            _ => return Ok(Compound::open(self, b'{', false)),
        };
        let place = self.place();
        Ok(Compound { walker: self, outer: place, inner: place, verbatim: Some(verbatim) })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open_variant(self, variant, b'{'))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Stop> {
        if self.bare || self.is_watched() {
            return self.serialize_str(&value.to_string());
        }
        if let Some(json) = self.writing() {
            json.display(value);
        }
        Ok(())
    }
}

/// An open array or object.
pub struct Compound<'a, 'w> {
    walker: &'a mut Walker<'w>,
    outer: Place,
    inner: Place,
    verbatim: Option<Kind>,
}

impl<'a, 'w> Compound<'a, 'w> {
    fn open(walker: &'a mut Walker<'w>, opener: u8, tuple: bool) -> Self {
        let outer = walker.place();
        walker.open(opener, tuple);
        let inner = walker.place();
        Self { walker, outer, inner, verbatim: None }
    }

    /// `{"variant":[` or `{"variant":{`.
    fn open_variant(walker: &'a mut Walker<'w>, variant: &'static str, opener: u8) -> Self {
        let outer = walker.place();
        walker.open(b'{', false);
        walker.depth += 1;
        walker.key(variant);
        walker.open(opener, false);
        let inner = walker.place();
        Self { walker, outer, inner, verbatim: None }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.walker.back_to(self.inner);
        self.walker.element();
        self.walker.nested(value)
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Stop> {
        if let Some(kind) = self.verbatim {
            return value.serialize(Word { walker: self.walker, kind });
        }
        self.walker.back_to(self.inner);
        self.walker.key(key);
        self.walker.nested(value)
    }

    fn close(self) {
        self.walker.back_to(self.outer);
    }
}

macro_rules! compounds {
    ($($compound:ident: $method:ident($($key:ident)?) -> $by:ident,)*) => {$(
        impl ser::$compound for Compound<'_, '_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, $($key: &'static str,)? value: &T) -> Result<(), Stop> {
                self.$by($($key,)? value)
            }

            fn end(self) -> Result<(), Stop> {
                self.close();
                Ok(())
            }
        }
    )*};
}

compounds! {
    SerializeSeq: serialize_element() -> element,
    SerializeStruct: serialize_field(key) -> entry,
    SerializeStructVariant: serialize_field(key) -> entry,
    SerializeTuple: serialize_element() -> element,
    SerializeTupleStruct: serialize_field() -> element,
    SerializeTupleVariant: serialize_field() -> element,
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.walker.back_to(self.inner);
        key.serialize(Word { walker: self.walker, kind: Kind::Key })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.walker.nested(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.close();
        Ok(())
    }
}
