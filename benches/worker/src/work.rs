//! The work that every contender traces.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// The span attributes of one span: the first two have the static values "openai" and "chat", the input becomes an
/// owned string, and the tokens are an `i64`.
pub mod keys {
    pub const PROVIDER: &str = "gen_ai.provider.name";
    pub const OPERATION: &str = "gen_ai.operation.name";
    pub const INPUT: &str = "input.value";
    pub const TOKENS: &str = "gen_ai.usage.output_tokens";
}

pub const INPUT: &str = "please summarise the call for the agent.";
const _: () = assert!(INPUT.len() == 40);

/// What the traced function does.
#[inline(never)]
pub fn body(input: &str, tokens: i64) -> i64 {
    black_box(black_box(input).len() as i64 + tokens)
}

/// Pending so many times, then ready.
pub struct Pending(pub u32);

impl Future for Pending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        Poll::Pending
    }
}

/// Polls on this thread until it is ready. Inlined, whatever part of the program the compiler puts it in.
#[inline]
pub fn drive<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut task) {
            return value;
        }
    }
}
