//! Enters an annotated function: opens its span, unless nothing records, and runs the body in it. Invariant: nothing
//! that goes wrong here reaches the function.

use super::attributes::Attributes;
use super::callsite::Callsite;
use super::span::ending::{Ending, Wait};
use super::span::open::Open;
use super::span::opening::{self, Draft};
use super::value::{Scalar, value};
use crate::destination;
use crate::say::caught;
use opentelemetry::ContextGuard;
use std::cell::RefCell;
use std::thread;

/// The span of one call of an annotated function; off where nothing records.
#[must_use = "a span that is not run records nothing"]
pub struct Span(pub(super) Option<Open>);

thread_local! {
    /// The spans that stay entered, the innermost last. They cannot stand in their futures, which are `Send`.
    static STAYING: RefCell<Vec<Staying>> = const { RefCell::new(Vec::new()) };
}

impl Callsite {
    /// Wraps a value for `.__get()`.
    #[inline]
    pub fn of<'a, T>(&self, it: &'a T) -> Scalar<'a, T> {
        value(it)
    }

    /// Applies a closure of the attribute; as a function, so that it may give a reference into its parameter.
    #[inline]
    pub fn apply<'a, T, R>(&self, value: &'a T, closure: impl FnOnce(&'a T) -> R) -> R {
        closure(value)
    }

    /// Opens the function's span: `record` sets what is known before the body runs. With no open destination it is
    /// not called, and the span is off.
    #[inline]
    pub fn open(&'static self, record: impl FnOnce(&mut Attributes)) -> Span {
        if !destination::is_open_else(|| self.tell_absence()) {
            return Span(None);
        }
        let mut record = Some(record);
        Span(open(self, None, &mut |attributes| record.take().map_or((), |record| record(attributes))))
    }
}

/// Nothing that goes wrong here reaches the function: at the worst it runs without a span. Not generic, so that it is
/// compiled once.
pub(super) fn open(
    callsite: &Callsite,
    draft: Option<Draft>,
    record: &mut dyn FnMut(&mut Attributes),
) -> Option<Open> {
    caught(|| opening::open(callsite, draft, record)).flatten()
}

impl Span {
    /// Runs a function's body with its span as the current one, and gives what it returned to `close`.
    #[inline]
    pub fn run<R>(self, body: impl FnOnce() -> R, close: impl FnOnce(Ending, &mut R)) -> R {
        match self.0 {
            None => body(),
            Some(open) => open.run(body, close),
        }
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
            staying.leave(|open| open.ending().finish(Wait::Holders, |_| {}));
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
        let context = open.enter();
        Self { open, context, was_panicking: thread::panicking() }
    }

    /// Ends the span: with a panic whose text is not known here, or as `end` says.
    #[cold]
    fn leave(self, end: impl FnOnce(Open)) {
        let Self { mut open, context, was_panicking } = self;
        open.leave();
        drop(context);
        if thread::panicking() && !was_panicking {
            open.ending().finish(Wait::Tellers, |attributes| attributes.panic(None));
        } else {
            end(open);
        }
    }
}

impl Open {
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
}

/// Ends the innermost of the spans that stay entered on this thread.
#[cold]
pub(super) fn leave_last(end: impl FnOnce(Open)) {
    if let Ok(Some(last)) = STAYING.try_with(|all| all.borrow_mut().pop()) {
        last.leave(end);
    }
}
