//! Whatever a program does and the backend does not, its memory stays within the limit and what any program takes. Each load
//! runs in a process of its own, with a limit of 8 MiB and a backend that is away.
#![cfg(target_os = "linux")]

use cekura_trace_tests::backend::deserted;
use cekura_trace_tests::tools;
use std::fs;
use std::path::Path;
use std::process::Command;

/// In KiB, beyond what the program takes without a load, which depends on what is linked into it.
const MOST: u64 = (8 + 12) << 10;

/// What 5,000 open spans take that nobody counts: 2 KiB each.
const OPEN: u64 = 5_000 * 2;

/// Runs a program under a load; what it says of its spans.
fn within(load: &str) -> String {
    within_with(load, 0, None)
}

/// The same with so many KiB more, or with a disk that takes so many milliseconds for each `fsync`.
fn within_with(load: &str, more: u64, wait: Option<(&Path, &str)>) -> String {
    let slow = wait.map_or("", |(_, wait)| wait);
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("memory-{}{slow}", load.replace(", ", "-")));
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_memory"));
    let url = format!("http://{}", deserted());
    program.args([load, &url]).arg(&directory).env_clear();
    if let Some((disk, wait)) = wait {
        program.env("LD_PRELOAD", disk).env("CEKURA_TEST_FSYNC", wait);
    }
    let output = program.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut words = said.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (before, most) = (number(), number());
    println!("{load} | {before} KiB before | {most} KiB at the most | {}", words.next().unwrap().trim());
    assert!(most - before < MOST + more, "{load}: {before} to {most} KiB, of {MOST} and {more}");
    drop(fs::remove_dir_all(&directory));
    said
}

#[test]
fn calls_of_one_span_while_the_backend_is_away_stay_within_the_limit() {
    within("traces");
}

#[test]
fn so_do_they_with_a_spool() {
    within("traces, spool");
}

#[test]
fn and_where_its_disk_is_slow() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spool/slow_disk.c");
    let Some(disk) = tools::preloaded(source, env!("CARGO_TARGET_TMPDIR")) else { return };
    for wait in ["300", "1500"] {
        within_with("traces, spool", 0, Some((&disk, wait)));
    }
}

#[test]
fn what_300_open_calls_note_without_end_stays_within_the_limit() {
    let said = within("notes");
    assert!(!said.contains("queue_full"), "notes must not keep out spans: {said}");
}

#[test]
fn so_do_their_tags() {
    within("tags");
}

#[test]
fn an_open_span_with_attributes_without_end_stays_within_the_limit_and_arrives() {
    let said = within("attributes");
    assert!(said.contains("2 pending"), "{said}");
}

#[test]
fn so_does_one_with_events_without_end() {
    let said = within("events");
    assert!(said.contains("2 pending"), "{said}");
}

#[test]
fn so_do_5000_open_spans_of_60_kib() {
    let said = within_with("open spans", OPEN, None);
    assert!(said.contains("5002 accepted"), "{said}");
}

#[test]
fn so_do_5000_open_spans_that_begin_with_30_kib() {
    let said = within_with("arguments", OPEN, None);
    assert!(said.contains("5002 accepted"), "{said}");
}

#[test]
fn so_do_300_call_logs_that_are_held_and_cost_no_span() {
    let said = within("held");
    assert!(!said.contains("queue_full"), "{said}");
}

#[test]
fn so_do_600_call_logs_that_wait_on_disk() {
    // What waits for the disk alone, and what is made of it there, is counted nowhere.
    let more = 12 << 10;
    within_with("call logs, spool", more, None);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spool/slow_disk.c");
    let Some(disk) = tools::preloaded(source, env!("CARGO_TARGET_TMPDIR")) else { return };
    for wait in ["300", "1500"] {
        within_with("call logs, spool", more, Some((&disk, wait)));
    }
}

#[test]
fn a_conversation_of_40_000_spans_is_drawn_within_the_limit() {
    let said = within("drawing");
    assert!(!said.contains(" 1 delivered"), "nothing of it was drawn: {said}");
}
