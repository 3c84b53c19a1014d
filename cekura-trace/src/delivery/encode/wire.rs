//! Writes a record as a protobuf span. Invariant: each part is written once, at its place.
//!
//! The numbers are those of OpenTelemetry's `trace.proto`, `common.proto` and `resource.proto`.

use crate::finished::{Attributes, EntryOf, Head, Record, Status, Utf8, ValueOf};
use opentelemetry::trace::{SpanId, SpanKind};

type Entry<'a> = EntryOf<Utf8<'a>>;
type Value<'a> = ValueOf<Utf8<'a>>;

/// How the value of a field is written: the lower three bits of its key.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const DELIMITED: u8 = 2;
/// Field 16, of four bytes. W3C: sampled.
const FLAGS: [u8; 6] = [0x85, 0x01, 1, 0, 0, 0];

/// Writes spans one by one, into the same buffer.
#[derive(Default)]
pub(super) struct SpanEncoder<'a> {
    /// The span that was written last.
    pub(super) span: Vec<u8>,
    /// Its instrumentation scope, as a field of `ScopeSpans`, where that is not ours.
    pub(super) scope: Option<Vec<u8>>,
    attributes: Attributes<Utf8<'a>>,
}

impl<'a> SpanEncoder<'a> {
    pub(super) fn write(&mut self, record: &Record<'a>) {
        let Self { span: out, scope: of_host, attributes: own } = self;
        out.clear();
        *of_host = None;
        head(out, &record.head);
        text(out, 5, record.name.as_bytes());
        for entry in record.entries_of() {
            match entry {
                Entry::Attribute { key, value, found, .. } => own.set(key, value, found),
                Entry::Description(_) | Entry::Name(_) => {}
                Entry::Scope { name, version } => *of_host = Some(scope(name.0, version.0)),
                Entry::Event { name, time, attributes } => {
                    delimited(out, 11, 9 + delimited_size(name.0.len()) + attributes_size(&attributes));
                    fixed64(out, 1, time);
                    text(out, 2, name.0);
                    for (key, value) in &attributes {
                        attribute(out, 3, *key, value);
                    }
                }
                Entry::Link { trace_id, span_id, state, attributes } => {
                    delimited(out, 13, 28 + delimited_size(state.0.len()) + attributes_size(&attributes));
                    text(out, 1, &trace_id.to_bytes());
                    text(out, 2, &span_id.to_bytes());
                    text(out, 3, state.0);
                    for (key, value) in &attributes {
                        attribute(out, 4, *key, value);
                    }
                }
            }
        }
        for (key, value) in own.drain() {
            attribute(out, 9, key, &value);
        }
        if record.head.status != Status::Unset {
            let description = record.description.as_bytes();
            delimited(out, 15, delimited_size(description.len()) + 2);
            text(out, 2, description);
            out.extend_from_slice(&[3 << 3 | VARINT, if record.head.failed() { 2 } else { 1 }]);
        }
    }
}

fn head(out: &mut Vec<u8>, head: &Head) {
    text(out, 1, &head.trace_id.to_bytes());
    text(out, 2, &head.span_id.to_bytes());
    if head.parent_id != SpanId::INVALID {
        text(out, 4, &head.parent_id.to_bytes());
    }
    let kind = match head.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    out.extend_from_slice(&[6 << 3 | VARINT, kind]);
    fixed64(out, 7, head.start);
    fixed64(out, 8, head.end);
    out.extend_from_slice(&FLAGS);
}

/// An instrumentation scope as a field of `ScopeSpans`.
pub(in crate::delivery) fn scope(name: &[u8], version: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    delimited(&mut field, 1, delimited_size(name.len()) + delimited_size(version.len()));
    text(&mut field, 1, name);
    text(&mut field, 2, version);
    field
}

/// A resource as a field of `ResourceSpans`.
pub(in crate::delivery) fn resource<'r>(pairs: impl Iterator<Item = (&'r String, &'r String)>) -> Vec<u8> {
    let utf8 = |text: &'r String| Utf8(text.as_bytes());
    let pairs: Vec<_> = pairs.map(|(key, value)| (utf8(key), Value::Str(utf8(value)))).collect();
    let mut field = Vec::new();
    delimited(&mut field, 1, attributes_size(&pairs));
    for (key, value) in &pairs {
        attribute(&mut field, 1, *key, value);
    }
    field
}

/// Writes a key and its value as one of the attributes that are field `number` of their message.
pub(in crate::delivery) fn attribute(out: &mut Vec<u8>, number: u8, key: Utf8<'_>, value: &Value<'_>) {
    let size = size(value);
    let whole = delimited_size(key.0.len()) + delimited_size(size);
    nested(out, (number, whole), (1, key.0.len()));
    out.extend_from_slice(key.0);
    any(out, 2, size, value);
}

fn attributes_size(all: &[(Utf8<'_>, Value<'_>)]) -> usize {
    let size = |(key, value): &(Utf8<'_>, Value<'_>)| {
        delimited_size(delimited_size(key.0.len()) + delimited_size(size(value)))
    };
    all.iter().map(size).sum()
}

/// Writes an `AnyValue` of that size; that its one field is there says what it is, so that is written even if it is zero.
fn any(out: &mut Vec<u8>, number: u8, whole: usize, value: &Value<'_>) {
    match value {
        Value::Array(values) => {
            nested(out, (number, whole), (5, array_size(values)));
            for value in values {
                any(out, 1, size(value), value);
            }
        }
        Value::Bool(value) => {
            delimited(out, number, whole);
            out.extend_from_slice(&[2 << 3 | VARINT, u8::from(*value)]);
        }
        Value::F64(value) => {
            delimited(out, number, whole);
            fixed64(out, 4, value.to_bits());
        }
        Value::I64(value) => {
            delimited(out, number, whole);
            out.push(3 << 3 | VARINT);
            varint(out, value.cast_unsigned());
        }
        Value::Str(text) => {
            nested(out, (number, whole), (1, text.0.len()));
            out.extend_from_slice(text.0);
        }
    }
}

/// The bytes of an `AnyValue`.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Array(values) => delimited_size(array_size(values)),
        Value::Bool(_) => 2,
        Value::F64(_) => 9,
        Value::I64(value) => 1 + varint_size(value.cast_unsigned()),
        Value::Str(text) => delimited_size(text.0.len()),
    }
}

fn array_size(values: &[Value<'_>]) -> usize {
    values.iter().map(|value| delimited_size(size(value))).sum()
}

fn text(out: &mut Vec<u8>, number: u8, text: &[u8]) {
    delimited(out, number, text.len());
    out.extend_from_slice(text);
}

pub(in crate::delivery) fn fixed64(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3 | FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(in crate::delivery) fn varint_field(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3 | VARINT);
    varint(out, value);
}

/// Writes the key and the length of a field, behind which that many bytes go.
pub(in crate::delivery) fn delimited(out: &mut Vec<u8>, number: u8, length: usize) {
    let key = number << 3 | DELIMITED;
    if let Some(length) = short(length) {
        out.extend_from_slice(&[key, length]);
    } else {
        out.push(key);
        varint(out, length as u64);
    }
}

/// The same of a field and of the first one in it, mostly in one step.
fn nested(out: &mut Vec<u8>, outer: (u8, usize), inner: (u8, usize)) {
    if let (Some(whole), Some(length)) = (short(outer.1), short(inner.1)) {
        out.extend_from_slice(&[outer.0 << 3 | DELIMITED, whole, inner.0 << 3 | DELIMITED, length]);
    } else {
        delimited(out, outer.0, outer.1);
        delimited(out, inner.0, inner.1);
    }
}

/// A length that takes one byte.
fn short(length: usize) -> Option<u8> {
    u8::try_from(length).ok().filter(|length| *length < 0x80)
}

/// Writes a number seven bits a byte, the lowest first; all bytes but the last have their upper bit set.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// How many bytes a field of so many bytes takes.
pub(super) fn delimited_size(length: usize) -> usize {
    1 + varint_size(length as u64) + length
}

fn varint_size(value: u64) -> usize {
    (value | 1).ilog2() as usize / 7 + 1
}
