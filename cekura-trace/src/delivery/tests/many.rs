//! Many call logs that wait: what one message costs does not grow with them.

use super::observe_tests::{log, none, stored};
use super::panic_tests::with_call_logs;
use super::tests::{ACCEPTED, World, flush, outlet};
use super::{Arc, Duration, Message};
use crate::CallLog;
use crate::delivery::lane::call_logs::Exchange;
use crate::delivery::link::Link;
use crate::delivery::tests::end;
use crate::delivery::transport::Response;
use opentelemetry::trace::TraceId;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::yield_now;
use tokio::time::Instant;

/// A worker whose API answers as said, and how often it has asked whether a conversation is open.
fn world(api: fn() -> Response) -> (World, Arc<AtomicUsize>) {
    let make = |link: &Link, attempts| outlet(link, Box::new(|_, _| (0, ACCEPTED)), attempts);
    let exchange: Exchange = Arc::new(move |_, _, _| Ok(Box::pin(ready(api())) as _));
    let asked = Arc::new(AtomicUsize::new(0));
    let asks = asked.clone();
    let is_open = move |_| {
        asks.fetch_add(1, Ordering::Relaxed);
        false
    };
    (with_call_logs(make, exchange, Box::new(is_open)), asked)
}

/// Which trace the nth call log waits for.
type TraceOf = fn(u64) -> Option<u64>;

/// Hands over so many call logs that wait for long, each for a trace of its own, for the same, or for none.
async fn observe(link: &Link, count: u64, trace: impl Fn(u64) -> Option<u64>) {
    for number in 0..count {
        let log = log().deadline(Duration::from_secs(1000));
        let trace = trace(number).map(|trace| TraceId::from(u128::from(trace) + 1_000_000));
        let log = trace.into_iter().fold(log, CallLog::trace_id);
        link.observe(log, Box::new(drop)).unwrap();
        yield_now().await;
    }
}

/// What a thousand messages and a thousand more call logs take, beside so many that wait.
async fn cost(waiting: u64, trace: TraceOf) -> Duration {
    const MESSAGES: u64 = 1000;
    let (world, _) = world(|| none(false).1);
    let (cost, ..) = world
        .play(async |link| {
            observe(link, waiting, trace).await;
            flush(link, 1).await;
            let start = std::time::Instant::now();
            for number in 0..MESSAGES {
                end(&link.queue, number, 1, 0, 10);
                drop(link.inbox.send(Message::Wake));
                yield_now().await;
            }
            observe(link, MESSAGES, trace).await;
            assert_eq!(flush(link, 1).await.pending, 0);
            start.elapsed()
        })
        .await;
    cost
}

#[tokio::test(start_paused = true)]
async fn no_message_looks_at_all_call_logs_that_wait() {
    const WAITING: u64 = 2000;
    let (world, asked) = world(|| stored().1);
    let (asked, ..) = world
        .play(async |link| {
            observe(link, WAITING, Some).await;
            for number in 0..WAITING {
                end(&link.queue, number, 1, 0, 10);
                drop(link.inbox.send(Message::Wake));
                yield_now().await;
            }
            flush(link, 1).await;
            asked.load(Ordering::Relaxed)
        })
        .await;
    assert!((1000..6000).contains(&asked), "{asked} looks at {WAITING} conversations");
}

#[tokio::test(start_paused = true)]
async fn ten_times_as_many_call_logs_make_no_message_slower() {
    let each: [(&str, TraceOf); 3] =
        [("traces of their own", Some), ("one trace", |_| Some(1)), ("the API", |_| None)];
    for (what, trace) in each {
        let (few, many) = (cost(2000, trace).await, cost(20_000, trace).await);
        println!("{what}: {few:?} beside 2,000, {many:?} beside 20,000");
        assert!(many < 4 * few + Duration::from_millis(500), "{what}: {few:?}, {many:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_for_one_trace_are_posted_when_it_is_delivered() {
    let (world, _) = world(|| stored().1);
    let (posted, ..) = world
        .play(async |link| {
            observe(link, 100, |_| Some(1)).await;
            end(&link.queue, 1_000_001, 1, 0, 10);
            let start = Instant::now();
            flush(link, 10).await;
            while link.report().call_logs.dropped == 0 && start.elapsed() < Duration::from_secs(5) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            link.report().call_logs.dropped
        })
        .await;
    assert_eq!(posted, 0);
}
