//! Where a new span stands: its parent, conversation, turn, destination and ids. Invariant: its parent, if it
//! has one, arrives at the same destination.
//!
//! The current context may hold a host's span. It becomes the parent only if it reaches the same destination.
//! Otherwise the nearest span of ours is the parent, so that no trace has a gap.

use super::attributes::Attributes;
use super::caller::Caller;
use super::callsite::{Callsite, View};
use super::home::Home;
use super::scope::Scope;
use super::span::live::Live;
use super::span::live::handle::by_hand;
use super::thread::with_current;
use super::wish::{Client, Wish};
use crate::call::{self, Call, Run};
use crate::destination;
use crate::finished::{Marks, write};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use crate::semconv;
use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::trace::{SpanContext, SpanId, SpanRef, TraceContextExt};
use std::cell::Cell;
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
    /// Where nothing is known of it yet.
    pub(super) const UNKNOWN: Self = Self {
        is_suppressed: false,
        is_off: false,
        home: None,
        parent: Parent::NONE,
        seeks_turn: false,
        context: None,
    };

    /// What the current context says; `None` where the thread is ending.
    pub(super) fn current() -> Option<Self> {
        with_current(Self::beside)
    }

    /// Learns what the current context says; false where the thread is ending. In place and in line, for it is large.
    #[inline]
    pub(super) fn read_current(&mut self) -> bool {
        // In this order: a thread that is ending has no current context either, and to ask for it panics.
        let read = with_current(|live| {
            // Most often the current span is ours, and what it knows need not be looked up.
            let is_suppressed = Context::map_current(|context| {
                let here = context.span().span_context().span_id();
                let is_ours = live.is_some_and(|live| live.span_context().span_id() == here);
                is_ours.then(|| context.is_telemetry_suppressed())
            });
            match (live, is_suppressed) {
                (Some(live), Some(is_suppressed)) => {
                    self.is_suppressed = is_suppressed;
                    self.home = live.home().cloned();
                    self.parent = Parent::here(live.trace_id(), live.span_context().span_id());
                    self.seeks_turn = live.holds_stages();
                }
                _ => *self = Self::beside(live),
            }
        });
        read.is_some()
    }

    /// What the current context says, whether its span is the innermost one of ours or not.
    #[cold]
    #[inline(never)]
    fn beside(live: Option<&Arc<Live>>) -> Self {
        Context::map_current(|context| {
            let by_hand = by_hand(context);
            let live = by_hand.as_ref().or(live);
            let seeks_turn = live.is_none_or(|live| live.holds_stages());
            let origin = Self::read(context, |here, scope| Parent::current(here, scope, live));
            Self { seeks_turn, ..origin }
        })
    }

    #[inline(never)]
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

    /// How much a span may say here, and the most bytes of one content value; `None` where nothing records.
    #[inline]
    pub(super) fn policy(&self, view: View) -> Option<(CaptureContent, usize)> {
        if self.is_suppressed || self.is_off && view != View::Conversation {
            return None;
        }
        let limit = self.home.as_ref().map_or(CONTENT_LIMIT, |home| home.destination.content_limit);
        Some((self.capture(), limit))
    }

    /// Where a conversation is open.
    fn call(&self) -> Option<&Arc<Call>> {
        self.home.as_ref()?.call.as_ref()
    }

    /// The context in which the span begins.
    fn context(&self) -> Context {
        self.context.clone().unwrap_or_else(Context::current)
    }

    /// What the new span's own context is made from, unless it is the current one.
    pub(super) fn take_context(&mut self) -> Option<Context> {
        self.context.take()
    }

    /// Puts a new span where it stands; `None` where nothing records. What few spans need is out of line.
    #[inline]
    pub(super) fn place(&mut self, callsite: &Callsite, wish: Option<&Wish>, span: &mut Live) -> Option<()> {
        let name = wish.and_then(|wish| wish.name.as_deref());
        write_fixed(callsite, name, span);
        let given = wish.and_then(|wish| wish.start);
        // Before an open turn is looked for: a span that joins one does not begin after its end.
        let start = given.unwrap_or_else(Instant::now);
        match (callsite.view, self.call().is_some()) {
            (View::Conversation, true) => self.keep_less(wish, span.said()),
            (View::Conversation, false) => {
                return self.place_conversation(callsite, wish.unwrap_or(&Wish::default()), span);
            }
            (View::Turn, true) => {}
            (_, true) => self.seek_turn(),
            (_, false) => self.stand_outside(callsite, span.said()),
        }
        let mut home = self.home.take()?;
        let number = (callsite.view == View::Turn).then(|| number(&home, wish, span.said()));
        span.start_at(start, given.is_some());
        if home.destination.host.get().is_none() || !self.begin_twin(&home, span) {
            span.identify(self.parent.trace_id_of_child(), new_span_id());
        }
        if let Some(number) = number {
            home = self.in_turn(number, span.span_context(), &home);
        }
        span.stand(home, self.parent.span_id, self.context.is_none());
        Some(())
    }

    /// Outside any conversation.
    #[cold]
    #[inline(never)]
    fn stand_outside(&mut self, callsite: &Callsite, said: &mut Attributes) {
        // Around it the clock may have been read long ago.
        let outside = |home: &Home| Home::outside(home.destination.clone()).with_turn(home.turn.clone());
        self.home = self.home.as_deref().map(outside);
        // What is inside of a span that stands outside is in its trace, and nobody need mend it too.
        if self.parent.is_none() {
            callsite.warn_outside_conversation();
            link_to(self.context().span().span_context(), said);
        }
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
            let home = home.with_turn(Some(turn.clone()));
            self.join(&turn, home);
        }
    }

    #[cold]
    #[inline(never)]
    fn join(&mut self, turn: &call::Turn, home: Arc<Home>) {
        self.parent = Parent::other(&turn.span);
        self.context = Some(self.context().with_value(Scope::inside(home.clone())));
        self.home = Some(home);
    }

    /// A conversation in another is of the same call, and may keep less of its content.
    #[cold]
    #[inline(never)]
    fn keep_less(&mut self, wish: Option<&Wish>, attributes: &mut Attributes) {
        let Some((home, call)) = self.home.as_ref().and_then(|home| Some((home, home.call.as_ref()?))) else {
            return;
        };
        wish.inspect(|wish| wish.prepare(call, &home.destination));
        let call_id = wish.and_then(|wish| wish.call_id.as_deref());
        write_conversation(attributes, call_id.unwrap_or(call.id()), call_id.is_some());
        write_run(attributes, wish.and_then(|wish| wish.run.as_deref()));
        if attributes.capture != home.capture {
            let home = Some(Arc::new(Home { capture: attributes.capture, ..(**home).clone() }));
            let context = self.context();
            let scope = context.get::<Scope>().cloned().unwrap_or(Scope::OFF);
            self.context = Some(context.with_value(Scope { home: home.clone(), ..scope }));
            self.home = home;
        }
    }

    /// What is in a turn that begins, whose span is also said by the context.
    #[cold]
    #[inline(never)]
    fn in_turn(&mut self, number: i64, span: &SpanContext, home: &Home) -> Arc<Home> {
        let of_call = home.call.as_ref().map(|call| &call.unanswered);
        let turn = call::Turn::new(number, span.clone(), home.turn.clone(), of_call);
        let home = home.with_turn(Some(Arc::new(turn)));
        self.context = Some(self.context().with_value(Scope::inside(home.clone())));
        home
    }

    #[cold]
    #[inline(never)]
    fn place_conversation(&mut self, callsite: &Callsite, wish: &Wish, span: &mut Live) -> Option<()> {
        let destination = match &wish.client {
            Client::Current => &self.home.as_ref()?.destination,
            Client::Off => return None,
            Client::To(destination) => destination,
        };
        let mut home = Home::outside(destination.clone());
        home.capture = wish.capture.unwrap_or(home.destination.capture);
        let said = span.said();
        (said.capture, said.limit) = (home.capture, home.destination.content_limit);
        if let Some(call_id) = &wish.call_id {
            write_conversation(said, call_id, true);
        }
        write_run(said, wish.run.as_deref());
        for link in &wish.links {
            link_to(link, said);
        }
        let context = self.context();
        link_to(context.span().span_context(), said);
        // Who names the caller by hand knows better.
        let caller = Caller::of(&context).filter(|_| wish.links.is_empty());
        if let Some(caller) = caller.filter(|caller| *caller != context.span().span_context()) {
            link_to(caller, said);
        }
        self.parent = Parent::NONE;
        let start = wish.start.unwrap_or_else(Instant::now);
        span.start_at(start, wish.start.is_some());
        // Its start is second 0 of its call log and of its recording.
        home.clock = home.clock.read_at(start);
        if self.begin_twin(&home, span) {
            wish.trace_id.inspect(|_| callsite.refuse_trace_id());
        } else {
            let trace_id = wish.trace_id.unwrap_or_else(|| self.parent.trace_id_of_child());
            span.identify(trace_id, new_span_id());
        }
        let root = span.span_context().clone();
        let call = Call::new(root, wish.call_id.clone(), home.capture, home.clock);
        let call = call.asking(home.destination.consent);
        wish.prepare(&call, &home.destination);
        if wish.call_id.is_none() {
            write_conversation(span.said(), call.id(), false);
        }
        let home = Arc::new(Home { call: Some(Arc::new(call)), ..home });
        self.context = Some(context.with_value(Scope::inside(home.clone())));
        span.stand(home, SpanId::INVALID, false);
        Some(())
    }

    /// Begins a span together with the same one of the host's tracer provider, if there is one: it gives both their ids.
    #[cold]
    #[inline(never)]
    fn begin_twin(&self, home: &Home, span: &mut Live) -> bool {
        let context = self.context();
        let context = match &self.parent.other {
            Some(parent) => context.with_remote_span_context((**parent).clone()),
            None if self.parent.is_none() => without_span(&context),
            None => context,
        };
        span.pair(home, &context)
    }
}

/// The number of the turn that begins.
#[cold]
#[inline(never)]
fn number(home: &Home, wish: Option<&Wish>, said: &mut Attributes) -> i64 {
    let call = home.call.as_ref();
    let number = wish.and_then(|wish| wish.number);
    let number = call.map(|call| call.next_turn(number)).or(number);
    if let Some(number) = number {
        write::integer(&mut said.entries, semconv::TURN_NUMBER, number);
    }
    if let Some(call) = call {
        write::text(&mut said.entries, semconv::CONVERSATION_ID, call.id());
    }
    number.unwrap_or(1)
}

/// What a sampler takes for no parent, and a host's processors find its baggage in.
fn without_span(context: &Context) -> Context {
    let baggage = context.baggage().iter();
    let pairs = baggage
        .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
    Context::new().with_baggage(pairs)
}

#[cold]
#[inline(never)]
fn first_id() -> u64 {
    rand::random::<u64>().max(1)
}

fn link_to(span: &SpanContext, attributes: &mut Attributes) {
    if span.is_valid() {
        write::link(&mut attributes.entries, span, &[]);
    }
}

/// Quick, for span ids need to differ within a trace only: each thread begins at a random one.
#[inline]
fn new_span_id() -> SpanId {
    // Odd, so that all others come before one comes again; large, so that threads do not soon meet.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }
    // 0 before the first one; an id is never 0.
    let next = match LAST.get() {
        0 => 0,
        last => last.wrapping_add(STEP),
    };
    let next = if next == 0 { first_id() } else { next };
    // Twice as quick as `LAST.set`.
    LAST.with(|last| last.set(next));
    SpanId::from(next)
}

/// What every span of a view carries, unless the user records something else; `name` is what the attribute gives.
#[inline]
fn write_fixed(callsite: &Callsite, name: Option<&str>, span: &mut Live) {
    const CHAT: &str = "chat";
    const EXECUTE_TOOL: &str = "execute_tool";
    let fixed = |span: &mut Live, key, value| {
        write::marked_text(&mut span.said().entries, key, value, Marks::FOUND);
    };
    match (callsite.view, name) {
        (View::Llm, _) => fixed(span, semconv::GEN_AI_OPERATION_NAME, CHAT),
        (View::Span, Some(name)) => span.rename(name),
        (View::ToolCall, name) => {
            let name = name.unwrap_or(callsite.function);
            fixed(span, semconv::FUNCTION_NAME, name);
            fixed(span, semconv::GEN_AI_TOOL_NAME, name);
            fixed(span, semconv::GEN_AI_OPERATION_NAME, EXECUTE_TOOL);
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

fn write_run(attributes: &mut Attributes, run: Option<&Run>) {
    let Some(run) = run else { return };
    let ids = [
        (semconv::CEKURA_RUN_ID, run.id()),
        (semconv::CEKURA_SCENARIO_ID, run.scenario_id()),
        (semconv::CEKURA_RESULT_ID, run.result_id()),
    ];
    for (key, id) in ids {
        if let Some(id) = id {
            write::text(&mut attributes.entries, key, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::new_span_id;
    use opentelemetry::trace::SpanId;
    use std::collections::HashSet;
    use std::thread;

    #[test]
    fn the_spans_of_all_threads_have_ids_of_their_own() {
        let ids = || (0..10_000).map(|_| new_span_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(ids)).collect();
        let all: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 80_000);
        assert!(!all.contains(&SpanId::INVALID));
    }
}
