//! What a line of the log costs with `cekura::logs`, beside the stock JSON of `tracing-subscriber`: each round measures all of them, and
//! a difference is that within a round. And what spans of `tracing` cost with `cekura::layer()`. `cargo run --release -p logs`, half a minute.

use cekura::{Builder, Cekura, Redact};
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};
use tracing::{Dispatch, dispatcher, info, info_span};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Identity, SubscriberExt};

const LINES: u32 = 2_000;
const ROUNDS: usize = 201;

/// Nanoseconds a line.
fn lines(subscriber: &Dispatch) -> f64 {
    dispatcher::with_default(subscriber, || {
        let span = info_span!("slot", day = "tuesday", seats = 2);
        let _inside = span.enter();
        let start = Instant::now();
        for number in 0..LINES {
            info!(number, patient = "Jane", price = 4.5, "booked at {}", black_box("14:30"));
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(LINES)
    })
}

/// Nanoseconds a span of `tracing` with one event.
fn spans(subscriber: &Dispatch) -> f64 {
    dispatcher::with_default(subscriber, || {
        let start = Instant::now();
        for number in 0..LINES {
            info_span!("slot", day = black_box("tuesday")).in_scope(|| info!(number, "booked"));
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(LINES)
    })
}

/// What spans of `tracing` cost with `cekura::layer()`, beside a registry without it.
fn measure_spans(handle: &Cekura) {
    let alone = Dispatch::new(tracing_subscriber::registry());
    let ours = Dispatch::new(tracing_subscriber::registry().with(cekura::layer()));
    let rounds: Vec<_> =
        (0..ROUNDS).map(|_| [spans(&alone), spans(&ours), call(handle, || spans(&ours))]).collect();
    println!("ns a span with an event, median of {ROUNDS} rounds of {LINES}; and beside the registry alone");
    for (at, name) in ["registry alone", "layer(), outside any call", "layer(), in a call"].iter().enumerate()
    {
        let cost = median(rounds.iter().map(|round| round[at]).collect());
        let beside = median(rounds.iter().map(|round| round[at] - round[0]).collect());
        println!("{name:26} {cost:6.0}  {beside:+6.0}");
    }
}

#[cekura::turn(skip_all)]
fn turn<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cekura::conversation(client = handle, call_id = "call-42", skip_all)]
fn call<R>(handle: &Cekura, body: impl FnOnce() -> R) -> R {
    turn(body)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // Nothing listens there: what is measured sends nothing.
    let build = |change: fn(Builder) -> Builder| {
        let builder = Cekura::builder().variables(|_| None).otel_endpoint("http://127.0.0.1:9");
        change(builder.protocol(cekura::Protocol::Http)).build().expect("a handle")
    };
    let (plain, redacts) = (build(|builder| builder), build(|builder| builder.redact(Redact::standard())));
    let stock = || fmt().json().flatten_event(true).with_writer(io::sink);
    let ours = || fmt().with_writer(io::sink).event_format(cekura::logs::json());
    let typed = || fmt().json().with_writer(io::sink).event_format(cekura::logs::json());
    let layered = || tracing_subscriber::registry().with(cekura::logs::layer(Identity::new()));
    let rows = [
        ("stock json", Dispatch::new(stock().finish()), Some(&plain)),
        ("json()", Dispatch::new(ours().finish()), Some(&plain)),
        ("json(), outside any call", Dispatch::new(ours().finish()), None),
        ("json() with .json()", Dispatch::new(typed().finish()), Some(&plain)),
        ("json(), redacted", Dispatch::new(ours().finish()), Some(&redacts)),
        ("layer(…), by itself", Dispatch::new(layered()), Some(&plain)),
    ];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(rows.each_ref().map(|(_, subscriber, handle)| match handle {
            Some(handle) => call(handle, || lines(subscriber)),
            None => lines(subscriber),
        }));
    }
    println!(
        "ns a line, median of {ROUNDS} rounds of {LINES} lines; and beside stock json in the same round"
    );
    for (at, (name, ..)) in rows.iter().enumerate() {
        let cost = median(rounds.iter().map(|round| round[at]).collect());
        let beside = median(rounds.iter().map(|round| round[at] - round[0]).collect());
        let ratio = median(rounds.iter().map(|round| round[at] / round[0]).collect());
        println!("{name:26} {cost:6.0}  {beside:+6.0}  x {ratio:.2}");
    }
    measure_spans(&plain);
    for handle in [plain, redacts] {
        handle.shutdown_blocking(Duration::from_millis(1));
    }
}
