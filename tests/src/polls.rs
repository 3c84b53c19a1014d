//! Polls a stream once and returns what it gives.

use futures::stream::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What a poll gave.
#[derive(Debug)]
pub enum Polled<T> {
    /// An item.
    Item(T),
    /// The stream is over.
    Over,
    /// Nothing yet.
    Pending,
}

/// Polls a stream once; nobody is woken.
pub fn poll<S: Stream + Unpin>(stream: &mut S) -> Polled<S::Item> {
    match Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => Polled::Pending,
        Poll::Ready(None) => Polled::Over,
        Poll::Ready(Some(item)) => Polled::Item(item),
    }
}
