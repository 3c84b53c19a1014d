//! Disks that are full, read-only or broken: nothing is lost while the network works, and the ledger says what is safe.

use super::crashes::start_under;
use super::{TEMPORARY, await_ledger, falling, report, spooling};
use cekura::{Cekura, Protocol};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::events;
use cekura_trace_tests::handles::{LONG, SHORT, adds_up};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools::{self, Mount, may, run};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// A container may have the program and not the permission.
fn can_trace() -> bool {
    tools::is_there("strace") && may("strace", run("strace", &["-o", "/dev/null"], Path::new("true")))
}

#[cekura::conversation(client = handle, skip_all, record("words" = words))]
fn long_call(handle: &Cekura, words: &str) {
    let _ = handle;
}

fn complaints() -> usize {
    events::heard("the spool cannot be written").len()
}

#[test]
fn a_disk_that_is_full_or_read_only_loses_nothing() {
    events::listen();
    let spool = Spool::new(TEMPORARY, "full");
    let Some(mount) = Mount::new(&spool.0) else { return };
    let (backend, is_well) = falling();
    let full = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    for _ in 0..12 {
        long_call(&full, &"x".repeat(30_000));
        full.flush_blocking(Duration::from_millis(100));
    }
    let ledger = full.ledger();
    assert!(adds_up(&ledger) && ledger.lost() == 0 && ledger.delivered == 0, "{ledger}");
    assert!((1..=4).contains(&ledger.spooled) && ledger.pending >= 8, "{ledger}");
    assert_eq!(complaints(), 1, "it is told once");
    is_well.store(true, Ordering::Relaxed);
    await_ledger(&full, &report(12, 12, 0));
    spool.await_files(".spans", 0);
    is_well.store(false, Ordering::Relaxed);
    mount.again("ro");
    long_call(&full, "short");
    let ledger = full.flush_blocking(SHORT);
    assert_eq!((ledger.pending, ledger.spooled, ledger.delivered), (1, 0, 12));
    let error = spooling(&backend, Protocol::Grpc, &spool).build().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("read-only file system"), "{error}");
    let diagnosis = spooling(&backend, Protocol::Grpc, &spool).doctor();
    assert!(diagnosis.problems().any(|problem| problem == format!("spool: {error}")), "{diagnosis}");
    is_well.store(true, Ordering::Relaxed);
    await_ledger(&full, &report(13, 13, 0));
    assert_eq!(full.shutdown_blocking(LONG), report(13, 13, 0));
}

#[test]
fn a_disk_with_errors_loses_nothing() {
    if !can_trace() {
        return;
    }
    // The first call of a thread is that of the start.
    for call in ["fsync:error=EIO:when=2+", "/^rename:error=EIO", "/^rename:error=ENOSPC"] {
        let spool = Spool::new(TEMPORARY, "errors");
        let (backend, is_well) = falling();
        let inject = format!("inject={call}");
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
        let mut agent = start_under(&strace, "fail", &backend, &Api::new().url(), &spool);
        let mut said = BufReader::new(agent.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(said.next().as_deref(), Some("6 accepted, 0 delivered, 6 pending"), "{call}");
        is_well.store(true, Ordering::Relaxed);
        agent.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert_eq!(said.next().as_deref(), Some("6 accepted, 6 delivered"), "{call}");
        assert!(agent.wait().unwrap().success(), "{call}");
        // Before, it tries again and again.
        assert!(spool.files("").is_empty(), "{call}: {:?}", spool.files(""));
        assert_eq!(backend.names().len(), 6);
    }
}

#[test]
fn a_disk_that_hangs_delays_nothing() {
    if !can_trace() {
        return;
    }
    let spool = Spool::new(TEMPORARY, "hangs");
    let (backend, is_well) = falling();
    let inject = "inject=fsync:delay_enter=4000000:when=2+";
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject];
    let mut agent = start_under(&strace, "fail", &backend, &Api::new().url(), &spool);
    let mut said = BufReader::new(agent.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().as_deref(), Some("6 accepted, 0 delivered, 6 pending"));
    is_well.store(true, Ordering::Relaxed);
    let now = std::time::Instant::now();
    while backend.names().len() < 6 {
        assert!(now.elapsed() < Duration::from_secs(2), "requests wait for the disk");
        thread::sleep(Duration::from_millis(5));
    }
    agent.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(said.next().as_deref(), Some("6 accepted, 6 delivered"));
    agent.wait().unwrap();
}
