//! Gives a stream whose type no signature names room for a span. Invariant: the stream behaves as before until
//! a span is put in.

use super::stream::Streamed;
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Makes room for a span beside a stream. `T` comes first, so that generated code can name it.
pub fn stream<T, S: Stream<Item = T>>(stream: S) -> Streamed<S> {
    Streamed::new(stream)
}

/// As [`stream`], where it is in a box.
pub fn pinned_stream<T, S: Stream<Item = T>>(stream: Pin<Box<S>>) -> Pin<Box<Streamed<Pin<Box<S>>>>> {
    Box::pin(Streamed::new(stream))
}

/// A function whose value is mapped.
pub fn then<A, B>(body: impl FnOnce() -> A, map: impl FnOnce(A) -> B) -> impl FnOnce() -> B {
    move || map(body())
}

/// A future whose output is mapped.
pub fn map<F: Future, M: FnOnce(F::Output) -> R, R>(future: F, map: M) -> Map<F, M> {
    Map { future, map: Some(map) }
}

pin_project! {
    /// As an `async` block would do it, but not twice as large.
    pub struct Map<F, M> {
        #[pin]
        future: F,
        map: Option<M>,
    }
}

impl<F: Future, M: FnOnce(F::Output) -> R, R> Future for Map<F, M> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let output = ready!(this.future.poll(task));
        this.map.take().map_or(Poll::Pending, |map| Poll::Ready(map(output)))
    }
}
