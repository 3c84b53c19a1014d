//! The twin of a span: the same span, made by the host's tracer provider for the host's own exporters.
//! Invariant: the twin gives the ids, and gets everything that was recorded.

use crate::destination::{Destination, Host, Twinned};
use crate::finished::{Entry, Record, Status, Value, draft};
use crate::say::{caught, say};
use crate::semconv;
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanKind, Status as ApiStatus, TraceContextExt, TraceFlags, Tracer,
};
use opentelemetry::{Context, KeyValue};
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the host's tracer provider made of one of our spans. Its id generator names both; its sampler decides for this
/// one only, and the context of ours shows that decision.
#[derive(Debug)]
pub(crate) struct Twin {
    span: BoxedSpan,
    /// The span attributes that the sampler saw.
    given: Vec<KeyValue>,
}

impl Twin {
    /// Starts the twin of a span whose record is written so far, `start` in nanoseconds since the Unix epoch; `None` where the tracer provider makes no spans, or no
    /// longer does.
    pub(super) fn start(
        to: &Destination,
        kind: SpanKind,
        record: &[u8],
        start: u64,
        parent: &Context,
    ) -> Option<Self> {
        let Host(tracer) = to.host.get()?;
        if IS_IN_HOST.get() {
            return None;
        }
        let record = draft(record)?;
        let set = |entry: &Entry<'_>| !matches!(entry, Entry::Attribute { found: true, .. });
        let given: Vec<_> = record.entries().filter(set).filter_map(attribute).collect();
        let builder = SpanBuilder::from_name(record.name.to_owned())
            .with_kind(kind)
            .with_start_time(time(start))
            .with_attributes(given.clone());
        let parent = parent.with_value(Twinned);
        let span = shielded(|| tracer.build_with_context(builder, &parent))?;
        let (made, above) = (span.span_context(), parent.span().span_context().span_id());
        // A tracer that makes no spans, as the global one is at first, gives back the context of the parent.
        if !made.is_valid() || made.span_id() == above {
            return None;
        }
        if span.span_context().is_sampled() && !to.is_heard.swap(true, Ordering::Relaxed) {
            say(|| {
                tracing::error!(
                    target: "cekura",
                    "the tracer provider given to `attach` lacks this handle's processor: the spans that your own code \
                     makes inside conversations do not reach Cekura. Build it with \
                     `.with_span_processor(cekura.processor())`"
                );
            });
        }
        Some(Self { span, given })
    }

    pub(crate) fn span_context(&self) -> SpanContext {
        self.span.span_context().clone()
    }

    /// Ends it as its sealed record says.
    pub(super) fn end(mut self, record: &[u8]) {
        if let Some(record) = draft(record) {
            shielded(move || self.copy(&record));
        }
    }

    /// Ends it where ours leaves nothing: a future that was never polled.
    pub(super) fn forget(mut self) {
        shielded(move || {
            self.span.set_attribute(KeyValue::new(semconv::CEKURA_INTERRUPTED, true));
            self.span.end();
        });
    }

    fn copy(&mut self, record: &Record<'_>) {
        let attributes = record.attributes().into_iter();
        let attributes = attributes.map(|(key, value)| KeyValue::new(key.to_owned(), value));
        for attribute in attributes.filter(|attribute| !self.given.contains(attribute)) {
            self.span.set_attribute(attribute);
        }
        for entry in record.entries() {
            match entry {
                Entry::Event { name, time: at, attributes } => {
                    self.span.add_event_with_timestamp(name.to_owned(), time(at), owned(attributes));
                }
                Entry::Link { trace_id, span_id, state, attributes } => {
                    let state = state.parse().unwrap_or_default();
                    let to = SpanContext::new(trace_id, span_id, TraceFlags::default(), false, state);
                    self.span.add_link(to, owned(attributes));
                }
                Entry::Name(name) => self.span.update_name(name.to_owned()),
                Entry::Attribute { .. } | Entry::Description(_) | Entry::Scope { .. } => {}
            }
        }
        match record.head.status {
            Status::Unset => {}
            Status::Ok => self.span.set_status(ApiStatus::Ok),
            Status::Error => self.span.set_status(ApiStatus::error(record.description.to_owned())),
        }
        self.span.end_with_timestamp(time(record.head.end));
    }
}

thread_local! {
    /// Whether a tracer provider of a host's is at work here: an annotated function that its processors call has no
    /// twin, for that would call them again.
    static IS_IN_HOST: Cell<bool> = const { Cell::new(false) };
}

/// Calls a host's tracer provider. Its processors may panic, which is no concern of the function.
fn shielded<R>(call: impl FnOnce() -> R) -> Option<R> {
    let was_in_host = IS_IN_HOST.replace(true);
    let returned = caught(call);
    IS_IN_HOST.set(was_in_host);
    returned
}

fn attribute(entry: Entry<'_>) -> Option<KeyValue> {
    match entry {
        Entry::Attribute { key, value, .. } => Some(KeyValue::new(key.to_owned(), value)),
        _ => None,
    }
}

fn owned(attributes: Vec<(&str, Value<'_>)>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
}

fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}
