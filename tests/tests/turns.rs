//! Turns as callers hear them: from the moment the caller stopped speaking to the first audio of the answer. Moments are
//! given by the tests, or measured by them around the spans.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, Trace, capture, capture_async, capture_with};
use cekura::{CaptureContent, Turn, current_turn};
use futures::future::{join_all, poll_immediate};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::yield_now;

#[path = "turns/ambient.rs"]
mod ambient;
#[path = "turns/around.rs"]
mod around;
#[path = "turns/by_hand.rs"]
mod by_hand;
#[path = "turns/given.rs"]
mod given;
#[path = "turns/latency.rs"]
mod latency;
#[path = "turns/nothing.rs"]
mod nothing;
#[path = "turns/spans.rs"]
mod spans;
#[path = "turns/streams.rs"]
mod streams;

const LATENCY: &str = "turn.user_bot_latency_seconds";
const DURATION: &str = "turn.duration_seconds";
const INTERRUPTED: &str = "turn.was_interrupted";

/// A turn around `body`, which is told of it.
#[cekura::turn(skip_all)]
fn turn<R>(body: impl FnOnce(&Turn) -> R) -> R {
    body(&current_turn().unwrap())
}

#[cekura::conversation(skip_all)]
fn call<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cekura::stt]
fn hear() -> &'static str {
    pass();
    "hello"
}

#[cekura::tts]
fn say(words: &str) -> Vec<u8> {
    pass();
    words.into()
}

#[cekura::s2s(skip_all)]
fn talk() -> Vec<i16> {
    vec![0; 160]
}

fn pass() {
    sleep(TAKEN);
}

/// Time that a span takes.
const TAKEN: Duration = Duration::from_millis(5);

fn seconds(span: &Span, key: &str) -> Option<f64> {
    match span.attribute(key)? {
        Value::F64(seconds) => Some(*seconds),
        other => panic!("{key} is {other:?}"),
    }
}

/// The latency of each turn, in the order of their starts.
fn latencies(trace: &Trace) -> Vec<Option<f64>> {
    trace.named("turn").map(|turn| seconds(turn, LATENCY)).collect()
}

/// The only turn's latency.
fn latency(trace: &Trace) -> Option<f64> {
    let latencies = latencies(trace);
    let [latency] = latencies[..] else { panic!("one turn expected: {latencies:?}") };
    latency
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn before(at: Instant, milliseconds: u64) -> Instant {
    at.checked_sub(ms(milliseconds)).unwrap()
}

/// Calls a span's function; the span ended within these instants, for it took some time.
fn ending<R>(span: impl FnOnce() -> R) -> RangeInclusive<Instant> {
    let start = Instant::now();
    span();
    start + TAKEN..=Instant::now()
}

/// Whether a latency is that from one moment to another, each known to lie between two instants.
#[track_caller]
fn check(latency: Option<f64>, stopped: &RangeInclusive<Instant>, heard: &RangeInclusive<Instant>) {
    let least = heard.start().saturating_duration_since(*stopped.end()).as_secs_f64();
    let most = heard.end().duration_since(*stopped.start()).as_secs_f64();
    let latency = latency.expect("a latency");
    assert!((least..=most).contains(&latency), "{least} <= {latency} <= {most}");
}
