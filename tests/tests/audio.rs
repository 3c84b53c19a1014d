//! An agent's audio loop of 20 ms while the delivery of its spans meets with faults: how long its periods are, with
//! tracing and without. A table and no limit, for the machine decides too; nothing else should run on it:
//! `cargo test --release -p cekura-trace-tests --test audio -- --ignored --nocapture`.
//!
//! The periods in which the host of a virtual machine took processor time for itself are left out, and counted.

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
/// Times that each loop runs, in turn with its neighbours.
const ROUNDS: usize = 3;

#[cekura::conversation(client = handle, skip_all)]
async fn traced(handle: &Cekura) -> Vec<Duration> {
    call().await
}

/// The periods of the loop, from one frame to the next; without those in which the host took time.
async fn call() -> Vec<Duration> {
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    frames.tick().await;
    let text = "What the caller says, and what the agent has to say to that. ".repeat(32);
    let mut periods = Vec::with_capacity(FRAMES);
    let mut last = (Instant::now(), stolen());
    for _ in 0..FRAMES {
        frames.tick().await;
        frame(&[0; 640], &text).await;
        let now = (Instant::now(), stolen());
        if now.1 == last.1 {
            periods.push(now.0 - last.0);
        }
        last = now;
    }
    periods
}

/// What the host of a virtual machine has taken of its processors' time, in hundredths of a second; as Linux tells it.
fn stolen() -> u64 {
    let counts = fs::read_to_string("/proc/stat").unwrap_or_default();
    counts.split_whitespace().nth(8).and_then(|count| count.parse().ok()).unwrap_or_default()
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

/// A loop on a runtime of its own, as a service on one thread has it.
fn run(call: impl Future<Output = Vec<Duration>>) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(call)
}

/// The worst period and the one that only a hundredth is longer than, in milliseconds, and how many were left out.
fn cell(mut periods: Vec<Duration>) -> String {
    periods.sort_unstable();
    let [worst, p99] =
        [periods.len() - 1, periods.len() * 99 / 100 - 1].map(|at| periods[at].as_secs_f64() * 1000.0);
    format!("{worst:.2} | {p99:.2} | {}", ROUNDS * FRAMES - periods.len())
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
    let traced = |protocol: Protocol| {
        // Every delay as it is for users.
        let builder = Cekura::builder().variables(|_| None).otel_endpoint(url).protocol(protocol);
        let handle = set(builder).build().unwrap();
        let periods = run(traced(&handle));
        let report = handle.shutdown_blocking(SHORT);
        // With what the run before has left in a spool.
        assert!(adds_up(&report) && report.accepted > 3 * FRAMES as u64, "{report}");
        periods
    };
    let mut periods = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        periods[0].extend(run(call()));
        periods[1].extend(traced(PROTOCOLS[0]));
        periods[2].extend(traced(PROTOCOLS[1]));
    }
    println!("| {fault} | {} |", periods.map(cell).join(" | "));
}

#[test]
#[ignore = "a table for people, of some minutes on a machine that has nothing else to do"]
fn seven_faults_beside_an_audio_loop() {
    println!(
        "| fault | without: worst | p99 | left out | gRPC: worst | p99 | left out | HTTP: worst | p99 | left out |"
    );
    println!("|{}", " --- |".repeat(10));
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
