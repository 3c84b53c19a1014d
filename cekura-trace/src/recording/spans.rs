//! What a program says of a span that no function stands for comes in; the span goes out at its end, like that of an
//! annotated function. This file does not know which span name takes which span attributes.

use super::attributes::Attributes;
use super::callsite::Callsite;
use super::context::{Carried, carry};
use super::moment::Moment;
use super::origin::Origin;
use super::progress::Progress;
use super::span::{Draft, Open};
use super::value::Value;
use crate::destination;
use crate::finished::write;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use serde::Serialize;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

mod kinds;
mod parent;
mod setters;

pub use kinds::{
    Conversation, Kind, Llm, S2s, Stage, Stt, ToolCall, Tts, Turn, conversation, llm, s2s, span, stt,
    tool_call, tts, turn,
};
pub use parent::Parent;
pub use setters::{Generator, Model, Voice};

/// A span before it begins, made by a function of [this module](crate::spans). Where nothing records, everything here
/// does nothing.
#[must_use = "the span begins with `start()`"]
pub struct Builder<K> {
    callsite: Callsite,
    draft: Option<Box<Draft>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Builder<K> {
    pub(super) fn new(callsite: Callsite) -> Self {
        let draft = || Draft::new(&callsite, &Origin::current()?).map(Box::new);
        let draft = if destination::any_open() { catch_unwind(AssertUnwindSafe(draft)).ok() } else { None };
        Self { callsite, draft: draft.flatten(), kind: PhantomData }
    }

    fn named(self, name: &str) -> Self {
        self.set(|attributes| attributes.name(Value::Str(name)))
    }

    /// The parent, another guard, a turn, a conversation or a context, in place of the current context.
    pub fn parent(self, parent: &(impl Parent + ?Sized)) -> Self {
        self.set(|attributes| attributes.parent(parent))
    }

    /// It began at that moment, an `Instant` or a `SystemTime`: speech begins before its transcript comes. Times to the
    /// first chunk count from there.
    pub fn started_at(self, at: impl Moment) -> Self {
        self.set(|attributes| attributes.started_at(at.instant()))
    }

    /// Records a value as an argument of that name: `input.<name>`, of a tool call a field of `function.input`.
    pub fn input(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.set(|attributes| attributes.argument(name, Value::Serialize(&value)))
    }

    /// Sets a span attribute of your own, under any content policy.
    pub fn record(self, key: &'static str, value: impl Into<opentelemetry::Value>) -> Self {
        let attribute = KeyValue::new(key, value);
        self.set(|attributes| write::api(&mut attributes.entries, &attribute))
    }

    /// Begins the span, as a child of what is current here unless [`parent`](Self::parent) says otherwise.
    pub fn start(self) -> Guard<K> {
        let Self { callsite, draft, .. } = self;
        let open = |draft: Box<Draft>| catch_unwind(AssertUnwindSafe(|| draft.open_here(&callsite))).ok()?;
        let open = draft.and_then(open);
        let held = open.map(|open| Box::new(Held::new(open)));
        let handle = K::handle(held.as_ref().map(|held| held.open.context()));
        Guard { held, handle }
    }

    fn set(mut self, record: impl FnOnce(&mut Attributes)) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.record(record);
        }
        self
    }
}

/// An open span that a program ends by hand. Dropped before [`end`](Self::end) it is interrupted, unless it has failed
/// or was told that the answer was finished, by a finish reason or an item.
///
/// It is not the current span of any thread, so it may be held across awaits and moved to other tasks; [`run`](Self::run)
/// and [`in_scope`](Self::in_scope) make it the current one.
#[must_use = "dropped at once, the span is interrupted"]
pub struct Guard<K: Kind> {
    held: Option<Box<Held>>,
    pub(super) handle: K::Handle,
}

/// An open span and what has come of its answer.
struct Held {
    open: Open,
    progress: Progress,
}

impl<K: Kind> Guard<K> {
    /// Sets a span attribute of your own, under any content policy.
    pub fn record(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        let attribute = KeyValue::new(key, value);
        self.set(|attributes| write::api(&mut attributes.entries, &attribute));
    }

    /// It failed, and ends as failed even when it is dropped. The error describes it, and the name of its type is
    /// `error.type`: give the error itself rather than a text.
    pub fn fail(&mut self, error: impl Display) {
        self.set(|attributes| attributes.fail_with(&error));
    }

    /// A context with this span as the current one, to name it as a parent or to inject it into a request.
    pub fn context(&self) -> Context {
        self.held.as_ref().map_or_else(Context::current, |held| held.open.context().clone())
    }

    /// Runs a future with this span as the current one, at every poll. The span goes on afterwards.
    pub fn run<F: Future>(&self, future: F) -> Carried<F> {
        self.carry(future)
    }

    /// Runs a function with this span as the current one. The span goes on afterwards.
    pub fn in_scope<R>(&self, function: impl FnOnce() -> R) -> R {
        self.carry(function).in_scope(|function| function())
    }

    /// Ends the span.
    pub fn end(self) {
        self.end_at(Instant::now());
    }

    /// Ends the span at that moment, an `Instant` or a `SystemTime`; at its start, where that is later.
    pub fn end_at(mut self, at: impl Moment) {
        if let Some(held) = self.held.take() {
            held.end(at.instant());
        }
    }

    /// Ends the span as interrupted, whatever was said of its answer: the caller cut in.
    pub fn interrupt(mut self) {
        if let Some(held) = self.held.take() {
            held.interrupt();
        }
    }

    fn carry<T>(&self, value: T) -> Carried<T> {
        match &self.held {
            None => carry(value),
            Some(held) => held.open.carry(value),
        }
    }

    fn set(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(held) = &mut self.held {
            held.progress.record(record);
        }
    }

    /// A chunk is here, and `record` sets what it says.
    fn chunk(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(held) = &mut self.held {
            let at = Instant::now();
            held.progress.item(at, record);
            held.tell_turn(at);
        }
    }

    fn first_chunk_at(&mut self, at: Instant) {
        if let Some(held) = &mut self.held {
            held.progress.first_chunk(at);
            held.tell_turn(at);
        }
    }
}

impl Held {
    fn new(mut open: Open) -> Self {
        open.mark_by_hand();
        let progress = open.progress();
        Self { open, progress }
    }

    fn tell_turn(&mut self, at: Instant) {
        if self.progress.tells_turn(self.open.view()) {
            self.open.tell_turn(at);
        }
        if self.progress.is_cut_off() {
            self.open.cut_off();
        }
    }

    fn end(self, at: Instant) {
        self.open.end(self.progress, at);
    }

    fn interrupt(self) {
        self.open.interrupt(self.progress);
    }
}

impl<K: Kind> Drop for Guard<K> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.open.let_go(held.progress);
        }
    }
}

impl<K> fmt::Debug for Builder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("records", &self.draft.is_some()).finish_non_exhaustive()
    }
}

impl<K: Kind> fmt::Debug for Guard<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = self.held.as_ref().map(|held| held.open.context().span().span_context().clone());
        f.debug_struct("Guard").field("span", &context).finish_non_exhaustive()
    }
}
