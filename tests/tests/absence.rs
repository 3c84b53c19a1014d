//! What is missing and would be missed in silence: a handle where functions run, a call log at the end of a conversation. The
//! reason is said once, with what to write. Each program runs in a process of its own.

use cekura_trace_tests::backend::Backend;
use std::process::Command;

/// What the program prints.
fn run(how: &str) -> Vec<String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_without_handle"));
    if how == "off" {
        program.env("CEKURA_TRACER_ENABLED", "false");
    }
    let output = program.arg(how).output().unwrap();
    assert!(output.status.success(), "{how}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The one event and the one line of `doctor()`.
fn said_once(how: &str, fault: &str, instead: &str) {
    let mut lines = run(how);
    lines.retain(|line| !line.contains("looked at"));
    let [event, doctor] = &lines[..] else { panic!("{how}: {lines:#?}") };
    for said in [event, doctor] {
        assert!(said.contains(fault) && said.contains(instead), "{how}: {said}");
        assert!(said.contains("without_handle.rs:"), "{how}: no place: {said}");
    }
    assert!(event.starts_with("WARN cekura: "), "{how}: {event}");
}

#[test]
fn no_handle_was_ever_made() {
    said_once("never", "runs without a handle", "call `cekura::init()` first");
    said_once("by hand", "runs without a handle", "call `cekura::init()` first");
}

#[test]
fn the_handle_was_dropped_at_once() {
    for how in ["dropped at once", "let go by a function"] {
        said_once(how, "runs after the handle was dropped", "`let _ = …` drops it at once");
    }
}

#[test]
fn build_was_meant_as_install() {
    for how in ["built", "built, for a conversation"] {
        said_once(how, "is recorded by no handle", "make the handle with `install()`");
    }
}

#[test]
fn a_program_that_does_it_right_is_told_nothing() {
    for how in ["off", "installed", "used, then dropped", "none, but a capture"] {
        let lines = run(how);
        let is_told = |line: &&String| line.contains("handle");
        assert_eq!(lines.iter().find(is_told), None, "{how}");
    }
}

#[test]
fn nothing_is_looked_at_where_nothing_records() {
    for how in ["never", "dropped at once", "off"] {
        let lines = run(how);
        assert!(!lines.iter().any(|line| line.contains("looked at")), "{how}: {lines:#?}");
    }
}

/// What the program is told of call logs, in three conversations.
fn told_of_logs(how: &str) -> Vec<String> {
    let backend = Backend::new();
    let url = backend.url();
    let mut program = Command::new(env!("CARGO_BIN_EXE_without_log"));
    let output = program.args([how, &url, &url]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_conversation_without_a_call_log_says_that_nobody_will_find_its_trace() {
    let lines = told_of_logs("nothing");
    let [event] = &lines[..] else { panic!("{lines:#?}") };
    assert!(event.starts_with("WARN cekura: "), "{event}");
    for part in ["#[cekura::conversation(observe)]", "cekura.observe(…)", ".trace_id(cekura::trace_id())"] {
        assert!(event.contains(part), "{event}");
    }
}

#[test]
fn whoever_has_the_trace_id_may_post_the_call_log_by_himself() {
    let all = ["observed", "asks for the trace id", "asks the conversation", "hands the trace on"];
    for how in all.into_iter().chain(["reads the trace elsewhere", "another backend"]) {
        assert_eq!(told_of_logs(how), [""; 0], "{how}");
    }
}
