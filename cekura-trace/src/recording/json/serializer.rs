//! The calls of serde's `Serializer`, as steps of one walk. Invariant: each container is closed by the code
//! that opened it, even if a value inside it fails.

use super::blob::numbers;
use super::bounded::Bounded;
use super::gaps::List;
use super::word::{Kind, Word};
use super::{Float, Place, Root, Scalar, Stop, Walker};
use crate::clip::Text;
use crate::recording::value::Samples;
use serde::ser::{self, Serialize, Serializer};
use std::fmt;

/// The names under which `serde_json` passes numbers of arbitrary precision and JSON that is text already.
const NUMBER: &str = "$serde_json::private::Number";
const RAW: &str = "$serde_json::private::RawValue";
/// The most bytes of a formatted text that are looked at.
const MOST_TEXT: usize = 1 << 20;

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
        self.is_number = true;
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
        if value.len() <= Samples::MOST {
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
        let mut compound = Compound::open(self, b'{', false, Some(1));
        compound.entry(variant, value)?;
        compound.close();
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open(self, b'[', false, length))
    }

    fn collect_seq<I: IntoIterator<Item: Serialize>>(self, items: I) -> Result<(), Stop> {
        let mut items = items.into_iter();
        let exact = |(least, most): (usize, Option<usize>)| most.filter(|most| *most == least);
        let mut list = Compound::open(self, b'[', false, exact(items.size_hint()));
        while let Some(item) = items.next() {
            list.element(&item)?;
            if list.is_unusual
                && let Some(left) = exact(items.size_hint()).filter(|left| *left > 0)
                && let Some(last) = list.passed_over::<I::Item>(left).checked_sub(1)
            {
                items.nth(last);
            }
        }
        list.close();
        Ok(())
    }

    fn serialize_tuple(self, length: usize) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open(self, b'[', true, Some(length)))
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

    fn serialize_map(self, length: Option<usize>) -> Result<Compound<'a, 'w>, Stop> {
        Ok(Compound::open(self, b'{', false, length))
    }

    fn collect_map<K, V, I>(self, entries: I) -> Result<(), Stop>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let entries = entries.into_iter();
        let mut map = Compound::open(self, b'{', false, entries.size_hint().1);
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
        let verbatim = match name {
            NUMBER => Kind::Number,
            RAW => Kind::Raw,
            _ => return Ok(Compound::open(self, b'{', false, Some(length))),
        };
        let place = self.place();
        Ok(Compound { verbatim: Some(verbatim), is_unusual: false, ..Compound::at(self, place, place, None) })
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
        if self.bare || self.is_watched() || self.json.as_ref().is_some_and(Bounded::with_gaps) {
            self.text(&Text::of(format_args!("{value}"), MOST_TEXT));
            return Ok(());
        }
        if let Some(json) = self.writing() {
            json.display(value);
        }
        Ok(())
    }
}

/// An open array or object.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself, at every entry")]
pub struct Compound<'a, 'w> {
    pub(super) walker: &'a mut Walker<'w>,
    outer: Place,
    pub(super) inner: Place,
    verbatim: Option<Kind>,
    /// More is to be done than to write one entry behind the other (`gaps`).
    pub(super) is_unusual: bool,
    /// It is the whole value.
    pub(super) is_root: bool,
    /// All items so far are numbers; then how many.
    pub(super) are_numbers: bool,
    pub(super) count: usize,
    /// Of the numbers only their count will be written.
    pub(super) is_counting: bool,
    /// Nothing more fits.
    pub(super) is_full: bool,
    /// Entries that are still to come, where that is known.
    pub(super) left: Option<usize>,
    /// The length of the JSON before it.
    pub(super) start: usize,
    /// Where what surrounds an entry has to end.
    pub(super) end: usize,
    pub(super) list: Option<Box<List>>,
}

impl<'a, 'w> Compound<'a, 'w> {
    fn open(walker: &'a mut Walker<'w>, opener: u8, tuple: bool, left: Option<usize>) -> Self {
        let (outer, is_root) = (walker.place(), walker.bare);
        let start = walker.json.as_ref().map_or(0, Bounded::len);
        walker.open(opener, tuple);
        let inner = walker.place();
        let are_numbers = opener == b'[';
        Self { is_root, are_numbers, start, ..Self::at(walker, outer, inner, left) }
    }

    fn at(walker: &'a mut Walker<'w>, outer: Place, inner: Place, left: Option<usize>) -> Self {
        let json = walker.json.as_ref();
        let is_unusual = json.is_some_and(Bounded::with_gaps);
        Self {
            is_unusual,
            is_full: is_unusual && json.is_some_and(Bounded::is_cut),
            walker,
            outer,
            inner,
            verbatim: None,
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
    fn open_variant(walker: &'a mut Walker<'w>, variant: &'static str, opener: u8) -> Self {
        let outer = walker.place();
        walker.open(b'{', false);
        walker.depth += 1;
        walker.key(variant);
        walker.open(opener, false);
        let inner = walker.place();
        Self::at(walker, outer, inner, None)
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
        if let Some(kind) = self.verbatim {
            return value.serialize(Word { walker: self.walker, kind });
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
        key.serialize(Word { walker: self.walker, kind: Kind::Key })
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
