//! Spans as they came → spans as the SDK has them, which the page of local mode is made of. Invariant: each span once.

use crate::dev::stage;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, Key, KeyValue, StringValue, Value};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Given;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue as GivenPair};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as GivenKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status as GivenStatus, TracesData};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message;
use serde_json::json;
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

/// The spans of batches, and those that have begun, up to this time, with their ids. What came again after an answer was lost is
/// there once.
pub(super) fn spans(
    batches: &[Vec<u8>],
    begun: Vec<(String, Span)>,
    now: SystemTime,
) -> (Vec<SpanData>, HashSet<SpanId>) {
    let mut known = HashSet::new();
    let mut all = Vec::new();
    // They were encoded here.
    for data in batches.iter().filter_map(|batch| TracesData::decode(&**batch).ok()) {
        for of_scope in data.resource_spans.into_iter().flat_map(|from| from.scope_spans) {
            let scope = of_scope.scope.map(|scope| scope.name).unwrap_or_default();
            let new = of_scope.spans.iter().filter(|span| known.insert(span.span_id.clone()));
            all.extend(new.map(|span| convert(&stage::read(span, &scope), &scope)));
        }
    }
    let mut open = HashSet::new();
    for (scope, span) in begun.into_iter().filter(|(_, span)| known.insert(span.span_id.clone())) {
        let span = convert(&stage::read(&span, &scope), &scope);
        open.insert(span.span_context.span_id());
        all.push(SpanData { end_time: span.start_time.max(now), ..span });
    }
    (all, open)
}

fn convert(span: &Span, scope: &str) -> SpanData {
    let status = span.status.as_ref();
    let status = match status.map_or(StatusCode::Unset, GivenStatus::code) {
        StatusCode::Error => Status::error(status.map(|status| status.message.clone()).unwrap_or_default()),
        StatusCode::Ok => Status::Ok,
        StatusCode::Unset => Status::Unset,
    };
    let mut events = SpanEvents::default();
    events.events = span
        .events
        .iter()
        .map(|event| Event::new(event.name.clone(), time(event.time_unix_nano), pairs(&event.attributes), 0))
        .collect();
    let mut links = SpanLinks::default();
    links.links = span
        .links
        .iter()
        .map(|link| Link::new(context(&link.trace_id, &link.span_id), pairs(&link.attributes), 0))
        .collect();
    SpanData {
        span_context: context(&span.trace_id, &span.span_id),
        parent_span_id: span_id(&span.parent_span_id),
        parent_span_is_remote: false,
        span_kind: match span.kind() {
            GivenKind::Client => SpanKind::Client,
            GivenKind::Consumer => SpanKind::Consumer,
            GivenKind::Producer => SpanKind::Producer,
            GivenKind::Server => SpanKind::Server,
            GivenKind::Internal | GivenKind::Unspecified => SpanKind::Internal,
        },
        name: span.name.clone().into(),
        start_time: time(span.start_time_unix_nano),
        end_time: time(span.end_time_unix_nano),
        attributes: pairs(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events,
        links,
        status,
        instrumentation_scope: InstrumentationScope::builder(scope.to_owned()).build(),
    }
}

fn context(trace: &[u8], span: &[u8]) -> SpanContext {
    let trace = trace.try_into().map_or(TraceId::INVALID, TraceId::from_bytes);
    SpanContext::new(trace, span_id(span), TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn span_id(id: &[u8]) -> SpanId {
    id.try_into().map_or(SpanId::INVALID, SpanId::from_bytes)
}

fn time(ns: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(ns)
}

fn pairs(given: &[GivenPair]) -> Vec<KeyValue> {
    let pair =
        |pair: &GivenPair| Some(KeyValue::new(Key::from(pair.key.clone()), value(pair.value.as_ref()?)?));
    given.iter().filter_map(pair).collect()
}

fn value(given: &AnyValue) -> Option<Value> {
    Some(match given.value.as_ref()? {
        Given::BoolValue(value) => (*value).into(),
        Given::DoubleValue(value) => (*value).into(),
        Given::IntValue(value) => (*value).into(),
        Given::StringValue(text) => text.clone().into(),
        Given::ArrayValue(list) => match texts(&list.values) {
            Some(texts) => Value::Array(Array::String(texts)),
            None => json(given, 0).to_string().into(),
        },
        Given::BytesValue(bytes) => format!("{} bytes", bytes.len()).into(),
        Given::KvlistValue(_) => json(given, 0).to_string().into(),
        Given::StringValueStrindex(_) => return None,
    })
}

fn texts(values: &[AnyValue]) -> Option<Vec<StringValue>> {
    let text = |value: &AnyValue| match value.value.as_ref()? {
        Given::StringValue(text) => Some(text.clone().into()),
        _ => None,
    };
    values.iter().map(text).collect()
}

/// The spans of batches that have ended.
pub(super) fn ended(batches: &[Vec<u8>]) -> Vec<SpanData> {
    spans(batches, Vec::new(), SystemTime::UNIX_EPOCH).0
}

/// Lists in lists that are shown.
const DEEPEST: usize = 32;

pub(super) fn json(given: &AnyValue, depth: usize) -> serde_json::Value {
    match given.value.as_ref() {
        _ if depth > DEEPEST => json!("…"),
        Some(Given::BoolValue(value)) => json!(value),
        Some(Given::DoubleValue(value)) => json!(value),
        Some(Given::IntValue(value)) => json!(value),
        Some(Given::StringValue(text)) => json!(text),
        Some(Given::ArrayValue(list)) => list.values.iter().map(|value| json(value, depth + 1)).collect(),
        Some(Given::KvlistValue(list)) => {
            let pair = |pair: &GivenPair| {
                (pair.key.clone(), pair.value.as_ref().map(|value| json(value, depth + 1)).into())
            };
            serde_json::Value::Object(list.values.iter().map(pair).collect())
        }
        Some(Given::BytesValue(bytes)) => json!(format!("{} bytes", bytes.len())),
        Some(Given::StringValueStrindex(_)) | None => serde_json::Value::Null,
    }
}
