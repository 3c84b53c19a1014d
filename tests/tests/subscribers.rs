//! A `tracing` subscriber that panics, blocks or writes to a standard error that nobody reads: what arrives, and how long
//! anybody waits. Each in a process of its own.

use cekura_trace_tests::api::KEY;
use cekura_trace_tests::backend::{Backend, Reply};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program may need besides its waits of one second, on a machine that is busy.
const SLACK: u128 = 2500;

struct Said(Vec<String>);

impl Said {
    /// The report of a wait, which took no longer than it said.
    fn report(&self, what: &str, most: u128) -> &str {
        let is_it = |line: &&String| line.starts_with(&format!("{what} after "));
        let line = self.0.iter().find(is_it).unwrap_or_else(|| panic!("no {what}: {:?}", self.0));
        let (time, report) = line.split_once(" ms: ").unwrap();
        let time: u128 = time.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(time <= most + SLACK, "{line}");
        report
    }
}

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("subscribers").join(test);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program with a standard error that nobody reads, and that is closed if so said; what it prints.
fn run(how: &str, mode: &str, backend: &Backend, is_closed: bool) -> Said {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bad_subscriber"));
    program.args([how, mode, &backend.url()]).current_dir(folder(&format!("{how}-{mode}")));
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let unread = child.stderr.take().filter(|_| !is_closed);
    let limit = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > limit {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    drop(unread);
    assert!(child.wait().unwrap().success(), "{how}: it did not end: {said}");
    Said(said.lines().map(str::to_owned).collect())
}

/// Refuses the first request, which is said, and takes all others.
fn late() -> Backend {
    Backend::scripted(|_, before| if before == 0 { Reply::fail(503, 14) } else { Reply::Accept })
}

/// Everything arrives, and nobody waits for the subscriber.
fn all_arrive(how: &str, mode: &str, is_closed: bool) {
    let backend = late();
    let said = run(how, mode, &backend, is_closed);
    assert_eq!(said.report("flush", 1000), "110 accepted, 110 delivered", "{how}");
    said.report("finish", 5000);
    said.report("flush_blocking", 1000);
    assert_eq!(said.report("shutdown", 1000), "111 accepted, 111 delivered", "{how}");
    assert_eq!(backend.spans().len(), 111, "{how}");
}

#[test]
fn a_subscriber_whose_pipe_is_broken_costs_no_span() {
    all_arrive("prints", "cloud", true);
}

#[test]
fn a_subscriber_that_panics_at_every_event_costs_no_span() {
    all_arrive("panics", "cloud", false);
}

#[test]
fn a_subscriber_that_blocks_for_ever_holds_up_no_span_and_nobody() {
    all_arrive("blocks", "cloud", false);
}

#[test]
fn a_standard_error_that_is_full_holds_up_no_span_and_nobody() {
    all_arrive("prints, full", "cloud", false);
}

#[test]
fn every_wait_ends_in_time_while_nothing_is_delivered_and_standard_error_is_full() {
    for how in ["prints, full", "blocks"] {
        let backend = Backend::scripted(|_, _| Reply::fail(503, 14));
        let said = run(how, "cloud", &backend, false);
        assert_eq!(said.report("flush", 1000), "110 accepted, 0 delivered, 110 pending");
        said.report("finish", 5000);
        said.report("flush_blocking", 1000);
        let ended = "111 accepted, 0 delivered, 111 dropped (shutdown 111)";
        assert_eq!(said.report("shutdown", 1000), ended);
    }
}

#[test]
fn beside_a_terminal_that_nobody_reads_everything_is_delivered_in_time() {
    all_arrive("is quiet, full", "cloud,local", false);
}

#[test]
fn in_local_mode_a_terminal_that_nobody_reads_holds_nobody_up_and_is_counted() {
    let said = run("is quiet, full", "local", &Backend::new(), false);
    assert_eq!(said.report("flush", 1000), "110 accepted, 0 delivered, 110 pending");
    said.report("finish", 5000);
    let ended = "111 accepted, 0 delivered, 111 dropped (shutdown 111)";
    assert_eq!(said.report("shutdown", 1000), ended);
}

#[test]
fn a_closed_standard_error_costs_no_drawing() {
    let said = run("is quiet", "local", &Backend::new(), true);
    assert_eq!(said.report("shutdown", 1000), "111 accepted, 111 delivered");
}

/// What a program without a subscriber writes to its log.
fn log(level: &str, backend: &Backend) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_log_program"));
    let output = program.arg(backend.url()).env("RUST_LOG", level).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "3 accepted, 3 delivered\n");
    log
}

#[test]
fn a_program_whose_log_is_not_of_tracing_keeps_it_beside_a_handle() {
    let log = log("info", &late());
    let said: Vec<_> = log.lines().filter(|line| line.contains(" program] ")).collect();
    let whens =
        ["before the handle", "with a handle", "after a flush", "after an awaited flush", "after the handle"];
    assert_eq!(said.len(), whens.len(), "{log}");
    assert!(said.iter().zip(whens).all(|(line, when)| line.ends_with(when)), "{log}");
}

#[test]
fn own_events_reach_such_a_log_too() {
    let log = log("warn", &late());
    assert!(log.contains("spans cannot be delivered at the moment"), "{log}");
}

#[test]
fn no_level_of_such_a_log_shows_the_key() {
    let log = log("trace", &late());
    assert!(log.lines().count() > 50 && !log.contains(KEY), "{log}");
}
