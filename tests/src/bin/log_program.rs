//! A program that writes its log with `env_logger`, as `RUST_LOG` says, and has no `tracing` subscriber. Its argument is a
//! URL for its spans. What it says through `tracing` reaches its log before, beside and after a handle.

use cekura::Protocol;
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, at, converse};

fn main() {
    env_logger::init();
    let url = std::env::args().nth(1).unwrap();
    tracing::info!(target: "program", "before the handle");
    let builder = at(&url, Protocol::Grpc).api_key(KEY).agent(5);
    let handle = builder.install().unwrap();
    tracing::info!(target: "program", "with a handle");
    converse(&handle, 2);
    // The backend refuses once, which is said by a thread of the handle's.
    let report = handle.flush_blocking(LONG);
    tracing::info!(target: "program", "after a flush");
    futures::executor::block_on(handle.flush(LONG));
    tracing::info!(target: "program", "after an awaited flush");
    drop(handle);
    tracing::info!(target: "program", "after the handle");
    println!("{report}");
}
