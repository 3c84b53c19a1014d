//! Writes entries of a record: span attributes, events, links, another name. Invariant: each function appends exactly one.

#![expect(clippy::inline_always, reason = "each span passes here, and benches/gates.sh counts what it costs")]

use super::entry::{ARRAY, BOOL, DESCRIPTION, EVENT, F64, I64, LINK, Marks, NAME, SCOPE, STR};
use crate::semconv;
use opentelemetry::trace::SpanContext;
use opentelemetry::{Array, KeyValue, Value as ApiValue};

#[inline]
pub(crate) fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    marked_text(out, key, value, Marks::NONE);
}

/// As [`text`], with marks.
#[inline(always)]
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
#[inline(always)]
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
    let at = out.len();
    text_head(out, key, 0, 0);
    let start = out.len();
    fill(out);
    let length = out.len() - start;
    set_text_length(out, at, length);
}

/// Sets how long the text is in the entry that begins at `at`, which [`text`] wrote.
pub(crate) fn set_text_length(out: &mut [u8], at: usize, text: usize) {
    // Behind the tag and the length of the key.
    if let Some(place) = out.get_mut(at + 5..at + 9) {
        place.copy_from_slice(&length(text));
    }
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
pub(super) fn tagged(out: &mut Vec<u8>, tag: u8, key: &str) {
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
pub(super) fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&length(count));
}

/// The length that stands before a string.
#[inline]
pub(crate) fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}
