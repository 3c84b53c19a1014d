//! An agent's audio loop of 20 ms while the delivery of its spans meets with faults: how long its periods are, with
//! tracing and without. A table and no limit, for the machine decides too; nothing else should run on it:
//! `cargo test --release -p cekura-trace-tests --test audio -- --ignored --nocapture`.

use cekura::{Builder, Cekura, Protocol};
use cekura_trace_tests::backend::{Backend, Reply, deserted};
use cekura_trace_tests::handles::{PROTOCOLS, SHORT, adds_up};
use cekura_trace_tests::proxy::{Fault, Proxy};
use cekura_trace_tests::spools::Spool;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{MissedTickBehavior, interval};

const FRAME: Duration = Duration::from_millis(20);
const FRAMES: usize = 300;

#[cekura::conversation(client = handle, skip_all)]
async fn traced(handle: &Cekura) -> Vec<Duration> {
    call().await
}

/// The periods of the loop, from one frame to the next.
async fn call() -> Vec<Duration> {
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    frames.tick().await;
    let text = "What the caller says, and what the agent has to say to that. ".repeat(32);
    let mut periods = Vec::with_capacity(FRAMES);
    let mut last = Instant::now();
    for _ in 0..FRAMES {
        frames.tick().await;
        frame(&[0; 640], &text).await;
        let now = Instant::now();
        periods.push(now - last);
        last = now;
    }
    periods
}

#[cekura::turn]
async fn frame(audio: &[u8], text: &str) {
    let heard = hear(audio, text);
    think(&heard).await;
}

#[cekura::stt]
fn hear(_audio: &[u8], text: &str) -> String {
    text.to_owned()
}

#[cekura::llm(provider = "none")]
async fn think(heard: &str) -> String {
    tokio::task::yield_now().await;
    heard.to_uppercase()
}

/// The worst period and the one that only a hundredth is longer than.
fn worst(mut periods: Vec<Duration>) -> [f64; 2] {
    periods.sort_unstable();
    [periods[FRAMES - 1], periods[FRAMES * 99 / 100 - 1]].map(|period| period.as_secs_f64() * 1000.0)
}

/// A loop on a runtime of its own, as a service on one thread has it.
fn run(call: impl Future<Output = Vec<Duration>>) -> [f64; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    worst(runtime.block_on(call))
}

/// A listener that answers no first packet any more, for its backlog is full.
fn black_hole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let wait = || TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok();
    let waiting = std::iter::from_fn(wait).collect();
    (address, full, waiting)
}

fn row(fault: &str, url: &str) {
    row_with(fault, url, |builder| builder);
}

fn row_with(fault: &str, url: &str, set: impl Fn(Builder) -> Builder) {
    let without = run(call());
    let with = PROTOCOLS.map(|protocol: Protocol| {
        // Every delay as it is for users.
        let builder = Cekura::builder().environment(|_| None).otel_endpoint(url).protocol(protocol);
        let handle = set(builder).build().unwrap();
        let periods = run(traced(&handle));
        let report = handle.shutdown_blocking(SHORT);
        assert!(adds_up(&report) && report.accepted == 3 * FRAMES as u64 + 1, "{report}");
        periods
    });
    let [plain, grpc, http] =
        [without, with[0], with[1]].map(|[worst, p99]| format!("{worst:.2} | {p99:.2}"));
    println!("| {fault} | {plain} | {grpc} | {http} |");
}

#[test]
#[ignore = "a table for people, of a minute and more on a machine that has nothing else to do"]
fn seven_faults_beside_an_audio_loop() {
    println!("| fault | without: worst | p99 | gRPC: worst | p99 | HTTP: worst | p99 |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let good = Backend::new();
    row("none", &good.url());
    row("refused", &format!("http://{}", deserted()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inside = runtime.enter();
    let hole = black_hole();
    drop(inside);
    row("black hole", &format!("http://{}", hole.0));
    for (name, fault) in [
        ("silence", Fault::Silence),
        ("slow drip", Fault::Drip(Duration::from_millis(200))),
        ("reset", Fault::NoAnswer),
    ] {
        let proxy = Proxy::to(&good.url(), Some(fault));
        row(name, &format!("http://{}", proxy.address()));
    }
    let busy = Backend::scripted(|_, _| Reply::fail(503, 14));
    row("503 storm", &busy.url());
    let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), "audio");
    fs::create_dir_all(&spool.0).unwrap();
    let mount = |program: &str, options: &[&str]| {
        Command::new(program).args(options).arg(&spool.0).status().is_ok_and(|status| status.success())
    };
    if mount("mount", &["-t", "tmpfs", "-o", "size=128k,mode=0700", "none"]) {
        row_with("503 storm, disk full", &busy.url(), |builder| builder.spool(&spool.0));
        mount("umount", &["-l"]);
    } else {
        println!("| disk full | skipped: no permission to mount a tmpfs |");
    }
}
