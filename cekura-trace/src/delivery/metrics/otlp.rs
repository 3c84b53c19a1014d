//! Writes metrics as OTLP requests. Invariant: each value is the total since the start, so a request that is lost costs nothing
//! but a point.
//!
//! The numbers are those of OpenTelemetry's `metrics.proto`.

use super::instruments::{Instrument, Kind, Label};
use super::reading::{Snapshot, key};
use super::table::{Exemplar, Histogram, Labels, Series, Value};
use crate::delivery::encode::framed;
use crate::delivery::encode::wire::{attribute, delimited, fixed64, scope, varint_field};
use crate::finished::{Utf8, ValueOf};
use crate::semconv;
use prost::bytes::Bytes;

/// A request with so many bytes takes no further metric: collectors take 4 MiB.
const FULL: usize = 1 << 20;
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// Requests for all of them, as frames; `resource` is encoded, as a field of `ResourceMetrics`.
pub(super) fn requests(snapshot: &Snapshot, resource: &[u8]) -> Vec<Bytes> {
    let (mut requests, mut scoped) = (Vec::new(), Vec::new());
    for (instrument, series) in snapshot.metrics.iter().filter(|(_, series)| !series.is_empty()) {
        if scoped.len() > FULL {
            requests.push(request(resource, &std::mem::take(&mut scoped)));
        }
        message(&mut scoped, 2, |out| metric(out, snapshot, instrument, series));
    }
    if !scoped.is_empty() {
        requests.push(request(resource, &scoped));
    }
    requests
}

fn request(resource: &[u8], metrics: &[u8]) -> Bytes {
    let mut scoped = scope(semconv::SCOPE.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes());
    scoped.extend_from_slice(metrics);
    let mut whole = Vec::new();
    message(&mut whole, 1, |out| {
        out.extend_from_slice(resource);
        message(out, 2, |out| out.extend_from_slice(&scoped));
    });
    framed(false, whole.len(), |frame| frame.extend_from_slice(&whole))
}

fn metric(out: &mut Vec<u8>, snapshot: &Snapshot, instrument: &Instrument, series: &[Series]) {
    bytes(out, 1, instrument.name.as_bytes());
    bytes(out, 2, instrument.help.as_bytes());
    bytes(out, 3, instrument.unit.ucum().as_bytes());
    let number = match instrument.kind {
        Kind::Gauge => 5,
        Kind::Counter => 7,
        Kind::Histogram(_) => 9,
    };
    message(out, number, |out| {
        for series in series {
            message(out, 1, |out| point(out, snapshot, instrument.kind, series));
        }
        if instrument.kind != Kind::Gauge {
            varint_field(out, 2, CUMULATIVE);
        }
        if instrument.kind == Kind::Counter {
            // It only grows.
            varint_field(out, 3, 1);
        }
    });
}

fn point(out: &mut Vec<u8>, snapshot: &Snapshot, kind: Kind, Series { labels, value, .. }: &Series) {
    fixed64(out, 2, snapshot.begun);
    fixed64(out, 3, snapshot.now);
    match (value, kind) {
        (Value::Number { value, exemplar }, _) => {
            fixed64(out, 4, value.to_bits());
            if let Some(exemplar) = exemplar {
                message(out, 5, |out| example(out, exemplar));
            }
            attributes(out, 7, snapshot, labels);
        }
        (Value::Histogram(Histogram { counts, sum, exemplars }), Kind::Histogram(bounds)) => {
            fixed64(out, 4, counts.iter().sum());
            fixed64(out, 5, sum.to_bits());
            packed(out, 6, counts.iter().copied());
            packed(out, 7, bounds.iter().map(|bound| bound.to_bits()));
            for (_, exemplar) in exemplars {
                message(out, 8, |out| example(out, exemplar));
            }
            attributes(out, 9, snapshot, labels);
        }
        (Value::Histogram(_), _) => {}
    }
}

fn attributes(out: &mut Vec<u8>, number: u8, snapshot: &Snapshot, labels: &Labels) {
    for (label, value) in labels.iter() {
        let value = match label {
            Label::Overflow => ValueOf::Bool(true),
            _ => ValueOf::Str(Utf8(value.as_bytes())),
        };
        attribute(out, number, Utf8(key(*label, &snapshot.own).as_bytes()), &value);
    }
}

fn example(out: &mut Vec<u8>, Exemplar { trace, span, value, time }: &Exemplar) {
    fixed64(out, 2, *time);
    fixed64(out, 3, value.to_bits());
    bytes(out, 4, &span.to_bytes());
    bytes(out, 5, &trace.to_bytes());
}

fn message(out: &mut Vec<u8>, number: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(out, number, &inner);
}

fn bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    delimited(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

fn packed(out: &mut Vec<u8>, number: u8, values: impl ExactSizeIterator<Item = u64>) {
    delimited(out, number, 8 * values.len());
    values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}
