//! A record comes in, its span goes out as protobuf: each part is written once, where it stands. This file does not
//! know requests.
//!
//! The numbers are those of OpenTelemetry's `trace.proto`, `common.proto` and `resource.proto`. What is zero or empty
//! is not written, as protobuf wants it.

use crate::finished::{Attributes, Entry, Head, Record, Status, Value};
use opentelemetry::trace::{SpanId, SpanKind};

/// How the value of a field is written: the lower three bits of its key.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const DELIMITED: u8 = 2;
/// Field 16, which takes two bytes, four bytes long.
const FLAGS: [u8; 2] = [0x85, 0x01];
/// W3C: sampled.
const SAMPLED: u32 = 1;

/// Writes spans one by one, into the same room.
#[derive(Default)]
pub(super) struct Pen<'a> {
    /// The span that was written last.
    pub(super) span: Vec<u8>,
    /// Its instrumentation scope, as a field of `ScopeSpans`, where that is not ours.
    pub(super) scope: Option<Vec<u8>>,
    attributes: Attributes<'a>,
}

impl<'a> Pen<'a> {
    pub(super) fn write(&mut self, record: &Record<'a>) {
        let Self { span: out, scope: of_host, attributes: own } = self;
        out.clear();
        own.clear();
        *of_host = None;
        head(out, &record.head);
        text(out, 5, record.name);
        for entry in record.entries() {
            match entry {
                Entry::Attribute { key, value, found } => own.set(key, value, found),
                Entry::Description(_) | Entry::Name(_) => {}
                Entry::Scope { name, version } => *of_host = Some(scope(name, version)),
                Entry::Event { name, time, attributes } => message(out, 11, 0, |out| {
                    fixed64(out, 1, time);
                    text(out, 2, name);
                    for (key, value) in &attributes {
                        attribute(out, 3, key, value);
                    }
                }),
                Entry::Link { trace_id, span_id, state, attributes } => message(out, 13, 0, |out| {
                    bytes(out, 1, &trace_id.to_bytes());
                    bytes(out, 2, &span_id.to_bytes());
                    text(out, 3, state);
                    for (key, value) in &attributes {
                        attribute(out, 4, key, value);
                    }
                }),
            }
        }
        for (key, value) in own.iter() {
            attribute(out, 9, key, value);
        }
        if record.head.status != Status::Unset {
            message(out, 15, record.description.len() + 4, |out| {
                text(out, 2, record.description);
                out.extend_from_slice(&[3 << 3 | VARINT, if record.head.failed() { 2 } else { 1 }]);
            });
        }
    }
}

fn head(out: &mut Vec<u8>, head: &Head) {
    bytes(out, 1, &head.trace_id.to_bytes());
    bytes(out, 2, &head.span_id.to_bytes());
    if head.parent_id != SpanId::INVALID {
        bytes(out, 4, &head.parent_id.to_bytes());
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
    out.extend_from_slice(&SAMPLED.to_le_bytes());
}

/// An instrumentation scope as a field of `ScopeSpans`.
pub(super) fn scope(name: &str, version: &str) -> Vec<u8> {
    let mut field = Vec::new();
    message(&mut field, 1, name.len() + version.len() + 4, |out| {
        text(out, 1, name);
        text(out, 2, version);
    });
    field
}

/// A resource as a field of `ResourceSpans`.
pub(super) fn resource<'r>(pairs: impl Iterator<Item = (&'r str, &'r str)>) -> Vec<u8> {
    let mut field = Vec::new();
    message(&mut field, 1, 0, |out| {
        for (key, value) in pairs {
            attribute(out, 1, key, &Value::Str(value));
        }
    });
    field
}

/// Writes a key and its value as one of the attributes that are field `number` of their message.
fn attribute(out: &mut Vec<u8>, number: u8, key: &str, value: &Value<'_>) {
    let expected = size(value);
    message(out, number, key.len() + expected + 4, |out| {
        text(out, 1, key);
        message(out, 2, expected, |out| any(out, value));
    });
}

/// About how many bytes a value takes.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Array(values) => values.iter().map(|value| size(value) + 2).sum(),
        Value::Bool(_) => 2,
        Value::F64(_) | Value::I64(_) => 9,
        Value::Str(text) => text.len() + 2,
    }
}

/// Writes the one field of an `AnyValue`; that it is there says what it is, so it is written even if it is zero.
fn any(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Array(values) => message(out, 5, size(value), |out| {
            for value in values {
                message(out, 1, size(value), |out| any(out, value));
            }
        }),
        Value::Bool(value) => out.extend_from_slice(&[2 << 3 | VARINT, u8::from(*value)]),
        Value::F64(value) => {
            out.push(4 << 3 | FIXED64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::I64(value) => {
            out.push(3 << 3 | VARINT);
            out.extend_from_slice(Varint::from(value.cast_unsigned()).bytes());
        }
        Value::Str(text) => bytes(out, 1, text.as_bytes()),
    }
}

fn text(out: &mut Vec<u8>, number: u8, text: &str) {
    if !text.is_empty() {
        bytes(out, number, text.as_bytes());
    }
}

/// Writes the key and the length of a field, behind which that many bytes go.
pub(super) fn delimited(out: &mut Vec<u8>, number: u8, length: usize) {
    let key = number << 3 | DELIMITED;
    match u8::try_from(length) {
        Ok(length) if length < 0x80 => out.extend_from_slice(&[key, length]),
        _ => {
            out.push(key);
            out.extend_from_slice(Varint::from(length as u64).bytes());
        }
    }
}

/// How many bytes a field of so many bytes takes.
pub(super) fn delimited_size(length: usize) -> usize {
    1 + Varint::from(length as u64).bytes().len() + length
}

fn bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    delimited(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

fn fixed64(out: &mut Vec<u8>, number: u8, value: u64) {
    if value != 0 {
        out.push(number << 3 | FIXED64);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Writes a message as a field. Its length stands in front of it: where `expected` takes another number of bytes, the
/// message is moved.
fn message(out: &mut Vec<u8>, number: u8, expected: usize, fill: impl FnOnce(&mut Vec<u8>)) {
    delimited(out, number, expected);
    let content = out.len();
    fill(out);
    let length = out.len() - content;
    if length == expected {
        return;
    }
    let guess = content - Varint::from(expected as u64).bytes().len();
    let length = Varint::from(length as u64);
    if length.bytes().len() == content - guess {
        out[guess..content].copy_from_slice(length.bytes());
    } else {
        out.splice(guess..content, length.bytes().iter().copied());
    }
}

/// A number, seven bits a byte, the lowest first; all bytes but the last have their upper bit set.
struct Varint([u8; 10], usize);

impl Varint {
    fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

impl From<u64> for Varint {
    fn from(mut value: u64) -> Self {
        let mut this = Self([0; 10], 1);
        while value >= 0x80 {
            this.0[this.1 - 1] = value.to_le_bytes()[0] | 0x80;
            value >>= 7;
            this.1 += 1;
        }
        this.0[this.1 - 1] = value.to_le_bytes()[0];
        this
    }
}
