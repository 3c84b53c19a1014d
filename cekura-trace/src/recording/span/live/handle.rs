//! The open span as the OpenTelemetry API's `Span`: what a program sets on it is set on the record.

use super::{Live, Stage};
use crate::call::nanoseconds;
use crate::clip::clip;
use crate::finished::write;
use crate::recording::scope::Scope;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::trace::{Span, SpanContext, SpanRef, Status};
use opentelemetry::{Context, KeyValue};
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::SystemTime;

/// The span that a `Context` of the OpenTelemetry API holds.
#[derive(Debug)]
pub(in crate::recording::span) struct Handle(pub(in crate::recording::span) Arc<Live>);

impl Span for Handle {
    // As of a host's own spans: under `CaptureContent::Metadata` nobody knows which texts are content.
    fn add_event_with_timestamp<T>(&mut self, name: T, time: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if !self.0.keeps_content() {
            return;
        }
        self.0.add(|said| {
            write::event(&mut said.entries, &name.into(), nanoseconds(time), &attributes);
        });
    }

    fn span_context(&self) -> &SpanContext {
        &self.0.context
    }

    fn is_recording(&self) -> bool {
        self.0.state().stage != Stage::Over
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.set_foreign(&attribute);
    }

    fn set_status(&mut self, mut status: Status) {
        if status == Status::Unset && IS_ASKED.get() {
            // On a thread that is ending there is no room for the answer.
            let _ = ANSWER.try_with(|answer| answer.set(Some(self.0.clone())));
            return;
        }
        if let Status::Error { description } = &mut status {
            let most = if self.0.keeps_content() { self.0.content_limit() } else { 0 };
            if description.len() > most {
                *description = clip(description, most).to_owned().into();
            }
        }
        // `Ok` is final and an error stays, as the OpenTelemetry specification orders them.
        self.0.while_open(|state| {
            if status > state.status {
                state.status = status;
            }
        });
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, name: T) {
        self.0.add(|said| write::name(&mut said.entries, &name.into()));
        self.0.while_open(|state| state.is_renamed = true);
    }

    fn add_link(&mut self, to: SpanContext, mut attributes: Vec<KeyValue>) {
        if !self.0.keeps_content() {
            attributes.retain(|attribute| !write::is_foreign_content(attribute));
        }
        self.0.add(|said| write::link(&mut said.entries, &to, &attributes));
    }

    // The span is its function's to end.
    fn end_with_timestamp(&mut self, _: SystemTime) {}
}

thread_local! {
    /// Whether the span of a context is asked which one of ours it is.
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
    static ANSWER: Cell<Option<Arc<Live>>> = const { Cell::new(None) };
}

/// The span of a context that is marked as one of ours: one that was begun by hand, or by `tracing`. Most often there is none.
pub(in crate::recording) fn by_hand(context: &Context) -> Option<Arc<Live>> {
    let marked = context.get::<Scope>()?.by_hand?;
    let span = context.span();
    if span.span_context().span_id() == marked { live_of(&span) } else { None }
}

/// Which one of ours a context's span is. The API has no way to ask; but to set `Unset` changes no span, ours
/// or another's.
pub(in crate::recording) fn live_of(span: &SpanRef<'_>) -> Option<Arc<Live>> {
    IS_ASKED.set(true);
    span.set_status(Status::Unset);
    IS_ASKED.set(false);
    ANSWER.try_with(Cell::take).ok().flatten()
}
