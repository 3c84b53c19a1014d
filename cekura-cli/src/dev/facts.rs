//! The spans of a request → one batch for each trace, and what the list of calls says of it. Invariant: a batch is the spans as they
//! came.

use super::measure::{self, Stages};
use super::stage;
use cekura::semconv as key;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, TracesData, status::StatusCode,
};
use prost::Message;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

/// Spans of one trace that came in one request.
pub(super) struct Batch {
    pub(super) trace: [u8; 16],
    /// `TracesData`, encoded.
    pub(super) data: Vec<u8>,
    pub(super) digest: i64,
    pub(super) facts: Facts,
}

/// What spans say of their call. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) call_id: Option<String>,
    pub(super) service: Option<String>,
    pub(super) version: Option<String>,
    pub(super) began: i64,
    pub(super) ended: i64,
    /// Whether the conversation has ended.
    pub(super) is_over: bool,
    pub(super) spans: i64,
    pub(super) turns: i64,
    pub(super) failed: i64,
    /// Turns that were interrupted, and other spans whose parent was not.
    pub(super) interrupted: [i64; 2],
    pub(super) input: i64,
    pub(super) output: i64,
    /// The longest time from the caller's last word to the first audio, in nanoseconds.
    pub(super) latency: Option<i64>,
    /// What was said.
    pub(super) words: String,
    pub(super) stages: Stages,
}

/// One batch for each trace.
///
/// # Errors
///
/// When a span has no trace id, or one of another length.
pub(super) fn batches(all: Vec<ResourceSpans>) -> Result<Vec<Batch>, String> {
    let mut traces: BTreeMap<[u8; 16], (TracesData, Facts)> = BTreeMap::new();
    for ResourceSpans { resource, scope_spans, schema_url } in all {
        for ScopeSpans { scope, spans, schema_url: of_scope } in scope_spans {
            let mut here: BTreeMap<[u8; 16], Vec<Span>> = BTreeMap::new();
            for span in spans {
                here.entry(ids(&span)?).or_default().push(span);
            }
            for (trace, spans) in here {
                let (data, facts) = traces.entry(trace).or_default();
                facts.add_resource(resource.as_ref());
                let from = scope.as_ref().map_or("", |scope| &scope.name);
                let read: Vec<_> = spans.iter().map(|span| stage::read(span, from)).collect();
                let cut = read.iter().filter(|span| is_interrupted(span)).map(|span| &*span.span_id);
                let cut: HashSet<&[u8]> = cut.collect();
                for span in &read {
                    facts.add(span, cut.contains(&*span.parent_span_id));
                }
                let scope_spans =
                    vec![ScopeSpans { scope: scope.clone(), spans, schema_url: of_scope.clone() }];
                let (resource, schema_url) = (resource.clone(), schema_url.clone());
                data.resource_spans.push(ResourceSpans { resource, scope_spans, schema_url });
            }
        }
    }
    let batch = |(trace, (data, facts)): ([u8; 16], (TracesData, Facts))| {
        let data = data.encode_to_vec();
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        Batch { trace, data, digest: hasher.finish().cast_signed(), facts }
    };
    Ok(traces.into_iter().map(batch).collect())
}

/// The trace id of a span whose ids are ids.
fn ids(span: &Span) -> Result<[u8; 16], String> {
    let is_id = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    let wrong = |what: &str| Err(format!("the span `{}` has no valid {what}", span.name));
    if !is_id(&span.span_id, 8) {
        return wrong("span id: 8 bytes that are not all 0");
    }
    match <[u8; 16]>::try_from(&*span.trace_id) {
        Ok(trace) if is_id(&trace, 16) => Ok(trace),
        _ => wrong("trace id: 16 bytes that are not all 0"),
    }
}

impl Facts {
    fn add_resource(&mut self, resource: Option<&Resource>) {
        let text = |key| resource.and_then(|resource| text(&resource.attributes, key)).map(str::to_owned);
        self.service = text("service.name").or_else(|| self.service.take());
        self.version = text("service.version").or_else(|| self.version.take());
    }

    /// `is_cut` says whether its parent was interrupted.
    fn add(&mut self, span: &Span, is_cut: bool) {
        let of = &*span.attributes;
        let [start, end] = [span.start_time_unix_nano, span.end_time_unix_nano]
            .map(|time| i64::try_from(time).unwrap_or(i64::MAX));
        self.began = if self.spans == 0 { start } else { self.began.min(start) };
        self.ended = self.ended.max(end);
        self.spans += 1;
        self.turns += i64::from(span.name == key::span::TURN);
        self.failed += i64::from(is_failed(span));
        if is_interrupted(span) {
            let is_turn = span.name == key::span::TURN;
            self.interrupted[usize::from(!is_turn)] += i64::from(is_turn || !is_cut);
        }
        self.input =
            self.input.saturating_add(number(of, key::GEN_AI_USAGE_INPUT_TOKENS).unwrap_or_default());
        self.output =
            self.output.saturating_add(number(of, key::GEN_AI_USAGE_OUTPUT_TOKENS).unwrap_or_default());
        self.latency = self.latency.max(seconds(of, key::TURN_USER_BOT_LATENCY_SECONDS));
        measure::add(&mut self.stages, span);
        if let Some(id) = text(of, key::CALL_ID) {
            self.call_id = Some(id.to_owned());
        }
        self.is_over |= ends_call(span);
        let said: &[&str] = match &*span.name {
            key::span::STT => &[key::STT_TRANSCRIPT],
            key::span::LLM | key::span::S2S => &[key::OUTPUT],
            key::span::TTS => &[key::TEXT],
            key::span::TOOL_CALL => &[key::FUNCTION_NAME, key::FUNCTION_INPUT, key::FUNCTION_OUTPUT],
            _ => &[],
        };
        for words in said.iter().filter_map(|key| text(of, key)) {
            self.words.push_str(words);
            self.words.push('\n');
        }
    }
}

/// Whether it is the root of a call, or what a check of the set-up sends, which is in no conversation.
pub(super) fn ends_call(span: &Span) -> bool {
    [key::span::CONVERSATION, key::span::DOCTOR].contains(&&*span.name)
}

fn is_interrupted(span: &Span) -> bool {
    let says = |key: &&str| matches!(value(&span.attributes, key), Some(Value::BoolValue(true)));
    [key::CEKURA_INTERRUPTED, key::TURN_WAS_INTERRUPTED].iter().any(says)
}

pub(super) fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

pub(super) fn value<'a>(of: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = of.iter().rev().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

pub(super) fn text<'a>(of: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(of, key)? {
        Value::StringValue(text) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

fn number(of: &[KeyValue], key: &str) -> Option<i64> {
    match value(of, key)? {
        Value::IntValue(number) if *number > 0 => Some(*number),
        _ => None,
    }
}

/// In nanoseconds.
pub(super) fn seconds(of: &[KeyValue], key: &str) -> Option<i64> {
    let Value::DoubleValue(seconds) = value(of, key)? else { return None };
    nanoseconds(*seconds)
}

pub(super) fn nanoseconds(seconds: f64) -> Option<i64> {
    let time = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    i64::try_from(time.as_nanos()).ok()
}

pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
