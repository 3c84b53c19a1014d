//! An agent with a spool that is killed, or whose disk fails. Its arguments say what to do, and name the URLs
//! of a backend and an API, and a directory. It prints what it has promised.

use cekura::{Builder, Cekura, Protocol, SpoolLimits, Timings};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, at, converse};
use std::io::{Write, stdin, stdout};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn main() {
    let [run, backend, api, directory] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
    let handle = observing(&backend, &api).spool(directory);
    let handle = match run.as_str() {
        "promised" => handle.timings(Timings::default()),
        _ => handle.spool_limits(limits),
    };
    let handle = handle.build().unwrap();
    match run.as_str() {
        "calls" | "promised" => talk_for_ever(&handle),
        "fail" | "safe" => {
            converse(&handle, 5);
            // Where the disk fails too, nothing else would end it.
            let limit = if run == "safe" { LONG } else { Duration::from_millis(500) };
            say(&format!("{}", handle.flush_blocking(limit)));
            wait();
            say(&format!("{}", handle.shutdown_blocking(LONG)));
        }
        "observed" => {
            observed(&handle);
            sleep(Duration::from_millis(500));
            say("ready");
            wait();
        }
        _ => open(&handle),
    }
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

/// Says the number of each turn that is over, and those that a flush has reported.
fn talk_for_ever(handle: &Cekura) {
    let mut number = 0;
    let start = Instant::now();
    loop {
        call(handle, number..number + 3);
        number += 3;
        say(&format!("{} ended {number}", start.elapsed().as_millis()));
        if number % 30 == 0 {
            let report = handle.flush_blocking(LONG);
            assert_eq!((report.pending, report.lost()), (0, 0), "{report}");
            say(&format!("{} flushed {number}", start.elapsed().as_millis()));
        }
        sleep(Duration::from_millis(3));
    }
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
fn observed(handle: &Cekura) {
    cekura::current_conversation().unwrap().user("Hello?");
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
