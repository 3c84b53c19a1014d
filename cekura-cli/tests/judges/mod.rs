//! What the tests share: the command, and programs of others that judge what it writes (`tests/install.sh` brings them).

#![allow(dead_code, reason = "no test binary uses all of it")]

use cekura_trace_tests::tools::needs;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder of one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A program that judges, below `target/slo`.
pub(crate) fn judge(path: &str) -> Option<PathBuf> {
    let tests = env::current_exe().unwrap();
    let found = tests.ancestors().nth(3)?.join("slo").join(path);
    needs(path, found.exists()).then_some(found)
}

pub(crate) fn cekura(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cekura")).args(arguments).output().unwrap()
}

/// What `cekura slo` writes for the target of `deploy/`.
pub(crate) fn written(name: &str) -> PathBuf {
    let folder = folder(name);
    let output =
        cekura(&["slo", "--latency", "1.2s", "--objective", "95", "--out", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    folder
}

/// Both outputs of a program.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a judge, which must be content.
#[track_caller]
pub(crate) fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}
