//! A call as a file: its page, JSON for programs, and its spans as they came, in OTLP. Invariant: the name of a file has only letters,
//! digits, `-`, `_` and `.`, whatever a call is called.

use super::Failure;
use super::call::{self, name};
use super::convert;
use super::sent::{self, Writer};
use crate::dev::Dev;
use crate::dev::check::hex;
use crate::dev::facts;
use crate::dev::stage;
use crate::dev::store::Store;
use crate::dev::store::shown::{self, Summary};
use crate::dev::turns::{self, Call, Turn};
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::io::{self, Write};
use tokio::runtime::Handle;

/// Characters of a file's name.
const LONGEST: usize = 80;

pub(super) async fn html(State(dev): State<Dev>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let call = call::summary(&dev, id).await?;
    let page = call::whole(&dev, &call, false).await?;
    Ok(file(page, &call, "html"))
}

/// Has a browser save an answer, under the name of its call.
fn file(mut answer: Response, call: &Summary, ending: &str) -> Response {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(c);
    let safe: String = name(call).replace(' ', "-").chars().filter(is_safe).take(LONGEST).collect();
    // A file whose name begins with a dot is hidden.
    let safe = safe.trim_start_matches(['.', '-']);
    let safe = if safe.is_empty() { format!("call-{}", call.id) } else { safe.to_owned() };
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{safe}.{ending}\"")) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    answer
}

fn streamed(
    call: &Summary,
    ending: &str,
    write: impl FnOnce(&mut Writer) -> io::Result<()> + Send + 'static,
) -> Response {
    let body = sent::body(None, sent::parts(write));
    file(([(CONTENT_TYPE, "application/json")], body).into_response(), call, ending)
}

/// The batches of a call, each read when it is wanted, on a thread that may wait.
fn batches(dev: &Dev, ids: Vec<i64>) -> impl Iterator<Item = io::Result<TracesData>> + Send + 'static {
    let (store, runtime): (Store, Handle) = (dev.store.clone(), Handle::current());
    ids.into_iter().map(move |id| {
        let data = runtime.block_on(store.read(move |from| shown::batch(from, id)));
        let data = data.map_err(io::Error::other)?;
        let gone = || io::Error::other("the call has become too old to keep");
        TracesData::decode(&*data.ok_or_else(gone)?).map_err(io::Error::other)
    })
}

/// Leaves out what came again after an answer was lost.
fn once(known: &mut HashSet<Vec<u8>>, data: &mut TracesData) {
    for resource in &mut data.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|span| known.insert(span.span_id.clone()));
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    data.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
}

/// The spans as they came: one request of OTLP in JSON.
pub(super) async fn otlp(State(dev): State<Dev>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let call = call::summary(&dev, id).await?;
    let ids = dev.store.read(move |from| shown::batch_ids(from, id)).await?;
    let batches = batches(&dev, ids);
    Ok(streamed(&call, "otlp.json", move |to| {
        let (mut known, mut separator) = (HashSet::new(), "");
        to.write_all(b"{\"resourceSpans\":[")?;
        for data in batches {
            let mut data = data?;
            once(&mut known, &mut data);
            for resource in &data.resource_spans {
                to.write_all(separator.as_bytes())?;
                serde_json::to_writer(&mut *to, resource)?;
                separator = ",\n";
            }
        }
        to.write_all(b"]}\n")
    }))
}

/// What the page of the call says, turn by turn, and its spans as stages, with times in seconds since the first one began.
pub(super) async fn json(State(dev): State<Dev>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let call = call::summary(&dev, id).await?;
    let (ids, shown, log) = dev
        .store
        .read(move |from| Ok((shown::batch_ids(from, id)?, shown::batches(from, id)?, shown::log(from, id)?)))
        .await?;
    let batches = batches(&dev, ids);
    let summary = call.clone();
    Ok(streamed(&call, "json", move |to| {
        let data = cekura::__page::data(convert::ended(&shown), log.as_deref().map(str::as_bytes), &[]);
        drop(shown);
        let call = turns::read(&data);
        drop(data);
        let head = head(&summary, &call, log.as_deref()).to_string();
        write!(to, "{},\"spans\":[", head.strip_suffix('}').unwrap_or(&head))?;
        let began = u64::try_from(summary.began.unwrap_or_default()).unwrap_or_default();
        let (mut known, mut separator) = (HashSet::new(), "\n");
        for data in batches {
            let mut data = data?;
            once(&mut known, &mut data);
            for of_scope in data.resource_spans.iter().flat_map(|resource| &resource.scope_spans) {
                let scope = of_scope.scope.as_ref().map_or("", |scope| &scope.name);
                for given in &of_scope.spans {
                    write!(to, "{separator}{}", span(&stage::read(given, scope), began))?;
                    separator = ",\n";
                }
            }
        }
        to.write_all(b"\n]}\n")
    }))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a call is shorter than 104 days, of which nanoseconds are exact"
)]
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// Everything but the spans.
fn head(summary: &Summary, call: &Call, log: Option<&str>) -> Value {
    let log: Option<Value> = log.and_then(|log| serde_json::from_str(log).ok());
    json!({
        "call_id": summary.call_id,
        "trace_id": summary.trace.as_deref().map(hex),
        "service": summary.service,
        "version": summary.version,
        "began_unix_ms": summary.began.map(|ns| ns / 1_000_000),
        "is_over": summary.is_over,
        "call_log": log,
        "turns": call.turns.iter().map(|turn| of_turn(turn, call)).collect::<Vec<_>>(),
    })
}

fn of_turn(turn: &Turn, call: &Call) -> Value {
    let parts = turn.parts.iter().filter_map(|(place, ns)| {
        let (name, _) = call.parts.get(*place)?;
        Some((name.clone(), json!(seconds(*ns))))
    });
    json!({
        "name": turn.name,
        "began_seconds": seconds(turn.began),
        "voice_to_voice_seconds": turn.latency.map(seconds),
        "parts_seconds": parts.collect::<Map<_, _>>(),
        "is_interrupted": turn.is_interrupted,
        "caller": turn.caller,
        "agent": turn.agent,
        "tools": turn.tools.iter().map(|tool| json!({
            "name": tool.name,
            "input": tool.input,
            "output": tool.output,
            "seconds": seconds(tool.length),
            "is_failed": tool.is_failed,
        })).collect::<Vec<_>>(),
        "errors": turn.errors,
    })
}

fn span(span: &Span, began: u64) -> Value {
    let passed = |time: u64| seconds(time.cast_signed().saturating_sub(began.cast_signed()));
    let length = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    let is_failed = facts::is_failed(span);
    let mut value = json!({
        "name": span.name,
        "span_id": hex(&span.span_id),
        "parent_span_id": (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        "began_seconds": passed(span.start_time_unix_nano),
        "seconds": seconds(length.cast_signed()),
        "is_failed": is_failed,
        "attributes": attributes(&span.attributes),
    });
    if is_failed {
        value["error"] = span.status.as_ref().map(|status| status.message.clone()).into();
    }
    if !span.events.is_empty() {
        let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| {
            json!({
                "name": event.name,
                "at_seconds": passed(event.time_unix_nano),
                "attributes": attributes(&event.attributes),
            })
        };
        value["events"] = span.events.iter().map(event).collect();
    }
    value
}

fn attributes(given: &[KeyValue]) -> Value {
    let pair =
        |pair: &KeyValue| (pair.key.clone(), pair.value.as_ref().map(|value| convert::json(value, 0)).into());
    Value::Object(given.iter().map(pair).collect())
}
