//! Turns a host's spans that belong to a call of ours into records. Invariant: it changes nothing
//! of the host's.

use crate::call::nanoseconds;
use crate::destination::{Destination, Twinned};
use crate::finished::{self, Head, begin, remove_content, seal, write};
use crate::policy::CaptureContent;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, Status};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor};
use opentelemetry_sdk::{Resource, trace::RandomIdGenerator};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A span processor that delivers the spans of a program's tracer provider that are in a conversation of its
/// handle. [`Cekura::processor`](crate::Cekura::processor) makes it.
///
/// It changes nothing in the program's spans and delays none of them. Under [`CaptureContent::Metadata`] it
/// leaves out their texts and events too, because it cannot know which of them are content. Shutting down the
/// tracer provider does not shut down the handle.
#[derive(Debug)]
#[must_use = "a processor does nothing until a tracer provider is built with it"]
pub struct Processor {
    /// `None` where tracing is switched off.
    destination: Option<Arc<Destination>>,
}

impl Processor {
    pub(crate) fn new(destination: Option<Arc<Destination>>) -> Self {
        Self { destination }
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        let Some(destination) = &self.destination else { return };
        destination.is_heard.store(true, Ordering::Relaxed);
        let span = span.span_context();
        if span.is_sampled() && context.get::<Twinned>().is_none() {
            destination.calls.begin_of_host(span.trace_id(), span.span_id());
        }
    }

    fn on_end(&self, span: SpanData) {
        let Some(destination) = &self.destination else { return };
        let (trace_id, span_id) = (span.span_context.trace_id(), span.span_context.span_id());
        destination.calls.end_of_host(trace_id, span_id, |call| {
            destination.accept_of(call, &record(span, call.capture));
        });
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// A tracer provider whose spans go only through this processor. Spans outside a conversation are not recorded.
/// Every setting that the SDK would read from `OTEL_*` variables is set here.
pub(crate) fn provider(processor: Processor) -> SdkTracerProvider {
    const MOST: u32 = 10_000;
    SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
        .with_id_generator(RandomIdGenerator::default())
        .with_max_attributes_per_span(MOST)
        .with_max_events_per_span(MOST)
        .with_max_links_per_span(MOST)
        .with_max_attributes_per_event(MOST)
        .with_max_attributes_per_link(MOST)
        .with_resource(Resource::builder_empty().build())
        .build()
}

/// A host's span as a record.
pub(crate) fn record(mut span: SpanData, capture: CaptureContent) -> Vec<u8> {
    if capture == CaptureContent::Metadata {
        for link in &mut span.links.links {
            link.attributes.retain(|attribute| !write::is_foreign_content(attribute));
        }
    }
    let mut record = Vec::new();
    begin(&mut record, &span.name, "");
    let scope = &span.instrumentation_scope;
    write::scope(&mut record, scope.name(), scope.version().unwrap_or_default());
    for attribute in &span.attributes {
        write::foreign(&mut record, attribute);
    }
    for event in &span.events.events {
        write::event(&mut record, &event.name, nanoseconds(event.timestamp), &event.attributes);
    }
    for link in &span.links.links {
        write::link(&mut record, &link.span_context, &link.attributes);
    }
    let status = match &span.status {
        Status::Unset => finished::Status::Unset,
        Status::Ok => finished::Status::Ok,
        Status::Error { description } => {
            write::description(&mut record, description);
            finished::Status::Error
        }
    };
    let head = Head {
        trace_id: span.span_context.trace_id(),
        span_id: span.span_context.span_id(),
        parent_id: span.parent_span_id,
        kind: span.span_kind,
        start: nanoseconds(span.start_time),
        end: nanoseconds(span.end_time).max(nanoseconds(span.start_time)),
        status,
    };
    if capture == CaptureContent::Metadata {
        remove_content(&mut record);
    }
    seal(&mut record, &head, false);
    record
}
