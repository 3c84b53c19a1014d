//! Sampling in whole programs that are set up by the environment: that two agree, what they print, and what is left when they die.

use super::{number, sampling, sid, trace_of, traces};
use cekura::{Protocol, Sampling, SpoolLimits, spans};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, quick, reasons, to};
use cekura_trace_tests::spools::Spool;
use std::collections::{BTreeSet, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

/// An agent with these variables, which says what it has done and waits for a line before it goes on.
struct Agent {
    child: Child,
    lines: BufReader<ChildStdout>,
    input: ChildStdin,
}

impl Agent {
    fn new(backend: &Backend, folder: &str, variables: &[(&str, &str)]) -> Self {
        let folder = PathBuf::from(TEMPORARY).join("sampling").join(folder);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sampled_agent"));
        command.env_clear().current_dir(&folder).env("CEKURA_OTEL_ENDPOINT", backend.url());
        command.env("CEKURA_PROTOCOL", "http").envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take().unwrap();
        Self { child, lines, input }
    }

    /// What it says next.
    fn said(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }

    fn end(mut self) -> Output {
        self.go_on();
        drop(self.input);
        self.child.wait_with_output().unwrap()
    }
}

#[test]
fn two_processes_agree_on_which_calls_are_sent() {
    let sent = |folder: &str| {
        let backend = Backend::new();
        let mut agent = Agent::new(&backend, folder, &[("CEKURA_SAMPLE", "0.2")]);
        assert!(agent.said().ends_with("held"));
        let output = agent.end();
        assert!(output.status.success());
        let mut traces = traces(&backend);
        traces.remove(&trace_of("the call that runs"));
        assert!(traces.values().all(|spans| spans.len() == 2));
        traces.into_keys().collect::<BTreeSet<_>>()
    };
    let (one, other) = (sent("one"), sent("other"));
    assert_eq!(one, other);
    assert!((20..=60).contains(&one.len()), "{} of 200", one.len());
}

#[test]
fn calls_that_are_not_sent_are_nothing_to_complain_of() {
    let backend = Backend::new();
    let mut agent = Agent::new(&backend, "quiet", &[("CEKURA_SAMPLE", "0.0")]);
    agent.said();
    let output = agent.end();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    // The one that runs at the end.
    assert_eq!(backend.spans().len(), 1);
}

#[test]
fn what_is_drawn_is_not_sampled() {
    let backend = Backend::new();
    let variables = [("CEKURA_SAMPLE", "0"), ("CEKURA_MODE", "cloud,local")];
    let mut agent = Agent::new(&backend, "drawn", &variables);
    agent.said();
    agent.end();
    let pages = PathBuf::from(TEMPORARY).join("sampling").join("drawn").join("cekura-traces");
    // The folder keeps the newest 200.
    assert!(fs::read_dir(pages).unwrap().count() >= 200);
    assert_eq!(backend.spans().len(), 1);
}

/// Neither its spans nor the start of its conversation; those of the others do.
#[test]
fn what_is_held_does_not_survive_the_process_and_no_part_of_it_comes_back() {
    let (down, spool) = (Backend::new(), Spool::new(TEMPORARY, "sampled"));
    let directory = spool.0.to_str().unwrap().to_owned();
    let mut agent =
        Agent::new(&down, "killed", &[("CEKURA_SAMPLE", "0.2"), ("CEKURA_SPOOL_DIR", &directory)]);
    agent.said();
    // What is not held is on disk by now.
    thread::sleep(Duration::from_secs(2));
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    let sent: HashSet<_> = traces(&down).into_keys().collect();
    let held = trace_of("the call that runs");
    assert!(!sent.contains(&held));
    let handle = to(&down, Protocol::Http).service_name("sampled_agent").spool(&spool.0).build().unwrap();
    thread::sleep(Duration::from_secs(1));
    handle.shutdown_blocking(LONG);
    let traces = traces(&down);
    assert!(!traces.contains_key(&held), "{:?}", traces[&held]);
    assert!((0..200).filter(|number| traces.contains_key(&trace_of(&sid(*number)))).count() >= 20);
}

/// Both its span and the root that had not ended, once; and nothing of the calls that were decided on.
#[test]
fn what_is_held_survives_a_kill_where_that_is_asked_for() {
    let (backend, spool) = (Backend::new(), Spool::new(TEMPORARY, "sampled-and-kept"));
    let directory = spool.0.to_str().unwrap().to_owned();
    let variables =
        [("CEKURA_SAMPLE", "0.2"), ("CEKURA_SPOOL_DIR", &*directory), ("CEKURA_SPOOL_HELD", "true")];
    let mut agent = Agent::new(&backend, "killed-and-kept", &variables);
    agent.said();
    let held = trace_of("the call that runs");
    let sent: HashSet<_> = traces(&backend).into_keys().collect();
    let others: Vec<_> = (0..200).map(|number| trace_of(&sid(number))).collect();
    let dropped: Vec<_> = others.into_iter().filter(|trace| !sent.contains(trace)).collect();
    assert!(dropped.len() > 100);
    let is_settled = || {
        let there = |ending| found(&spool, ending, &held) == 1;
        there(".spans") && there(".start") && dropped.iter().all(|trace| found(&spool, "", trace) == 0)
    };
    await_disk(&spool, is_settled);
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    let handle = to(&backend, Protocol::Http).service_name("sampled_agent").spool(&spool.0).build().unwrap();
    let limit = Instant::now() + LONG;
    while traces(&backend).get(&held).is_none_or(|spans| spans.len() < 2) {
        assert!(Instant::now() < limit, "{}", handle.ledger());
        thread::sleep(Duration::from_millis(5));
    }
    handle.shutdown_blocking(LONG);
    let mut traces = traces(&backend);
    let back = traces.remove(&held).unwrap();
    let names: BTreeSet<_> = back.iter().map(|span| &*span.name).collect();
    assert_eq!((back.len(), names), (2, BTreeSet::from(["conversation", "turn"])));
    let turn = back.iter().find(|span| span.name == "turn").unwrap();
    assert_eq!(number(turn, "cekura.sample_rate"), Some(1.0));
    assert_eq!(traces.into_keys().collect::<HashSet<_>>(), sent);
    assert_eq!(spool.files(".spans").len() + spool.files(".start").len(), 0);
}

/// How a held call with copies on disk ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Dropped,
    Sent,
    SentWhileTheBackendIsAway,
}

/// More often than it may have copies: then all of it is written as one.
#[test]
fn a_held_call_is_on_disk_span_by_span_and_once_whatever_its_verdict() {
    const TURNS: usize = 40;
    for verdict in [Verdict::Dropped, Verdict::Sent, Verdict::SentWhileTheBackendIsAway] {
        let is_up = Arc::new(AtomicBool::new(verdict != Verdict::SentWhileTheBackendIsAway));
        let looked_at = is_up.clone();
        let busy = Reply::Fail { status: 503, code: 14, wait: None, message: String::new() };
        let backend =
            Backend::scripted(
                move |_, _| {
                    if looked_at.load(Ordering::Relaxed) { Reply::Accept } else { busy.clone() }
                },
            );
        let spool = Spool::new(TEMPORARY, &format!("kept-{verdict:?}"));
        let limits = SpoolLimits { deposit: Duration::from_millis(10), ..SpoolLimits::default() };
        let begin = || {
            let builder = sampling(&backend, Sampling::keep(0.0).errors()).timings(quick());
            builder.spool(&spool.0).spool_held(true).spool_limits(limits).build().unwrap()
        };
        let handle = begin();
        let call = spans::conversation().client(&handle).trace_id_from("kept").start();
        let trace = trace_of("kept");
        for number in 1..=TURNS {
            spans::turn().parent(&call).start().end();
            await_disk(&spool, || found(&spool, ".spans", &trace) == number);
        }
        assert_eq!(handle.ledger().held, TURNS as u64, "{}", handle.ledger());
        if verdict != Verdict::Dropped {
            let mut turn = spans::turn().parent(&call).start();
            turn.fail("no slot");
            turn.end();
        }
        call.end();
        if verdict == Verdict::SentWhileTheBackendIsAway {
            await_disk(&spool, || found(&spool, ".spans", &trace) == TURNS + 2);
            let limit = Instant::now() + LONG;
            while handle.ledger().spooled < TURNS as u64 + 2 {
                assert!(Instant::now() < limit, "{}", handle.ledger());
                thread::sleep(Duration::from_millis(5));
            }
            handle.shutdown_blocking(Duration::ZERO);
            is_up.store(true, Ordering::Relaxed);
            drop(handle);
            let next = begin();
            await_disk(&spool, || found(&spool, "", &trace) == 0);
            next.shutdown_blocking(LONG);
        } else {
            await_disk(&spool, || found(&spool, "", &trace) == 0);
            let report = handle.shutdown_blocking(LONG);
            let sampled_out = if verdict == Verdict::Dropped { TURNS as u64 + 1 } else { 0 };
            let reasons = reasons(&report);
            assert_eq!(reasons.iter().map(|(_, count)| count).sum::<u64>(), sampled_out, "{report}");
        }
        let arrived = backend.spans();
        let ids: HashSet<_> = arrived.iter().map(|span| span.span_id.clone()).collect();
        let expected = if verdict == Verdict::Dropped { 0 } else { TURNS + 2 };
        assert_eq!((arrived.len(), ids.len()), (expected, expected), "{verdict:?}");
    }
}

/// How often a trace stands in the files with this ending; what is settled there is erased.
fn found(spool: &Spool, ending: &str, trace: &[u8]) -> usize {
    let count = |file: PathBuf| {
        let bytes = fs::read(file).unwrap_or_default();
        bytes.windows(trace.len()).filter(|part| *part == trace).count()
    };
    spool.files(ending).into_iter().map(count).sum()
}

fn await_disk(spool: &Spool, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < limit, "{:?}", spool.files(""));
        thread::sleep(Duration::from_millis(5));
    }
}
