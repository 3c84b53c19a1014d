//! The `tracing` spans that are entered on a thread. Invariant: a span that is left is not the current one any more, in whatever order
//! spans are left.
//!
//! Only the context of the OpenTelemetry API says that such a span is current, for it takes contexts back in any order. Annotated
//! functions lend their spans to the thread, which they must get back in order.

use super::traced::Traced;
use crate::recording::span::live::Live;
use crate::recording::thread::attach_context;
use opentelemetry::ContextGuard;
use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::thread;

struct Entered {
    traced: Arc<Traced>,
    context: Option<ContextGuard>,
    /// Whether the thread was unwinding before.
    was_panicking: bool,
}

/// The innermost last.
struct Stack(RefCell<Vec<Entered>>);

thread_local! {
    static STACK: Stack = const { Stack(RefCell::new(Vec::new())) };
}

impl Drop for Stack {
    fn drop(&mut self) {
        // The thread ends, and what these would be taken from may be gone, which panics.
        self.0.get_mut().iter_mut().for_each(|entered| mem::forget(entered.context.take()));
    }
}

pub(super) fn enter(traced: Arc<Traced>) {
    if STACK.try_with(|_| ()).is_ok() {
        let context = attach_context(|| traced.open.context().clone());
        let entered = Entered { traced, context, was_panicking: thread::panicking() };
        STACK.with(|stack| stack.0.borrow_mut().push(entered));
    }
}

pub(super) fn exit(traced: &Arc<Traced>) {
    let innermost = |stack: &Stack| {
        let mut stack = stack.0.borrow_mut();
        let at = stack.iter().rposition(|entered| Arc::ptr_eq(&entered.traced, traced))?;
        Some(stack.remove(at))
    };
    if let Ok(Some(left)) = STACK.try_with(innermost) {
        traced.leave(thread::panicking() && !left.was_panicking);
    }
}

/// Whether this is a `tracing` span that is entered on this thread.
pub(super) fn is_entered(live: &Arc<Live>) -> bool {
    let is_it = |entered: &Entered| entered.traced.live().is_some_and(|entered| Arc::ptr_eq(entered, live));
    STACK.try_with(|stack| stack.0.borrow().iter().any(is_it)).unwrap_or_default()
}
