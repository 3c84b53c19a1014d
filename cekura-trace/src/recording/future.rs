//! A future and its span come in; a future with the span as the current one at each poll goes out. This file does not
//! know what the span records.

use super::span::{Ending, Open, Prepared, Span};
use pin_project_lite::pin_project;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The future of an annotated function.
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
    fn new(future: F, span: Option<Open>, close: C, was_polled: bool) -> Self {
        Self { future: Some(future), span, close: Some(close), was_polled }
    }
}

impl Span {
    /// The future of an `async fn`, whose span is open already: this runs at the first poll.
    #[inline]
    pub fn future<F, C>(self, future: F, close: C) -> Traced<F, C>
    where
        F: Future,
        C: FnOnce(Ending<'_>, &mut F::Output),
    {
        Traced::new(future, self.0, close, true)
    }
}

impl Prepared {
    /// Calls a function that returns a future, and gives that future its span.
    pub fn wrap<F, C>(self, body: impl FnOnce() -> F, close: C) -> Traced<F, C>
    where
        F: Future,
        C: FnOnce(Ending<'_>, &mut F::Output),
    {
        let Span(span) = self.0;
        let Some(mut open) = span else { return Traced::new(body(), None, close, false) };
        match open.inside(body) {
            Ok(future) => Traced::new(future, Some(open), close, false),
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
        if this.span.is_none() {
            return future.poll(task);
        }
        poll_inside(future, this.span, this.close, this.was_polled, task)
    }
}

fn poll_inside<F, C>(
    future: Pin<&mut F>,
    span: &mut Option<Open>,
    close: &mut Option<C>,
    was_polled: &mut bool,
    task: &mut Context<'_>,
) -> Poll<F::Output>
where
    F: Future,
    C: FnOnce(Ending<'_>, &mut F::Output),
{
    let Some(open) = span else { return Poll::Pending };
    if !std::mem::replace(was_polled, true) {
        open.restart();
    }
    match open.inside(|| future.poll(task)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(mut returned)) => {
            if let Some(close) = close.take() {
                close(open.ending(), &mut returned);
            }
            *span = None;
            Poll::Ready(returned)
        }
        Err(panic) => match span.take() {
            Some(open) => open.panicked(panic, |_| {}),
            None => resume_unwind(panic),
        },
    }
}
