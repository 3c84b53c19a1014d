//! The futures of annotated functions. Invariant: the span is current at each poll and while the future is
//! dropped, and at no other time.

use super::attributes::Attributes;
use super::callsite::Callsite;
use super::enter::{Span, leave_last};
use super::span::ending::Ending;
use super::span::open::Open;
use pin_project_lite::pin_project;
use std::mem::ManuallyDrop;
use std::panic::{UnwindSafe, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// The span of an `async fn`. Generated code binds it before the future of the body, so it is dropped after that. Its drop
/// takes what is inside; the compiler need not look for it again.
#[must_use = "a span that is not run records nothing"]
pub struct Around(ManuallyDrop<Stay>);

/// Where the span of an `async fn` is.
enum Stay {
    Here(Open),
    /// It stays entered on this thread, while the body's future is dropped.
    Entered,
    Over,
}

impl Stay {
    fn take(&mut self) -> Option<Open> {
        match std::mem::replace(self, Self::Over) {
            Self::Here(open) => Some(open),
            Self::Entered | Self::Over => None,
        }
    }
}

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
        self.open(record).0.map(|open| Around(ManuallyDrop::new(Stay::Here(open))))
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
    C: FnMut(Ending, &mut F::Output),
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
    C: FnMut(Ending, &mut F::Output),
{
    type Output = F::Output;

    // Out of line: where spans are off, the function is to be as small as without the attribute.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, span, close } = &mut *self;
        let Stay::Here(open) = &mut *span.0 else { return Poll::Pending };
        let polled = open.inside(|| future.as_mut().poll(task));
        settled(polled, || span.0.take(), close)
    }
}

impl<F, C> Drop for Polled<'_, F, C> {
    #[inline(never)]
    fn drop(&mut self) {
        // The body's future is dropped next, and then the span.
        if let Some(open) = self.span.0.take() {
            *self.span.0 = open.stay_entered().map_or(Stay::Entered, Stay::Here);
        }
    }
}

impl Drop for Around {
    #[inline(never)]
    fn drop(&mut self) {
        let interrupted = |open: Open| open.interrupted(|_| {});
        match std::mem::replace(&mut *self.0, Stay::Over) {
            Stay::Here(open) => interrupted(open),
            Stay::Entered => leave_last(interrupted),
            Stay::Over => {}
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
        C: FnOnce(Ending, &mut F::Output),
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
        C: FnOnce(Ending, &mut F::Output),
    {
        Box::pin(self.wrap(body, close))
    }
}

impl<F, C> Future for Traced<F, C>
where
    F: Future,
    C: FnOnce(Ending, &mut F::Output),
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // It is there until the drop.
        let Some(future) = this.future.as_pin_mut() else { return Poll::Pending };
        let Some(open) = &mut *this.span else { return future.poll(task) };
        if !std::mem::replace(this.was_polled, true) {
            open.restart();
        }
        let close = |ending: Ending, returned: &mut F::Output| {
            if let Some(close) = this.close.take() {
                close(ending, returned);
            }
        };
        let polled = open.inside(|| future.poll(task));
        settled(polled, || this.span.take(), close)
    }
}

/// Takes the span away from a future that is over, and ends it.
#[inline]
fn settled<T>(
    polled: thread::Result<Poll<T>>,
    take: impl FnOnce() -> Option<Open>,
    close: impl FnOnce(Ending, &mut T),
) -> Poll<T> {
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(mut returned)) => {
            if let Some(open) = take() {
                close(open.ending(), &mut returned);
            }
            Poll::Ready(returned)
        }
        Err(panic) => match take() {
            Some(open) => open.panicked(panic, |_| {}),
            None => resume_unwind(panic),
        },
    }
}
