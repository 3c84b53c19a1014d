//! The calls of serde's `Serializer`, as steps of one walk. Invariant: each container is closed by the code that opened
//! it, even if a value inside it fails.

use super::{Compound, FURTHER_NUMBERS, Kind, Place, Stop, Walker};
use crate::clip::{Text, clip};
use crate::recording::json::blob::numbers;
use crate::recording::json::raw::{NUMBER, RAW};
use crate::recording::json::{FEW, Root, Scalar};
use serde::ser::{self, Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};
use std::any::type_name;
use std::fmt;

macro_rules! small_integers {
    ($($method:ident: $integer:ty,)*) => {$(
        fn $method(self, value: $integer) -> Result<(), Stop> {
            self.scalar(Scalar::I64(value.into()))
        }
    )*};
}

macro_rules! large_integers {
    ($($method:ident: $integer:ty,)*) => {$(
        fn $method(self, value: $integer) -> Result<(), Stop> {
            match i64::try_from(value) {
                Ok(value) => self.scalar(Scalar::I64(value)),
                Err(_) => self.big_integer(&value.to_string()),
            }
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
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
    }

    large_integers! { serialize_i128: i128, serialize_u64: u64, serialize_u128: u128, }

    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.scalar(Scalar::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        if !value.is_finite() {
            return self.serialize_f64(value.into());
        }
        // The digits of the narrow float: 0.1, not 0.10000000149011612.
        self.digits(Scalar::F64(value.into()), |out| _ = CompactFormatter.write_f32(out, value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.scalar(Scalar::F64(value))
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
        self.expect_value()?;
        if value.len() <= FEW {
            return self.collect_seq(value);
        }
        if let Some(shapes) = &mut self.shapes {
            let outer = shapes.level();
            shapes.enter(b'[', false);
            shapes.back_to(outer);
        }
        self.write_text(&numbers(value.len()));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        self.nested(value)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.scalar(Scalar::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.text(variant);
        if self.root == Root::Text {
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
        let mut compound = Compound::open(self, b'{', false, Some(1))?;
        compound.entry(variant, value)?;
        compound.close();
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Compound<'a, 'w>, Stop> {
        Compound::open(self, b'[', false, length)
    }

    fn collect_seq<I: IntoIterator<Item: Serialize>>(self, items: I) -> Result<(), Stop> {
        let mut items = items.into_iter();
        let exact = |(least, most): (usize, Option<usize>)| most.filter(|most| *most == least);
        let mut list = Compound::open(self, b'[', false, exact(items.size_hint()))?;
        while let Some(item) = items.next() {
            list.element(&item)?;
            if list.is_unusual
                && let Some(left) = exact(items.size_hint()).filter(|left| *left > 0)
                && let Some(last) = list.passed_over::<I::Item>(left).checked_sub(1)
            {
                if last > FURTHER_NUMBERS as usize && !skips::<I::IntoIter>() {
                    return Err(Stop);
                }
                items.nth(last);
            }
        }
        list.close();
        Ok(())
    }

    fn serialize_tuple(self, length: usize) -> Result<Compound<'a, 'w>, Stop> {
        Compound::open(self, b'[', true, Some(length))
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
        Compound::open_variant(self, variant, b'[')
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Compound<'a, 'w>, Stop> {
        Compound::open(self, b'{', false, length)
    }

    fn collect_map<K, V, I>(self, entries: I) -> Result<(), Stop>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let entries = entries.into_iter();
        let mut map = Compound::open(self, b'{', false, entries.size_hint().1)?;
        for (key, value) in entries {
            ser::SerializeMap::serialize_entry(&mut map, &key, &value)?;
            if map.is_full {
                break;
            }
        }
        map.close();
        Ok(())
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Compound<'a, 'w>, Stop> {
        let kind = match name {
            NUMBER => Kind::Number,
            RAW => Kind::Raw,
            _ => return Compound::open(self, b'{', false, Some(length)),
        };
        self.expect_value()?;
        let place = self.place();
        Ok(Compound { kind, is_unusual: false, ..Compound::at(self, place, place, None) })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'w>, Stop> {
        Compound::open_variant(self, variant, b'{')
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Stop> {
        let room = self.sink.room();
        let shown = Text::of(format_args!("{value}"), room.max(Text::MOST));
        let is_written = !self.sink.is_cut;
        let kept = if shown.is_cut && is_written { room.saturating_sub("\"\"".len()) } else { usize::MAX };
        self.incomplete |= shown.is_cut && !self.sink.with_gaps;
        self.text(clip(shown.as_str(), kept));
        Ok(())
    }
}

/// Whether an iterator passes over any number of items in one step. Others may compute each of them, without end.
fn skips<I>() -> bool {
    let name = type_name::<I>();
    ["core::ops::range::Range<", "core::slice::iter::Iter<"].iter().any(|known| name.starts_with(known))
}

impl<'a, 'w> Compound<'a, 'w> {
    fn open(walker: &'a mut Walker<'w>, opener: u8, tuple: bool, left: Option<usize>) -> Result<Self, Stop> {
        walker.expect_value()?;
        let (outer, is_root, start) = (walker.place(), walker.bare, walker.sink.out.len());
        walker.open(opener, tuple);
        let inner = walker.place();
        Ok(Self { is_root, are_numbers: opener == b'[', start, ..Self::at(walker, outer, inner, left) })
    }

    fn at(walker: &'a mut Walker<'w>, outer: Place, inner: Place, left: Option<usize>) -> Self {
        let is_unusual = walker.sink.with_gaps;
        Self {
            is_unusual,
            is_full: is_unusual && walker.sink.is_cut,
            walker,
            outer,
            inner,
            kind: Kind::Value,
            is_root: false,
            are_numbers: false,
            count: 0,
            is_counting: false,
            left,
            start: 0,
            end: 0,
            list: None,
        }
    }

    /// `{"variant":[` or `{"variant":{`.
    fn open_variant(walker: &'a mut Walker<'w>, variant: &'static str, opener: u8) -> Result<Self, Stop> {
        walker.expect_value()?;
        let outer = walker.place();
        walker.open(b'{', false);
        walker.depth += 1;
        walker.key(variant);
        walker.open(opener, false);
        let inner = walker.place();
        Ok(Self::at(walker, outer, inner, None))
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.is_unusual {
            return self.unusual_element(&mut |walker| walker.nested(value));
        }
        self.walker.back_to(self.inner);
        self.walker.element();
        self.walker.is_number = false;
        self.walker.nested(value)?;
        if self.are_numbers {
            self.count_number();
        }
        Ok(())
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Stop> {
        if self.kind != Kind::Value {
            return self.walker.word(self.kind, value);
        }
        if self.is_unusual && !self.begin_entry()? {
            return Ok(());
        }
        self.walker.back_to(self.inner);
        self.walker.key(key);
        self.walker.nested(value)?;
        if self.is_unusual {
            self.end_entry();
        }
        Ok(())
    }

    fn close(mut self) {
        if self.is_unusual {
            self.fill_gaps();
        }
        self.walker.back_to(self.outer);
        // Whatever was last in it. A number of any precision comes as a struct.
        self.walker.is_number &= self.kind != Kind::Value;
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
        if self.is_unusual && !self.begin_entry()? {
            return Ok(());
        }
        self.walker.back_to(self.inner);
        self.walker.word(Kind::Key, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.is_full {
            return Ok(());
        }
        self.walker.nested(value)?;
        if self.is_unusual {
            self.end_entry();
        }
        Ok(())
    }

    fn end(self) -> Result<(), Stop> {
        self.close();
        Ok(())
    }
}
