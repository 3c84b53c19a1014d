//! The futures of annotated functions. Invariant: the span is current at each poll and while the future is
//! dropped, and at no other time.

use super::attributes::Attributes;
use super::callsite::Callsite;
use super::span::{Ending, Open, Span};
use pin_project_lite::pin_project;
use std::mem::ManuallyDrop;
use std::panic::{UnwindSafe, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The span of an `async fn`. Generated code binds it before the future of the body, so it is dropped after that. Its drop
/// takes what is inside; the compiler need not look for it again.
#[must_use = "a span that is not run records nothing"]
pub struct Around(ManuallyDrop<Option<Open>>);

/// The future of an `async fn`. It borrows the body's own future: a future inside another one costs the compiler four
/// steps towards its recursion limit, and each type between them one more.
pub struct Polled<'a, F, C> {
    future: Pin<&'a mut F>,
    span: &'a mut Around,
    close: C,
}

impl Callsite {
    /// As `open`, for an `async fn`: this runs at the first poll.
    #[inline]
    pub fn around(&'static self, record: impl FnOnce(&mut Attributes)) -> Option<Around> {
        self.open(record).0.map(|open| Around(ManuallyDrop::new(Some(open))))
    }
}

/// Waits for the body of an `async fn`, in its span if there is one: with tracing off nothing stands between the function
/// and its body. A macro, for the future is to be a local of the function.
#[doc(hidden)]
#[macro_export]
macro_rules! __polled {
    ($span:ident, $future:ident, $close:expr) => {{
        match &mut $span {
            ::core::option::Option::None => $future.await,
            ::core::option::Option::Some(__sp) => {
                let __fut = $crate::__private::pin!($future);
                $crate::__private::polled(__sp, __fut, $close).await
            }
        }
    }};
}

/// Polls the body of an `async fn` in its span.
#[inline]
pub fn polled<'a, F, C>(span: &'a mut Around, future: Pin<&'a mut F>, close: C) -> Polled<'a, F, C>
where
    F: Future,
    C: FnMut(Ending<'_>, &mut F::Output),
{
    Polled { future, span, close }
}

// No part of it is pinned.
impl<F, C> Unpin for Polled<'_, F, C> {}

// As the future that it borrows.
impl<F: UnwindSafe, C> UnwindSafe for Polled<'_, F, C> {}

impl<F, C> Future for Polled<'_, F, C>
where
    F: Future,
    C: FnMut(Ending<'_>, &mut F::Output),
{
    type Output = F::Output;

    // Out of line: where spans are off, the function is to be as small as without the attribute.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, span, close } = &mut *self;
        poll_inside(future.as_mut(), &mut span.0, close, task)
    }
}

impl<F, C> Drop for Polled<'_, F, C> {
    #[inline(never)]
    fn drop(&mut self) {
        // The body's future is dropped next, and then the span.
        if let Some(open) = &mut *self.span.0 {
            open.stay_entered();
        }
    }
}

impl Drop for Around {
    #[inline(never)]
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.leave(|open| open.interrupted(|_| {}));
        }
    }
}

pin_project! {
    /// The future of a function that returns one.
    pub struct Traced<F, C> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        future: Option<F>,
        span: Option<Open>,
        close: Option<C>,
        was_polled: bool,
    }

    impl<F, C> PinnedDrop for Traced<F, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(mut open) = this.span.take() else { return };
            if !*this.was_polled {
                return open.forget();
            }
            match open.inside(|| this.future.set(None)) {
                Ok(()) => open.interrupted(|_| {}),
                Err(panic) => open.panicked(panic, |_| {}),
            }
        }
    }
}

impl<F, C> Traced<F, C> {
    fn new(future: F, span: Option<Open>, close: C) -> Self {
        Self { future: Some(future), span, close: Some(close), was_polled: false }
    }
}

impl Span {
    /// Calls a function that returns a future, and gives that future its span: nothing is written if it is never polled.
    pub fn wrap<F, C>(self, body: impl FnOnce() -> F, close: C) -> Traced<F, C>
    where
        F: Future,
        C: FnOnce(Ending<'_>, &mut F::Output),
    {
        let Some(mut open) = self.0 else { return Traced::new(body(), None, close) };
        match open.inside(body) {
            Ok(future) => Traced::new(future, Some(open), close),
            Err(panic) => open.panicked(panic, |_| {}),
        }
    }

    /// Like [`wrap`](Self::wrap), for a function that returns its future in a box.
    pub fn boxed<F, C>(self, body: impl FnOnce() -> F, close: C) -> Pin<Box<Traced<F, C>>>
    where
        F: Future,
        C: FnOnce(Ending<'_>, &mut F::Output),
    {
        Box::pin(self.wrap(body, close))
    }
}

impl<F, C> Future for Traced<F, C>
where
    F: Future,
    C: FnOnce(Ending<'_>, &mut F::Output),
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // It is there until the drop.
        let Some(future) = this.future.as_pin_mut() else { return Poll::Pending };
        let Some(open) = this.span else { return future.poll(task) };
        if !std::mem::replace(this.was_polled, true) {
            open.restart();
        }
        let close = |ending: Ending<'_>, returned: &mut F::Output| {
            if let Some(close) = this.close.take() {
                close(ending, returned);
            }
        };
        poll_inside(future, this.span, close, task)
    }
}

fn poll_inside<F: Future>(
    future: Pin<&mut F>,
    span: &mut Option<Open>,
    close: impl FnOnce(Ending<'_>, &mut F::Output),
    task: &mut Context<'_>,
) -> Poll<F::Output> {
    let Some(open) = span else { return Poll::Pending };
    match open.inside(|| future.poll(task)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(mut returned)) => {
            close(open.ending(), &mut returned);
            *span = None;
            Poll::Ready(returned)
        }
        Err(panic) => match span.take() {
            Some(open) => open.panicked(panic, |_| {}),
            None => resume_unwind(panic),
        },
    }
}
