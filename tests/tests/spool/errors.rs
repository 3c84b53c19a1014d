//! Errors of the system: whatever fails, nothing is deleted that is not damaged, and it is tried again.

use super::crashes::{agent, go_on, lines};
use super::{TEMPORARY, falling, limits, report, spooling};
use cekura::{CallLog, Cekura, Protocol, TraceId};
use cekura_trace_tests::api::{Api, Reply};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, SHORT, converse, observing};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools::{self, Mount};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn out_of_file_descriptors_nothing_is_taken_for_damaged() {
    if !tools::is_there("prlimit") {
        return;
    }
    let spool = Spool::new(TEMPORARY, "descriptors");
    let ((backend, is_well), api) = (falling(), Api::new());
    let mut agent =
        agent(&["prlimit", "--nofile=80"], "crowded", &backend, &api.url(), &spool.0).spawn().unwrap();
    let mut said = lines(&mut agent);
    assert_eq!(said.next().as_deref(), Some("40 accepted, 0 delivered, 40 spooled"));
    assert_eq!(said.next().as_deref(), Some("full"));
    is_well.store(true, Ordering::Relaxed);
    // It has tried to read them by then.
    thread::sleep(Duration::from_secs(1));
    // One may have been in memory by then, for the next attempt.
    assert!(spool.files(".spans").len() >= 19, "{:?}", spool.files(""));
    go_on(&mut agent);
    let ledger = said.next().unwrap();
    assert!(ledger.starts_with("40 accepted") && !ledger.contains("dropped"), "{ledger}");
    go_on(&mut agent);
    assert_eq!(said.next().as_deref(), Some("40 accepted, 40 delivered"));
    assert!(agent.wait().unwrap().success());
    assert_eq!(backend.names().len(), 40);
}

/// What an ended handle has left, in so many files, each with a byte that is not what was written.
fn damaged(backend: &Backend, spool: &Spool, files: usize) -> Vec<PathBuf> {
    let first = spooling(backend, Protocol::Http, spool).build().unwrap();
    for _ in 0..files {
        converse(&first, 1);
        first.flush_blocking(LONG);
    }
    first.shutdown_blocking(SHORT);
    let files = spool.files(".spans");
    for file in &files {
        let mut bytes = fs::read(file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }
    files
}

#[test]
fn a_damaged_file_that_cannot_be_moved_stays() {
    let spool = Spool::new(TEMPORARY, "no-aside");
    let (backend, is_well) = falling();
    let files = damaged(&backend, &spool, 2);
    is_well.store(true, Ordering::Relaxed);
    fs::write(spool.0.join("aside"), "a file of somebody's").unwrap();
    let next = spooling(&backend, Protocol::Http, &spool).build().unwrap();
    thread::sleep(SHORT);
    assert_eq!(next.shutdown_blocking(LONG), report(0, 0, 0));
    assert_eq!(spool.files(".spans"), files);
}

#[test]
fn however_many_files_are_damaged_none_is_deleted() {
    let spool = Spool::new(TEMPORARY, "many-aside");
    let (backend, is_well) = falling();
    let files = damaged(&backend, &spool, 2);
    is_well.store(true, Ordering::Relaxed);
    for number in 0..150 {
        fs::write(files[0].with_file_name(format!("{number}.spans")), "nothing of ours").unwrap();
    }
    let next = spooling(&backend, Protocol::Http, &spool).build().unwrap();
    let aside = |file: &PathBuf| file.parent().unwrap().ends_with("aside");
    let limit = Instant::now() + LONG;
    while !spool.files(".spans").iter().all(aside) {
        assert!(Instant::now() < limit, "{:?}", spool.files(".spans").last());
        thread::sleep(Duration::from_millis(5));
    }
    next.shutdown_blocking(LONG);
    assert_eq!(spool.files(".spans").len(), 152);
}

#[test]
fn of_a_file_with_a_damaged_item_the_others_arrive() {
    let spool = Spool::new(TEMPORARY, "one-of-several");
    let (backend, is_well) = falling();
    let slow = cekura::SpoolLimits { deposit: Duration::from_millis(200), ..limits() };
    // Each request has one span, and they are written together.
    let builder = spooling(&backend, Protocol::Http, &spool).spool_limits(slow).memory_limit(4000);
    let first = builder.build().unwrap();
    converse(&first, 3);
    first.flush_blocking(LONG);
    first.shutdown_blocking(SHORT);
    let files = spool.files(".spans");
    let mut bytes = fs::read(&files[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&files[0], bytes).unwrap();
    is_well.store(true, Ordering::Relaxed);
    let next = spooling(&backend, Protocol::Http, &spool).build().unwrap();
    let limit = Instant::now() + LONG;
    while next.ledger().delivered == 0 || next.ledger().spooled > 0 {
        assert!(Instant::now() < limit, "{}", next.ledger());
        thread::sleep(Duration::from_millis(5));
    }
    let ledger = next.shutdown_blocking(LONG);
    let left = spool.files("");
    assert!(left.len() == 1 && left[0].parent().unwrap().ends_with("aside"), "{left:?}");
    assert!(ledger.lost() == 0 && ledger.delivered == 4 - 1, "{ledger}, of {} files", files.len());
}

#[cekura::conversation(client = handle, skip_all)]
fn conversation(handle: &Cekura, begun: &Sender<TraceId>, end: &Receiver<()>) {
    begun.send(cekura::trace_id().unwrap()).unwrap();
    end.recv().unwrap();
}

#[test]
fn a_call_log_that_cannot_be_written_again_keeps_its_first_copy() {
    let spool = Spool::new(TEMPORARY, "first-copy");
    let Some(_mount) = Mount::new(&spool.0) else { return };
    let (backend, is_well) = (Backend::new(), Arc::<AtomicBool>::default());
    let looked_at = is_well.clone();
    let api = Api::scripted(move |seen, _| match (looked_at.load(Ordering::Relaxed), seen.method.as_str()) {
        (false, _) => Reply::Silence,
        (true, "GET") => Reply::json(200, &json!([])),
        (true, _) => Reply::stored(7),
    });
    let builder = || observing(&backend, &api).spool(&spool.0).spool_limits(limits());
    let (first, filler) = (builder().build().unwrap(), spool.0.join("filler"));
    let ((begin, traces), (end, ended)) = (mpsc::channel(), mpsc::channel());
    thread::scope(|scope| {
        let first = &first;
        scope.spawn(move || conversation(first, &begin, &ended));
        let trace = traces.recv().unwrap();
        let log = CallLog::new("call 1").trace_id(trace).deadline(LONG);
        let waiting = scope.spawn(|| first.observe_blocking(log));
        spool.await_files(".call_log", 1);
        let mut file = fs::File::create(&filler).unwrap();
        while file.write_all(&[7; 64]).is_ok() {}
        // Its trace is complete now, which it is to name on disk too.
        end.send(()).unwrap();
        api.await_requests(1);
        assert_eq!(api.posted()["trace_id"], trace.to_string());
        thread::sleep(SHORT);
        first.shutdown_blocking(SHORT);
        waiting.join().unwrap().unwrap_err();
    });
    assert_eq!(spool.files(".call_log").len(), 1, "{:?}", spool.files(""));
    fs::remove_file(filler).unwrap();
    is_well.store(true, Ordering::Relaxed);
    let next = builder().build().unwrap();
    api.await_requests(3);
    next.shutdown_blocking(LONG);
    assert_eq!(api.seen()[2].body["call_id"], "call 1");
}
