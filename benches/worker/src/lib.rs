//! A contender is one way to trace a function. Here it answers what it costs, for each question on standard
//! input.

mod conversations;
mod serve;
mod thread;
mod work;

pub use conversations::{Conversations, hold};
pub use serve::{Counted, Flush, serve};
pub use thread::pin;
pub use work::{INPUT, Pending, body, drive, keys};

/// One way to trace the function of [`body`], with the four span attributes of [`keys`].
#[derive(Clone, Copy)]
pub struct Contender {
    pub name: &'static str,
    /// Starts what sends spans to a port of 127.0.0.1; what comes back waits until all of them are there. `None`
    /// where nothing is recorded.
    pub start: fn(port: u16) -> Option<Flush>,
    /// Runs what it is given in an open root span.
    pub root: fn(&mut dyn FnMut()),
    /// Runs what it is given in a child span.
    pub turn: fn(&mut dyn FnMut()),
    pub call: fn(tokens: i64) -> i64,
    /// The same of an `async fn` that is pending so many times.
    pub call_async: fn(tokens: i64, pending: u32) -> i64,
    /// The size of its future, in bytes.
    pub future: fn() -> usize,
}

/// The function without a span around it.
pub const PLAIN: Contender = Contender {
    name: "plain",
    start: |_| None,
    root: |work| work(),
    turn: |work| work(),
    call: |tokens| body(INPUT, tokens),
    call_async: |tokens, pending| drive(plain(INPUT, tokens, pending)),
    future: || size_of_val(&plain(INPUT, 0, 0)),
};

async fn plain(input: &str, tokens: i64, pending: u32) -> i64 {
    Pending(pending).await;
    body(input, tokens)
}
