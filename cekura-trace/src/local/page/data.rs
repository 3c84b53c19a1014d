//! Everything that a page shows, as JSON. Invariant: all times are nanoseconds from the start of the page's
//! time axis.

use super::{Entry, Program, Spread, stages, transcript};
use crate::finished::{Span, Tree};
use crate::local::axis::{self, Shape};
use crate::local::row::{self, Row, Streams};
use crate::local::style::Paint;
use crate::local::{summary, text};
use crate::semconv as key;
use opentelemetry::trace::SpanId;
use opentelemetry::{Array, Value as ApiValue};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything but the spans. `log` is the call log as it would be posted, or null; `unheard` says why there is no recording,
/// where there is none.
pub(super) fn data(tree: &Tree, mut log: Value, unheard: Option<&str>, program: &Program) -> Value {
    let entries = transcript::transcript(tree, &log);
    let mut lines = Value::Null;
    if let Some(fields) = log.as_object_mut() {
        fields.remove(transcript::ENTRIES);
        lines = fields.remove(LOGS).unwrap_or_default();
    }
    let (start, length) = axis::time_shown(tree);
    let (clock, call) = (Clock { start }, transcript::start(tree));
    let latencies = summary::latencies(tree).into_iter().map(|(time, _)| time);
    let totals = summary::Totals::of(tree);
    json!({
        "call": summary::call_id(tree),
        "program": program,
        "traces": summary::traces(tree),
        "start": start / 1_000_000,
        "length": length,
        "transcript": said(&entries, clock),
        "logs": logged(&lines, clock, call),
        "recording": unheard.is_none().then(|| clock.passed(call)),
        "unheard": unheard,
        "log": log.is_object().then(|| format!("{log}")),
        "stages": stages::stages(tree).iter().map(|stage| json!({
            "name": stage.name,
            "known": summary::STAGES.contains(&stage.name),
            "look": look(row::paint(stage.name)),
            "count": stage.count,
            "failed": stage.failed,
            "longest": stage.longest,
            "spread": spread(&stage.spread),
            "first": stage.first.as_ref().map(spread),
        })).collect::<Vec<_>>(),
        "parts": (0..key::TURN_LATENCY_PARTS.len()).map(|place| json!({
            "name": row::part(place),
            "look": look(row::part_paint(place)),
        })).collect::<Vec<_>>(),
        "slow": row::SLOW,
        "interruptions": summary::interruptions(tree),
        "latencies": stages::spread(latencies.collect()).as_ref().map(spread),
        "totals": {
            "turns": totals.turns,
            "tools": totals.tools,
            "failed": totals.failed,
            "input": totals.input,
            "output": totals.output,
            "characters": totals.characters,
        },
    })
}

/// The field of a call log with lines of the program's log.
const LOGS: &str = "logs";

/// The spans, one after the other: together they would take many times the memory of their text.
pub(super) fn spans(tree: &Tree) -> impl Iterator<Item = Value> {
    let (clock, streams) = (Clock { start: axis::time_shown(tree).0 }, Streams::of(tree));
    tree.rows.iter().map(move |(depth, row)| span(*depth, row, clock, &streams))
}

/// Columns of a piece of what a row says; all of it is in the span's details.
const WORDS: usize = 160;

/// The zero of the page's times.
#[derive(Clone, Copy)]
struct Clock {
    start: u64,
}

impl Clock {
    fn passed(self, time: u64) -> Value {
        let passed = i128::from(time) - i128::from(self.start);
        i64::try_from(passed).map_or(Value::Null, Value::from)
    }
}

fn span(depth: usize, span: &Span, clock: Clock, streams: &Streams<'_>) -> Value {
    let row = Row::new(span, streams);
    let words = row.words.iter().map(|piece| {
        let (said, _) = text::clip(&piece.text, WORDS);
        json!([look(piece.paint), format!("{}{said}{}", piece.before, piece.after)])
    });
    json!({
        "id": span.head.span_id.to_string(),
        "trace": span.head.trace_id.to_string(),
        "parent": (span.head.parent_id != SpanId::INVALID).then(|| span.head.parent_id.to_string()),
        "depth": depth,
        "kind": span.name,
        "look": look(row.paint),
        "name": row.name,
        "service": row.service.first(),
        "start": clock.passed(span.head.start),
        "length": row::length(span),
        "open": span.is_open,
        "first": row::wait(span).map(|wait| json!({ "name": row::first(span).trim_end(), "after": wait })),
        "waited": row.bar.shape == Shape::Wait,
        "items": row::number(span, key::STREAM_ITEMS),
        "gap": row::time(span, key::STREAM_LONGEST_GAP_SECONDS),
        "latency": row::latency(span),
        "parts": row::parts(span),
        "counts": row.counts,
        "words": words.collect::<Vec<_>>(),
        "failed": span.head.failed(),
        "interrupted": row::interrupted(span),
        "cut": span.attribute(key::TURN_WAS_INTERRUPTED) == Some(&ApiValue::Bool(true)),
        "description": span.description,
        "attributes": pairs(&span.attributes),
        "events": span.events.iter().map(|event| json!({
            "name": event.name,
            "at": clock.passed(event.time),
            "attributes": pairs(&event.attributes),
        })).collect::<Vec<_>>(),
        "links": span.links.iter().map(|link| json!({
            "trace": link.trace_id.to_string(),
            "id": link.span_id.to_string(),
            "attributes": pairs(&link.attributes),
        })).collect::<Vec<_>>(),
    })
}

/// A style's name for what a paint means.
fn look(paint: Paint) -> &'static str {
    match paint {
        Paint::Bold => "frame",
        Paint::Dim => "dim",
        Paint::Error => "error",
        Paint::Interrupted => "interrupted",
        Paint::Llm => "llm",
        Paint::Plain => "other",
        Paint::S2s => "s2s",
        Paint::Stt => "stt",
        Paint::ToolCall => "tool",
        Paint::Tts => "tts",
    }
}

/// Keys with their values as text; numbers of JavaScript would not hold every integer.
fn pairs(pairs: &[(String, ApiValue)]) -> Vec<[String; 2]> {
    pairs.iter().map(|(key, value)| [key.clone(), shown(value)]).collect()
}

fn shown(value: &ApiValue) -> String {
    match value {
        ApiValue::Array(Array::String(texts)) => {
            json!(texts.iter().map(opentelemetry::StringValue::as_str).collect::<Vec<_>>()).to_string()
        }
        other => other.to_string(),
    }
}

fn spread(spread: &Spread) -> Value {
    json!({ "count": spread.count, "p50": spread.p50, "p95": spread.p95, "most": spread.most })
}

/// Lines of the program's log, with their times in nanoseconds; `call` is when it began.
fn logged(lines: &Value, clock: Clock, call: u64) -> Vec<Value> {
    let line = |line: &Value| {
        let passed = line["ts"].as_f64().and_then(|time| Duration::try_from_secs_f64(time).ok());
        let passed = passed.and_then(|time| u64::try_from(time.as_nanos()).ok());
        json!({
            "start": passed.map(|passed| clock.passed(call.saturating_add(passed))),
            "level": line["level"],
            "logger": line["logger"],
            "message": line["message"],
            "fields": line.get("raw").map(Value::to_string),
        })
    };
    lines.as_array().into_iter().flatten().map(line).collect()
}

fn said(entries: &[Entry], clock: Clock) -> Vec<Value> {
    let line = |entry: &Entry| {
        json!({
            "role": entry.role.name(),
            "text": entry.text,
            "start": clock.passed(entry.start),
            "truncated": entry.truncated,
            "row": entry.row,
            "turn": entry.turn,
        })
    };
    entries.iter().map(line).collect()
}
