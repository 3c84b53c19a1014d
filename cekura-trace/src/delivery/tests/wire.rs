//! What is written by hand is what OpenTelemetry's own types would have written.

use super::{Encoder, FRAMING};
use crate::arbitrary::{buffer, config};
use crate::finished::{self, Entry, Record, Value};
use crate::room::Room;
use crate::semconv;
use opentelemetry::trace::{SpanId, SpanKind as ApiKind};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status::StatusCode};
use proptest::prelude::{prop_assert_eq, proptest};
use prost::Message;
use std::collections::BTreeMap;

/// The request for all records of a buffer, in OpenTelemetry's own types.
fn expected(records: &[u8]) -> ExportTraceServiceRequest {
    let mut scope_spans: Vec<ScopeSpans> = Vec::new();
    for (record, _) in finished::records(records) {
        let (of_host, span) = span(&record);
        let scope = Some(of_host.unwrap_or_else(|| scope(semconv::SCOPE, env!("CARGO_PKG_VERSION"))));
        match scope_spans.iter_mut().find(|known| known.scope == scope) {
            Some(known) => known.spans.push(span),
            None => scope_spans.push(ScopeSpans { scope, spans: vec![span], schema_url: String::new() }),
        }
    }
    let resource =
        Resource { attributes: vec![attribute("service.name", Value::Str("test"))], ..Resource::default() };
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

fn span(record: &Record<'_>) -> (Option<InstrumentationScope>, Span) {
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

fn written(records: &[u8]) -> Vec<ExportTraceServiceRequest> {
    let encoder = Encoder::new(&BTreeMap::from([("service.name".to_owned(), "test".to_owned())]));
    let requests = encoder.requests(records, Room::default(), None).into_iter();
    requests.map(|request| ExportTraceServiceRequest::decode(&request.frame[FRAMING..]).unwrap()).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_record_is_written_as_the_types_would(bytes in buffer()) {
        if let [written] = &written(&bytes)[..] {
            // As bytes, for a float may be no number.
            prop_assert_eq!(written.encode_to_vec(), expected(&bytes).encode_to_vec());
        }
    }
}
