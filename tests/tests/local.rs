//! Local mode in a process of its own: what a person sees on standard error.

use std::process::Command;

#[test]
fn each_conversation_is_drawn_when_it_has_ended() {
    let output = Command::new(env!("CARGO_BIN_EXE_local_agent")).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    let (first, second) = shown.split_once("after the first").unwrap();
    assert!(first.contains("2 turns · 3 spans"), "{shown}");
    assert!(second.contains("1 turn · 2 spans"), "{shown}");
    let reports = String::from_utf8(output.stdout).unwrap();
    assert_eq!(reports, "3 accepted, 3 delivered\n5 accepted, 5 delivered\n");
}
