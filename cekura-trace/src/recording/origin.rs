//! Where a new span stands: its parent, conversation, turn, destination and ids. Invariant: its parent, if it
//! has one, arrives at the same destination.
//!
//! The current context may hold a host's span. It becomes the parent only if it reaches the same destination.
//! Otherwise the nearest span of ours is the parent, so that no trace has a gap.

use super::attributes::Attributes;
use super::callsite::{Callsite, View};
use super::home::Home;
use super::scope::Scope;
use super::span::live::Live;
use super::span::twin::{Birth, Twin};
use super::thread::with_current;
use super::wish::{Client, Wish};
use crate::call::{self, Call};
use crate::destination;
use crate::finished::{Marks, write};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use crate::semconv;
use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::trace::{SpanContext, SpanId, SpanRef, TraceContextExt, TraceFlags, TraceId, TraceState};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

mod parent;

use parent::Parent;

/// What a context says of the spans that start in it.
pub(super) struct Origin {
    pub(super) is_suppressed: bool,
    /// Inside a conversation of a handle that is switched off.
    pub(super) is_off: bool,
    /// `None` where nothing records.
    pub(super) home: Option<Arc<Home>>,
    parent: Parent,
    /// Whether the span would begin in the conversation's open turn, if its context knows of none: not where
    /// its parent is named, nor inside a stage that began before the turn did.
    seeks_turn: bool,
    /// Set where the attribute names the parent; else the current context is meant.
    context: Option<Context>,
}

impl Origin {
    /// `None` where the thread is ending.
    pub(super) fn current() -> Option<Self> {
        // In this order: a thread that is ending has no current context either, and to ask for it panics.
        with_current(|live| {
            // Most often the current span is ours, and what it knows need not be looked up.
            let is_suppressed = Context::map_current(|context| {
                let here = context.span().span_context().span_id();
                let is_ours = live.is_some_and(|live| live.span_context().span_id() == here);
                is_ours.then(|| context.is_telemetry_suppressed())
            });
            match (live, is_suppressed) {
                (Some(live), Some(is_suppressed)) => Self::inside(live, is_suppressed),
                _ => Context::map_current(|context| {
                    let seeks_turn = live.is_none_or(|live| live.holds_stages());
                    let origin = Self::read(context, |here, scope| Parent::current(here, scope, live));
                    Self { seeks_turn, ..origin }
                }),
            }
        })
    }

    #[inline]
    fn inside(live: &Live, is_suppressed: bool) -> Self {
        Self {
            is_suppressed,
            is_off: false,
            home: live.home().cloned(),
            parent: Parent::Here(live.trace_id(), live.span_context().span_id()),
            seeks_turn: live.holds_stages(),
            context: None,
        }
    }

    #[inline]
    pub(super) fn of(context: &Context) -> Self {
        Self { context: Some(context.clone()), ..Self::read(context, Parent::named) }
    }

    fn read(context: &Context, parent: impl FnOnce(&SpanRef<'_>, Option<&Scope>) -> Parent) -> Self {
        let scope = context.get::<Scope>();
        let is_off = scope.is_some_and(|scope| scope.home.is_none());
        let outside = || Some(Arc::new(Home::outside(destination::default()?)));
        let home = scope.map_or_else(outside, |scope| scope.home.clone());
        let parent = parent(&context.span(), scope);
        let is_suppressed = context.is_telemetry_suppressed();
        Self { is_suppressed, is_off, home, parent, seeks_turn: false, context: None }
    }

    pub(super) fn is_in_conversation(&self) -> bool {
        self.call().is_some()
    }

    pub(super) fn capture(&self) -> CaptureContent {
        self.home.as_ref().map(|home| home.capture).unwrap_or_default()
    }

    /// The most bytes of one content value.
    pub(super) fn content_limit(&self) -> usize {
        self.home.as_ref().map_or(CONTENT_LIMIT, |home| home.destination.content_limit)
    }

    /// Where a conversation is open.
    fn call(&self) -> Option<&Arc<Call>> {
        self.home.as_ref()?.call.as_ref()
    }

    /// The context in which the span begins.
    fn context(&self) -> Context {
        self.context.clone().unwrap_or_else(Context::current)
    }

    /// Whether the new span's own context is made from another than the current one.
    pub(super) fn has_context(&self) -> bool {
        self.context.is_some()
    }

    /// What the new span's own context is made from, unless it is the current one.
    pub(super) fn take_context(&mut self) -> Option<Context> {
        self.context.take()
    }

    /// Puts a new span where it stands; `None` where nothing records.
    #[inline]
    pub(super) fn place(
        &mut self,
        callsite: &Callsite,
        wish: Option<&Wish>,
        attributes: &mut Attributes,
        span: &mut Live,
    ) -> Option<()> {
        let name = wish.and_then(|wish| wish.name.as_deref());
        write_fixed(callsite, name, attributes);
        match (callsite.view, self.call().is_some()) {
            (View::Conversation, true) => self.keep_less(wish, attributes),
            (View::Conversation, false) => {
                let nothing = Wish::default();
                return self.place_conversation(callsite, wish.unwrap_or(&nothing), attributes, span);
            }
            (View::Turn, true) => {}
            (_, true) => self.seek_turn(),
            (_, false) => {
                // Around it the clock may have been read long ago.
                let outside =
                    |home: &Home| Home::outside(home.destination.clone()).with_turn(home.turn.clone());
                self.home = self.home.as_deref().map(outside);
                callsite.warn_outside_conversation();
                if let Parent::None = self.parent {
                    link_to(self.context().span().span_context(), attributes);
                }
            }
        }
        let number = wish.and_then(|wish| wish.number);
        let turn = (callsite.view == View::Turn).then(|| self.number(number, attributes));
        let mut home = self.home.take()?;
        let start = wish.and_then(|wish| wish.start);
        let birth = Birth::of(&home, callsite, attributes, start, (&self.parent, self.context.as_ref()));
        if let Some(number) = turn {
            home = self.in_turn(number, &birth.context, &home);
        }
        span.stand(home, callsite, self.parent.span_id(), birth);
        if callsite.view == View::Span && name.is_some() {
            span.rename();
        }
        Some(())
    }

    /// Begins in the conversation's open turn where the context knows of none, so that tasks that are older
    /// than the turn need not be told of it.
    #[inline]
    fn seek_turn(&mut self) {
        if self.seeks_turn
            && let Some(home) = self.home.as_deref()
            && home.turn.is_none()
            && let Some(turn) = home.open_turn()
        {
            self.parent = Parent::turn(&turn);
            let home = home.with_turn(Some(turn));
            self.context = Some(self.context().with_value(Scope::inside(home.clone())));
            self.home = Some(home);
        }
    }

    /// A conversation in another is of the same call, and may keep less of its content.
    #[cold]
    fn keep_less(&mut self, wish: Option<&Wish>, attributes: &mut Attributes) {
        let Some((home, call)) = self.home.as_ref().and_then(|home| Some((home, home.call.as_ref()?))) else {
            return;
        };
        wish.inspect(|wish| wish.prepare(call));
        let call_id = wish.and_then(|wish| wish.call_id.as_deref());
        write_conversation(attributes, call_id.unwrap_or(call.id()), call_id.is_some());
        if attributes.capture != home.capture {
            let home = Some(Arc::new(Home { capture: attributes.capture, ..(**home).clone() }));
            let context = self.context();
            let scope = context.get::<Scope>().cloned().unwrap_or(Scope::OFF);
            self.context = Some(context.with_value(Scope { home: home.clone(), ..scope }));
            self.home = home;
        }
    }

    /// What is in a turn that begins, whose span is also said by the context.
    fn in_turn(&mut self, number: i64, span: &SpanContext, home: &Home) -> Arc<Home> {
        let of_call = home.call.as_ref().map(|call| &call.unanswered);
        let turn = call::Turn::new(number, span.clone(), home.turn.clone(), of_call);
        let home = home.with_turn(Some(Arc::new(turn)));
        self.context = Some(self.context().with_value(Scope::inside(home.clone())));
        home
    }

    #[cold]
    fn place_conversation(
        &mut self,
        callsite: &Callsite,
        wish: &Wish,
        attributes: &mut Attributes,
        span: &mut Live,
    ) -> Option<()> {
        let context = self.context.take().unwrap_or_else(Context::current);
        let destination = match &wish.client {
            Client::Current => &self.home.as_ref()?.destination,
            Client::Off => return None,
            Client::To(destination) => destination,
        };
        let mut home = Home::outside(destination.clone());
        home.capture = wish.capture.unwrap_or(home.destination.capture);
        attributes.capture = home.capture;
        if let Some(call_id) = &wish.call_id {
            write_conversation(attributes, call_id, true);
        }
        for link in &wish.links {
            link_to(link, attributes);
        }
        link_to(context.span().span_context(), attributes);
        let standing = (&Parent::None, Some(&context));
        let mut birth = Birth::of(&home, callsite, attributes, wish.start, standing);
        match wish.trace_id {
            Some(_) if birth.twin.is_some() => callsite.refuse_trace_id(),
            Some(trace_id) => birth.take_trace_id(trace_id),
            None => {}
        }
        let has_call_id = wish.call_id.is_some();
        let call = Call::new(birth.context.clone(), wish.call_id.clone(), home.capture, home.clock);
        wish.prepare(&call);
        if !has_call_id {
            write_conversation(attributes, call.id(), false);
        }
        let home = Arc::new(Home { call: Some(Arc::new(call)), ..home });
        self.context = Some(context.with_value(Scope::inside(home.clone())));
        span.stand(home, callsite, SpanId::INVALID, birth);
        Some(())
    }

    /// The number of the turn that begins.
    fn number(&self, number: Option<i64>, attributes: &mut Attributes) -> i64 {
        let number = self.call().map(|call| call.next_turn(number)).or(number);
        if let Some(number) = number {
            write::integer(&mut attributes.entries, semconv::TURN_NUMBER, number);
        }
        if let Some(call) = self.call() {
            write::text(&mut attributes.entries, semconv::CONVERSATION_ID, call.id());
        }
        number.unwrap_or(1)
    }
}

impl Birth {
    #[inline]
    fn of(
        home: &Home,
        callsite: &Callsite,
        attributes: &Attributes,
        start: Option<Instant>,
        standing: (&Parent, Option<&Context>),
    ) -> Self {
        let start = start.unwrap_or_else(Instant::now);
        let has_twin = home.destination.host.get().is_some();
        let twin = if has_twin { twin(home, callsite, attributes, start, standing) } else { None };
        let context = match &twin {
            None => new_span_context(standing.0),
            Some(twin) => twin.span_context(),
        };
        Self { start, context, twin }
    }

    fn take_trace_id(&mut self, trace_id: TraceId) {
        self.context = span_context(trace_id, self.context.span_id());
    }
}

/// The same span of the host's tracer provider.
#[cold]
fn twin(
    home: &Home,
    callsite: &Callsite,
    attributes: &Attributes,
    start: Instant,
    (parent, context): (&Parent, Option<&Context>),
) -> Option<Box<Twin>> {
    let context = context.cloned().unwrap_or_else(Context::current);
    let context = match parent {
        Parent::Here(..) => context,
        Parent::None => without_span(&context),
        Parent::Other(parent) => context.with_remote_span_context((**parent).clone()),
    };
    let (start, kind) = ((start, home.clock), callsite.kind());
    Twin::start(&home.destination, kind, &attributes.entries, start, &context).map(Box::new)
}

/// What a sampler takes for no parent, and a host's processors find its baggage in.
fn without_span(context: &Context) -> Context {
    let baggage = context.baggage().iter();
    let pairs = baggage
        .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
    Context::new().with_baggage(pairs)
}

#[inline]
fn new_span_context(parent: &Parent) -> SpanContext {
    let span_id = SpanId::from(SPAN_IDS.with_borrow_mut(SmallRng::random::<u64>).max(1));
    let trace_id = match parent {
        Parent::Here(trace_id, _) => *trace_id,
        Parent::None => TraceId::from(rand::random::<u128>().max(1)),
        Parent::Other(parent) => parent.trace_id(),
    };
    span_context(trace_id, span_id)
}

#[inline]
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
#[inline]
fn write_fixed(callsite: &Callsite, name: Option<&str>, attributes: &mut Attributes) {
    const CHAT: &str = "chat";
    const EXECUTE_TOOL: &str = "execute_tool";
    let mut fixed = |key, value| write::marked_text(&mut attributes.entries, key, value, Marks::FOUND);
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
