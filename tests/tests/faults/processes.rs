//! Rows 18, 19, 27, 30, 31 and 35: what only a process of its own can show: no network, foreign variables, its end, a fork, a clock that jumps,
//! a subscriber that makes spans of events.

use super::{away, ids};
use cekura_trace_tests::backend::{Backend, Reply, text};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools::{self, may};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread;

const PROGRAM: &str = env!("CARGO_BIN_EXE_one_program");

/// Runs a program for each pipeline over each protocol.
fn each(what: &str, judge: impl Fn(&Backend, &Output, &str, bool) + Sync) {
    cases(|pipeline, protocol| {
        let backend = Backend::new();
        let mut program = Command::new(PROGRAM);
        let output = program.args([pipeline, protocol, &backend.url(), what]).output().unwrap();
        judge(&backend, &output, &format!("{protocol} | {pipeline}"), pipeline == "ours");
    });
}

fn cases(run: impl Fn(&'static str, &'static str) + Sync) {
    let run = &run;
    thread::scope(|scope| {
        for protocol in ["grpc", "http"] {
            for pipeline in ["ours", "stock"] {
                scope.spawn(move || run(pipeline, protocol));
            }
        }
    });
}

#[test]
fn row_19_variables_of_other_set_ups() {
    for variable in [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor-key=foreign"),
    ] {
        cases(|pipeline, protocol| {
            let backend = Backend::new();
            let mut program = Command::new(PROGRAM);
            program.args([pipeline, protocol, &backend.url(), "return"]).envs([variable]);
            assert!(program.status().unwrap().success());
            let spans = backend.spans();
            let with_text =
                spans.iter().filter(|span| text(&span.attributes, "input.text").is_some()).count();
            let (name, arrived) = (variable.0, spans.len());
            println!("row 19 {name} | {protocol} | {pipeline} | {arrived} of 4, {with_text} of 3 texts");
            assert!(pipeline == "stock" || (arrived, with_text) == (4, 3), "{name}");
        });
    }
}

#[test]
fn row_27_return_from_main() {
    each("return", |backend, output, which, is_ours| {
        let arrived = backend.spans().len();
        println!("row 27 return | {which} | {arrived} of 4");
        assert!(output.status.success());
        assert!(!is_ours || arrived == 4);
    });
}

#[test]
fn row_27_a_panic_in_main() {
    each("panic", |backend, output, which, is_ours| {
        let arrived = backend.spans().len();
        println!("row 27 panic | {which} | {arrived} of 4");
        assert_eq!(output.status.code(), Some(101));
        assert!(!is_ours || arrived == 4);
    });
}

#[test]
fn row_27_exit_stays_an_exit() {
    each("exit", |backend, output, which, is_ours| {
        let arrived = backend.spans().len();
        println!("row 27 exit | {which} | {arrived} of 4");
        assert_eq!(output.status.code(), Some(0));
        // On the main thread, which made the handle.
        assert!(!is_ours || arrived == 4);
    });
}

/// POSIX's number of it.
const SIGABRT: i32 = 6;

#[test]
fn row_27_abort_stays_an_abort() {
    each("abort", |backend, output, which, _| {
        println!("row 27 abort | {which} | {} of 4", backend.spans().len());
        assert_eq!(output.status.signal(), Some(SIGABRT));
    });
}

#[test]
fn row_31_a_fork_sends_nothing_twice_and_its_child_does_not_hang() {
    each("fork", |backend, output, which, is_ours| {
        let said = String::from_utf8_lossy(&output.stdout);
        let [child, parent] = said.lines().collect::<Vec<_>>().try_into().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr);
        let all = backend.spans().len();
        println!("row 31 fork | {which} | {all} of 12 | child: {child} | parent: {parent}");
        assert_eq!(ids(backend).len(), all, "sent twice");
        assert!(output.status.success());
        if is_ours {
            // The child has no thread that sends: it says so, and waits for nothing.
            assert_eq!(child, "9 accepted, 4 delivered, 5 pending");
            assert_eq!(parent, "8 accepted, 8 delivered");
            let lost = "cekura: spans were lost: 9 accepted, 4 delivered, 5 dropped (shutdown 5)";
            assert!(shown.contains(lost), "{shown}");
            assert_eq!(all, 8);
        }
    });
}

#[test]
fn row_31_a_fork_leaves_the_spool_to_the_process_that_made_it() {
    for protocol in ["grpc", "http"] {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fork-{protocol}"));
        fs::create_dir_all(&place).unwrap();
        let spool = Spool::new(place.to_str().unwrap(), "");
        let (backend, is_well) = away(Reply::fail(503, 14));
        let mut program = Command::new(PROGRAM);
        program
            .args(["ours", protocol, &backend.url(), "fork-spool"])
            .current_dir(&place)
            .stdout(Stdio::piped());
        let mut program = program.spawn().unwrap();
        let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
        let child = said.next().unwrap().unwrap();
        assert_eq!(child, "8 accepted, 0 delivered, 4 spooled, 4 pending", "{protocol}");
        is_well.store(true, Ordering::Relaxed);
        let parent = said.next().unwrap().unwrap();
        assert_eq!(parent, "8 accepted, 8 delivered", "{protocol}");
        assert!(program.wait().unwrap().success());
        assert_eq!((backend.spans().len(), ids(&backend).len()), (8, 8), "{protocol}");
        assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
    }
}

#[test]
fn row_35_events_of_the_http_stack_that_become_spans_make_no_requests() {
    each("bridge", |backend, output, which, is_ours| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (requests, spans) = (backend.seen().len(), backend.spans().len());
        println!("row 35 bridged events | {which} | {requests} requests for 5 batches, {spans} spans for 20");
        assert!(!is_ours || (requests, spans) == (5, 21), "{requests} requests, {spans} spans");
    });
}

#[test]
fn row_30_a_wall_clock_that_jumps_ends_no_span_before_its_start() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/jumping_clock.c");
    let Some(clock) = tools::preloaded(source, env!("CARGO_TARGET_TMPDIR")) else { return };
    cases(|pipeline, protocol| {
        let backend = Backend::new();
        let mut program = Command::new(PROGRAM);
        program.args([pipeline, protocol, &backend.url(), "clock"]).env("LD_PRELOAD", &clock);
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.starts_with("the clock jumps"), "{said}");
        let spans = backend.spans();
        let backwards =
            spans.iter().filter(|span| span.end_time_unix_nano < span.start_time_unix_nano).count();
        let arrived = spans.len();
        println!(
            "row 30 clock jumps | {protocol} | {pipeline} | {arrived} of 200, {backwards} end before their start"
        );
        assert!(pipeline == "stock" || (arrived, backwards) == (200, 0));
    });
}

/// Runs a program in a network of its own, whose one interface is down, with files of its own for names.
fn alone(name: &str, what: &str) {
    let can = Command::new("unshare").args(["-rmn", "ip", "link"]).output();
    let can =
        tools::is_there("ip") && may("a network namespace", can.is_ok_and(|output| output.status.success()));
    if !can {
        return;
    }
    let script = "mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && exec \"$@\"";
    cases(|pipeline, protocol| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{what}-{protocol}-{pipeline}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hosts"), "").unwrap();
        fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        let mut program = Command::new("unshare");
        program.args(["-rmn", "sh", "-c", script, "sh", PROGRAM, pipeline, protocol, name, what]);
        let output = program.current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        println!("row 18 {what} | {protocol} | {pipeline} | {}", said.trim());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(pipeline == "stock" || said.starts_with("4 of 4, then 1 of 1"), "{said}");
    });
}

#[test]
fn row_18_no_route() {
    alone("127.0.0.1", "no-route");
}

#[test]
fn row_18_a_resolver_that_fails() {
    alone("backend.test", "resolver-fails");
}

#[test]
fn row_18_a_resolver_that_hangs() {
    alone("backend.test", "resolver-hangs");
}
