//! A span while its function runs, and how it becomes the current one. Invariant: `live` is lent to the thread for as
//! long as the span is current there.

use super::live::Live;
use super::live::handle::Handle;
use crate::destination::Destination;
use crate::recording::home::Home;
use crate::recording::scope::Scope;
use crate::recording::thread::{Entered, attach, swap_current};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// A span while its function runs.
pub(crate) struct Open {
    /// Empty once it is given away.
    pub(super) context: Context,
    /// Lent to the thread while the span is entered. `None` in a conversation of a handle that is off.
    pub(super) live: Option<Arc<Live>>,
}

// A panic is caught before it can leave a span half written, and what recording shares is behind locks.
impl UnwindSafe for Open {}
impl RefUnwindSafe for Open {}

impl Open {
    /// Calls a function with this span as the current one, and catches its panic.
    #[inline]
    pub(in crate::recording) fn inside<R>(&mut self, function: impl FnOnce() -> R) -> thread::Result<R> {
        self.inside_of(|own| own.clone(), function)
    }

    #[inline]
    pub(super) fn inside_of<R>(
        &mut self,
        context: impl FnOnce(&mut Context) -> Context,
        function: impl FnOnce() -> R,
    ) -> thread::Result<R> {
        let _entered = Entered::new(|| context(&mut self.context), &mut self.live);
        catch_unwind(AssertUnwindSafe(function))
    }

    /// The same, for a stream that its function has returned.
    pub(in crate::recording) fn go_on(mut self) -> Self {
        if let Some(live) = &self.live
            && !self.context.has_active_span()
        {
            self.context = Context::current_with_span(Handle(live.clone()));
        }
        self
    }

    /// Makes it the current one until it is [left](Self::leave).
    pub(in crate::recording) fn enter(&mut self) -> Option<ContextGuard> {
        attach(|| self.context.clone(), &mut self.live)
    }

    pub(in crate::recording) fn leave(&mut self) {
        swap_current(&mut self.live);
    }

    fn home(&self) -> Option<&Arc<Home>> {
        self.live.as_ref()?.home()
    }

    /// Its answer, where anything is recorded.
    pub(in crate::recording) fn live(&self) -> Option<&Arc<Live>> {
        self.live.as_ref()
    }

    pub(in crate::recording) fn context(&self) -> &Context {
        &self.context
    }

    pub(in crate::recording) fn destination(&self) -> Option<Arc<Destination>> {
        self.home().map(|home| home.destination.clone())
    }

    /// Says in its context that it is a span of ours, for those who attach that by the OpenTelemetry API alone.
    pub(in crate::recording) fn mark_by_hand(&mut self) {
        if let Some(live) = &self.live {
            let scope = self.context.get::<Scope>().cloned();
            let scope = scope.unwrap_or(Scope { home: live.home().cloned(), ..Scope::OFF });
            let by_hand = Some(live.span_context().span_id());
            self.context = self.context.with_value(Scope { by_hand, ..scope });
        }
    }

    /// The same span, for who ends it where somebody else still has this.
    #[cfg(feature = "tracing")]
    pub(in crate::recording) fn shared(&self) -> Self {
        Self { context: self.context.clone(), live: self.live.clone() }
    }

    /// Starts the span's time again, at the first poll of its future.
    pub(in crate::recording) fn restart(&self) {
        self.live.as_ref().inspect(|live| live.restart());
    }

    /// Forgets the span of a future that was never polled.
    pub(in crate::recording) fn forget(self) {
        self.live.inspect(|live| live.forget());
    }
}
