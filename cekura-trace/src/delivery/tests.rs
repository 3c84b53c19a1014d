//! Records as recording writes them, for the tests of delivery.

use super::queue::Queue;
use crate::destination::Sink;
use crate::finished::{Head, Status, write};
use opentelemetry::trace::{SpanId, SpanKind, TraceId};

/// A span that has ended, with a text of so many bytes.
pub(crate) fn record(trace: u64, span: u64, parent: u64, bytes: usize) -> Vec<u8> {
    let head = Head {
        trace_id: TraceId::from(u128::from(trace)),
        span_id: SpanId::from(span),
        parent_id: SpanId::from(parent),
        kind: SpanKind::Internal,
        start: span,
        end: span + 1,
        status: Status::Unset,
    };
    let mut entries = Vec::new();
    write::text(&mut entries, "text", &"x".repeat(bytes));
    head.record("span", "", &entries)
}

/// Ends it in a queue.
pub(crate) fn end(queue: &Queue, trace: u64, span: u64, parent: u64, bytes: usize) {
    queue.accept(TraceId::from(u128::from(trace)), &record(trace, span, parent, bytes));
}
