//! The page that lists the metrics, and what counting costs.

use super::instruments::{INSTRUMENTS, Kind};
use super::openmetrics::sample_name;
use super::seen::Seen;
use super::table::Table;
use crate::finished::{Head, Status, records, write};
use crate::semconv::{self, span};
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use std::hint::black_box;
use std::time::Instant;

/// A record as an annotated function leaves it.
fn record(name: &str, entries: &[u8]) -> Vec<u8> {
    let (trace_id, span_id, parent_id) = (TraceId::from(7), SpanId::from(8), SpanId::from(9));
    let (start, end) = (1_700_000_000_000_000_000, 1_700_000_000_420_000_000);
    Head { trace_id, span_id, parent_id, kind: SpanKind::Client, start, end, status: Status::Unset }
        .record(name, "", entries)
}

fn llm() -> Vec<u8> {
    let mut entries = Vec::new();
    for (key, value) in [
        (semconv::CONVERSATION_ID, "CA5a2f1c3f5b7d4c1e9f3b2a1c0d9e8f7a"),
        (semconv::GEN_AI_PROVIDER_NAME, "openai"),
        (semconv::GEN_AI_SYSTEM, "openai"),
        (semconv::GEN_AI_REQUEST_MODEL, "gpt-4o-mini"),
        (semconv::GEN_AI_OPERATION_NAME, "chat"),
        ("input.messages", &"What do you have on Tuesday? ".repeat(40)),
        (semconv::OUTPUT, &"Half past two. ".repeat(10)),
        (semconv::GEN_AI_RESPONSE_MODEL, "gpt-4o-mini-2026"),
    ] {
        write::text(&mut entries, key, value);
    }
    write::texts(&mut entries, semconv::GEN_AI_RESPONSE_FINISH_REASONS, &["stop"]);
    for (key, value) in [
        (semconv::TURN_NUMBER, 3),
        (semconv::STREAM_ITEMS, 40),
        (semconv::GEN_AI_USAGE_INPUT_TOKENS, 812),
        (semconv::GEN_AI_USAGE_OUTPUT_TOKENS, 40),
    ] {
        write::integer(&mut entries, key, value);
    }
    for key in
        [semconv::METRICS_TTFB, semconv::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, semconv::LLM_FIRST_TOKEN_MS]
    {
        write::float(&mut entries, key, 0.3);
    }
    record(span::LLM, &entries)
}

fn bench() -> Vec<u8> {
    let mut entries = Vec::new();
    for (key, value) in [("a", "static"), ("b", "static"), ("c", "an owned text of about forty bytes, here")]
    {
        write::text(&mut entries, key, value);
    }
    write::integer(&mut entries, "d", 4);
    record("work", &entries)
}

#[test]
#[ignore = "a table for people"]
fn what_a_record_costs() {
    for (name, record) in [("llm", llm()), ("four attributes", bench())] {
        let buffer = record.repeat(1_000);
        let mut table = Table::new(Vec::new(), false);
        let (mut best_read, mut best) = (f64::MAX, f64::MAX);
        for _ in 0..200 {
            let begun = Instant::now();
            for (record, _) in records(&buffer) {
                black_box(Seen::of(&record, &[]));
            }
            best_read = best_read.min(begun.elapsed().as_secs_f64() * 1e6);
            let begun = Instant::now();
            for (record, _) in records(&buffer) {
                table.add(&Seen::of(&record, &[]));
            }
            best = best.min(begun.elapsed().as_secs_f64() * 1e6);
        }
        eprintln!("{name}: {best:.0} ns a record, of which {best_read:.0} to read it");
    }
}

#[test]
fn the_page_lists_every_metric_as_it_is() {
    // The published package has no such folder.
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate.md");
    let Ok(page) = std::fs::read_to_string(page) else { return };
    let page = page.split("\n### ").find(|section| section.starts_with("All metrics\n")).unwrap();
    for metric in INSTRUMENTS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels = metric.labels.iter().filter_map(|label| Some(format!("`{}`", label.key()?)));
        let labels = labels.collect::<Vec<_>>().join(" ");
        let labels = if labels.is_empty() { "–" } else { &labels };
        let (name, unit, help) = (metric.name, metric.unit.ucum(), metric.help);
        let row = format!("| `{name}` | `{}` | {kind}, {unit} | {labels} | {help} |", sample_name(metric));
        assert!(page.lines().any(|line| line == row), "docs/operate.md lacks the row\n{row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, INSTRUMENTS.len(), "and has no other");
}
