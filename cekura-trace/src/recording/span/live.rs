//! What is set on a span while it is open comes in, through the OpenTelemetry API or from its function; one record
//! goes out at its end. This file does not know contexts.

use super::twin::Twin;
use super::{Birth, Place};
use crate::call::{Call, Clock, Unfinished, nanoseconds};
use crate::destination::Destination;
use crate::finished::{self, Head, seal, write};
use crate::semconv;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanContext, SpanId, Status, TraceId};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Instant, SystemTime};

/// An open span, shared by the function that it belongs to and the contexts made from it.
#[derive(Debug)]
pub(crate) struct Live {
    /// Without times and status.
    head: Head,
    context: SpanContext,
    pub(super) destination: Arc<Destination>,
    call: Option<Arc<Call>>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    start: Instant,
    /// The record as far as it is written; while the span ends, what is set meanwhile.
    record: Vec<u8>,
    status: Status,
    is_renamed: bool,
    stage: Stage,
    twin: Option<Box<Twin>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// Its record is taken, to add what is known at the end.
    Ending,
    Over,
}

impl Live {
    pub(super) fn new(place: Place, record: Vec<u8>) -> Arc<Self> {
        let Place { birth, parent_id, kind, destination, call, clock, is_renamed, context: _ } = place;
        let Birth { start, context, twin } = birth;
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        let status = finished::Status::Unset;
        let head = Head { trace_id, span_id, parent_id, kind, start: 0, end: 0, status };
        let state = State { start, record, status: Status::Unset, is_renamed, stage: Stage::Open, twin };
        let live = Arc::new(Self { head, context, destination, call, clock, state: Mutex::new(state) });
        if let Some(call) = &live.call {
            live.destination.calls.enter(call);
            let unfinished: Weak<Self> = Arc::downgrade(&live);
            call.begin(span_id, unfinished);
        }
        live
    }

    pub(crate) fn span_context(&self) -> &SpanContext {
        &self.context
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.head.trace_id
    }

    /// Its id; where the host does not sample it, that of the nearest one above that arrives.
    pub(crate) fn arriving(&self) -> SpanId {
        if self.context.is_sampled() { self.head.span_id } else { self.head.parent_id }
    }

    /// Says that a conversation begins, to who wants to know.
    pub(super) fn announce(&self) {
        if self.is_announced() {
            let state = self.state();
            let mut record = state.record.clone();
            let start = self.clock.at(state.start);
            seal(&mut record, &Head { start, end: start, ..self.head.clone() }, state.is_renamed);
            drop(state);
            self.destination.sink.begin(record);
        }
    }

    fn is_announced(&self) -> bool {
        let is_root = self.call.as_ref().is_some_and(|call| call.root.span_id() == self.head.span_id);
        is_root && self.context.is_sampled() && self.destination.sink.wants_beginnings()
    }

    pub(crate) fn set(&self, attribute: &KeyValue) {
        self.while_open(|state| write::api(&mut state.record, attribute));
    }

    pub(super) fn start(&self) -> Instant {
        self.state().start
    }

    /// Its twin has begun already, and both are one span.
    pub(super) fn restart(&self) {
        self.while_open(|state| {
            if state.twin.is_none() {
                state.start = Instant::now();
            }
        });
    }

    pub(super) fn forget(&self) {
        let mut state = self.state();
        if state.end() {
            let twin = state.twin.take();
            drop(state);
            if let Some(twin) = twin {
                twin.forget();
            }
            if self.is_announced() {
                self.destination.sink.forget(self.head.trace_id, self.head.span_id);
            }
            self.destination.watch.as_ref().inspect(|watch| watch.forget(self.head.span_id));
            self.leave();
        }
    }

    /// Takes the record, to add what is known at the end. Only the first end gets it.
    pub(super) fn take_record(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        if state.stage != Stage::Open {
            return None;
        }
        state.stage = Stage::Ending;
        Some(std::mem::take(&mut state.record))
    }

    /// Hands the record over, with what was set since it was taken.
    pub(super) fn finish(&self, at: Instant, record: &mut Vec<u8>, failure: Option<&str>) {
        let mut state = self.state();
        if !state.end() {
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
        let status = match (description, &state.status) {
            (Some(_), _) => finished::Status::Error,
            (None, Status::Ok) => finished::Status::Ok,
            (None, _) => finished::Status::Unset,
        };
        seal(record, &Head { start, end, status, ..self.head.clone() }, state.is_renamed);
        let twin = state.twin.take();
        drop(state);
        self.close_call();
        if self.context.is_sampled() {
            self.destination.sink.accept(self.head.trace_id, &[record]);
        } else {
            self.destination.sink.decline(self.head.trace_id);
        }
        if let Some(twin) = twin {
            twin.end(record);
        }
        self.leave();
    }

    /// Hands over what was noted of the call whose conversation this is.
    fn close_call(&self) {
        let is_root = |call: &&Arc<Call>| call.root.span_id() == self.head.span_id;
        if let Some(call) = self.call.as_ref().filter(is_root)
            && let Some(noted) = call.notes.close()
        {
            self.destination.sink.observe(call, noted);
        }
    }

    fn leave(&self) {
        if let Some(call) = &self.call {
            call.end(self.head.span_id);
            self.destination.calls.leave(call);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn while_open(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        if state.stage != Stage::Over {
            change(&mut state);
        }
    }
}

impl State {
    /// The span is over; true the first time.
    fn end(&mut self) -> bool {
        std::mem::replace(&mut self.stage, Stage::Over) != Stage::Over
    }
}

impl Unfinished for Live {
    fn cut_off(&self, at: Instant) {
        if let Some(mut record) = self.take_record() {
            write::flag(&mut record, semconv::CEKURA_UNFINISHED, true);
            self.finish(at, &mut record, None);
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
        self.0.state().stage != Stage::Over
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
