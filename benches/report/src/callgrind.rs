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

/// Instructions a span of all threads of a contender but its first one; with a pattern, of the functions that it names.
///
/// # Panics
///
/// When valgrind is not installed or writes nothing.
pub fn background(program: &str, contender: &str, port: &str, inside: Option<&str>) -> f64 {
    let folder = std::env::temp_dir().join(format!("cekura-callgrind-{}", std::process::id()));
    // What a process does once goes out with the difference.
    let [once, again] = [1, 2].map(|times| {
        std::fs::create_dir_all(&folder).expect("a folder to write to");
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--separate-threads=yes", "--quiet"]);
        if let Some(pattern) = inside {
            command.args(["--collect-atstart=no", &format!("--toggle-collect={pattern}")]);
        }
        command.arg(format!("--callgrind-out-file={}/out", folder.display()));
        command.arg(beside(program)).args([contender, port]);
        let mut process = Process::of(&mut command);
        let spans = (0..times).map(|_| process.ask("bursts")).sum::<f64>();
        drop(process);
        let files = std::fs::read_dir(&folder).expect("what valgrind wrote").flatten();
        let others = files.filter(|file| !file.file_name().to_string_lossy().ends_with("-01"));
        let counted: f64 = others.map(|file| total(&file.path())).sum();
        std::fs::remove_dir_all(&folder).expect("a folder of ours");
        assert!(counted > 0.0, "valgrind wrote nothing");
        (counted, spans)
    });
    (again.0 - once.0) / (again.1 - once.1)
}

/// What a file of callgrind's says of one thread.
fn total(path: &Path) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    totals.and_then(|totals| totals.trim().parse().ok()).unwrap_or_default()
}
