//! Runs calls whose spans say which call they belong to, side by side on every kind of runtime, and prints each
//! tree as one line.

use cekura::testing::{Span, Trace, capture_async};
use futures::future::join_all;
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// How many run at once.
pub const CALLS: usize = 40;

/// One call, and what happens in it.
#[cekura::conversation(call_id = id, skip_all)]
pub async fn call(id: String, body: impl Future<Output = ()>) {
    body.await;
}

/// One turn of the call with this id.
#[cekura::turn(skip_all, record("of" = id))]
pub async fn turn(id: &str, body: impl Future<Output = ()>) {
    body.await;
}

/// Gives the id.
#[cekura::stt(skip_all, record("of" = id))]
pub async fn hear(id: &str) -> String {
    yield_now().await;
    id.to_owned()
}

/// Looks something up, and gives the id.
#[cekura::llm(skip_all, record("of" = id))]
pub async fn think(id: &str) -> String {
    look_up(id).await;
    yield_now().await;
    id.to_owned()
}

/// Looks something up at once, after a while.
#[cekura::tool_call(skip_all, record("of" = id))]
pub async fn look_up(id: &str) {
    yield_now().await;
    look_up_now(id);
}

/// The innermost span.
#[cekura::span(skip_all, record("of" = id))]
pub fn look_up_now(id: &str) {
    thread::yield_now();
}

/// A span without children.
#[cekura::tts(skip_all, record("of" = id))]
pub async fn speak(id: &str) {
    yield_now().await;
}

/// One on this thread, one on four of its own.
pub fn runtimes() -> [Runtime; 2] {
    let many = Builder::new_multi_thread().worker_threads(4).enable_all().build();
    [Builder::new_current_thread().enable_all().build().unwrap(), many.unwrap()]
}

/// The capture of many calls at once, on one thread and on several.
pub fn interleave<F>(body: impl Fn(String) -> F) -> [Trace; 2]
where
    F: Future<Output = ()> + Send + 'static,
{
    runtimes().map(|runtime| {
        let calls: Vec<_> = (0..CALLS).map(id).map(|id| call(id.clone(), body(id))).collect();
        runtime.block_on(capture_async(async {
            for ended in join_all(calls.into_iter().map(cekura::spawn)).await {
                ended.unwrap();
            }
        }))
    })
}

/// Each tree of a capture on one line: siblings by name, `!` behind what was interrupted, and a span of another call than
/// its tree's with the id that it says.
pub fn shapes(trace: &Trace) -> Vec<String> {
    let roots = trace.spans().iter().filter(|span| trace.parent(span).is_none());
    roots.map(|root| shape(trace, root, root.text("call_id"))).collect()
}

fn shape(trace: &Trace, span: &Span, id: Option<&str>) -> String {
    let of = span.text("of").or(span.text("call_id"));
    let mut below: Vec<_> = trace.children(span).map(|child| shape(trace, child, id)).collect();
    below.sort();
    let below = if below.is_empty() { String::new() } else { format!("({})", below.join(" ")) };
    let interrupted = if span.is_interrupted() { "!" } else { "" };
    let stranger = if of == id { String::new() } else { format!(" of {of:?} in {id:?}") };
    format!("{}{interrupted}{stranger}{below}", span.name())
}

/// The id of one of many calls.
pub fn id(n: usize) -> String {
    format!("call-{n}")
}
