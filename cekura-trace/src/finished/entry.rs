//! Reads span attributes, events and links back from bytes. Invariant: entries read back are those that were written
//! (`write`), in the same order.

use super::reader::{Raw, Reader, Text};
use crate::semconv;
use opentelemetry::trace::{SpanId, TraceId};
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

pub(super) const ARRAY: u8 = 0;
pub(super) const BOOL: u8 = 1;
pub(super) const F64: u8 = 2;
pub(super) const I64: u8 = 3;
pub(super) const STR: u8 = 4;
pub(super) const EVENT: u8 = 16;
pub(super) const LINK: u8 = 17;
pub(super) const NAME: u8 = 18;
pub(super) const DESCRIPTION: u8 = 19;
pub(super) const SCOPE: u8 = 20;
pub(super) const FOUND: u8 = 0x80;
pub(super) const CONTENT: u8 = 0x40;
const MARKS: u8 = FOUND | CONTENT;

/// What is said of a span attribute beside its value, where it is written: the bits are in its entry's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(pub(super) u8);

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

/// Gives each span attribute whose key is wanted, as what `wants` makes of the key, with its value unless that is a list, and
/// whether it was found; everything else is passed over unread. Says whether somebody else made the span.
pub(super) fn pick<'a, K>(
    entries: &'a [u8],
    wants: impl Fn(&'a [u8]) -> Option<K>,
    mut see: impl FnMut(K, ValueOf<Raw<'a>>, bool),
) -> bool {
    let (mut reader, mut is_of_host) = (Reader(entries), false);
    let mut next = || -> Option<()> {
        let rest = reader.clone();
        let tag = reader.byte()?;
        let kind = tag & !MARKS;
        match kind {
            STR => {
                let (key, value) = (reader.length()?, reader.length()?);
                let (key, value) = (reader.take(key)?, reader.take(value)?);
                if let Some(key) = wants(key) {
                    see(key, ValueOf::Str(Raw(value)), tag & FOUND != 0);
                }
            }
            BOOL | F64 | I64 => {
                let key = reader.bytes()?;
                let value = value(&mut reader, kind)?;
                if let Some(key) = wants(key) {
                    see(key, value, tag & FOUND != 0);
                }
            }
            ARRAY => {
                reader.bytes()?;
                skip(&mut reader, kind)?;
            }
            _ => {
                reader = rest;
                let entry: EntryOf<Raw<'a>> = read(&mut reader)?;
                is_of_host |= matches!(entry, EntryOf::Scope { .. });
            }
        }
        Some(())
    };
    while next().is_some() {}
    is_of_host
}

/// Passes over a value.
fn skip(reader: &mut Reader<'_>, tag: u8) -> Option<()> {
    if tag == STR {
        return reader.bytes().map(drop);
    }
    if tag != ARRAY {
        return value::<Raw<'_>>(reader, tag).map(drop);
    }
    for _ in 0..reader.length()? {
        let tag = reader.byte()?;
        skip(reader, tag)?;
    }
    Some(())
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
