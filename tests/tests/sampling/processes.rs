//! Sampling in whole programs that are set up by the environment: that two agree, what they print, and what is left when they die.

use super::{sid, trace_of, traces};
use cekura::Protocol;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::spools::Spool;
use std::collections::{BTreeSet, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
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
