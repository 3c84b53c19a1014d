//! Cuts an encoded span to a size, where its texts allow that. Invariant: what is cut is still a span, and an
//! attribute that was cut says so.

use super::fields::{changed, values};
use super::wire;
use crate::finished::{Utf8, ValueOf};
use crate::semconv;

// Fields of a span (OpenTelemetry's `trace.proto`).
const NAME: usize = 5;
const ATTRIBUTES: u8 = 9;
const EVENTS: usize = 11;
const LINKS: usize = 13;
const STATUS: usize = 15;
// Fields of these.
const EVENT_ATTRIBUTES: u8 = 3;
const LINK_ATTRIBUTES: u8 = 4;
const STATUS_MESSAGE: usize = 2;
/// Below this a value is not cut.
const SHORTEST: usize = 256;

/// Cuts the longest texts of a span, until it is no larger than `bytes` or nothing is left to cut.
pub(super) fn fit(span: &mut Vec<u8>, bytes: usize) {
    let mut longest = bytes / 2;
    while span.len() > bytes && longest >= SHORTEST {
        shorten(span, longest);
        longest /= 2;
    }
}

/// Cuts all texts of a span that are longer.
fn shorten(span: &mut Vec<u8>, longest: usize) {
    if let Some(cut) = attributes(span, ATTRIBUTES, longest) {
        *span = cut;
    }
    let cut = changed(span, |number, part| match number {
        NAME => text(part, longest),
        EVENTS => attributes(part, EVENT_ATTRIBUTES, longest),
        LINKS => attributes(part, LINK_ATTRIBUTES, longest),
        STATUS => text_in(part, STATUS_MESSAGE, longest),
        _ => None,
    });
    if let Some(cut) = cut {
        *span = cut;
    }
}

/// Says of a span that something is so.
pub(super) fn mark(span: &mut Vec<u8>, key: &str) {
    flag(span, ATTRIBUTES, key.as_bytes());
}

/// A message whose attributes are field `number`, with those cut that are too long.
fn attributes(message: &[u8], number: u8, longest: usize) -> Option<Vec<u8>> {
    let mut marks = Vec::new();
    let mut cut = changed(message, |at, attribute| {
        let cut = if at == usize::from(number) { self::attribute(attribute, longest) } else { None }?;
        marks.push([key(attribute), semconv::TRUNCATED_SUFFIX.as_bytes()].concat());
        Some(cut)
    })?;
    for mark in marks {
        let is_there = values(&cut, number.into()).any(|attribute| key(attribute) == mark);
        if !is_there {
            flag(&mut cut, number, &mark);
        }
    }
    Some(cut)
}

/// A `KeyValue`, whose value is cut where it is a text or a list of texts.
fn attribute(attribute: &[u8], longest: usize) -> Option<Vec<u8>> {
    let value = |number, part: &[u8]| match number {
        1 => text(part, longest),
        5 => changed(part, |_, item| text_in(item, 1, longest)),
        _ => None,
    };
    changed(attribute, |number, part| if number == 2 { changed(part, value) } else { None })
}

/// A message of which field `number` is a text.
fn text_in(message: &[u8], number: usize, longest: usize) -> Option<Vec<u8>> {
    changed(message, |at, part| if at == number { text(part, longest) } else { None })
}

/// What is left of a text that is too long: whole characters.
fn text(text: &[u8], longest: usize) -> Option<Vec<u8>> {
    let behind = *text.get(longest)?;
    let is_inside = |byte: u8| byte & 0xc0 == 0x80;
    let mut kept = &text[..longest];
    if is_inside(behind) {
        let begin = kept.iter().rposition(|byte| !is_inside(*byte)).unwrap_or_default();
        kept = &kept[..begin];
    }
    Some(kept.to_vec())
}

fn key(attribute: &[u8]) -> &[u8] {
    values(attribute, 1).next().unwrap_or_default()
}

fn flag(out: &mut Vec<u8>, number: u8, key: &[u8]) {
    wire::attribute(out, number, Utf8(key), &ValueOf::Bool(true));
}

#[cfg(test)]
#[path = "../tests/cut.rs"]
mod tests;
