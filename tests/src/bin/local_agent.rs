//! Two short calls in local mode, for the test that reads what they draw on standard error. What the library says as
//! an event goes to standard output.

use cekura::{Cekura, Mode};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, converse, quick};
use std::fmt::Debug;
use std::time::Duration;
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

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

fn main() {
    tracing_subscriber::registry().with(Printed).init();
    let no_color = |name: &str| (name == "NO_COLOR").then(|| "1".to_owned());
    let builder = Cekura::builder().environment(no_color).mode(Mode::Local).timings(quick());
    let handle = builder.api_key(KEY).agent(5).build().unwrap();
    converse(&handle, 2);
    // It is drawn without a flush, soon.
    for _ in 0..1000 {
        if handle.ledger().delivered == 3 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{}", handle.ledger());
    eprintln!("after the first");
    converse(&handle, 1);
    println!("{}", handle.shutdown_blocking(LONG));
}
