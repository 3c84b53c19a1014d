//! What does not answer on this machine itself: its certificate store, its resolver, its disk. The doctor ends in time.

use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::tools::{self, may, preloaded};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

/// Below it is the directory of a spool.
fn fresh(test: &str) -> PathBuf {
    let folder = Path::new(TEMPORARY).join("doctor").join(test);
    drop(fs::remove_dir_all(&folder));
    DirBuilder::new().recursive(true).mode(0o700).create(folder.join("cekura-doctor-spool")).unwrap();
    folder
}

/// What the doctor of a program says that is run with other words before it, and has 2 s for all checks.
fn said(before: &[&str], url: &str, folder: &Path, variables: &[(&str, &Path)]) -> String {
    let mut program = Command::new("timeout");
    program.arg("60").args(before).args([env!("CARGO_BIN_EXE_foreign_variables"), "doctor", "http", url]);
    let output = program.env("TMPDIR", folder).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let (text, time) = said.trim_end().rsplit_once("\nafter ").unwrap();
    let time: u32 = time.trim_end_matches(" ms").parse().unwrap();
    assert!((1_500..6_000).contains(&time), "{said}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_certificate_store_that_hangs_is_not_waited_for() {
    let folder = fresh("certificates");
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = said(&[], "https://127.0.0.1:9", &folder, &[("SSL_CERT_FILE", &pipe)]);
    assert!(text.starts_with("FAIL configuration the checks did not end in time: "), "{text}");
}

#[test]
fn a_resolver_that_hangs_is_not_waited_for() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctor/resolver.c");
    let Some(resolver) = preloaded(source, TEMPORARY) else { return };
    let text = said(&[], "https://example.test", &fresh("resolver"), &[("LD_PRELOAD", &resolver)]);
    assert!(text.contains("FAIL name example.test cannot be resolved: no answer in time"), "{text}");
    assert!(text.contains("skip span no span was sent"), "{text}");
}

#[test]
fn a_disk_that_hangs_is_not_waited_for() {
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null"];
    let is_allowed = || Command::new(strace[0]).args(&strace[1..]).arg("true").status().unwrap().success();
    if !tools::is_there("strace") || !may("strace", is_allowed()) {
        return;
    }
    let (folder, backend) = (fresh("disk"), Backend::new());
    let hangs = [&strace[..], &["-e", "inject=getdents64:delay_enter=8000000"]].concat();
    let text = said(&hangs, &backend.url(), &folder, &[]);
    assert!(text.contains("FAIL spool "), "{text}");
    assert!(text.contains("ok span "), "{text}");
    assert_eq!(backend.names(), ["cekura.doctor"]);
}
