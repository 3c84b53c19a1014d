//! Writes metrics as `OpenMetrics` 1.0, the text that Prometheus reads. Invariant: one mistake would lose the whole target, so a
//! unit is the end of its metric's name, an exemplar has trace and span id only, and the text ends with `# EOF`.

use super::instruments::{Instrument, Kind};
use super::reading::{Metrics, Snapshot, key};
use super::table::{Exemplar, Histogram, Series, Value};
use std::fmt::Write;

impl Metrics {
    /// All metrics as `OpenMetrics` text, for a route of the program's own that Prometheus scrapes. Its content type is
    /// [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    ///
    /// Spans are counted when they are collected: at most a second after they have ended, and before a
    /// [`flush`](crate::Cekura::flush) returns.
    ///
    /// ```
    /// # fn main() -> Result<(), cekura::Error> {
    /// let cekura = cekura::Cekura::builder().mode(cekura::Mode::Local).build()?;
    /// let metrics = cekura.metrics();
    /// assert!(metrics.openmetrics().ends_with("# EOF\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn openmetrics(&self) -> String {
        write(&self.snapshot())
    }

    /// The content type of [`openmetrics`](Self::openmetrics).
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

/// The whole text.
fn write(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (instrument, series) in &snapshot.metrics {
        if !series.is_empty() {
            family(&mut text, snapshot, instrument, series);
        }
    }
    text.push_str("# EOF\n");
    text
}

/// A `String` takes whatever is written to it.
macro_rules! put {
    ($text:expr, $($words:tt)*) => { let _ = write!($text, $($words)*); };
}

fn family(text: &mut String, snapshot: &Snapshot, instrument: &Instrument, series: &[Series]) {
    let Instrument { help, unit, kind, .. } = instrument;
    let name = name(instrument);
    let kind_word = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    put!(text, "# TYPE {name} {kind_word}\n");
    if let Some(unit) = unit.word() {
        put!(text, "# UNIT {name} {unit}\n");
    }
    put!(text, "# HELP {name} {help}\n");
    for Series { labels, value, .. } in series {
        let labels = labels.iter().map(|(label, value)| pair(key(*label, &snapshot.own), value));
        let labels: Vec<_> = labels.collect();
        match (value, kind) {
            (Value::Number { value, exemplar }, kind) => {
                put!(text, "{}{} {value}", sample_name(instrument), braced(&labels, None));
                sample_end(text, exemplar.as_ref().filter(|_| *kind == Kind::Counter));
            }
            (Value::Histogram(histogram), Kind::Histogram(bounds)) => {
                buckets(text, &name, &labels, bounds, histogram);
            }
            (Value::Histogram(_), _) => {}
        }
    }
}

fn buckets(text: &mut String, name: &str, labels: &[String], bounds: &[f64], histogram: &Histogram) {
    let Histogram { counts, sum, exemplars } = histogram;
    let mut below = 0;
    for (at, count) in counts.iter().enumerate() {
        below += count;
        // With its point, as a number that may have a fraction: `1.0`.
        let bound = bounds.get(at).map_or_else(|| "+Inf".to_owned(), |bound| format!("{bound:?}"));
        put!(text, "{name}_bucket{} {below}", braced(labels, Some(&bound)));
        sample_end(text, exemplars.iter().find(|(bucket, _)| *bucket == at).map(|(_, exemplar)| exemplar));
    }
    let braces = braced(labels, None);
    put!(text, "{name}_count{braces} {below}\n{name}_sum{braces} {sum}\n");
}

fn sample_end(text: &mut String, exemplar: Option<&Exemplar>) {
    if let Some(Exemplar { trace, span, value, time }) = exemplar {
        let (seconds, rest) = (time / 1_000_000_000, time % 1_000_000_000 / 1_000_000);
        put!(text, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {value} {seconds}.{rest:03}");
    }
    text.push('\n');
}

/// The name of a metric's samples; those of a histogram have suffixes.
pub(super) fn sample_name(instrument: &Instrument) -> String {
    name(instrument) + if instrument.kind == Kind::Counter { "_total" } else { "" }
}

/// The name of a metric with its unit.
fn name(instrument: &Instrument) -> String {
    let name = word(instrument.name);
    match instrument.unit.word() {
        Some(unit) if !name.ends_with(unit) => format!("{name}_{unit}"),
        _ => name,
    }
}

/// A name or a key as Prometheus has it.
fn word(text: &str) -> String {
    let fits = |(at, char): (usize, char)| {
        let is_fine = char.is_ascii_alphabetic() || at > 0 && char.is_ascii_digit();
        if is_fine { char } else { '_' }
    };
    text.chars().enumerate().map(fits).collect()
}

fn pair(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{}=\"{value}\"", word(key))
}

fn braced(labels: &[String], bound: Option<&str>) -> String {
    let bound = bound.map(|bound| format!("le=\"{bound}\""));
    let all: Vec<_> = labels.iter().chain(&bound).map(String::as_str).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}
