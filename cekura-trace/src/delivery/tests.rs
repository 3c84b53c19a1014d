//! Records as recording writes them, for the tests of delivery.

use super::queue::Queue;
use crate::destination::Sink;
use crate::finished::{Head, Status, write};
use opentelemetry::trace::{SpanId, SpanKind, TraceId};

/// Ends a span in a queue, with a text of so many bytes.
pub(crate) fn end(queue: &Queue, trace: u64, span: u64, parent: u64, bytes: usize) {
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
    queue.accept(head.trace_id, &head.record("span", "", &entries));
}
