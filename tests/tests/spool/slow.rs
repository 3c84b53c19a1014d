//! A disk that takes a while: what ends meanwhile is written together, and a disk that does not keep up is told of.

use super::crashes::{agent, go_on, lines};
use super::{TEMPORARY, falling};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

fn slow_disk() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spool/slow_disk.c");
    tools::preloaded(source, TEMPORARY)
}

/// What an agent says whose disk takes so many milliseconds for each `fsync`.
fn said(run: &str, wait: &str, count: usize) -> Option<Vec<String>> {
    let disk = slow_disk()?;
    let spool = Spool::new(TEMPORARY, &format!("slow-{run}-{wait}"));
    let ((backend, _), api) = (falling(), Api::new());
    let mut command = agent(&[], run, &backend, &api.url(), &spool.0);
    let mut agent = command.env("LD_PRELOAD", disk).env("CEKURA_TEST_FSYNC", wait).spawn().unwrap();
    let said: Vec<_> = lines(&mut agent).take(count).collect();
    agent.kill().unwrap();
    agent.wait().unwrap();
    Some(said)
}

#[test]
fn thousands_of_calls_a_second_are_written_to_a_slow_disk() {
    let Some(said) = said("flood", "10", 1) else { return };
    assert_eq!(said, ["24000 accepted, 0 delivered, 24000 spooled"]);
}

#[test]
fn a_hundred_calls_a_second_do_not_wait_for_one_another() {
    for wait in ["0", "5", "20"] {
        let Some(said) = said("steady", wait, 200) else { return };
        let late = said.iter().filter(|line| line.contains("behind")).count();
        assert!(late < 20, "{wait}: {said:?}");
    }
}

#[test]
fn a_disk_that_is_behind_is_told_of_and_shown_in_the_ledger() {
    let Some(said) = said("steady", "1500", 500) else { return };
    assert!(said.iter().any(|line| line.contains("behind")), "{said:?}");
}

#[test]
fn a_program_that_does_nothing_does_not_read_its_folder_again_and_again() {
    if !tools::is_there("strace") {
        return;
    }
    let spool = Spool::new(TEMPORARY, "idle");
    let log = spool.0.with_extension("strace");
    let ((backend, _), api) = (falling(), Api::new());
    let tracer = ["strace", "-f", "-qq", "-y", "-e", "trace=getdents64", "-o", log.to_str().unwrap()];
    let mut agent = agent(&tracer, "memory", &backend, &api.url(), &spool.0).spawn().unwrap();
    spool.await_some("lock");
    let looks = || fs::read_to_string(&log).unwrap().lines().filter(|line| line.contains("/run-")).count();
    thread::sleep(Duration::from_secs(3));
    let before = looks();
    thread::sleep(Duration::from_secs(8));
    let after = looks();
    go_on(&mut agent);
    agent.wait().unwrap();
    if !tools::may("ptrace", before > 0) {
        return;
    }
    // Each takes two calls. Others may have left something, which is looked for ever more seldom.
    assert!(after - before <= 8, "{} calls in 8 s", after - before);
}
