//! Local mode in a process of its own: what a person sees on standard error.

use cekura::{Cekura, Mode};
use cekura_trace_tests::handles::{LONG, converse, quick};
use std::env;
use std::process::Command;
use std::time::Duration;

/// Not a test: what the others run in another process.
#[test]
#[ignore = "is run by the tests of this file"]
fn agent() {
    let handle = Cekura::builder()
        .environment(|name| (name == "NO_COLOR").then(|| "1".to_owned()))
        .mode(Mode::Local)
        .timings(quick())
        .build()
        .unwrap();
    converse(&handle, 2);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(handle.ledger().to_string(), "3 accepted, 3 delivered");
    eprintln!("after the first");
    converse(&handle, 1);
    assert_eq!(handle.shutdown_blocking(LONG).to_string(), "5 accepted, 5 delivered");
}

#[test]
fn each_conversation_is_drawn_when_it_has_ended() {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "agent", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    let (first, second) = shown.split_once("after the first").unwrap();
    assert!(first.contains("2 turns · 3 spans"), "{shown}");
    assert!(second.contains("1 turn · 2 spans"), "{shown}");
}
