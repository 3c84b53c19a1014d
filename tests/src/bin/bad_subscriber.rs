//! A program whose `tracing` subscriber or standard error is in the way. Its arguments name what the subscriber does, the
//! mode, and a URL for its spans. It prints what became of ten calls, and how long each wait took.

use cekura::{Builder, FlushReport, Mode, Protocol, spans};
use cekura_trace_tests::handles::{at, converse};
use futures::executor::block_on;
use std::io::Write;
use std::thread::{park, sleep, spawn};
use std::time::{Duration, Instant};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Does what it is called when it hears something of this library.
struct Bad(String);

impl Subscriber for Bad {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cekura"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
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

/// Fills standard error, and holds its lock from then on.
fn fill() {
    spawn(|| while std::io::stderr().lock().write_all(&[b'x'; 1 << 16]).is_ok() {});
    sleep(Duration::from_millis(300));
}

fn tell(what: &str, start: Instant, report: &FlushReport) {
    println!("{what} after {} ms: {report}", start.elapsed().as_millis());
}

fn main() {
    let [how, mode, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let (subscriber, is_full) = how.strip_suffix(", full").map_or((how.as_str(), false), |how| (how, true));
    tracing::subscriber::set_global_default(Bad(subscriber.to_owned())).unwrap();
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
    (0..10).for_each(|_| converse(&handle, 10));
    let second = Duration::from_secs(1);
    let start = Instant::now();
    tell("flush", start, &block_on(handle.flush(second)));
    let start = Instant::now();
    let call = spans::conversation().client(&handle).start();
    block_on(call.finish());
    tell("finish", start, &handle.ledger());
    let start = Instant::now();
    tell("flush_blocking", start, &handle.flush_blocking(second));
    let start = Instant::now();
    tell("shutdown", start, &block_on(handle.shutdown(second)));
}
