//! Counts with callgrind how many instructions a span of a contender costs its thread.

use crate::process::{Process, beside};
use std::path::Path;
use std::process::Command;

/// Instructions a span in the contender's measured region, whose profile is written to a file.
///
/// # Panics
///
/// When valgrind is not installed or says nothing.
pub fn instructions(program: &str, contender: &str, kind: &str, port: &str, profile: &Path) -> f64 {
    let log = profile.with_extension("log");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*measured_region*"]);
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(format!("--log-file={}", log.display()));
    command.arg(beside(program)).args([contender, port]);
    let mut process = Process::of(&mut command);
    let spans = process.ask(&format!("instructions {kind}"));
    drop(process);
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let collected =
        log.split("Collected : ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    collected.unwrap_or_else(|| panic!("valgrind says: {log}")) / spans
}
