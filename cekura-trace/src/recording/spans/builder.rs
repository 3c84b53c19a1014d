//! A span by hand: before it begins, and while it is open. Invariant: a guard ends its span exactly once.

use crate::destination;
use crate::recording::attributes::Attributes;
use crate::recording::callsite::Callsite;
use crate::recording::context::{Carried, goes_on};
use crate::recording::enter::{self, Span};
use crate::recording::moment::Moment;
use crate::recording::parent::Parent;
use crate::recording::recorded::Recorded;
use crate::recording::seen::Item;
use crate::recording::span::live::Live;
use crate::recording::span::open::Open;
use crate::recording::span::opening::Draft;
use crate::recording::value::Value;
use crate::say::caught;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// A span name as a type, to name the type of a guard: `Guard<Llm>`.
pub trait Kind: Sealed {}

pub trait Sealed {
    /// What the guard gives access to beside its span.
    type Handle;

    fn handle(context: Option<&Context>) -> Self::Handle;
}

/// A span before it begins, made by a function of [this module](crate::spans). If nothing records, its methods
/// do nothing.
#[must_use = "the span begins with `start()`"]
pub struct Builder<K> {
    callsite: Callsite,
    draft: Option<Draft>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Builder<K> {
    pub(super) fn new(callsite: Callsite) -> Self {
        let draft = || Draft::new(&callsite);
        let draft = if destination::is_open_else(|| callsite.tell_absence()) { caught(draft) } else { None };
        Self { callsite, draft: draft.flatten(), kind: PhantomData }
    }

    pub(super) fn named(self, name: &str) -> Self {
        self.set(|attributes| attributes.name(Value::Str(name)))
    }

    /// Sets the parent in place of the current context: another guard, a turn, a conversation or a context.
    pub fn parent(self, parent: &(impl Parent + ?Sized)) -> Self {
        self.set(|attributes| attributes.parent(parent))
    }

    /// Sets the moment when it began, an `Instant` or a `SystemTime`: speech begins before its transcript
    /// arrives. The times to the first chunk count from there.
    pub fn started_at(self, at: impl Moment) -> Self {
        self.set(|attributes| attributes.started_at(at.instant()))
    }

    /// Records a value as an argument with this name: `input.<name>`, or for a tool call a field of
    /// `function.input`.
    pub fn input(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.set(|attributes| attributes.argument(name, Value::Serialize(&value)))
    }

    /// Sets a span attribute of your own. It is kept under any content policy.
    pub fn record(self, key: impl AsRef<str>, value: impl Recorded) -> Self {
        self.set(|attributes| value.write(attributes, key.as_ref()))
    }

    /// Sets a span attribute of your own to a value as JSON. It is kept under any content policy.
    pub fn record_json(self, key: impl AsRef<str>, value: &(impl Serialize + ?Sized)) -> Self {
        self.set(|attributes| attributes.record(key.as_ref(), Value::Serialize(&value)))
    }

    /// Begins the span, as a child of the current span unless [`parent`](Self::parent) set another one.
    pub fn start(self) -> Guard<K> {
        let held = self.open().map(|open| Box::new(Held::new(open)));
        let handle = K::handle(held.as_ref().map(|held| held.open.context()));
        Guard { held, handle }
    }

    /// Runs a future in the span and ends the span like that of an annotated function: with the value, which is
    /// recorded, with an error or a panic, or as interrupted if the future is dropped. A future that is never
    /// polled leaves no span.
    ///
    /// The value must implement `Serialize`, or be a `Result` of such a value. For any other result use
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
        let mut record = |attributes: &mut Attributes| {
            attributes.settle();
            attributes.begins_by_hand();
        };
        enter::open(&callsite, Some(draft?), &mut record)
    }

    pub(super) fn set(mut self, record: impl FnOnce(&mut Attributes)) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.record(record);
        }
        self
    }
}

impl<K: Kind> Parent for Guard<K> {
    fn parent(&self) -> Option<Context> {
        self.held.as_ref().map(|held| held.open.context().clone())
    }
}

/// An open span that the program ends by hand. If it is dropped before [`end`](Self::end) it is interrupted,
/// unless it has failed, or a finish reason or an item said that the answer was finished. If a panic drops it,
/// it ends as panicked.
///
/// The guard does not make its span the current one, so it may be held across awaits and moved to other tasks.
/// [`run`](Self::run) and [`in_scope`](Self::in_scope) make the span the current one.
#[must_use = "a guard that is dropped at once interrupts its span"]
pub struct Guard<K: Kind> {
    pub(super) held: Option<Box<Held>>,
    pub(super) handle: K::Handle,
}

/// An open span.
pub(super) struct Held {
    pub(super) open: Open,
    /// Whether the thread was unwinding when it began.
    was_panicking: bool,
}

impl<K: Kind> Guard<K> {
    /// Sets a span attribute of your own. It is kept under any content policy.
    pub fn record(&mut self, key: impl AsRef<str>, value: impl Recorded) {
        if let Some(live) = self.live() {
            live.set_recorded(key.as_ref(), &value);
        }
    }

    /// Sets a span attribute of your own to a value as JSON. It is kept under any content policy.
    pub fn record_json(&mut self, key: impl AsRef<str>, value: &(impl Serialize + ?Sized)) {
        if let Some(live) = self.live() {
            live.set_json(key.as_ref(), value);
        }
    }

    /// Marks the span as failed; it ends as failed even if it is dropped. The error's `Display` describes the
    /// failure, and `error.type` is the name of the error's type: give the error itself rather than a text.
    pub fn fail(&mut self, error: impl Display) {
        self.set(|attributes| attributes.fail_with(&error));
    }

    /// A context in which this span is the current one, to name it as a parent or to inject it into a request.
    pub fn context(&self) -> Context {
        self.held.as_ref().map_or_else(Context::current, |held| held.open.context().clone())
    }

    /// Runs a future; this span is the current one at every poll. The span stays open afterwards.
    pub fn run<F: Future>(&self, future: F) -> Carried<F> {
        self.carry(future)
    }

    /// Runs a function; this span is the current one meanwhile. The span stays open afterwards.
    pub fn in_scope<R>(&self, function: impl FnOnce() -> R) -> R {
        self.carry(function).in_scope(|function| function())
    }

    /// Ends the span.
    pub fn end(mut self) {
        if let Some(held) = self.held.take() {
            held.open.end_now();
        }
    }

    /// Ends the span at that moment, an `Instant` or a `SystemTime`. A moment before its start counts as its
    /// start.
    pub fn end_at(mut self, at: impl Moment) {
        if let Some(held) = self.held.take() {
            held.open.end(at.instant());
        }
    }

    /// Ends the span. An `Err` makes it an error, described by its `Display`. The value in an `Ok` is not
    /// recorded: record it before, with `output` or `item`.
    pub fn end_with<T, E: Display>(mut self, result: &Result<T, E>) {
        if let Err(error) = result {
            self.fail(error);
        }
        self.end();
    }

    /// Ends the span as interrupted, because the caller barged in. What was recorded of the answer does not
    /// change that.
    pub fn interrupt(mut self) {
        if let Some(held) = self.held.take() {
            held.open.interrupted(|_| {});
        }
    }

    fn carry<T>(&self, value: T) -> Carried<T> {
        match &self.held {
            None => goes_on(value),
            Some(held) => Carried::to(held.open.context().clone(), held.open.live().cloned(), value),
        }
    }

    pub(super) fn live(&self) -> Option<&Arc<Live>> {
        self.held.as_ref()?.open.live()
    }

    pub(super) fn set(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = self.live() {
            live.say(record);
        }
    }

    /// Counts a chunk; `record` records what it says.
    pub(super) fn chunk(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = self.live() {
            live.item(Instant::now(), record);
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
