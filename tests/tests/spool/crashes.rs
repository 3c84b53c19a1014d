//! Processes that are killed: what they had promised comes back with the next start.

use super::{TEMPORARY, await_ledger, falling, limits, report};
use cekura_trace_tests::api::{Api, Reply, search};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, observing};
use cekura_trace_tests::spools::Spool;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Starts an agent.
pub(super) fn start(run: &str, backend: &Backend, api: &str, spool: &Spool) -> Child {
    start_under(&[], run, backend, api, spool)
}

/// The same with a program before it that looks after it.
pub(super) fn start_under(before: &[&str], run: &str, backend: &Backend, api: &str, spool: &Spool) -> Child {
    agent(before, run, backend, api, &spool.0).spawn().unwrap()
}

/// The same before it is started.
pub(super) fn agent(before: &[&str], run: &str, backend: &Backend, api: &str, spool: &Path) -> Command {
    let url = backend.url();
    let line = [before, &[env!("CARGO_BIN_EXE_crashing_agent"), run, &url, api]].concat();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).arg(spool).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The lines that an agent says.
pub(super) fn lines(agent: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(agent.stdout.take().unwrap()).lines().map(Result::unwrap)
}

/// Lets an agent go on that waits.
pub(super) fn go_on(agent: &mut Child) {
    agent.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
}

fn killed_when_ready(run: &str, backend: &Backend, api: &str, spool: &Spool) {
    let mut child = start(run, backend, api, spool);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_conversation_that_a_crash_ends_has_its_root() {
    for is_up in [true, false] {
        let spool = Spool::new(TEMPORARY, &format!("crash-{is_up}"));
        let (backend, is_well) = falling();
        is_well.store(is_up, Ordering::Relaxed);
        let api = Api::new();
        killed_when_ready("open", &backend, &api.url(), &spool);
        assert_eq!(spool.files(".start").len(), 1);
        is_well.store(true, Ordering::Relaxed);
        let next = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
        let adopted = if is_up { 1 } else { 2 };
        await_ledger(&next, &report(adopted, adopted, 0));
        next.shutdown_blocking(LONG);
        let metrics = next.metrics().openmetrics();
        let incomplete = "voice_calls_total{outcome=\"incomplete\"} 1 # ";
        assert!(metrics.contains(incomplete), "{metrics}");
        assert!(!metrics.contains("voice_call_turns_count"), "nobody knows how many it had: {metrics}");
        let spans = backend.spans();
        assert_eq!(spans.len(), 2, "{:?}", backend.names());
        let root = spans.iter().find(|span| span.name == "conversation").unwrap();
        let turn = spans.iter().find(|span| span.name == "turn").unwrap();
        assert_eq!((&turn.parent_span_id, &turn.trace_id), (&root.span_id, &root.trace_id));
        assert_eq!(root.end_time_unix_nano, turn.end_time_unix_nano, "it ends with the last span seen");
        assert!(root.start_time_unix_nano < turn.start_time_unix_nano);
        assert_eq!(text(&root.attributes, "call_id"), Some("call 1"));
        let mark = root.attributes.iter().find(|attribute| attribute.key == "cekura.incomplete").unwrap();
        assert_eq!(mark.value.as_ref().unwrap().value, Some(Value::BoolValue(true)));
        assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
    }
}

#[test]
fn a_call_log_survives_a_crash() {
    let spool = Spool::new(TEMPORARY, "crash-call-log");
    let is_well = Arc::<AtomicBool>::default();
    let looked_at = is_well.clone();
    // Whether a silent server has stored something, nobody knows.
    let api = Api::scripted(move |seen, _| match (looked_at.load(Ordering::Relaxed), seen.method.as_str()) {
        (false, _) => Reply::Silence,
        (true, "GET") => Reply::json(200, &json!([])),
        (true, _) => Reply::stored(7),
    });
    let backend = Backend::new();
    killed_when_ready("observed", &backend, &api.url(), &spool);
    assert_eq!(api.requests(), ["POST /observability/v1/observe/"]);
    is_well.store(true, Ordering::Relaxed);
    let next = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
    api.await_requests(3);
    next.shutdown_blocking(LONG);
    let asked = search("call 1", "agent_id=5");
    assert_eq!(api.requests()[1..], [asked, "POST /observability/v1/observe/".to_owned()]);
    assert_eq!(api.seen()[2].body, api.seen()[0].body);
    assert!(spool.files("").is_empty());
}

#[test]
fn a_call_log_that_is_held_survives_a_crash_and_is_held_no_longer() {
    for is_up in [true, false] {
        let spool = Spool::new(TEMPORARY, &format!("crash-held-{is_up}"));
        let api = Api::scripted(|seen, _| match seen.method.as_str() {
            "GET" => Reply::json(200, &json!([])),
            _ => Reply::stored(7),
        });
        let (backend, is_well) = falling();
        is_well.store(is_up, Ordering::Relaxed);
        killed_when_ready("held", &backend, &api.url(), &spool);
        assert!(api.requests().is_empty(), "it is held");
        is_well.store(true, Ordering::Relaxed);
        let next = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
        api.await_requests(2);
        next.shutdown_blocking(LONG);
        let posted = &api.seen()[1].body;
        assert_eq!(posted["metadata"], json!({ "tier": "gold" }), "as it was when the call ended");
        assert_eq!(posted["transcript_json"][0]["content"], "Hello?");
        assert!(spool.files("").is_empty());
    }
}

#[test]
fn nobody_takes_from_a_process_that_lives() {
    let spool = Spool::new(TEMPORARY, "two-processes");
    let ((backend, is_well), api) = (falling(), Api::new());
    let mut agent = start("safe", &backend, &api.url(), &spool);
    let mut said = BufReader::new(agent.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().as_deref(), Some("6 accepted, 0 delivered, 6 spooled"));
    let here = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(here.ledger(), report(0, 0, 0));
    is_well.store(true, Ordering::Relaxed);
    agent.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(said.next().as_deref(), Some("6 accepted, 6 delivered"));
    agent.wait().unwrap();
    assert_eq!(here.shutdown_blocking(LONG), report(0, 0, 0));
    assert_eq!(backend.names().len(), 6);
}

#[test]
fn a_conversation_that_ends_well_leaves_no_start() {
    let spool = Spool::new(TEMPORARY, "crash-none");
    let backend = Backend::new();
    let api = Api::new();
    let handle = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
    waits(&handle, &spool);
    handle.flush_blocking(LONG);
    spool.await_files(".start", 0);
    // One that is never polled has not begun.
    let never = never_polled(&handle);
    spool.await_files(".start", 0);
    drop(never);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(handle.shutdown_blocking(LONG), report(1, 1, 0));
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[cekura::conversation(client = handle, skip_all)]
fn waits(handle: &cekura::Cekura, spool: &Spool) {
    spool.await_files(".start", 1);
}

#[cekura::conversation(client = handle, skip_all)]
async fn never_polled(handle: &cekura::Cekura) {
    let _ = handle;
}
