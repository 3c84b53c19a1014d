//! What a program says of a span that no function stands for comes in; the span goes out at its end, like that of an
//! annotated function. This file does not know which span name takes which span attributes.

use super::attributes::Attributes;
use super::callsite::Callsite;
use super::context::{Carried, goes_on};
use super::moment::Moment;
use super::origin::Origin;
use super::recorded::Recorded;
use super::seen::Item;
use super::span::{Draft, Live, Open, Span};
use super::value::Value;
use crate::destination;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
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
    pub fn record(self, key: impl AsRef<str>, value: impl Recorded) -> Self {
        self.set(|attributes| value.write(attributes, key.as_ref()))
    }

    /// Sets a span attribute of your own to a value as JSON, under any content policy.
    pub fn record_json(self, key: impl AsRef<str>, value: &(impl Serialize + ?Sized)) -> Self {
        self.set(|attributes| attributes.record(key.as_ref(), Value::Serialize(&value)))
    }

    /// Begins the span, as a child of what is current here unless [`parent`](Self::parent) says otherwise.
    pub fn start(self) -> Guard<K> {
        let held = self.open().map(|open| Box::new(Held::new(open)));
        let handle = K::handle(held.as_ref().map(|held| held.open.context()));
        Guard { held, handle }
    }

    /// Runs a future in the span, which ends as that of an annotated function does: with the value, which is
    /// recorded, with an error or a panic, or as interrupted where the future is dropped. A future that is
    /// never polled leaves no span.
    ///
    /// It takes what implements `Serialize`, and a `Result` of it. For any other result there is
    /// [`end_with`](Guard::end_with).
    ///
    /// ```
    /// # use std::io;
    /// async fn ask(question: &str) -> io::Result<String> {
    ///     // …
    /// #   Ok(question.to_uppercase())
    /// }
    ///
    /// # async fn run() -> io::Result<()> {
    /// let answer = cekura::spans::llm().provider("openai").trace(ask("why?")).await?;
    /// #   assert_eq!(answer, "WHY?");
    /// #   Ok(())
    /// # }
    /// # let trace = cekura::testing::capture(|| futures::FutureExt::now_or_never(run()));
    /// # assert_eq!(trace.span("llm").unwrap().text("output"), Some("WHY?"));
    /// ```
    pub fn trace<F, How>(self, future: F) -> impl Future<Output = F::Output> + use<K, F, How>
    where
        F: Future,
        F::Output: Item<How>,
    {
        Span(self.open())
            .wrap(move || future, |ending, returned: &mut F::Output| ending.end_by_hand(returned))
    }

    fn open(self) -> Option<Open> {
        let Self { callsite, draft, .. } = self;
        let open = |draft: Box<Draft>| catch_unwind(AssertUnwindSafe(|| draft.open_here(&callsite))).ok()?;
        draft.and_then(open)
    }

    fn set(mut self, record: impl FnOnce(&mut Attributes)) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.record(record);
        }
        self
    }
}

/// An open span that a program ends by hand. Dropped before [`end`](Self::end) it is interrupted, unless it
/// has failed or was told that the answer was finished, by a finish reason or an item. Dropped by a panic, it
/// has panicked.
///
/// It is not the current span of any thread, so it may be held across awaits and moved to other tasks; [`run`](Self::run)
/// and [`in_scope`](Self::in_scope) make it the current one.
#[must_use = "dropped at once, the span is interrupted"]
pub struct Guard<K: Kind> {
    held: Option<Box<Held>>,
    pub(super) handle: K::Handle,
}

/// An open span.
struct Held {
    open: Open,
    /// Whether the thread was unwinding when it began.
    was_panicking: bool,
}

impl<K: Kind> Guard<K> {
    /// Sets a span attribute of your own, under any content policy.
    pub fn record(&mut self, key: impl AsRef<str>, value: impl Recorded) {
        if let Some(live) = self.live() {
            live.set_recorded(key.as_ref(), &value);
        }
    }

    /// Sets a span attribute of your own to a value as JSON, under any content policy.
    pub fn record_json(&mut self, key: impl AsRef<str>, value: &(impl Serialize + ?Sized)) {
        if let Some(live) = self.live() {
            live.set_json(key.as_ref(), value);
        }
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
            held.open.end(at.instant());
        }
    }

    /// Ends the span. An `Err` makes it an error, described by its `Display`. The value in an `Ok` is not recorded: say it
    /// before, with `output` or `item`.
    pub fn end_with<T, E: Display>(mut self, result: &Result<T, E>) {
        if let Err(error) = result {
            self.fail(error);
        }
        self.end();
    }

    /// Ends the span as interrupted, whatever was said of its answer: the caller cut in.
    pub fn interrupt(mut self) {
        if let Some(held) = self.held.take() {
            held.open.interrupted(|_| {});
        }
    }

    fn carry<T>(&self, value: T) -> Carried<T> {
        match &self.held {
            None => goes_on(value),
            Some(held) => held.open.carry(value),
        }
    }

    fn live(&self) -> Option<&Arc<Live>> {
        self.held.as_ref()?.open.live()
    }

    fn set(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = self.live() {
            live.say(record);
        }
    }

    /// A chunk is here, and `record` sets what it says.
    fn chunk(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = self.live() {
            live.item(Instant::now(), record);
        }
    }

    fn first_chunk_at(&mut self, at: Instant) {
        if let Some(live) = self.live() {
            live.first_chunk(at);
        }
    }
}

impl Held {
    fn new(mut open: Open) -> Self {
        open.mark_by_hand();
        Self { open, was_panicking: thread::panicking() }
    }
}

impl<K: Kind> Drop for Guard<K> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            if thread::panicking() && !held.was_panicking {
                held.open.let_go_by_panic();
            } else {
                held.open.let_go();
            }
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
