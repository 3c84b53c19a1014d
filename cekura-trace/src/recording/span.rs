//! An open span comes in, the function that it belongs to runs inside, and at its end one record goes out. This file does
//! not know which span attributes there are, but for those of the endings.
//!
//! A span ends in one of four ways: its function returned, failed, panicked, or was interrupted (its future or stream
//! was dropped before the end).

use super::attributes::Attributes;
use super::callsite::{Callsite, View};
use super::context::Carried;
use super::conversation::Scope;
use super::home::Home;
use super::progress::Progress;
use crate::destination::{CONTENT_LIMIT, CaptureContent, Destination};
use crate::finished::write;
use crate::semconv;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

mod ending;
mod live;
mod opening;
mod pool;
mod twin;

pub(super) use ending::{Ending, guarded};
pub(crate) use live::Live;
pub(super) use live::by_name;
pub(super) use opening::{Birth, Client, Draft, Opening};
pub(super) use twin::Twin;

/// The span of one call of an annotated function; off where nothing records.
#[must_use = "a span that is not run records nothing"]
pub struct Span(pub(super) Option<Open>);

/// A span while its function runs.
pub(crate) struct Open {
    view: View,
    /// Empty once it is given away.
    context: Context,
    /// Whether its context can be made from the current one again, and nothing at its end asks for it.
    is_remade: bool,
    /// Lent to the thread while the span is entered. `None` in a conversation of a handle that is off.
    live: Option<Arc<Live>>,
    capture: CaptureContent,
    /// Set while it stays entered because its future is dropped: whether the thread was panicking before that.
    was_panicking: Option<bool>,
}

thread_local! {
    /// The innermost cekura span entered on this thread. The current `Context` may hold a host's span instead.
    static CURRENT: Cell<Option<Arc<Live>>> = const { Cell::new(None) };

    /// The contexts of spans that stay entered, the innermost last. They cannot stand in the futures, which are `Send`.
    static STAYING: Cell<Vec<Option<ContextGuard>>> = const { Cell::new(Vec::new()) };
}

fn staying<R>(with: impl FnOnce(&mut Vec<Option<ContextGuard>>) -> R) -> Option<R> {
    let with = |staying: &Cell<Vec<_>>| {
        let mut contexts = staying.take();
        let result = with(&mut contexts);
        staying.set(contexts);
        result
    };
    STAYING.try_with(with).ok()
}

pub(super) fn current() -> Option<Arc<Live>> {
    with_current(|live| live.map(Arc::clone)).flatten()
}

/// Looks at the innermost cekura span entered on this thread; `None` where the thread is ending.
pub(super) fn with_current<R>(look: impl FnOnce(Option<&Arc<Live>>) -> R) -> Option<R> {
    let mut live = None;
    if swap_current(&mut live) {
        return None;
    }
    let seen = look(live.as_ref());
    swap_current(&mut live);
    Some(seen)
}

/// Leaves `live` as it is on a thread that is ending, and says so: its own values are gone already.
#[inline]
fn swap_current(live: &mut Option<Arc<Live>>) -> bool {
    CURRENT.try_with(|current| *live = current.replace(live.take())).is_err()
}

/// Whether the thread is ending: its current context is gone too, and who asks the API for it panics.
pub(super) fn is_thread_ending() -> bool {
    CURRENT.try_with(|_| ()).is_err()
}

impl Span {
    /// Runs a function's body with its span as the current one, and gives what it returned to `close`.
    #[inline]
    pub fn run<R>(mut self, body: impl FnOnce() -> R, close: impl FnOnce(Ending<'_>, &mut R)) -> R {
        let Some(open) = &mut self.0 else {
            // Nothing is in it, which the compiler would look for again.
            std::mem::forget(self);
            return body();
        };
        open.run(body, close)
    }
}

impl Open {
    fn run<R>(&mut self, body: impl FnOnce() -> R, close: impl FnOnce(Ending<'_>, &mut R)) -> R {
        let is_remade = self.is_remade;
        let context = |own: &mut Context| if is_remade { std::mem::take(own) } else { own.clone() };
        match self.inside_of(context, body) {
            Ok(mut returned) => {
                close(self.ending(), &mut returned);
                returned
            }
            Err(panic) => self.take().panicked(panic, |_| {}),
        }
    }

    /// Calls a function with this span as the current one, and catches its panic.
    #[inline]
    pub(super) fn inside<R>(&mut self, function: impl FnOnce() -> R) -> thread::Result<R> {
        self.inside_of(|own| own.clone(), function)
    }

    #[inline]
    fn inside_of<R>(
        &mut self,
        context: impl FnOnce(&mut Context) -> Context,
        function: impl FnOnce() -> R,
    ) -> thread::Result<R> {
        let _entered = Entered::new(|| context(&mut self.context), &mut self.live);
        catch_unwind(AssertUnwindSafe(function))
    }

    #[inline]
    pub(super) fn ending(&mut self) -> Ending<'_> {
        self.ending_at(Instant::now())
    }

    #[inline]
    pub(super) fn ending_at(&mut self, at: Instant) -> Ending<'_> {
        Ending { at, tells: false, open: self }
    }

    /// Ends the span, with what `record` sets, and lets the panic go on.
    pub(super) fn panicked(mut self, panic: Box<dyn Any + Send>, record: impl FnOnce(&mut Attributes)) -> ! {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        self.ending().finish(|attributes| {
            record(attributes);
            attributes.panic(message);
        });
        resume_unwind(panic)
    }

    /// Ends the span of a future or stream that was dropped before its end, with what `record` sets.
    pub(super) fn interrupted(mut self, record: impl FnOnce(&mut Attributes)) {
        if let View::Llm | View::S2s | View::Tts | View::Turn = self.view
            && let Some(turn) = self.home().and_then(|home| home.turn.as_ref())
        {
            turn.interrupt();
        }
        self.ending().finish(|attributes| {
            write::flag(&mut attributes.entries, semconv::CEKURA_INTERRUPTED, true);
            record(attributes);
        });
    }

    /// Makes this span the current one until [`interrupted_inside`](Self::interrupted_inside): its future is dropped in
    /// between, by the compiler.
    #[cold]
    pub(super) fn stay_entered(&mut self) {
        let context = attach(|| self.context.clone(), &mut self.live);
        staying(|contexts| contexts.push(context));
        self.was_panicking = Some(thread::panicking());
    }

    /// Ends the span of a future that was dropped before its end.
    #[cold]
    pub(super) fn interrupted_inside(mut self) {
        let Some(was_panicking) = self.was_panicking.take() else { return self.interrupted(|_| {}) };
        let context = staying(Vec::pop);
        swap_current(&mut self.live);
        drop(context);
        if thread::panicking() && !was_panicking {
            self.ending().finish(|attributes| attributes.panic(None));
        } else {
            self.interrupted(|_| {});
        }
    }

    /// The span, out of its function; what is left is over.
    fn take(&mut self) -> Self {
        let Self { view, is_remade, capture, .. } = *self;
        let (context, live) = (std::mem::take(&mut self.context), self.live.take());
        Self { view, context, is_remade, live, capture, was_panicking: None }
    }

    /// As [`take`](Self::take), for a stream that its function has returned.
    fn go_on(&mut self) -> Self {
        let mut open = self.take();
        if let Some(live) = &open.live
            && !open.context.has_active_span()
        {
            open.context = Context::current_with_span(live::Handle(live.clone()));
        }
        open
    }

    fn home(&self) -> Option<&Arc<Home>> {
        self.live.as_ref()?.home()
    }

    pub(super) fn view(&self) -> View {
        self.view
    }

    /// An `stt` has understood something, or audio of the agent is there.
    pub(super) fn tell_turn(&self, at: Instant) {
        if let Some(home) = self.home() {
            match self.view {
                View::Stt => home.heard(at),
                View::S2s | View::Tts => home.spoke(at),
                _ => {}
            }
        }
    }

    /// The caller cut in on an answer of a session, which goes on.
    pub(super) fn cut_off(&self) {
        if let Some(home) = self.home() {
            home.cut_off();
        }
    }

    /// For an answer that comes in chunks.
    pub(super) fn progress(&self) -> Progress {
        let live = self.live.as_ref();
        let limit = live.map_or(CONTENT_LIMIT, |live| live.content_limit());
        let start = live.map_or_else(Instant::now, |live| live.start());
        Progress::new(Attributes::of_items(self.view, self.capture, limit), start)
    }

    /// Ends the span of an answer that came in chunks.
    pub(super) fn end(mut self, progress: Progress, at: Instant) {
        if progress.end_tells_turn(self.view) {
            self.tell_turn(at);
        }
        self.ending_at(at).finish(|attributes| progress.write(attributes));
    }

    /// As [`end`](Self::end), before the answer's own end.
    pub(super) fn interrupt(self, progress: Progress) {
        self.interrupted(|attributes| progress.write(attributes));
    }

    /// Ends the span of an answer that is dropped: when it was over, if that was said.
    pub(super) fn let_go(self, progress: Progress) {
        match progress.over() {
            Some(at) => self.end(progress, at),
            None => self.interrupt(progress),
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn destination(&self) -> Option<Arc<Destination>> {
        self.home().map(|home| home.destination.clone())
    }

    /// A value with this span as the current one.
    pub(super) fn carry<T>(&self, value: T) -> Carried<T> {
        Carried::to(self.context.clone(), self.live.clone(), value)
    }

    /// Says in its context that it is a span of ours, for those who attach that by the OpenTelemetry API alone.
    pub(super) fn mark_by_hand(&mut self) {
        if let Some(live) = &self.live {
            let scope = self.context.get::<Scope>().cloned();
            let scope = scope.unwrap_or(Scope { home: live.home().cloned(), ..Scope::OFF });
            let by_hand = Some(live.span_context().span_id());
            self.context = self.context.with_value(Scope { by_hand, ..scope });
        }
    }

    /// Starts the span's time again, at the first poll of its future.
    pub(super) fn restart(&self) {
        self.live.as_ref().inspect(|live| live.restart());
    }

    /// Forgets the span of a future that was never polled.
    pub(super) fn forget(self) {
        self.live.inspect(|live| live.forget());
    }
}

/// Makes a span the thread's current one, and lends `live` to it.
#[inline]
fn attach(context: impl FnOnce() -> Context, live: &mut Option<Arc<Live>>) -> Option<ContextGuard> {
    let is_thread_ending = swap_current(live);
    // The API panics here where somebody looks at the current context: a host's sampler, or a processor at a start.
    let attach = || catch_unwind(AssertUnwindSafe(|| context().attach())).ok();
    if is_thread_ending { None } else { attach() }
}

/// The current context and cekura span, until it is dropped.
pub(super) struct Entered<'a> {
    /// What was current before.
    outer: &'a mut Option<Arc<Live>>,
    _context: Option<ContextGuard>,
}

impl<'a> Entered<'a> {
    /// Lends `live` to the thread.
    #[inline]
    pub(super) fn new(context: impl FnOnce() -> Context, live: &'a mut Option<Arc<Live>>) -> Self {
        let context = attach(context, live);
        Self { outer: live, _context: context }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        swap_current(self.outer);
    }
}
