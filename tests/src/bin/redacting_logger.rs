//! A program whose log has cards in it: before there is a handle, in a call and outside, and after the handle's end.

use cekura::{Protocol, Redact};
use cekura_trace_tests::handles::{LONG, at};
use tracing::info;

const CARD: &str = "4111 1111 1111 1111";

#[cekura::conversation(call_id = "call-1")]
fn call() {
    info!("inside {CARD}");
}

fn main() {
    tracing_subscriber::fmt().event_format(cekura::logs::json()).init();
    info!("before {CARD}");
    let url = std::env::args().nth(1).expect("where spans go");
    let handle = at(&url, Protocol::Grpc).redact(Redact::standard()).install().unwrap();
    info!("outside {CARD}");
    call();
    handle.shutdown_blocking(LONG);
    drop(handle);
    info!("after {CARD}");
}
