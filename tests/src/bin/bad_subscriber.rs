//! A program whose `tracing` subscriber or standard error is in the way. Its arguments name what the subscriber does, the
//! mode, and a URL for its spans. It prints what became of ten calls, and how long each wait took.

use cekura::opentelemetry::trace::TraceContextExt;
use cekura::opentelemetry::{Context, KeyValue};
use cekura::{Builder, FlushReport, Mode, Protocol, spans};
use cekura_trace_tests::handles::{at, converse};
use futures::executor::block_on;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{current, park, sleep, spawn};
use std::time::{Duration, Instant};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Does what it is called when it hears something of this library.
struct Bad(String);

/// Events that a thread of this library lets out, and that are not its own.
static FOREIGN: AtomicUsize = AtomicUsize::new(0);

impl Subscriber for Bad {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0 == "comes late" || metadata.target() == "cekura"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        count(span.metadata());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        count(event.metadata());
        match self.0.as_str() {
            "blocks" => loop {
                park();
            },
            "panics" => panic!("as the test says"),
            // Which panics when nobody can read it, and waits when nobody does.
            "prints" => eprintln!("heard: {event:?}"),
            _ => {}
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn count(metadata: &Metadata<'_>) {
    let is_ours = current().name().is_some_and(|name| name.starts_with("cekura-trace"));
    FOREIGN.fetch_add(usize::from(is_ours && metadata.target() != "cekura"), Ordering::Relaxed);
}

/// Fills standard error, and holds its lock from then on.
fn fill() {
    spawn(|| while std::io::stderr().lock().write_all(&[b'x'; 1 << 12]).is_ok() {});
    sleep(Duration::from_millis(300));
}

fn tell(what: &str, start: Instant, report: &FlushReport) {
    println!("{what} after {} ms: {report}", start.elapsed().as_millis());
}

fn main() {
    let [how, mode, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let (subscriber, is_full) = how.strip_suffix(", full").map_or((how.as_str(), false), |how| (how, true));
    let set = || tracing::subscriber::set_global_default(Bad(subscriber.to_owned())).unwrap();
    let is_late = subscriber == "comes late";
    if !is_late {
        set();
    }
    if is_full {
        fill();
    }
    let mode = match mode.as_str() {
        "local" => Mode::Local,
        "cloud,local" => Mode::CloudAndLocal,
        _ => Mode::Cloud,
    };
    let builder: Builder = at(&url, Protocol::Grpc).mode(mode);
    let handle = builder.build().unwrap();
    if is_late {
        converse(&handle, 1);
        handle.flush_blocking(Duration::from_secs(20));
        // Until the handle's threads sleep: what is under way may still be heard.
        sleep(Duration::from_millis(300));
        set();
    }
    (0..10).for_each(|_| converse(&handle, 10));
    let second = Duration::from_secs(1);
    let start = Instant::now();
    tell("flush", start, &block_on(handle.flush(second)));
    let start = Instant::now();
    let call = spans::conversation().client(&handle).start();
    if subscriber == "blocks" {
        // More than a span has room for, which is said.
        call.in_scope(|| {
            (0..3000).for_each(|number| {
                let value = KeyValue::new(format!("attribute {number}"), "x".repeat(1000));
                Context::current().span().set_attribute(value);
            });
        });
    }
    if !is_full && subscriber != "blocks" {
        // Which is told on this thread, for the call has no call log.
        call.user("Hello?");
    }
    block_on(call.finish());
    tell("finish", start, &handle.ledger());
    let start = Instant::now();
    tell("flush_blocking", start, &handle.flush_blocking(second));
    let start = Instant::now();
    tell("shutdown", start, &block_on(handle.shutdown(second)));
    println!("foreign: {}", FOREIGN.load(Ordering::Relaxed));
}
