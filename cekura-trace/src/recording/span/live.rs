//! What is set on a span while it is open comes in, through the OpenTelemetry API or from its function; one record
//! goes out at its end. This file does not know contexts.

use crate::call::{Clock, nanoseconds};
use crate::destination::Destination;
use crate::finished::{Head, seal, write};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

/// An open span, shared by the function that it belongs to and the contexts made from it.
#[derive(Debug)]
pub(crate) struct Live {
    head: Head,
    context: SpanContext,
    pub(super) destination: Arc<Destination>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    start: Instant,
    /// The record as far as it is written, but for while its ending is: then what is set meanwhile.
    record: Vec<u8>,
    status: Status,
    is_renamed: bool,
    is_open: bool,
}

impl Live {
    pub(super) fn new(
        head: Head,
        destination: Arc<Destination>,
        clock: Clock,
        record: Vec<u8>,
        is_renamed: bool,
    ) -> Self {
        let context =
            SpanContext::new(head.trace_id, head.span_id, TraceFlags::SAMPLED, false, TraceState::NONE);
        let state = State { start: Instant::now(), record, status: Status::Unset, is_renamed, is_open: true };
        Self { head, context, destination, clock, state: Mutex::new(state) }
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.head.trace_id
    }

    pub(crate) fn set(&self, attribute: &KeyValue) {
        self.while_open(|state| write::api(&mut state.record, attribute));
    }

    pub(super) fn is_root(&self) -> bool {
        self.head.parent_id == SpanId::INVALID
    }

    pub(super) fn restart(&self) {
        self.while_open(|state| state.start = Instant::now());
    }

    pub(super) fn forget(&self) {
        self.while_open(|state| state.is_open = false);
    }

    /// Takes the record, to add what is known at the end.
    pub(super) fn take_record(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().record)
    }

    /// Hands the record over, with what was set since it was taken. Only the first end counts.
    pub(super) fn finish(&self, at: Instant, record: &mut Vec<u8>, failure: Option<&str>) {
        let mut state = self.state();
        if !std::mem::take(&mut state.is_open) {
            return;
        }
        record.extend_from_slice(&state.record);
        let description = match (failure, &state.status) {
            (Some(failure), _) => Some(failure),
            (None, Status::Error { description }) => Some(description.as_ref()),
            (None, Status::Ok | Status::Unset) => None,
        };
        if let Some(description) = description {
            write::description(record, description);
        }
        let start = self.clock.at(state.start);
        let end = self.clock.at(at.max(state.start));
        seal(record, &Head { start, end, failed: description.is_some(), ..self.head }, state.is_renamed);
        self.destination.sink.accept(self.head.trace_id, &[record]);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn while_open(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        if state.is_open {
            change(&mut state);
        }
    }
}

/// The span that a `Context` of the OpenTelemetry API holds.
#[derive(Debug)]
pub(super) struct Handle(pub(super) Arc<Live>);

impl Span for Handle {
    fn add_event_with_timestamp<T>(&mut self, name: T, time: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        self.0.while_open(|state| {
            write::event(&mut state.record, &name.into(), nanoseconds(time), &attributes);
        });
    }

    fn span_context(&self) -> &SpanContext {
        &self.0.context
    }

    fn is_recording(&self) -> bool {
        self.0.state().is_open
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.set(&attribute);
    }

    fn set_status(&mut self, status: Status) {
        // `Ok` is final and an error stays, as the OpenTelemetry specification orders them.
        self.0.while_open(|state| {
            if status > state.status {
                state.status = status;
            }
        });
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, name: T) {
        self.0.while_open(|state| {
            write::name(&mut state.record, &name.into());
            state.is_renamed = true;
        });
    }

    fn add_link(&mut self, to: SpanContext, attributes: Vec<KeyValue>) {
        self.0.while_open(|state| write::link(&mut state.record, &to, &attributes));
    }

    // The span is its function's to end.
    fn end_with_timestamp(&mut self, _: SystemTime) {}
}
