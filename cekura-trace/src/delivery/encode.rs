//! Flat records come in, encoded OTLP requests go out, and a request can be taken apart again into smaller ones. This
//! file does not know how they are sent.

mod sieve;

use super::ledger::Counts;
use super::queue::Room;
use super::transport::FRAMING;
use crate::call::nanoseconds;
use crate::finished::{self, Entry, Record, Value};
use crate::semconv;
use opentelemetry::trace::{SpanId, SpanKind as ApiKind, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status::StatusCode};
use prost::Message;
use prost::bytes::Bytes;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The most spans of one request.
const MOST_SPANS: usize = 512;
/// Encoded bytes of spans at which a request is full.
const FULL: usize = 1 << 20;
/// The most encoded bytes of one span: collectors take requests up to 4 MiB.
const LARGEST_SPAN: usize = 3 << 20;
/// Below this a value is not cut.
const SHORTEST_CUT: usize = 256;

/// A request, ready to be sent as often as it takes.
pub(crate) struct Request {
    /// gRPC's framing and the encoded message.
    pub(crate) frame: Bytes,
    pub(crate) counts: Counts,
    /// Its spans without a parent.
    pub(crate) roots: Vec<SpanId>,
    /// What its records take of the memory limit.
    room: Room,
}

impl Request {
    /// One that was encoded before; its bytes count towards no limit.
    pub(crate) fn again(frame: Bytes, counts: Counts, roots: Vec<SpanId>) -> Self {
        Self { frame, counts, roots, room: Room::default() }
    }

    pub(crate) fn spans(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether both fit in one request.
    pub(crate) fn has_room_for(&self, other: &Self) -> bool {
        self.spans() + other.spans() <= MOST_SPANS as u64 && self.frame.len() + other.frame.len() <= FULL
    }

    /// Becomes the request for both: one encoded message behind another of the same type is their union.
    pub(crate) fn join(&mut self, other: Self) {
        let message = [&self.frame[FRAMING..], &other.frame[FRAMING..]].concat();
        self.frame = framed(false, message.len(), |frame| frame.extend_from_slice(&message));
        for (trace, count) in other.counts {
            *self.counts.entry(trace).or_default() += count;
        }
        self.roots.extend(other.roots);
        self.room.join(other.room);
    }
}

/// What every request of a handle says beside its spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    resource: Resource,
    scope: InstrumentationScope,
}

/// A span, and its instrumentation scope where that is not ours.
type Scoped = (Option<InstrumentationScope>, Span);

/// Spans for one request.
#[derive(Default)]
struct Batch {
    spans: Vec<Scoped>,
    encoded: usize,
    held: usize,
}

impl Encoder {
    pub(crate) fn new(resource: &BTreeMap<String, String>) -> Self {
        let text = |(key, value): (&String, &String)| attribute(key, Value::Str(value));
        Self {
            resource: Resource { attributes: resource.iter().map(text).collect(), ..Resource::default() },
            scope: scope(semconv::SCOPE, env!("CARGO_PKG_VERSION")),
        }
    }

    /// Encodes all records of a buffer, in as few requests as their limits allow; `room` is that of the buffer.
    pub(crate) fn requests(&self, records: &[u8], mut room: Room, mut ready: impl FnMut(Request)) {
        let mut batch = Batch::default();
        for (record, held) in finished::records(records) {
            let mut scoped = span(&record);
            fit(&mut scoped.1, LARGEST_SPAN);
            let encoded = scoped.1.encoded_len();
            if !batch.spans.is_empty() && (batch.spans.len() == MOST_SPANS || batch.encoded + encoded > FULL)
            {
                let full = std::mem::take(&mut batch);
                ready(self.request(full.spans, room.split(full.held)));
            }
            batch.spans.push(scoped);
            batch.encoded += encoded;
            batch.held += held;
        }
        if !batch.spans.is_empty() {
            ready(self.request(batch.spans, room));
        }
    }

    /// The request in two halves, or, if it is a single span and may be cut, with its values cut to at most half
    /// the size; itself if it can be made no smaller.
    pub(crate) fn smaller(&self, mut request: Request, may_cut: bool) -> Result<Vec<Request>, Request> {
        let mut first = self.spans(&request);
        if first.len() > 1 {
            let second = first.split_off(first.len() / 2);
            let room = request.room.split(request.room.bytes() / 2);
            return Ok(vec![self.request(first, room), self.request(second, request.room)]);
        }
        let cut = |(_, span): &mut Scoped| {
            let before = span.encoded_len();
            fit(span, before / 2);
            span.encoded_len() < before
        };
        if may_cut && first.iter_mut().any(cut) {
            Ok(vec![self.request(first, request.room)])
        } else {
            Err(request)
        }
    }

    /// A request for the root of a conversation that has begun, as it is sent if that never ends.
    pub(crate) fn start(&self, record: &[u8]) -> Bytes {
        let mut spans: Vec<_> = finished::records(record).map(|(record, _)| span(&record)).collect();
        for (_, span) in &mut spans {
            span.attributes.push(attribute(semconv::CEKURA_INCOMPLETE, Value::Bool(true)));
        }
        self.frame(spans)
    }

    /// The same with its end, under the resource of the process that began it.
    pub(crate) fn end_start(&self, frame: &Bytes, at: SystemTime) -> Request {
        let mut message = decoded(frame);
        let scopes = message.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        let mut spans = Vec::new();
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            span.end_time_unix_nano = nanoseconds(at).max(span.start_time_unix_nano);
            spans.push((None, span.clone()));
        }
        Request { frame: message_frame(&message), ..self.request(spans, Room::default()) }
    }

    /// A request for records that no ledger counts.
    pub(crate) fn uncounted(&self, records: &[u8]) -> Bytes {
        self.frame(finished::records(records).map(|(record, _)| span(&record)).collect())
    }

    fn request(&self, spans: Vec<Scoped>, room: Room) -> Request {
        let mut counts = Counts::new();
        for (_, span) in &spans {
            *counts.entry(trace_of(span)).or_default() += 1;
        }
        let roots = spans.iter().filter(|(_, span)| span.parent_span_id.is_empty());
        let roots = roots.filter_map(|(_, span)| span.span_id.as_slice().try_into().ok());
        let roots = roots.map(SpanId::from_bytes).collect();
        Request { frame: self.frame(spans), counts, roots, room }
    }

    fn frame(&self, spans: Vec<Scoped>) -> Bytes {
        let mut scope_spans: Vec<ScopeSpans> = Vec::new();
        for (scope, span) in spans {
            let scope = scope.as_ref().unwrap_or(&self.scope);
            match scope_spans.iter_mut().find(|known| known.scope.as_ref() == Some(scope)) {
                Some(known) => known.spans.push(span),
                None => scope_spans.push(ScopeSpans {
                    scope: Some(scope.clone()),
                    spans: vec![span],
                    schema_url: String::new(),
                }),
            }
        }
        let message = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans,
                schema_url: String::new(),
            }],
        };
        message_frame(&message)
    }

    fn spans(&self, request: &Request) -> Vec<Scoped> {
        let scopes =
            decoded(&request.frame).resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|ScopeSpans { scope, spans, .. }| {
            let of_host = scope.filter(|scope| *scope != self.scope);
            spans.into_iter().map(move |span| (of_host.clone(), span))
        });
        spans.collect()
    }
}

fn decoded(frame: &Bytes) -> ExportTraceServiceRequest {
    let message = frame.slice(FRAMING.min(frame.len())..);
    ExportTraceServiceRequest::decode(message).unwrap_or_default()
}

fn message_frame(message: &ExportTraceServiceRequest) -> Bytes {
    // Fails only for want of room, and a vector grows.
    framed(false, message.encoded_len(), |frame| message.encode(frame).is_ok())
}

/// A message of known length behind gRPC's framing: whether it is compressed, and its length.
pub(crate) fn framed<R>(is_compressed: bool, length: usize, write: impl FnOnce(&mut Vec<u8>) -> R) -> Bytes {
    let mut frame = Vec::with_capacity(FRAMING + length);
    frame.push(u8::from(is_compressed));
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    write(&mut frame);
    frame.into()
}

fn trace_of(span: &Span) -> TraceId {
    span.trace_id.as_slice().try_into().map_or(TraceId::INVALID, TraceId::from_bytes)
}

fn span(record: &Record<'_>) -> Scoped {
    let mut of_host = None;
    let head = &record.head;
    let mut span = Span {
        trace_id: head.trace_id.to_bytes().to_vec(),
        span_id: head.span_id.to_bytes().to_vec(),
        parent_span_id: match head.parent_id {
            SpanId::INVALID => Vec::new(),
            parent => parent.to_bytes().to_vec(),
        },
        // W3C: sampled.
        flags: 1,
        name: record.name.to_owned(),
        kind: match head.kind {
            ApiKind::Client => SpanKind::Client,
            ApiKind::Consumer => SpanKind::Consumer,
            ApiKind::Internal => SpanKind::Internal,
            ApiKind::Producer => SpanKind::Producer,
            ApiKind::Server => SpanKind::Server,
        }
        .into(),
        start_time_unix_nano: head.start,
        end_time_unix_nano: head.end,
        attributes: record.attributes().into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..Span::default()
    };
    let code = match head.status {
        finished::Status::Unset => None,
        finished::Status::Ok => Some(StatusCode::Ok),
        finished::Status::Error => Some(StatusCode::Error),
    };
    span.status = code.map(|code| Status { message: record.description.to_owned(), code: code.into() });
    for entry in record.entries() {
        match entry {
            Entry::Attribute { .. } | Entry::Description(_) | Entry::Name(_) => {}
            Entry::Scope { name, version } => of_host = Some(scope(name, version)),
            Entry::Event { name, time, attributes } => span.events.push(Event {
                time_unix_nano: time,
                name: name.to_owned(),
                attributes: all(attributes),
                dropped_attributes_count: 0,
            }),
            Entry::Link { trace_id, span_id, state, attributes } => span.links.push(Link {
                trace_id: trace_id.to_bytes().to_vec(),
                span_id: span_id.to_bytes().to_vec(),
                trace_state: state.to_owned(),
                attributes: all(attributes),
                ..Link::default()
            }),
        }
    }
    (of_host, span)
}

fn scope(name: &str, version: &str) -> InstrumentationScope {
    let (name, version) = (name.to_owned(), version.to_owned());
    InstrumentationScope { name, version, ..InstrumentationScope::default() }
}

fn all(attributes: Vec<(&str, Value<'_>)>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: Value<'_>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

fn any(value: Value<'_>) -> AnyValue {
    let value = match value {
        Value::Array(values) => {
            any_value::Value::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })
        }
        Value::Bool(value) => any_value::Value::BoolValue(value),
        Value::F64(value) => any_value::Value::DoubleValue(value),
        Value::I64(value) => any_value::Value::IntValue(value),
        Value::Str(value) => any_value::Value::StringValue(value.to_owned()),
    };
    AnyValue { value: Some(value) }
}

/// Cuts the longest strings of a span, marked as truncated, until it is no larger than `bytes` or nothing is left to
/// cut.
fn fit(span: &mut Span, bytes: usize) {
    let mut longest = bytes / 2;
    while span.encoded_len() > bytes && longest >= SHORTEST_CUT {
        cut_text(&mut span.name, longest);
        if let Some(status) = &mut span.status {
            cut_text(&mut status.message, longest);
        }
        cut_attributes(&mut span.attributes, longest);
        for event in &mut span.events {
            cut_attributes(&mut event.attributes, longest);
        }
        for link in &mut span.links {
            cut_attributes(&mut link.attributes, longest);
        }
        longest /= 2;
    }
}

fn cut_attributes(attributes: &mut Vec<KeyValue>, longest: usize) {
    let mut marks = Vec::new();
    for attribute in attributes.iter_mut() {
        if attribute.value.as_mut().is_some_and(|value| cut_value(value, longest)) {
            marks.push(format!("{}{}", attribute.key, semconv::TRUNCATED_SUFFIX));
        }
    }
    for key in marks {
        if !attributes.iter().any(|attribute| attribute.key == key) {
            attributes.push(attribute(&key, Value::Bool(true)));
        }
    }
}

fn cut_value(value: &mut AnyValue, longest: usize) -> bool {
    match &mut value.value {
        Some(any_value::Value::StringValue(text)) => cut_text(text, longest),
        Some(any_value::Value::ArrayValue(array)) => {
            array.values.iter_mut().filter_map(|value| cut_value(value, longest).then_some(())).count() > 0
        }
        _ => false,
    }
}

fn cut_text(text: &mut String, longest: usize) -> bool {
    let is_long = text.len() > longest;
    if is_long {
        let cut = (0..=longest).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(cut);
        text.shrink_to_fit();
    }
    is_long
}

#[cfg(test)]
#[path = "tests/encode.rs"]
mod tests;
