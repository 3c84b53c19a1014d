//! An agent with a spool that is killed, or whose disk fails. Its arguments say what to do, and name the URLs
//! of a backend and an API, and a directory. It prints what it has promised.

use cekura::{Audio, Builder, Cekura, Hold, Protocol, SpoolLimits, Timings};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, SHORT, at, converse, quick};
use std::fs::{self, File};
use std::io::{Write, stdin, stdout};
use std::iter;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

fn main() {
    let [run, backend, api, directory] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
    let handle = observing(&backend, &api).spool(directory);
    let handle = match run.as_str() {
        "promised" | "steady" => handle.timings(Timings::default()),
        "recorded" | "speaking" => handle.audio(Audio::stereo()).spool_limits(limits),
        "variable" => from_variables(&backend).spool_limits(limits),
        _ => handle.spool_limits(limits),
    };
    let handle = handle.build().unwrap();
    match run.as_str() {
        "calls" | "promised" | "steady" => talk_for_ever(&handle, run == "steady"),
        "flood" => flood(&handle),
        "crowded" => crowded(&handle),
        "moves" => {
            std::env::set_current_dir("/").unwrap();
            converse(&handle, 5);
            say(&format!("{}", handle.flush_blocking(SHORT)));
        }
        "memory" => {
            wait();
            say(&most_memory());
            say(&format!("{}", handle.shutdown_blocking(LONG)));
        }
        "fail" | "safe" | "variable" => {
            converse(&handle, 5);
            // Where the disk fails too, nothing else would end it.
            let limit = if run == "safe" { LONG } else { Duration::from_millis(500) };
            say(&format!("{}", handle.flush_blocking(limit)));
            wait();
            say(&format!("{}", handle.shutdown_blocking(LONG)));
        }
        "adopts" => {
            say("ready");
            wait();
        }
        "recorded" => {
            recorded(&handle, &|| ());
            say("ready");
            wait();
        }
        "speaking" => recorded(&handle, &|| {
            sleep(Duration::from_millis(1_500));
            say("ready");
            wait();
        }),
        "held" | "observed" => {
            let hold = observed(&handle, run == "held");
            sleep(Duration::from_secs(1));
            say("ready");
            wait();
            drop(hold);
        }
        _ => open(&handle),
    }
}

/// As a program does that sets nothing but the endpoint in code.
fn from_variables(backend: &str) -> Builder {
    Cekura::builder().otel_endpoint(backend).protocol(Protocol::Grpc).timings(quick())
}

fn observing(backend: &str, api: &str) -> Builder {
    at(backend, Protocol::Grpc).api_key(KEY).agent(5).api_url(api)
}

fn say(line: &str) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Until standard input has something, or ends.
fn wait() {
    stdin().read_line(&mut String::new()).unwrap();
}

/// Twenty requests on disk, and then no file can be opened until standard input has something.
fn crowded(handle: &Cekura) {
    for _ in 0..20 {
        converse(handle, 1);
        handle.flush_blocking(LONG);
    }
    say(&format!("{}", handle.ledger()));
    let all: Vec<_> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(all.len() > 10);
    say("full");
    wait();
    say(&format!("{}", handle.ledger()));
    drop(all);
    wait();
    say(&format!("{}", handle.shutdown_blocking(LONG)));
}

/// What of this process has been in memory at most, as Linux says it.
fn most_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned()
}

/// Many calls a second for a while, of which none can be delivered.
fn flood(handle: &Cekura) {
    const CALLS: u32 = 8000;
    const A_SECOND: u32 = 4000;
    let start = Instant::now();
    for call in 0..CALLS {
        converse(handle, 2);
        sleep((start + Duration::from_secs(1) * call / A_SECOND).saturating_duration_since(Instant::now()));
    }
    say(&format!("{}", handle.flush_blocking(LONG)));
    say(&format!("{:?}", start.elapsed()));
}

/// Says the number of each turn that is over, and those that a flush has reported; or makes a hundred calls a second
/// and says when the disk was behind.
fn talk_for_ever(handle: &Cekura, is_steady: bool) {
    let mut number = 0;
    let start = Instant::now();
    thread::scope(|scope| {
        loop {
            if is_steady {
                scope.spawn(|| long_call(handle));
            }
            call(handle, number..number + 3);
            number += 3;
            say(&format!("{} ended {number}", start.elapsed().as_millis()));
            if is_steady {
                if handle.ledger().spool_is_behind {
                    say(&format!("{} behind {number}", start.elapsed().as_millis()));
                }
                sleep(Duration::from_millis(7));
            } else if number % 30 == 0 {
                let report = handle.flush_blocking(LONG);
                assert_eq!((report.pending, report.lost()), (0, 0), "{report}");
                say(&format!("{} flushed {number}", start.elapsed().as_millis()));
            }
            sleep(Duration::from_millis(3));
        }
    });
}

/// A call of which the start is on disk before it ends.
#[cekura::conversation(client = handle, skip_all)]
fn long_call(handle: &Cekura) {
    let _ = handle;
    sleep(Duration::from_millis(600));
}

#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura, numbers: std::ops::Range<u64>) {
    numbers.for_each(turn);
}

#[cekura::turn]
fn turn(number: u64) {
    std::hint::black_box(number);
}

#[cekura::conversation(client = handle, call_id = "call 1", observe, skip_all)]
fn observed(handle: &Cekura, is_held: bool) -> Option<Hold> {
    let call = cekura::current_conversation().unwrap();
    call.user("Hello?");
    call.metadata(serde_json::json!({ "tier": "gold" }));
    is_held.then(|| call.hold())
}

/// A call of more than a second in which both sides are heard.
#[cekura::conversation(client = handle, call_id = "call 1", observe, skip_all)]
fn recorded(handle: &Cekura, then: &dyn Fn()) {
    let line = cekura::current_conversation().unwrap().audio();
    let tone = |at: i16| if at / 20 % 2 == 0 { 9_000 } else { -9_000 };
    line.agent(&(0..16_000).map(tone).collect::<Vec<_>>(), 16_000);
    for _ in 0..60 {
        sleep(Duration::from_millis(20));
        line.user(&(0..320).map(tone).collect::<Vec<_>>(), 16_000);
    }
    then();
}

/// Is in the middle of a call when it says so.
#[cekura::conversation(client = handle, call_id = "call 1", skip_all)]
fn open(handle: &Cekura) {
    sleep(Duration::from_millis(100));
    turn(1);
    handle.flush_blocking(LONG);
    sleep(Duration::from_millis(200));
    say("ready");
    wait();
}
