//! The current context comes in; where a new span stands in it goes out: under which parent, in which conversation
//! and turn, for which destination. This file does not know values or endings.

use super::attributes::Attributes;
use super::callsite::{Callsite, View};
use super::span::{self, Client, Opening, Place};
use crate::call::{self, Call, Clock};
use crate::destination::{self, CaptureContent, Destination};
use crate::finished::{Head, write};
use crate::semconv;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, Value};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

/// A conversation that is open where this was asked for. Cheap to clone; may outlive the conversation.
#[derive(Clone, Debug)]
pub struct Conversation(pub(super) Arc<Call>);

impl Conversation {
    /// The trace id, under which a backend shows the conversation.
    pub fn trace_id(&self) -> TraceId {
        self.0.trace_id
    }

    /// The `call_id` that the attribute gave, else the trace id as 32 hex digits.
    pub fn id(&self) -> &str {
        &self.0.id
    }
}

/// A turn that is open where this was asked for. Cheap to clone; may outlive the turn.
#[derive(Clone, Debug)]
pub struct Turn(Arc<call::Turn>);

impl Turn {
    /// The turn's number; the first one of a conversation is 1 unless the attribute says otherwise.
    pub fn number(&self) -> i64 {
        self.0.number
    }

    /// Whether an `llm`, `tts` or `s2s` of the turn, or the turn itself, was dropped before its end.
    pub fn was_interrupted(&self) -> bool {
        self.0.was_interrupted()
    }
}

/// The conversation that is open here, if one is.
pub fn current_conversation() -> Option<Conversation> {
    Context::map_current(|context| context.get::<Scope>()?.call.clone()).map(Conversation)
}

/// The turn that is open here, if one is.
pub fn current_turn() -> Option<Turn> {
    Context::map_current(|context| context.get::<Scope>()?.turn.clone()).map(Turn)
}

/// The trace id of the conversation that is open here, else of the annotated function that runs here.
///
/// Prints as 32 hex digits, the form that a call log takes.
pub fn trace_id() -> Option<TraceId> {
    let call = Context::map_current(|context| Some(context.get::<Scope>()?.call.as_ref()?.trace_id));
    call.or_else(|| span::current().map(|live| live.trace_id()))
}

/// Sets a span attribute on the innermost annotated function that runs here; without one, does nothing.
///
/// What is named here is recorded under any content policy.
///
/// ```
/// # fn retries() -> i64 { 2 }
/// #[cekura::llm(provider = "openai")]
/// fn answer(question: &str) -> String {
///     cekura::record("answer.retries", retries());
///     // …
/// #   question.to_owned()
/// }
/// ```
pub fn record(key: &'static str, value: impl Into<Value>) {
    let attribute = KeyValue::new(key, value);
    let span_of =
        |context: &Context| context.get::<Scope>().map(|_| context.span().span_context().trace_id());
    match (span::current(), Context::map_current(span_of)) {
        (Some(live), trace_id) if trace_id.is_none_or(|trace_id| trace_id == live.trace_id()) => {
            live.set(&attribute);
        }
        // The context was carried here with the OpenTelemetry API alone.
        (_, Some(_)) => Context::map_current(|context| context.span().set_attribute(attribute)),
        (_, None) => {}
    }
}

/// What every context inside a conversation, turn or capture carries.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// `None` where nothing is recorded.
    destination: Option<Arc<Destination>>,
    pub(super) call: Option<Arc<Call>>,
    pub(super) turn: Option<Arc<call::Turn>>,
}

impl Scope {
    /// Sends the spans of a context without a conversation to a destination.
    pub(crate) fn of(destination: Arc<Destination>) -> Self {
        Self { destination: Some(destination), ..Self::OFF }
    }

    pub(super) const OFF: Self = Self { destination: None, call: None, turn: None };
}

/// What a context says of the spans that start in it.
pub(super) struct Origin {
    pub(super) is_suppressed: bool,
    pub(super) destination: Option<Arc<Destination>>,
    pub(super) capture: CaptureContent,
    /// Of the conversation, where one is open.
    clock: Option<Clock>,
    trace_id: TraceId,
    span_id: SpanId,
    /// Set where the attribute names the parent; else the current context is meant.
    context: Option<Context>,
}

impl Origin {
    pub(super) fn current() -> Self {
        Context::map_current(Self::read)
    }

    pub(super) fn of(context: &Context) -> Self {
        Self { context: Some(context.clone()), ..Self::read(context) }
    }

    fn read(context: &Context) -> Self {
        let scope = context.get::<Scope>();
        let destination = scope.map_or_else(destination::default, |scope| scope.destination.clone());
        let call = scope.and_then(|scope| scope.call.as_ref());
        let clock = call.map(|call| call.clock);
        let capture = match (call, &destination) {
            (Some(call), _) => call.capture,
            (None, Some(destination)) => destination.capture,
            (None, None) => CaptureContent::default(),
        };
        let span = context.span();
        let (trace_id, span_id) = (span.span_context().trace_id(), span.span_context().span_id());
        let is_suppressed = context.is_telemetry_suppressed();
        Self { is_suppressed, destination, capture, clock, trace_id, span_id, context: None }
    }

    fn call(&self) -> Option<Arc<Call>> {
        let call = |context: &Context| context.get::<Scope>()?.call.clone();
        self.context.as_ref().map_or_else(|| Context::map_current(call), call)
    }

    /// Decides where a new span stands; `None` where nothing records.
    pub(super) fn place(self, callsite: &'static Callsite, attributes: &mut Attributes) -> Option<Place> {
        let mut opening = attributes.opening.take();
        let name = opening.as_mut().and_then(|opening| opening.name.take());
        write_fixed(callsite, name.as_deref(), attributes);
        match (callsite.view, self.clock) {
            (View::Conversation, None) => return self.place_conversation(callsite, opening, attributes),
            (View::Conversation, Some(_)) => {
                let call = self.call()?;
                if opening.as_ref().is_some_and(|opening| opening.is_observed) {
                    call.notes.want();
                }
                let call_id = opening.as_ref().and_then(|opening| opening.call_id.as_deref());
                write_conversation(attributes, call_id.unwrap_or(&call.id), call_id.is_some());
            }
            (_, None) => callsite.warn_outside_conversation(),
            (_, Some(_)) => {}
        }
        let context = match callsite.view {
            View::Turn => Some(self.turn_context(opening.and_then(|opening| opening.number), attributes)),
            _ => self.context,
        };
        let trace_id = if self.trace_id == TraceId::INVALID { new_trace_id() } else { self.trace_id };
        Some(Place {
            head: head(callsite, trace_id, self.span_id),
            destination: self.destination?,
            clock: self.clock.unwrap_or_else(Clock::read),
            is_renamed: callsite.view == View::Span && name.is_some(),
            context,
        })
    }

    fn place_conversation(
        self,
        callsite: &Callsite,
        opening: Option<Box<Opening>>,
        attributes: &mut Attributes,
    ) -> Option<Place> {
        let opening = opening.unwrap_or_default();
        let context = self.context.unwrap_or_else(Context::current);
        let destination = match opening.client {
            Client::Current => self.destination,
            Client::Off => {
                attributes.is_off = true;
                None
            }
            Client::To(destination) => Some(destination),
        }?;
        attributes.capture = opening.capture.unwrap_or(destination.capture);
        let trace_id = opening.trace_id.unwrap_or_else(new_trace_id);
        let has_call_id = opening.call_id.is_some();
        let clock = Clock::read();
        let call = Call::new(trace_id, opening.call_id, attributes.capture, clock);
        if opening.is_observed {
            call.notes.want();
        }
        write_conversation(attributes, &call.id, has_call_id);
        let outer = context.span().span_context().clone();
        for link in opening.links.iter().chain(outer.is_valid().then_some(&outer)) {
            write::link(&mut attributes.entries, link, &[]);
        }
        let scope = Scope { destination: Some(destination.clone()), call: Some(Arc::new(call)), turn: None };
        Some(Place {
            head: head(callsite, trace_id, SpanId::INVALID),
            destination,
            clock,
            is_renamed: false,
            context: Some(context.with_value(scope)),
        })
    }

    fn turn_context(&self, number: Option<i64>, attributes: &mut Attributes) -> Context {
        let call = self.call();
        let number = call.as_ref().map(|call| call.next_turn(number)).or(number);
        if let Some(number) = number {
            write::integer(&mut attributes.entries, semconv::TURN_NUMBER, number);
        }
        if let Some(call) = &call {
            write::text(&mut attributes.entries, semconv::CONVERSATION_ID, &call.id);
        }
        let context = self.context.clone().unwrap_or_else(Context::current);
        let destination = self.destination.clone();
        let turn = Some(Arc::new(call::Turn::new(number.unwrap_or(1))));
        context.with_value(Scope { destination, call, turn })
    }
}

thread_local! {
    /// Quick, for span ids need to differ within a trace only.
    static SPAN_IDS: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

fn head(callsite: &Callsite, trace_id: TraceId, parent_id: SpanId) -> Head {
    let span_id = SpanId::from(SPAN_IDS.with_borrow_mut(SmallRng::random::<u64>).max(1));
    Head { trace_id, span_id, parent_id, kind: callsite.kind(), start: 0, end: 0, failed: false }
}

/// What every span of a view carries, unless the user records something else; `name` is what the attribute gives.
fn write_fixed(callsite: &Callsite, name: Option<&str>, attributes: &mut Attributes) {
    const CHAT: &str = "chat";
    const EXECUTE_TOOL: &str = "execute_tool";
    let mut fixed = |key, value| {
        let start = attributes.entries.len();
        write::text(&mut attributes.entries, key, value);
        write::mark_found(&mut attributes.entries, start);
    };
    match callsite.view {
        View::Llm => fixed(semconv::GEN_AI_OPERATION_NAME, CHAT),
        View::Span => {
            if let Some(name) = name {
                write::name(&mut attributes.entries, name);
            }
        }
        View::ToolCall => {
            let name = name.unwrap_or(callsite.function);
            fixed(semconv::FUNCTION_NAME, name);
            fixed(semconv::GEN_AI_TOOL_NAME, name);
            fixed(semconv::GEN_AI_OPERATION_NAME, EXECUTE_TOOL);
        }
        _ => {}
    }
}

fn write_conversation(attributes: &mut Attributes, id: &str, is_call_id: bool) {
    const VOICE: &str = "voice";
    if is_call_id {
        write::text(&mut attributes.entries, semconv::CALL_ID, id);
    }
    write::text(&mut attributes.entries, semconv::CONVERSATION_ID, id);
    write::text(&mut attributes.entries, semconv::CONVERSATION_TYPE, VOICE);
}

fn new_trace_id() -> TraceId {
    TraceId::from(rand::random::<u128>().max(1))
}

/// The trace id of a carrier's call: the first 16 bytes of the SHA-256 of its call SID.
pub(super) fn trace_id_from(sid: &str) -> Option<TraceId> {
    Sha256::digest(sid.as_bytes()).first_chunk().map(|bytes| TraceId::from_bytes(*bytes))
}

/// W3C trace context headers, as `link_headers` takes them.
#[diagnostic::on_unimplemented(
    message = "`link_headers` takes W3C trace context headers, found `{Self}`",
    label = "expected a `HashMap<String, String>`, or a reference to an `opentelemetry::propagation::Extractor`"
)]
pub trait LinkHeaders {
    /// The span that the headers name, if they are valid.
    fn span_context(&self) -> Option<SpanContext>;
}

impl<T: Extractor + ?Sized> LinkHeaders for &T {
    fn span_context(&self) -> Option<SpanContext> {
        let state = self.get("tracestate").and_then(|state| state.parse().ok());
        read_traceparent(self.get("traceparent")?.trim(), state.unwrap_or_default())
    }
}

impl<S: BuildHasher> LinkHeaders for HashMap<String, String, S>
where
    Self: Extractor,
{
    fn span_context(&self) -> Option<SpanContext> {
        (&self).span_context()
    }
}

impl<T: LinkHeaders> LinkHeaders for Option<T> {
    fn span_context(&self) -> Option<SpanContext> {
        self.as_ref()?.span_context()
    }
}

fn read_traceparent(header: &str, state: TraceState) -> Option<SpanContext> {
    let is_lower_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = header.split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_well_formed = is_lower_hex(version, 2)
        && version != "ff"
        && is_lower_hex(trace_id, 32)
        && is_lower_hex(span_id, 16)
        && is_lower_hex(flags, 2)
        && (version != "00" || parts.next().is_none());
    if !is_well_formed {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace_id, span_id) = (TraceId::from_hex(trace_id).ok()?, SpanId::from_hex(span_id).ok()?);
    Some(SpanContext::new(trace_id, span_id, flags, true, state)).filter(SpanContext::is_valid)
}
