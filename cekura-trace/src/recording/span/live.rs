//! What is set on a span while it is open comes in, through the OpenTelemetry API or from its function; one record
//! goes out at its end. This file does not know contexts.

use crate::call::{Clock, nanoseconds};
use crate::destination::Destination;
use crate::finished::{Head, write};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanContext, Status, TraceFlags, TraceId, TraceState};
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
    name: Cow<'static, str>,
    entries: Vec<u8>,
    status: Status,
    is_open: bool,
}

impl Live {
    pub(super) fn new(
        head: Head,
        destination: Arc<Destination>,
        clock: Clock,
        name: Cow<'static, str>,
        entries: Vec<u8>,
    ) -> Self {
        let context =
            SpanContext::new(head.trace_id, head.span_id, TraceFlags::SAMPLED, false, TraceState::NONE);
        let (start, status) = (Instant::now(), Status::Unset);
        Self {
            head,
            context,
            destination,
            clock,
            state: Mutex::new(State { start, name, entries, status, is_open: true }),
        }
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.head.trace_id
    }

    pub(crate) fn set(&self, attribute: &KeyValue) {
        self.while_open(|state| write::api(&mut state.entries, attribute));
    }

    pub(super) fn restart(&self) {
        self.while_open(|state| state.start = Instant::now());
    }

    pub(super) fn forget(&self) {
        self.while_open(|state| state.is_open = false);
    }

    /// Takes what was set so far, to add what is known at the end.
    pub(super) fn take_entries(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().entries)
    }

    /// Writes the record, of `entries` and what was set since they were taken. Only the first end counts.
    pub(super) fn finish(&self, at: Instant, entries: &[u8], failure: Option<&str>) {
        let mut state = self.state();
        if !std::mem::take(&mut state.is_open) {
            return;
        }
        let description = match (failure, &state.status) {
            (Some(failure), _) => Some(failure),
            (None, Status::Error { description }) => Some(description.as_ref()),
            (None, Status::Ok | Status::Unset) => None,
        };
        let end = self.clock.at(at.max(state.start));
        let head =
            Head { start: self.clock.at(state.start), end, failed: description.is_some(), ..self.head };
        head.write(&state.name, description.unwrap_or_default(), [entries, &state.entries], |parts| {
            self.destination.sink.accept(head.trace_id, parts);
        });
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
            write::event(&mut state.entries, &name.into(), nanoseconds(time), &attributes);
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
        self.0.while_open(|state| state.name = name.into());
    }

    fn add_link(&mut self, to: SpanContext, attributes: Vec<KeyValue>) {
        self.0.while_open(|state| write::link(&mut state.entries, &to, &attributes));
    }

    // The span is its function's to end.
    fn end_with_timestamp(&mut self, _: SystemTime) {}
}
