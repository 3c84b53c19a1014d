//! Writes a map key, or a text that is JSON already, as one string of the walk.

use super::{Float, Scalar, Stop, Walker};
use serde::ser::{Impossible, Serialize, Serializer};
use std::fmt;

/// What a word is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Key,
    /// The digits of a number.
    Number,
    /// JSON text.
    Raw,
}

/// A serializer for what can be one string; anything else is the error that it is in `serde_json`.
pub(super) struct Word<'a, 'w> {
    pub(super) walker: &'a mut Walker<'w>,
    pub(super) kind: Kind,
}

impl Word<'_, '_> {
    /// A key without quotes in its own text.
    fn plain_key(self, key: fmt::Arguments<'_>) -> Result<(), Stop> {
        if !matches!(self.kind, Kind::Key) {
            return Err(Stop);
        }
        if let Some(shapes) = &mut self.walker.shapes {
            shapes.key("");
        }
        if let Some(json) = self.walker.writing() {
            json.key_with(|json| json.write(key));
        }
        Ok(())
    }

    fn number(self, digits: &str) {
        if let Ok(value) = digits.parse() {
            return self.walker.scalar(Scalar::I64(value));
        }
        let float = digits.parse().ok().filter(|_| digits.contains(['.', 'e', 'E']));
        match (float, self.walker.bare) {
            (None, true) => self.walker.text(digits),
            (Some(value), true) => self.walker.scalar(Scalar::F64(value)),
            (float, false) => {
                if let (Some(shapes), Some(value)) = (&mut self.walker.shapes, float) {
                    shapes.scalar(Scalar::F64(value));
                }
                self.walker.verbatim(digits);
            }
        }
    }
}

macro_rules! plain_keys {
    ($($method:ident: $plain:ty,)*) => {$(
        fn $method(self, value: $plain) -> Result<(), Stop> {
            self.plain_key(format_args!("{value}"))
        }
    )*};
}

impl Serializer for Word<'_, '_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Impossible<(), Stop>;
    type SerializeStructVariant = Impossible<(), Stop>;

    plain_keys! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        if value.is_finite() { self.plain_key(format_args!("{}", Float(value))) } else { Err(Stop) }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        if value.is_finite() { self.plain_key(format_args!("{}", Float(value))) } else { Err(Stop) }
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        match self.kind {
            Kind::Key => self.walker.key(value),
            Kind::Number => self.number(value),
            Kind::Raw => self.walker.verbatim(value),
        }
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
        Err(Stop)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        Err(Stop)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
        Err(Stop)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Stop> {
        Err(Stop)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Err(Stop)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        Err(Stop)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Stop> {
        Err(Stop)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Err(Stop)
    }
}
