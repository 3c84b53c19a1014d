//! A program that ends in one of many ways: how, a protocol and a URL come in as arguments, spans go out; it prints a
//! line when it is ready to be ended. This file does not know what is left of them.

use cekura::{Cekura, Protocol};
use cekura_trace_tests::handles::{LONG, at, converse};
use std::future::pending;
use std::process::{abort, exit};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

static HANDLE: OnceLock<Cekura> = OnceLock::new();

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let [how, protocol, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let protocol = if protocol == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let handle = at(&url, protocol).build().unwrap();
    converse(&handle, 1);
    if !matches!(how.as_str(), "return" | "panic" | "exit after shutdown" | "terminated, with a way out") {
        // Longer than a tick and a request.
        sleep(Duration::from_secs(1));
    }
    match how.as_str() {
        "return" => {}
        "panic" => fail(&handle),
        "exit" => exit(3),
        "exit after shutdown" => leave(HANDLE.get_or_init(|| handle)),
        "abort" => abort(),
        "terminated" => {
            println!("ready");
            pending::<()>().await;
        }
        "terminated, with a way out" => {
            let mut stop = signal(SignalKind::terminate()).unwrap();
            println!("ready");
            tokio::select! {
                () = serve(&handle) => {}
                _ = stop.recv() => {}
            }
            handle.shutdown(Duration::from_secs(5)).await;
        }
        other => panic!("no such end: {other}"),
    }
}

#[cekura::conversation(client = handle, skip_all)]
fn fail(handle: &Cekura) {
    panic!("as the test wants");
}

/// Far from `main`.
fn leave(handle: &Cekura) {
    handle.shutdown_blocking(LONG);
    exit(3);
}

#[cekura::conversation(client = handle, skip_all)]
async fn serve(handle: &Cekura) {
    pending::<()>().await;
}
