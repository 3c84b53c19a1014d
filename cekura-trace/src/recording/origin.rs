//! A context comes in; where a span that starts in it stands goes out: under which parent, in which conversation and
//! turn, for which destination, with which ids. This file does not know values or endings.
//!
//! The current context may hold a host's span. It is the parent of ours only where it reaches the same destination;
//! else the nearest one of ours is, so that no trace has a hole.

use super::attributes::Attributes;
use super::callsite::{Callsite, View};
use super::conversation::Scope;
use super::span::{self, Birth, Client, Opening, Place, Twin};
use crate::call::{self, Call, Clock};
use crate::destination::{self, CaptureContent, Destination};
use crate::finished::write;
use crate::semconv;
use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

/// What a context says of the spans that start in it.
pub(super) struct Origin {
    pub(super) is_suppressed: bool,
    /// Inside a conversation of a handle that is switched off.
    pub(super) is_off: bool,
    pub(super) destination: Option<Arc<Destination>>,
    pub(super) capture: CaptureContent,
    /// Where a conversation is open.
    call: Option<Arc<Call>>,
    parent: Parent,
    /// Set where the attribute names the parent; else the current context is meant.
    context: Option<Context>,
}

/// What a new span is a child of, unless it is a conversation.
enum Parent {
    /// The span of the context; or, where a host does not sample that, the id of the nearest one above that arrives.
    Here(TraceId, SpanId),
    /// Nothing: it begins a trace.
    None,
    /// Another span of ours, where that of the context is a host's and does not go where ours go; and the id of the
    /// nearest one from there that arrives.
    Other(Box<SpanContext>, SpanId),
}

impl Parent {
    /// The parent in a context that the attribute names.
    fn named(here: &SpanContext, scope: Option<&Scope>) -> Self {
        match scope.and_then(|scope| scope.call.as_deref()) {
            Some(call) if call.root.trace_id() != here.trace_id() => Self::root(call),
            Some(call) if !here.is_sampled() => Self::Here(here.trace_id(), call.arriving()),
            _ if here.is_valid() => Self::Here(here.trace_id(), here.span_id()),
            _ => Self::None,
        }
    }

    /// The parent in the current context, `here` being its span.
    fn current(here: &SpanContext, scope: Option<&Scope>) -> Self {
        let call = scope.and_then(|scope| scope.call.as_deref());
        let trace_id = call.map_or(here.trace_id(), |call| call.root.trace_id());
        span::with_current(|live| {
            let ours = live.filter(|live| live.trace_id() == trace_id);
            let is_here = here.trace_id() == trace_id;
            // Of ours, these two are known in a context that was carried by hand; others may be a host's.
            let is_known = || here.is_sampled() && scope.is_some_and(|scope| scope.is_of(here.span_id()));
            let is_of_host = |call: &Call| call.is_of_host(here.span_id());
            match (ours, call) {
                (Some(ours), _) if is_here && ours.span_context().span_id() == here.span_id() => {
                    Self::Here(trace_id, ours.arriving())
                }
                (_, call) if is_here && (is_known() || call.is_some_and(is_of_host)) => {
                    Self::Here(trace_id, here.span_id())
                }
                (Some(ours), _) => Self::Other(Box::new(ours.span_context().clone()), ours.arriving()),
                (None, Some(_)) if is_here && here.is_sampled() => Self::Here(trace_id, here.span_id()),
                (None, Some(call)) if is_here => Self::Here(trace_id, call.arriving()),
                (None, Some(call)) => Self::root(call),
                (None, None) => Self::None,
            }
        })
    }

    fn root(call: &Call) -> Self {
        Self::Other(Box::new(call.root.clone()), call.arriving())
    }

    fn span_id(&self) -> SpanId {
        match self {
            Self::Here(_, span_id) | Self::Other(_, span_id) => *span_id,
            Self::None => SpanId::INVALID,
        }
    }
}

impl Origin {
    pub(super) fn current() -> Self {
        Context::map_current(|context| Self::read(context, Parent::current))
    }

    pub(super) fn of(context: &Context) -> Self {
        Self { context: Some(context.clone()), ..Self::read(context, Parent::named) }
    }

    fn read(context: &Context, parent: fn(&SpanContext, Option<&Scope>) -> Parent) -> Self {
        let scope = context.get::<Scope>();
        let is_off = scope.is_some_and(|scope| scope.destination.is_none());
        let destination = scope.map_or_else(destination::default, |scope| scope.destination.clone());
        let call = scope.and_then(|scope| scope.call.clone());
        let capture = match (&call, &destination) {
            (Some(call), _) => scope.and_then(|scope| scope.capture).unwrap_or(call.capture),
            (None, Some(destination)) => destination.capture,
            (None, None) => CaptureContent::default(),
        };
        let parent = parent(context.span().span_context(), scope);
        let is_suppressed = context.is_telemetry_suppressed();
        Self { is_suppressed, is_off, destination, capture, call, parent, context: None }
    }

    pub(super) fn is_in_conversation(&self) -> bool {
        self.call.is_some()
    }

    /// The context in which the span begins.
    fn context(&self) -> Context {
        self.context.clone().unwrap_or_else(Context::current)
    }

    /// Decides where a new span stands; `None` where nothing records.
    pub(super) fn place(self, callsite: &Callsite, attributes: &mut Attributes) -> Option<Place> {
        let mut opening = attributes.opening.take();
        let start = opening.as_ref().and_then(|opening| opening.start);
        let name = opening.as_mut().and_then(|opening| opening.name.take());
        write_fixed(callsite, name.as_deref(), attributes);
        match (callsite.view, &self.call) {
            (View::Conversation, None) => return self.place_conversation(callsite, opening, attributes),
            (View::Conversation, Some(call)) => {
                if opening.as_ref().is_some_and(|opening| opening.is_observed) {
                    call.notes.want();
                }
                let call_id = opening.as_ref().and_then(|opening| opening.call_id.as_deref());
                write_conversation(attributes, call_id.unwrap_or(&call.id), call_id.is_some());
            }
            (_, None) => {
                callsite.warn_outside_conversation();
                if let Parent::None = self.parent {
                    link_to(self.context().span().span_context(), attributes);
                }
            }
            (_, Some(_)) => {}
        }
        let keeps_less =
            callsite.view == View::Conversation && attributes.capture == CaptureContent::Metadata;
        let turn_number = match callsite.view {
            View::Turn => Some(self.number(opening.and_then(|opening| opening.number), attributes)),
            _ => None,
        };
        let destination = self.destination.clone()?;
        let clock = self.call.as_ref().map_or_else(Clock::read, |call| call.clock);
        let standing = (&self.parent, self.context.as_ref());
        let birth = Birth::of(&destination, callsite, attributes, (start, clock), standing);
        let context = match turn_number {
            Some(number) => Some(self.in_turn(number, birth.context.span_id())),
            None if keeps_less => {
                let context = self.context();
                let scope = context.get::<Scope>().cloned().unwrap_or(Scope::OFF);
                Some(context.with_value(Scope { capture: Some(attributes.capture), ..scope }))
            }
            None => self.context,
        };
        let is_renamed = callsite.view == View::Span && name.is_some();
        let parent_id = self.parent.span_id();
        Some(Place {
            birth,
            parent_id,
            kind: callsite.kind(),
            destination,
            call: self.call,
            clock,
            is_renamed,
            context,
        })
    }

    /// The context inside a turn that begins.
    fn in_turn(&self, number: i64, span: SpanId) -> Context {
        let (context, call) = (self.context(), self.call.clone());
        let outer = context.get::<Scope>().and_then(|scope| scope.turn.clone());
        let turn = Some(Arc::new(call::Turn::new(number, span, outer, call.as_deref())));
        let (destination, capture) = (self.destination.clone(), Some(self.capture));
        context.with_value(Scope { destination, call, turn, capture, by_hand: None })
    }

    fn place_conversation(
        self,
        callsite: &Callsite,
        opening: Option<Box<Opening>>,
        attributes: &mut Attributes,
    ) -> Option<Place> {
        let opening = *opening.unwrap_or_default();
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
        if let Some(call_id) = &opening.call_id {
            write_conversation(attributes, call_id, true);
        }
        for link in &opening.links {
            link_to(link, attributes);
        }
        link_to(context.span().span_context(), attributes);
        let clock = Clock::read();
        let standing = (&Parent::None, Some(&context));
        let mut birth = Birth::of(&destination, callsite, attributes, (opening.start, clock), standing);
        match opening.trace_id {
            Some(_) if birth.twin.is_some() => callsite.refuse_trace_id(),
            Some(trace_id) => birth.take_trace_id(trace_id),
            None => {}
        }
        let has_call_id = opening.call_id.is_some();
        let call = Call::new(birth.context.clone(), opening.call_id, attributes.capture, clock);
        if opening.is_observed {
            call.notes.want();
        }
        if !has_call_id {
            write_conversation(attributes, &call.id, false);
        }
        let call = Some(Arc::new(call));
        let scope = Scope { call: call.clone(), ..Scope::of(destination.clone()) };
        let context = Some(context.with_value(scope));
        let (parent_id, kind) = (SpanId::INVALID, callsite.kind());
        Some(Place { birth, parent_id, kind, destination, call, clock, is_renamed: false, context })
    }

    /// The number of the turn that begins.
    fn number(&self, number: Option<i64>, attributes: &mut Attributes) -> i64 {
        let number = self.call.as_ref().map(|call| call.next_turn(number)).or(number);
        if let Some(number) = number {
            write::integer(&mut attributes.entries, semconv::TURN_NUMBER, number);
        }
        if let Some(call) = &self.call {
            write::text(&mut attributes.entries, semconv::CONVERSATION_ID, &call.id);
        }
        number.unwrap_or(1)
    }
}

impl Birth {
    fn of(
        destination: &Destination,
        callsite: &Callsite,
        attributes: &Attributes,
        (start, clock): (Option<Instant>, Clock),
        (parent, context): (&Parent, Option<&Context>),
    ) -> Self {
        let start = start.unwrap_or_else(Instant::now);
        let twin = destination.host.get().and_then(|_| {
            let context = context.cloned().unwrap_or_else(Context::current);
            let context = match parent {
                Parent::Here(..) => context,
                Parent::None => without_span(&context),
                Parent::Other(parent, _) => context.with_remote_span_context((**parent).clone()),
            };
            let kind = callsite.kind();
            let twin = Twin::start(destination, kind, &attributes.entries, (start, clock), &context)?;
            Some(Box::new(twin))
        });
        let context = twin.as_ref().map(|twin| twin.span_context());
        Self { start, context: context.unwrap_or_else(|| new_span_context(parent)), twin }
    }

    fn take_trace_id(&mut self, trace_id: TraceId) {
        self.context = span_context(trace_id, self.context.span_id());
    }
}

/// What a sampler takes for no parent, and a host's processors find its baggage in.
fn without_span(context: &Context) -> Context {
    let baggage = context.baggage().iter();
    let pairs = baggage
        .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
    Context::new().with_baggage(pairs)
}

fn new_span_context(parent: &Parent) -> SpanContext {
    let span_id = SpanId::from(SPAN_IDS.with_borrow_mut(SmallRng::random::<u64>).max(1));
    let trace_id = match parent {
        Parent::Here(trace_id, _) => *trace_id,
        Parent::None => TraceId::from(rand::random::<u128>().max(1)),
        Parent::Other(parent, _) => parent.trace_id(),
    };
    span_context(trace_id, span_id)
}

fn span_context(trace_id: TraceId, span_id: SpanId) -> SpanContext {
    SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn link_to(span: &SpanContext, attributes: &mut Attributes) {
    if span.is_valid() {
        write::link(&mut attributes.entries, span, &[]);
    }
}

thread_local! {
    /// Quick, for span ids need to differ within a trace only.
    static SPAN_IDS: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
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
