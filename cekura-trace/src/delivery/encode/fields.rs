//! Reads the requests that this crate has encoded, and changes parts of them. Invariant: what is not changed stays as
//! it is, byte for byte; what is no field, and all behind it, is left out.

use super::wire::{fixed64, varint};
use crate::delivery::transport::FRAMING;
use crate::finished::{Head, Status, begin, seal, write};
use crate::semconv;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use prost::decode_length_delimiter;

/// Fields of a span (OpenTelemetry's `trace.proto`).
const TRACE_ID: usize = 1;
const SPAN_ID: usize = 2;
const PARENT_ID: usize = 4;
const START: usize = 7;
const END: u8 = 8;

/// A field as it is encoded (protobuf.dev, "Encoding").
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: usize,
    pub(super) whole: &'a [u8],
    pub(super) key: &'a [u8],
    /// Of one that is delimited, what is inside.
    pub(super) value: &'a [u8],
}

pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let start = rest;
        let key = decode_length_delimiter(&mut rest).ok()?;
        let after_key = rest;
        let length = match key & 7 {
            0 => decode_length_delimiter(&mut rest).map(|_| 0).ok()?,
            1 => 8,
            2 => decode_length_delimiter(&mut rest).ok()?,
            5 => 4,
            _ => return None,
        };
        let value = rest.split_off(..length)?;
        let (whole, key_bytes) =
            (&start[..start.len() - rest.len()], &start[..start.len() - after_key.len()]);
        Some(Field { number: key >> 3, whole, key: key_bytes, value })
    })
}

/// The values of one field of a message.
pub(super) fn values(message: &[u8], number: usize) -> impl Iterator<Item = &[u8]> {
    fields(message).filter(move |field| field.number == number).map(|field| field.value)
}

/// A message in which fields that are delimited hold what `change` makes of them; `None` where it changes none.
pub(super) fn changed(
    message: &[u8],
    mut change: impl FnMut(usize, &[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (mut out, mut is_changed) = (Vec::with_capacity(message.len()), false);
    for Field { number, whole, key, value } in fields(message) {
        match change(number, value) {
            None => out.extend_from_slice(whole),
            Some(value) => {
                is_changed = true;
                out.extend_from_slice(key);
                varint(&mut out, value.len() as u64);
                out.extend_from_slice(&value);
            }
        }
    }
    is_changed.then_some(out)
}

/// The spans of a request, each behind its instrumentation scope as a field of `ScopeSpans`.
pub(super) fn spans(frame: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    values(frame.get(FRAMING..).unwrap_or_default(), 1).flat_map(|resource| values(resource, 2)).flat_map(
        |scoped| {
            let scope = fields(scoped).find(|field| field.number == 1);
            let scope = scope.map(|field| field.whole).unwrap_or_default();
            values(scoped, 2).map(move |span| (scope, span))
        },
    )
}

/// The resource of a request, as a field of `ResourceSpans`.
pub(super) fn resource(frame: &[u8]) -> Option<&[u8]> {
    let mut resources = values(frame.get(FRAMING..).unwrap_or_default(), 1).flat_map(fields);
    resources.find(|field| field.number == 1).map(|field| field.whole)
}

pub(super) fn trace_of(span: &[u8]) -> TraceId {
    let id = values(span, TRACE_ID).next().and_then(|id| id.try_into().ok());
    id.map_or(TraceId::INVALID, TraceId::from_bytes)
}

/// The id of a span without a parent.
pub(super) fn root_of(span: &[u8]) -> Option<SpanId> {
    let is_root = values(span, PARENT_ID).all(<[u8]>::is_empty);
    let id = values(span, SPAN_ID).next().filter(|_| is_root)?;
    Some(SpanId::from_bytes(id.try_into().ok()?))
}

/// The root in a request, as a record without what the program has set on it.
pub(crate) fn root_record(frame: &[u8]) -> Option<Vec<u8>> {
    let (_, span) = spans(frame).next()?;
    let time = |number| Some(u64::from_le_bytes(values(span, number).next()?.try_into().ok()?));
    let (start, end) = (time(START)?, time(usize::from(END))?);
    let (trace_id, span_id, parent_id) = (trace_of(span), root_of(span)?, SpanId::INVALID);
    let head =
        Head { trace_id, span_id, parent_id, kind: SpanKind::Internal, start, end, status: Status::Unset };
    let mut record = Vec::new();
    begin(&mut record, semconv::span::CONVERSATION, "");
    write::flag(&mut record, semconv::CEKURA_INCOMPLETE, true);
    seal(&mut record, &head, false);
    Some(record)
}

/// The span with its end at `at`, in nanoseconds since the Unix epoch, or where it began.
pub(super) fn ended(span: &[u8], at: u64) -> Vec<u8> {
    let start = values(span, START).next().and_then(|start| start.try_into().ok()).map(u64::from_le_bytes);
    let mut ended = Vec::with_capacity(span.len());
    for field in fields(span).filter(|field| field.number != usize::from(END)) {
        ended.extend_from_slice(field.whole);
    }
    fixed64(&mut ended, END, at.max(start.unwrap_or_default()));
    ended
}
