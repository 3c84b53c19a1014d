//! The span of an annotated function: opens it, runs the function inside, and hands over its record at the end.
//! Invariant: a span gives at most one record.
//!
//! A span ends in one of four ways: its function returned, failed, panicked, or was interrupted (its future or stream
//! was dropped before the end).

use super::attributes::Attributes;
use super::context::Carried;
use super::conversation::Scope;
use super::home::Home;
use crate::destination::Destination;
use crate::finished::write;
use crate::semconv;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
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
use live::Wait;
pub(super) use live::live_of;
pub(super) use opening::{Birth, Client, Draft, Opening};
pub(super) use twin::Twin;

/// The span of one call of an annotated function; off where nothing records.
#[must_use = "a span that is not run records nothing"]
pub struct Span(pub(super) Option<Open>);

/// A span while its function runs.
pub(crate) struct Open {
    /// Empty once it is given away.
    context: Context,
    /// Lent to the thread while the span is entered. `None` in a conversation of a handle that is off.
    live: Option<Arc<Live>>,
}

// A panic is caught before it can leave a span half written, and what recording shares is behind locks.
impl UnwindSafe for Open {}
impl RefUnwindSafe for Open {}

thread_local! {
    /// The innermost cekura span entered on this thread. The current `Context` may hold a host's span instead.
    static CURRENT: Cell<Option<Arc<Live>>> = const { Cell::new(None) };

    /// The spans that stay entered, the innermost last. They cannot stand in their futures, which are `Send`.
    static STAYING: RefCell<Vec<Staying>> = const { RefCell::new(Vec::new()) };
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

    /// Makes it the current one until what this gives is dropped: for a function that returns a closure, which takes its
    /// type from where it stands, so its body cannot move into a closure of ours.
    pub fn enter(self) -> Inside {
        Inside(self.0.map(Staying::new))
    }
}

/// A span around what is left of a function.
pub struct Inside(Option<Staying>);

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if let Some(staying) = self.0.take() {
            staying.leave(|mut open| open.ending().finish(Wait::Holders, |_| {}));
        }
    }
}

/// A span that is the current one until it is left.
struct Staying {
    open: Open,
    context: Option<ContextGuard>,
    /// Whether the thread was panicking before that.
    was_panicking: bool,
}

impl Staying {
    #[cold]
    fn new(mut open: Open) -> Self {
        let context = attach(|| open.context.clone(), &mut open.live);
        Self { open, context, was_panicking: thread::panicking() }
    }

    /// Ends the span: with a panic whose text is not known here, or as `end` says.
    #[cold]
    fn leave(self, end: impl FnOnce(Open)) {
        let Self { mut open, context, was_panicking } = self;
        swap_current(&mut open.live);
        drop(context);
        if thread::panicking() && !was_panicking {
            open.ending().finish(Wait::Tellers, |attributes| attributes.panic(None));
        } else {
            end(open);
        }
    }
}

impl Open {
    fn run<R>(&mut self, body: impl FnOnce() -> R, close: impl FnOnce(Ending<'_>, &mut R)) -> R {
        let is_remade = self.live.as_ref().is_some_and(|live| live.is_remade());
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
        let message = panic_message(&*panic);
        self.ending().finish(Wait::Tellers, |attributes| {
            record(attributes);
            attributes.panic(message);
        });
        resume_unwind(panic)
    }

    /// Ends the span of a future or stream that was dropped before its end, with what `record` sets.
    pub(super) fn interrupted(mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = &self.live {
            live.interrupt_turn();
        }
        self.ending().finish(Wait::Tellers, |attributes| {
            write::flag(&mut attributes.entries, semconv::CEKURA_INTERRUPTED, true);
            record(attributes);
        });
    }

    /// Makes this span the current one until [`leave_last`]; gives it back where the thread is ending.
    #[cold]
    pub(super) fn stay_entered(self) -> Option<Self> {
        if STAYING.try_with(|_| ()).is_err() {
            return Some(self);
        }
        let staying = Staying::new(self);
        STAYING.with_borrow_mut(|all| all.push(staying));
        None
    }

    /// The span, out of its function; what is left is over.
    fn take(&mut self) -> Self {
        Self { context: std::mem::take(&mut self.context), live: self.live.take() }
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

    /// Ends the span of an answer that came in chunks.
    pub(super) fn end(mut self, at: Instant) {
        if let Some(live) = &self.live {
            live.tell_at_end_by_hand(at);
        }
        self.ending_at(at).finish(Wait::Tellers, |_| {});
    }

    /// Ends the span of an answer that is dropped: when it was over, if that was said.
    pub(super) fn let_go(self) {
        match self.live.as_ref().and_then(|live| live.answer_over()) {
            Some(at) => self.end(at),
            None => self.interrupted(|_| {}),
        }
    }

    /// Ends the span of a guard that is dropped by a panic, unless its answer was over.
    pub(super) fn let_go_by_panic(mut self) {
        match self.live.as_ref().and_then(|live| live.answer_over()) {
            Some(at) => self.end(at),
            None => self.ending().finish(Wait::Tellers, |attributes| attributes.panic(None)),
        }
    }

    /// Its answer, where anything is recorded.
    pub(super) fn live(&self) -> Option<&Arc<Live>> {
        self.live.as_ref()
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

/// Ends the innermost of the spans that stay entered on this thread.
#[cold]
pub(super) fn leave_last(end: impl FnOnce(Open)) {
    if let Ok(Some(last)) = STAYING.try_with(|all| all.borrow_mut().pop()) {
        last.leave(end);
    }
}

/// The message of a panic, where it is a text.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> Option<&str> {
    let message = panic.downcast_ref::<&str>().copied();
    message.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
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
