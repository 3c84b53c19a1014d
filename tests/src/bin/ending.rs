//! A program that ends in one of many ways. Its arguments name the way, a protocol and a URL for its spans. It
//! prints a line when it is ready to be ended.

use cekura::{Cekura, Protocol, Timings};
use cekura_trace_tests::handles::{LONG, at, converse, quick};
use std::future::pending;
use std::mem::forget;
use std::process::{abort, exit};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

static HANDLE: OnceLock<Cekura> = OnceLock::new();
static SHARED: OnceLock<Arc<Cekura>> = OnceLock::new();

fn main() {
    let [how, protocol, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let mut runtime = if how.contains("many threads") {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    runtime.enable_all().build().unwrap().block_on(run(&how, &protocol, &url));
}

async fn run(how: &str, protocol: &str, url: &str) {
    let protocol = if protocol == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let builder = at(url, protocol).timings(timings(how));
    let handle = if how == "made on a thread that ends" {
        let url = url.to_owned();
        let made = std::thread::Builder::new().name("main".to_owned());
        made.spawn(move || at(&url, protocol).build().unwrap()).unwrap().join().unwrap()
    } else {
        builder.build().unwrap()
    };
    converse(&handle, 1);
    if matches!(how, "exit" | "abort" | "terminated") {
        // Longer than a tick and a request.
        sleep(Duration::from_secs(1));
    }
    match how {
        "return" => {}
        "return, in a static" | "return, in a static, many threads" => drop(HANDLE.set(handle)),
        "return, leaked" => drop(Box::leak(Box::new(handle))),
        "return, forgotten" => forget(handle),
        "return, shared in a static" => drop(SHARED.set(Arc::new(handle))),
        "return, two" => {
            let other = at(url, protocol).build().unwrap();
            converse(&other, 1);
            forget([handle, other]);
        }
        "return, after a shutdown" => {
            let handle = HANDLE.get_or_init(|| handle);
            handle.shutdown_blocking(LONG);
            converse(handle, 1);
        }
        "exit at once" => {
            forget(handle);
            exit(3);
        }
        "made on a thread that ends" => {
            sleep(Duration::from_millis(300));
            converse(&handle, 1);
            handle.shutdown_blocking(LONG);
        }
        "panic" => fail(&handle),
        "exit" => exit(3),
        "exit after shutdown" => leave(HANDLE.get_or_init(|| handle)),
        "abort" => abort(),
        "frozen" => {
            println!("ready");
            drop(handle.shutdown_blocking(LONG));
        }
        "terminated" => {
            println!("ready");
            pending::<()>().await;
        }
        "terminated, with a way out" => leave_when_told(&handle).await,
        other => panic!("no such end: {other}"),
    }
}

#[cekura::conversation(client = handle, skip_all)]
fn fail(handle: &Cekura) {
    panic!("as the test wants");
}

/// One that is to stand still is not tried for long.
fn timings(how: &str) -> Timings {
    let (give_up, attempt) = (Duration::from_secs(1), Duration::from_millis(500));
    if how == "frozen" { Timings { give_up, attempt, ..quick() } } else { quick() }
}

async fn leave_when_told(handle: &Cekura) {
    let mut stop = signal(SignalKind::terminate()).unwrap();
    println!("ready");
    tokio::select! {
        () = serve(handle) => {}
        _ = stop.recv() => {}
    }
    handle.shutdown(Duration::from_secs(5)).await;
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
