//! Two short calls in local mode, or in the mode and for the endpoint that its arguments name, for the tests that read
//! what they draw on standard error. What the library says as an event goes to standard output.

use cekura::{Builder, Cekura, Mode};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, converse, quick};
use std::fmt::Debug;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The argument for a first call that has no room in its drawing.
const LARGE: &str = "large";

/// The argument for a first call of more turns than are drawn whole.
const LONG_CALL: &str = "a long call";

/// The argument for a call of many turns beside which the program writes to standard error.
const TALKING: &str = "talking";

/// The argument for calls that one carrier's call brings, one after the other.
const CARRIER: &str = "one carrier's call";

#[cekura::conversation(client = handle, call_id = sid, trace_id_from = sid, skip_all)]
fn transferred(handle: &Cekura, sid: &str, agent: &'static str) {
    cekura::spans::span(agent).start().end();
}

struct Printed;

impl<S: tracing::Subscriber> Layer<S> for Printed {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Printed);
    }
}

impl Visit for Printed {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        println!("{value:?}");
    }
}

/// Writes lines of its own while a call is drawn, and says how many milliseconds the slowest took.
fn talk(handle: &Cekura) {
    converse(handle, 4_000);
    let (mut slowest, start) = (Duration::ZERO, Instant::now());
    while start.elapsed() < Duration::from_secs(4) {
        let begin = Instant::now();
        eprintln!("agent: hello");
        slowest = slowest.max(begin.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("{}", slowest.as_millis());
    std::process::exit(0);
}

fn main() {
    tracing_subscriber::registry().with(Printed).init();
    let mut arguments = std::env::args().skip(1);
    let (mode, endpoint) = (arguments.next(), arguments.next());
    // A directory to go to once the handle is made, and what a shell does there after the first call.
    let (directory, meanwhile) = (arguments.next(), arguments.next());
    let is_large = mode.as_deref() == Some(LARGE);
    let first = match mode.as_deref() {
        Some(LARGE) => 3_200,
        Some(LONG_CALL) => 9,
        _ => 2,
    };
    let is_talking = mode.as_deref() == Some(TALKING);
    let is_transferred = mode.as_deref() == Some(CARRIER);
    let in_code = match mode.as_deref() {
        None | Some(CARRIER | LARGE | LONG_CALL | TALKING) => Some(Mode::Local),
        Some("in code") => Some(Mode::CloudAndLocal),
        Some(_) => None,
    };
    let builder = Cekura::builder().variables(move |name| match name {
        "NO_COLOR" => Some("1".to_owned()),
        "CEKURA_MODE" => mode.clone().filter(|mode| ![CARRIER, LARGE, LONG_CALL, TALKING].contains(&&**mode)),
        "CEKURA_OTEL_ENDPOINT" => endpoint.clone(),
        "CEKURA_DRAW" => std::env::var(name).ok(),
        _ => None,
    });
    let builder = if is_large { builder.memory_limit(1 << 20) } else { builder };
    let builder = in_code.into_iter().fold(builder, Builder::mode).timings(quick());
    let handle = builder.api_key(KEY).agent(5).build().unwrap();
    if let Some(directory) = directory {
        std::env::set_current_dir(directory).unwrap();
    }
    if is_talking {
        return talk(&handle);
    }
    if is_transferred {
        transferred(&handle, "CA17", "reception");
    } else {
        converse(&handle, first);
    }
    // It is drawn without a flush, soon.
    for _ in 0..1000 {
        if handle.ledger().accepted > 0 && handle.ledger().pending == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{}", handle.ledger());
    // Standard error may be closed.
    drop(writeln!(std::io::stderr(), "after the first"));
    if let Some(meanwhile) = meanwhile {
        assert!(Command::new("sh").args(["-c", &meanwhile]).status().unwrap().success());
    }
    if is_transferred {
        transferred(&handle, "CA17", "dentist");
    } else {
        converse(&handle, 1);
    }
    println!("{}", handle.shutdown_blocking(LONG));
}
