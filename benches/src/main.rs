//! A way to call an annotated function comes in as the first argument; allocations per span, or a region for
//! callgrind to count, goes out. This file does not know how the figures are shown: `cost.sh` does.
//!
//! The work is that of docs on performance: one function in an open conversation, four span attributes (two static
//! strings, one owned 40-byte string, one i64), handed to the worker of a real handle.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const PROMPT: &str = "please summarise the call for the agent.";
const SPANS: i64 = 1000;

#[inline(never)]
fn body(prompt: &str, tokens: i64) -> i64 {
    black_box(prompt.len() as i64 + tokens)
}

#[cekura::span(
    name = "llm",
    skip_all,
    record(
        "gen_ai.provider.name" = "openai",
        "gen_ai.operation.name" = "chat",
        "input.value" = prompt,
        "gen_ai.usage.output_tokens" = tokens
    )
)]
#[inline(never)]
fn traced(prompt: &str, tokens: i64) -> i64 {
    body(prompt, tokens)
}

#[cekura::span(
    name = "llm",
    skip_all,
    record(
        "gen_ai.provider.name" = "openai",
        "gen_ai.operation.name" = "chat",
        "input.value" = prompt,
        "gen_ai.usage.output_tokens" = tokens
    )
)]
async fn traced_async(prompt: &str, tokens: i64, pending: u32) -> i64 {
    Pending(pending).await;
    body(prompt, tokens)
}

/// Pending so many times, then ready.
struct Pending(u32);

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

fn drive<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut task) {
            return value;
        }
    }
}

async fn plain_async(prompt: &str, tokens: i64, pending: u32) -> i64 {
    Pending(pending).await;
    body(prompt, tokens)
}

type Call = fn(i64) -> i64;

fn call(kind: &str) -> Call {
    match kind {
        "plain" => |n| body(black_box(PROMPT), n),
        "plain_async" => |n| drive(plain_async(black_box(PROMPT), n, 0)),
        "plain_async8" => |n| drive(plain_async(black_box(PROMPT), n, 8)),
        "sync" => |n| traced(black_box(PROMPT), n),
        "async" => |n| drive(traced_async(black_box(PROMPT), n, 0)),
        "async8" => |n| drive(traced_async(black_box(PROMPT), n, 8)),
        other => panic!("{other} is none of plain, plain_async, plain_async8, sync, async, async8"),
    }
}

#[inline(never)]
fn measured_region(call: Call) {
    for n in 0..SPANS {
        black_box(call(n));
    }
}

#[cekura::conversation(skip_all)]
fn in_conversation(call: Call) {
    // The first time fills buffers and thread-locals.
    for n in 0..SPANS {
        black_box(call(n));
    }
    measure(call);
}

#[cfg(feature = "allocations")]
fn measure(call: Call) {
    let counted = allocation_counter::measure(|| measured_region(call));
    println!("{:.3}", counted.count_total as f64 / SPANS as f64);
}

#[cfg(not(feature = "allocations"))]
fn measure(call: Call) {
    measured_region(call);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let call = call(&arguments.next().expect("the way to call"));
    if arguments.next().as_deref() != Some("on") {
        return measure(call);
    }
    // Nobody listens there: the spans stay in the queue.
    let cekura =
        cekura::Cekura::builder().otel_endpoint("http://127.0.0.1:9").install().expect("a valid set-up");
    in_conversation(call);
    cekura.shutdown_blocking(Duration::ZERO);
}
