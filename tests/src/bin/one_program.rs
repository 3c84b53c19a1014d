//! A program in a process of its own. Its arguments name a pipeline, a protocol, a URL for its spans, and what
//! is to happen. It prints what was reported to it.

use cekura::{CallLog, Protocol, Timings, spans};
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::handles::{LONG, SHORT, at, quick};
use cekura_trace_tests::program::Program;
use fork::Fork;
use std::cell::Cell;
use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tracing::Event;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

fn main() {
    let [pipeline, protocol, url, what] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let protocol = if protocol == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let program = |url: &str, timings| {
        let builder = at(url, protocol).timings(timings).content_limit(8 << 20).allow_insecure(true);
        // For what a fork must not do: call logs are posted elsewhere.
        let builder = match &*what {
            "fork" => builder.api_key("canary").agent(5).api_url(format!("http://{}", deserted())),
            "fork-spool" => builder.spool(std::env::current_dir().unwrap().join("spool")),
            _ => builder,
        };
        if pipeline == "stock" { Program::stock(builder) } else { Program::ours(builder) }
    };
    match &*what {
        // A batch is what a flush sends, and nothing goes in between.
        "bridge" => bridge(|| program(&url, Timings { tick: 2 * LONG, ..Timings::default() })),
        "no-route" | "resolver-fails" | "resolver-hangs" => alone(&url, &what, |url| {
            let hasty = Timings { connect: SHORT, attempt: SHORT, ..quick() };
            program(url, if pipeline == "stock" { Timings::default() } else { hasty })
        }),
        _ => {
            let program = program(&url, Timings::default());
            match &*what {
                "clock" => clock(&program),
                "fork" => forked(&program),
                "fork-spool" => forked_with_spool(&program),
                "memory" => memory(&program),
                _ => end(&program, &what),
            }
        }
    }
}

/// Ends with spans that wait to be delivered.
fn end(program: &Program, how: &str) {
    program.calls(1);
    match how {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        "panic" => panic!("as asked"),
        other => assert_eq!(other, "return"),
    }
}

/// Keeps a hundred values of 5 MB waiting, and says how much memory that took at most, in KiB.
fn memory(program: &Program) {
    for _ in 0..100 {
        program.call(&[&"x".repeat(5_000_000)]);
    }
    let said = program.flush(SHORT);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{} {said}", peak.trim().trim_end_matches(" kB"));
    // The backend answers nothing.
    std::process::exit(0);
}

/// Records among jumps of the wall clock.
fn clock(program: &Program) {
    let jumps = (0..9).any(|_| {
        let before = SystemTime::now();
        SystemTime::now() < before
    });
    println!("{}", if jumps { "the clock jumps" } else { "the clock stays" });
    program.calls(50);
    program.shutdown(LONG);
}

/// Both sides record after a fork. The child leaves as a program does that has forked: without the end of `main`.
fn forked(program: &Program) {
    program.calls(1);
    program.flush(LONG);
    let forked = fork::fork().unwrap();
    program.calls(1);
    let Fork::Parent(child) = forked else {
        if let Some(handle) = program.handle() {
            let waits = async {
                spans::conversation().call_id("call-1").client(handle).start().finish().await;
                let observed = handle.observe(CallLog::new("call-1")).await;
                assert!(observed.is_err());
                handle.flush(LONG).await
            };
            futures::executor::block_on(waits);
        }
        println!("{}", program.flush(LONG));
        program.shutdown(LONG);
        std::process::exit(0);
    };
    let status = fork::waitpid(child).unwrap();
    println!("{}", program.flush(LONG));
    program.shutdown(LONG);
    std::process::exit(i32::from(status != 0));
}

/// A fork while spans wait on disk: what the child says first, and the parent's delivery after that.
fn forked_with_spool(program: &Program) {
    program.calls(1);
    // The backend is down.
    program.flush(Duration::from_secs(1));
    let forked = fork::fork().unwrap();
    program.calls(1);
    let Fork::Parent(child) = forked else {
        println!("{}", program.flush(LONG));
        program.shutdown(LONG);
        std::process::exit(0);
    };
    let status = fork::waitpid(child).unwrap();
    // What is on disk is safe, and a flush does not wait for the next attempt.
    let limit = Instant::now() + LONG;
    let mut said = program.flush(LONG);
    while said.contains("spooled") && Instant::now() < limit {
        thread::sleep(Duration::from_millis(20));
        said = program.flush(LONG);
    }
    println!("{said}");
    program.shutdown(LONG);
    std::process::exit(i32::from(status != 0));
}

static BRIDGED: OnceLock<Program> = OnceLock::new();

/// Makes a span of every event, as bridges from logging do.
struct Bridge;

impl<S: tracing::Subscriber> Layer<S> for Bridge {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        thread_local!(static IS_INSIDE: Cell<bool> = const { Cell::new(false) });
        if let Some(program) = BRIDGED.get().filter(|_| !IS_INSIDE.replace(true)) {
            program.call(&[]);
            IS_INSIDE.set(false);
        }
    }
}

/// Five batches while every event, of any level, becomes a span, among them one of the program's own.
fn bridge(program: impl FnOnce() -> Program) {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Bridge)).unwrap();
    let program = BRIDGED.get_or_init(program);
    // The thread that delivers has looked for spans when it began.
    program.flush(LONG);
    tracing::debug!("one of the program's own");
    for _ in 0..5 {
        program.calls(1);
        program.flush(LONG);
    }
    program.shutdown(LONG);
}

/// In a network whose one interface is down, or where names cannot be looked up, until that is mended.
fn alone(name: &str, what: &str, program: impl FnOnce(&str) -> Program) {
    let up = || assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    let address = if what == "no-route" { "127.0.0.1:4317".parse().unwrap() } else { up_and(deserted, up) };
    // A name server that never answers.
    let silent = (what == "resolver-hangs").then(|| Arc::new(UdpSocket::bind("127.0.0.1:53").unwrap()));
    let program = program(&format!("http://{name}:{}", address.port()));
    program.calls(1);
    let said = program.flush(Duration::from_secs(2));
    if what == "no-route" {
        up();
    } else {
        fs::write("/etc/hosts", format!("127.0.0.1 {name}\n")).unwrap();
    }
    let backend = Backend::at(address);
    let last = program.flush(LONG);
    let (arrived, made) = (backend.spans().len(), program.made().len());
    program.call(&[]);
    program.flush(LONG);
    println!("{arrived} of {made}, then {} of 1 | {said} | {last}", backend.spans().len() - arrived);
    drop(silent);
    std::process::exit(0);
}

fn up_and<T>(then: impl FnOnce() -> T, up: impl FnOnce()) -> T {
    up();
    then()
}
