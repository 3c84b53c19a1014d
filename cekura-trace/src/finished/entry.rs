//! Converts span attributes, events and links to bytes and back. Invariant: entries read back are those that
//! were written, in the same order.

use super::reader::{Reader, Text};
use crate::semconv;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::{Array, Value as ApiValue};
use std::collections::HashMap;
use std::hash::Hash;

/// The value of a span attribute, borrowed from a record.
pub(crate) type Value<'a> = ValueOf<&'a str>;

/// One thing that was set on a span.
pub(crate) type Entry<'a> = EntryOf<&'a str>;

/// A value, with texts as they are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ValueOf<T> {
    Array(Vec<Self>),
    Bool(bool),
    F64(f64),
    I64(i64),
    Str(T),
}

/// An entry, with texts as they are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EntryOf<T> {
    Attribute {
        key: T,
        value: ValueOf<T>,
        /// Found in a value rather than set by the user; gives way to one that was set.
        found: bool,
        /// What somebody said, or a value of the program's: the content policy may keep it back.
        content: bool,
    },
    /// Of the error; the last one counts. Always content.
    Description(T),
    /// Always content: the names of events are often messages.
    Event { name: T, time: u64, attributes: Vec<(T, ValueOf<T>)> },
    Link {
        trace_id: TraceId,
        span_id: SpanId,
        /// The value of W3C's header `tracestate`.
        state: T,
        attributes: Vec<(T, ValueOf<T>)>,
    },
    /// In place of the one that the record began with; the last one counts.
    Name(T),
    /// Who made the span, where it is not ours.
    Scope { name: T, version: T },
}

const ARRAY: u8 = 0;
const BOOL: u8 = 1;
const F64: u8 = 2;
const I64: u8 = 3;
const STR: u8 = 4;
const EVENT: u8 = 16;
const LINK: u8 = 17;
const NAME: u8 = 18;
const DESCRIPTION: u8 = 19;
const SCOPE: u8 = 20;
const FOUND: u8 = 0x80;
const CONTENT: u8 = 0x40;
const MARKS: u8 = FOUND | CONTENT;

/// What is said of a span attribute beside its value, where it is written: the bits are in its entry's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    /// Set by the user, and no content: what is recorded under any policy.
    pub(crate) const NONE: Self = Self(0);
    /// Found in a value, so that one set by the user wins over it.
    pub(crate) const FOUND: Self = Self(FOUND);
    /// Kept back by the content policy.
    pub(crate) const CONTENT: Self = Self(CONTENT);
    pub(crate) const FOUND_CONTENT: Self = Self(FOUND | CONTENT);
}

impl<T> EntryOf<T> {
    /// Whether the content policy may keep it back: what is content was decided where it was written.
    pub(crate) fn is_content(&self) -> bool {
        match self {
            Self::Attribute { content, .. } => *content,
            Self::Description(_) | Self::Event { .. } => true,
            Self::Link { .. } | Self::Name(_) | Self::Scope { .. } => false,
        }
    }
}

/// Writers of entries; each appends exactly one.
pub(crate) mod write {
    use super::{ARRAY, ApiValue, Array, BOOL, DESCRIPTION, EVENT, F64, I64, LINK, Marks, NAME, SCOPE, STR};
    use crate::semconv;
    use opentelemetry::KeyValue;
    use opentelemetry::trace::SpanContext;

    #[inline]
    pub(crate) fn text(out: &mut Vec<u8>, key: &str, value: &str) {
        marked_text(out, key, value, Marks::NONE);
    }

    /// As [`text`], with marks.
    #[inline]
    pub(crate) fn marked_text(out: &mut Vec<u8>, key: &str, value: &str, Marks(marks): Marks) {
        out.reserve(9 + key.len() + value.len());
        text_head(out, key, value.len(), marks);
        out.extend_from_slice(value.as_bytes());
    }

    /// The lengths of key and value stand together: what is copied at once costs less.
    #[inline]
    fn text_head(out: &mut Vec<u8>, key: &str, value: usize, marks: u8) {
        let mut head = [STR | marks; 9];
        head[1..5].copy_from_slice(&length(key.len()));
        head[5..].copy_from_slice(&length(value));
        out.extend_from_slice(&head);
        out.extend_from_slice(key.as_bytes());
    }

    pub(crate) fn integer(out: &mut Vec<u8>, key: &str, value: i64) {
        marked_integer(out, key, value, Marks::NONE);
    }

    /// As [`integer`], with marks.
    #[inline(never)]
    pub(crate) fn marked_integer(out: &mut Vec<u8>, key: &str, value: i64, Marks(marks): Marks) {
        tagged(out, I64 | marks, key);
        out.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn float(out: &mut Vec<u8>, key: &str, value: f64) {
        tagged(out, F64, key);
        out.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn flag(out: &mut Vec<u8>, key: &str, value: bool) {
        tagged(out, BOOL, key);
        out.push(u8::from(value));
    }

    pub(crate) fn texts(out: &mut Vec<u8>, key: &str, values: &[&str]) {
        tagged(out, ARRAY, key);
        count(out, values.len());
        for value in values {
            out.push(STR);
            string(out, value);
        }
    }

    /// Marks the entry that begins at `at`; nothing where none was written.
    #[inline]
    pub(crate) fn mark(out: &mut [u8], at: usize, Marks(marks): Marks) {
        if let Some(tag) = out.get_mut(at) {
            *tag |= marks;
        }
    }

    /// Writes a string value of unknown length in place: `fill` appends the text, the length is set afterwards.
    pub(crate) fn text_with(out: &mut Vec<u8>, key: &str, fill: impl FnOnce(&mut Vec<u8>)) {
        let at = out.len() + 5;
        text_head(out, key, 0, 0);
        let start = out.len();
        fill(out);
        let length = length(out.len() - start);
        out[at..at + 4].copy_from_slice(&length);
    }

    pub(crate) fn api(out: &mut Vec<u8>, attribute: &KeyValue) {
        of_api(out, attribute.key.as_str(), &attribute.value);
    }

    pub(crate) fn of_api(out: &mut Vec<u8>, key: &str, value: &ApiValue) {
        match value {
            ApiValue::Bool(value) => flag(out, key, *value),
            ApiValue::I64(value) => integer(out, key, *value),
            ApiValue::F64(value) => float(out, key, *value),
            ApiValue::String(value) => text(out, key, value.as_str()),
            ApiValue::Array(values) => {
                tagged(out, ARRAY, key);
                array(out, values);
            }
            other => text(out, key, &other.as_str()),
        }
    }

    /// As [`api`], of what a program sets through the OpenTelemetry API: nobody knows which of its texts are content,
    /// so all of them are, but for the type of an error.
    pub(crate) fn foreign(out: &mut Vec<u8>, attribute: &KeyValue) {
        let start = out.len();
        api(out, attribute);
        if is_foreign_content(attribute) {
            mark(out, start, Marks::CONTENT);
        }
    }

    /// Whether [`foreign`] takes it for content.
    pub(crate) fn is_foreign_content(attribute: &KeyValue) -> bool {
        let is_number = match &attribute.value {
            ApiValue::Bool(_) | ApiValue::F64(_) | ApiValue::I64(_) => true,
            ApiValue::Array(values) => !matches!(values, Array::String(_)),
            _ => false,
        };
        !is_number && attribute.key.as_str() != semconv::ERROR_TYPE
    }

    pub(crate) fn event(out: &mut Vec<u8>, name: &str, time: u64, attributes: &[KeyValue]) {
        tagged(out, EVENT, name);
        out.extend_from_slice(&time.to_le_bytes());
        all(out, attributes);
    }

    pub(crate) fn link(out: &mut Vec<u8>, to: &SpanContext, attributes: &[KeyValue]) {
        out.push(LINK);
        out.extend_from_slice(&to.trace_id().to_bytes());
        out.extend_from_slice(&to.span_id().to_bytes());
        string(out, &to.trace_state().header());
        all(out, attributes);
    }

    pub(crate) fn name(out: &mut Vec<u8>, name: &str) {
        tagged(out, NAME, name);
    }

    pub(crate) fn description(out: &mut Vec<u8>, text: &str) {
        tagged(out, DESCRIPTION, text);
    }

    pub(crate) fn scope(out: &mut Vec<u8>, name: &str, version: &str) {
        tagged(out, SCOPE, name);
        string(out, version);
    }

    fn all(out: &mut Vec<u8>, attributes: &[KeyValue]) {
        count(out, attributes.len());
        for attribute in attributes {
            api(out, attribute);
        }
    }

    fn array(out: &mut Vec<u8>, values: &Array) {
        match values {
            Array::Bool(values) => each(out, values, BOOL, |out, value| out.push(u8::from(*value))),
            Array::I64(values) => {
                each(out, values, I64, |out, value| out.extend_from_slice(&value.to_le_bytes()));
            }
            Array::F64(values) => {
                each(out, values, F64, |out, value| out.extend_from_slice(&value.to_le_bytes()));
            }
            Array::String(values) => each(out, values, STR, |out, value| string(out, value.as_str())),
            _ => count(out, 0),
        }
    }

    fn each<T>(out: &mut Vec<u8>, values: &[T], tag: u8, one: impl Fn(&mut Vec<u8>, &T)) {
        count(out, values.len());
        for value in values {
            out.push(tag);
            one(out, value);
        }
    }

    #[inline]
    fn tagged(out: &mut Vec<u8>, tag: u8, key: &str) {
        let [a, b, c, d] = length(key.len());
        out.extend_from_slice(&[tag, a, b, c, d]);
        out.extend_from_slice(key.as_bytes());
    }

    #[inline]
    pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
        count(out, text.len());
        out.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn count(out: &mut Vec<u8>, count: usize) {
        out.extend_from_slice(&length(count));
    }

    /// The length that stands before a string.
    #[inline]
    pub(crate) fn length(count: usize) -> [u8; 4] {
        u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
    }
}

pub(super) fn read<'a, T: Text<'a>>(reader: &mut Reader<'a>) -> Option<EntryOf<T>> {
    let tag = reader.byte()?;
    match tag & !MARKS {
        EVENT => {
            let name = reader.text()?;
            let time = u64::from_le_bytes(reader.array()?);
            Some(EntryOf::Event { name, time, attributes: list(reader)? })
        }
        LINK => {
            let trace_id = TraceId::from_bytes(reader.array()?);
            let span_id = SpanId::from_bytes(reader.array()?);
            Some(EntryOf::Link { trace_id, span_id, state: reader.text()?, attributes: list(reader)? })
        }
        NAME => Some(EntryOf::Name(reader.text()?)),
        SCOPE => Some(EntryOf::Scope { name: reader.text()?, version: reader.text()? }),
        DESCRIPTION => Some(EntryOf::Description(reader.text()?)),
        kind => {
            let (found, content) = (tag & FOUND != 0, tag & CONTENT != 0);
            let (key, value) = attribute(reader, kind)?;
            Some(EntryOf::Attribute { key, value, found, content })
        }
    }
}

/// The entry that a function's path stands for.
pub(super) fn path<'a, T: Text<'a>>(path: &'a [u8]) -> Option<EntryOf<T>> {
    if path.is_empty() {
        return None;
    }
    let (key, value) = (T::read(semconv::CODE_FUNCTION_NAME.as_bytes())?, ValueOf::Str(T::read(path)?));
    Some(EntryOf::Attribute { key, value, found: true, content: false })
}

/// Entries without the span attributes that a later one of the same key stands for.
pub(crate) fn last_of_each(entries: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut places = HashMap::new();
    for (entry, bytes) in each(entries) {
        match entry {
            Entry::Attribute { key, found, .. } => match places.get(&(key, found)) {
                None => {
                    places.insert((key, found), kept.len());
                    kept.push(bytes);
                }
                Some(at) => kept[*at] = bytes,
            },
            _ => kept.push(bytes),
        }
    }
    kept.concat()
}

/// Entries without content.
pub(super) fn without_content(entries: &[u8]) -> Vec<u8> {
    let kept = each(entries).filter(|(entry, _)| !entry.is_content()).map(|(_, bytes)| bytes);
    kept.collect::<Vec<_>>().concat()
}

/// Entries, with the bytes of each.
fn each(entries: &[u8]) -> impl Iterator<Item = (Entry<'_>, &[u8])> {
    let mut reader = Reader(entries);
    std::iter::from_fn(move || {
        let rest = reader.0;
        let entry: Entry<'_> = read(&mut reader)?;
        Some((entry, &rest[..rest.len() - reader.0.len()]))
    })
}

fn list<'a, T: Text<'a>>(reader: &mut Reader<'a>) -> Option<Vec<(T, ValueOf<T>)>> {
    (0..reader.length()?)
        .map(|_| {
            let tag = reader.byte()?;
            attribute(reader, tag)
        })
        .collect()
}

fn attribute<'a, T: Text<'a>>(reader: &mut Reader<'a>, tag: u8) -> Option<(T, ValueOf<T>)> {
    if tag == STR {
        let (key, value) = (reader.length()?, reader.length()?);
        return Some((T::read(reader.take(key)?)?, ValueOf::Str(T::read(reader.take(value)?)?)));
    }
    Some((reader.text()?, value(reader, tag)?))
}

fn value<'a, T: Text<'a>>(reader: &mut Reader<'a>, tag: u8) -> Option<ValueOf<T>> {
    Some(match tag {
        ARRAY => {
            let values = (0..reader.length()?).map(|_| {
                let tag = reader.byte()?;
                value(reader, tag)
            });
            ValueOf::Array(values.collect::<Option<_>>()?)
        }
        BOOL => ValueOf::Bool(reader.byte()? == 1),
        F64 => ValueOf::F64(f64::from_le_bytes(reader.array()?)),
        I64 => ValueOf::I64(i64::from_le_bytes(reader.array()?)),
        STR => ValueOf::Str(reader.text()?),
        _ => return None,
    })
}

/// Span attributes, each key once, in the order the keys were first set.
#[derive(Clone, Debug)]
pub(crate) struct Attributes<T> {
    /// With whether the value was found.
    all: Vec<(T, ValueOf<T>, bool)>,
    /// Where the keys stand that are not among the first few.
    places: HashMap<T, usize>,
}

/// As many keys are found faster one by one.
const FEW: usize = 16;

impl<T> Default for Attributes<T> {
    fn default() -> Self {
        Self { all: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> Attributes<T> {
    /// Sets one: the last value counts, a found one only where none was set.
    pub(crate) fn set(&mut self, key: T, value: ValueOf<T>, found: bool) {
        match self.place(key) {
            Some(at) if found && !self.all[at].2 => {}
            Some(at) => self.all[at] = (key, value, found),
            None => {
                if self.all.len() >= FEW {
                    self.places.insert(key, self.all.len());
                }
                self.all.push((key, value, found));
            }
        }
    }

    fn place(&self, key: T) -> Option<usize> {
        let first = self.all.iter().take(FEW).position(|(known, ..)| *known == key);
        first.or_else(|| self.places.get(&key).copied())
    }

    /// Takes all of them out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (T, ValueOf<T>)> {
        self.places.clear();
        self.all.drain(..).map(|(key, value, _)| (key, value))
    }
}
