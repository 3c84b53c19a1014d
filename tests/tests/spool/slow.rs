//! A disk that takes a while: what ends meanwhile is written together, and a disk that does not keep up is told of.

use super::crashes::{agent, lines};
use super::{TEMPORARY, falling};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::handles::LONG;
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

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
    let start = Instant::now();
    let Some(said) = said("steady", "1500", 500) else { return };
    assert!(start.elapsed() < LONG);
    assert!(said.iter().any(|line| line.contains("behind")), "{said:?}");
    thread::sleep(Duration::ZERO);
}
