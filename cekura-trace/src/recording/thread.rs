//! What is current on this thread: the innermost span of ours, and the OpenTelemetry context. Invariant: on a thread that
//! is ending there is none, and nobody panics.

use super::span::live::Live;
use crate::say::caught;
use opentelemetry::{Context, ContextGuard};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// The innermost cekura span entered on this thread. The current `Context` may hold a host's span instead.
    static CURRENT: Cell<Option<Arc<Live>>> = const { Cell::new(None) };
}

pub(super) fn current() -> Option<Arc<Live>> {
    with_current(|live| live.map(Arc::clone)).flatten()
}

/// Looks at the innermost cekura span entered on this thread; `None` where the thread is ending.
#[inline]
pub(super) fn with_current<R>(look: impl FnOnce(Option<&Arc<Live>>) -> R) -> Option<R> {
    let live = CURRENT.try_with(Cell::take).ok()?;
    let seen = look(live.as_ref());
    let _ = CURRENT.try_with(|current| current.set(live));
    Some(seen)
}

/// Leaves `live` as it is on a thread that is ending, and says so: its own values are gone already.
#[inline]
pub(super) fn swap_current(live: &mut Option<Arc<Live>>) -> bool {
    CURRENT.try_with(|current| *live = current.replace(live.take())).is_err()
}

/// Whether the thread is ending: its current context is gone too, and who asks the API for it panics.
pub(super) fn is_thread_ending() -> bool {
    CURRENT.try_with(|_| ()).is_err()
}

/// Looks at the current context. There is none on a thread that is ending.
pub(super) fn look<R>(look: impl FnOnce(&Context) -> R) -> Option<R> {
    if is_thread_ending() {
        return None;
    }
    caught(|| Context::map_current(look))
}

/// Makes a span the thread's current one, and lends `live` to it.
#[inline]
pub(super) fn attach(
    context: impl FnOnce() -> Context,
    live: &mut Option<Arc<Live>>,
) -> Option<ContextGuard> {
    let is_thread_ending = swap_current(live);
    // The API panics here where somebody looks at the current context: a host's sampler, or a processor at a start.
    let attach = || caught(|| context().attach());
    if is_thread_ending { None } else { attach() }
}

/// Makes a context the thread's current one. The innermost span of ours that is lent to the thread stays.
#[cfg(feature = "tracing")]
pub(super) fn attach_context(context: impl FnOnce() -> Context) -> Option<ContextGuard> {
    if is_thread_ending() { None } else { caught(|| context().attach()) }
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
    #[inline]
    fn drop(&mut self) {
        swap_current(self.outer);
    }
}
