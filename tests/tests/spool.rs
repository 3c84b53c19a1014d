//! The spool: what is not delivered survives on disk, is delivered later, and is counted on the way.

#[path = "spool/calls.rs"]
mod calls;
#[path = "spool/clocks.rs"]
mod clocks;
#[path = "spool/crashes.rs"]
mod crashes;
#[path = "spool/disks.rs"]
mod disks;
#[path = "spool/errors.rs"]
mod errors;
#[path = "spool/foreign.rs"]
mod foreign;
#[path = "spool/kills.rs"]
mod kills;
#[path = "spool/others.rs"]
mod others;
#[path = "spool/places.rs"]
mod places;
#[path = "spool/recordings.rs"]
mod recordings;
#[path = "spool/slow.rs"]
mod slow;

use cekura::{Builder, Cekura, DropReason, FlushReport, Mode, Protocol, SpoolLimits, Timings};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, adds_up, converse, quick, reasons, to};
use cekura_trace_tests::spools::Spool;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

fn limits() -> SpoolLimits {
    SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() }
}

fn spooling(backend: &Backend, protocol: Protocol, spool: &Spool) -> Builder {
    to(backend, protocol).spool(&spool.0).spool_limits(limits())
}

/// A backend that is down until it is told to be well.
fn falling() -> (Backend, Arc<AtomicBool>) {
    let is_well = Arc::<AtomicBool>::default();
    let looked_at = is_well.clone();
    let is_up = move || looked_at.load(Ordering::Relaxed);
    let backend = Backend::scripted(move |_, _| if is_up() { Reply::Accept } else { Reply::fail(503, 14) });
    (backend, is_well)
}

fn report(accepted: u64, delivered: u64, spooled: u64) -> FlushReport {
    let mut report = FlushReport::default();
    (report.accepted, report.delivered, report.spooled) = (accepted, delivered, spooled);
    report
}

/// Of so many spans, so many were lost and the others are on disk.
fn lost(accepted: u64, reason: DropReason, lost: u64, spooled: u64) -> FlushReport {
    let mut report = report(accepted, 0, spooled);
    report.dropped.insert(reason, lost);
    report
}

/// Waits until the ledger says so.
fn await_ledger(handle: &Cekura, expected: &FlushReport) {
    let limit = Instant::now() + LONG;
    while handle.ledger() != *expected {
        assert!(adds_up(&handle.ledger()), "{}", handle.ledger());
        assert!(Instant::now() < limit, "{} instead of {expected}", handle.ledger());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_one_process_cannot_deliver_the_next_one_does() {
    for protocol in PROTOCOLS {
        let spool = Spool::new(TEMPORARY, &format!("next-{protocol:?}"));
        let (backend, is_well) = falling();
        let first = spooling(&backend, protocol, &spool).build().unwrap();
        converse(&first, 3);
        assert_eq!(first.flush_blocking(LONG), report(4, 0, 4), "a flush ends when all is safe");
        converse(&first, 1);
        assert_eq!(first.shutdown_blocking(LONG), report(6, 0, 6), "so does a shutdown");
        assert!(backend.spans().is_empty());
        is_well.store(true, Ordering::Relaxed);
        let second = spooling(&backend, protocol, &spool).build().unwrap();
        converse(&second, 2);
        await_ledger(&second, &report(9, 9, 0));
        second.shutdown_blocking(LONG);
        let names = backend.names();
        assert_eq!(names.iter().filter(|name| *name == "turn").count(), 6, "each once: {names:?}");
        assert_eq!(names.len(), 9);
        assert!(spool.files("").is_empty(), "nothing is left: {:?}", spool.files(""));
    }
}

#[test]
fn what_is_safe_is_delivered_as_soon_as_the_backend_is_well_again() {
    let spool = Spool::new(TEMPORARY, "same");
    let (backend, is_well) = falling();
    let handle = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    for _ in 0..3 {
        converse(&handle, 1);
        handle.flush_blocking(LONG);
    }
    assert_eq!(handle.ledger(), report(6, 0, 6));
    is_well.store(true, Ordering::Relaxed);
    await_ledger(&handle, &report(6, 6, 0));
    spool.await_files(".spans", 0);
    assert_eq!(handle.shutdown_blocking(LONG), report(6, 6, 0));
    assert_eq!(backend.names().len(), 6);
}

#[test]
fn a_shutdown_tries_once_more_after_an_attempt_that_it_found_on_its_way() {
    let spool = Spool::new(TEMPORARY, "on-its-way");
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let backend = Backend::scripted(move |_, before| {
        if before > 0 {
            return Reply::Accept;
        }
        // Until the test lets go, or is over.
        let _ = released.lock().unwrap().recv();
        Reply::fail(503, 14)
    });
    let slow = Timings { first_backoff: LONG, longest_backoff: LONG, ..quick() };
    let handle = spooling(&backend, Protocol::Http, &spool).timings(slow).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG), report(2, 0, 2));
    thread::scope(|scope| {
        let end = scope.spawn(|| handle.shutdown_blocking(LONG));
        // The shutdown has begun by then; if it has not, it finds a failure that is over.
        thread::sleep(SHORT);
        release.send(()).unwrap();
        assert_eq!(end.join().unwrap(), report(2, 2, 0));
    });
    assert_eq!(backend.names().len(), 2);
}

#[test]
fn nothing_is_written_that_arrives_at_once() {
    let spool = Spool::new(TEMPORARY, "healthy");
    let backend = Backend::new();
    let slow = SpoolLimits { deposit: LONG, ..limits() };
    let handle = spooling(&backend, Protocol::Grpc, &spool).spool_limits(slow).build().unwrap();
    let before = fs::metadata(&spool.0).unwrap().modified().unwrap();
    converse(&handle, 3);
    assert_eq!(handle.flush_blocking(LONG), report(4, 4, 0));
    assert!(spool.files(".spans").is_empty() && spool.files(".unfinished").is_empty());
    assert_eq!(fs::metadata(&spool.0).unwrap().modified().unwrap(), before);
    handle.shutdown_blocking(LONG);
}

#[test]
fn an_outage_may_be_longer_than_the_limits_of_what_is_in_memory() {
    let spool = Spool::new(TEMPORARY, "outage");
    let (backend, is_well) = falling();
    let impatient = Timings { give_up: Duration::from_millis(300), ..quick() };
    let builder = spooling(&backend, Protocol::Http, &spool).timings(impatient).memory_limit(20_000);
    let handle = builder.build().unwrap();
    for _ in 0..20 {
        converse(&handle, 20);
        assert_eq!(handle.flush_blocking(LONG).lost(), 0);
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!(handle.ledger(), report(420, 0, 420));
    is_well.store(true, Ordering::Relaxed);
    await_ledger(&handle, &report(420, 420, 0));
    handle.shutdown_blocking(LONG);
    assert_eq!(backend.names().len(), 420);
}

#[test]
fn files_that_nobody_can_read_are_set_aside() {
    let spool = Spool::new(TEMPORARY, "torn");
    let (backend, is_well) = falling();
    let first = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    for _ in 0..3 {
        converse(&first, 1);
        first.flush_blocking(LONG);
    }
    first.shutdown_blocking(SHORT);
    let files = spool.files(".spans");
    assert_eq!(files.len(), 3);
    let whole = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
    fs::write(files[1].with_file_name("0.spans"), "nothing of ours").unwrap();
    fs::write(files[1].with_file_name("1.spans.unfinished"), &whole).unwrap();
    is_well.store(true, Ordering::Relaxed);
    let second = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    await_ledger(&second, &report(4, 4, 0));
    second.shutdown_blocking(LONG);
    let left = spool.files("");
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.iter().all(|file| file.parent().unwrap().ends_with("aside")), "{left:?}");
}

#[test]
fn an_outage_with_little_to_write_at_a_time_takes_few_files_and_all_arrives_once() {
    for is_ended in [false, true] {
        let spool = Spool::new(TEMPORARY, &format!("little-{is_ended}"));
        let (backend, is_well) = falling();
        let once = Timings { first_backoff: LONG, longest_backoff: LONG, ..quick() };
        let handle = spooling(&backend, Protocol::Grpc, &spool).timings(once).build().unwrap();
        for call in 1..=100 {
            converse(&handle, 1);
            assert_eq!(handle.flush_blocking(LONG), report(2 * call, 0, 2 * call));
        }
        let limit = Instant::now() + LONG;
        while spool.files(".spans").len() > 10 {
            assert!(Instant::now() < limit, "{} files", spool.files(".spans").len());
            thread::sleep(Duration::from_millis(5));
        }
        if is_ended {
            assert_eq!(handle.shutdown_blocking(SHORT), report(200, 0, 200));
            is_well.store(true, Ordering::Relaxed);
            let next = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
            await_ledger(&next, &report(200, 200, 0));
            next.shutdown_blocking(LONG);
        } else {
            is_well.store(true, Ordering::Relaxed);
            assert_eq!(handle.shutdown_blocking(LONG), report(200, 200, 0));
        }
        assert_eq!(backend.names().len(), 200);
        assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
    }
}

#[test]
fn a_file_that_is_torn_while_it_waits_is_counted() {
    let spool = Spool::new(TEMPORARY, "torn-later");
    let (backend, _) = falling();
    let handle = spooling(&backend, Protocol::Http, &spool).build().unwrap();
    converse(&handle, 2);
    handle.flush_blocking(LONG);
    for file in spool.files(".spans") {
        fs::write(file, "torn").unwrap();
    }
    // It is read again for each attempt.
    await_ledger(&handle, &lost(3, DropReason::SpoolDamaged, 3, 0));
    handle.shutdown_blocking(LONG);
}

#[test]
fn no_file_contains_the_key() {
    let spool = Spool::new(TEMPORARY, "key");
    let (backend, _) = falling();
    let builder = spooling(&backend, Protocol::Grpc, &spool).api_key("canary").agent(5);
    let handle = builder.header("authorization", "canary").build().unwrap();
    converse(&handle, 3);
    handle.flush_blocking(LONG);
    let files = spool.files(".spans");
    assert!(!files.is_empty());
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert!(text.contains("agent 5") && text.contains("turn"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
    handle.shutdown_blocking(SHORT);
}

#[test]
fn a_request_that_is_taken_apart_is_safe_in_its_parts() {
    let spool = Spool::new(TEMPORARY, "parts");
    let backend = Backend::scripted(|seen, _| {
        // So that all of it is on disk before.
        thread::sleep(Duration::from_millis(60));
        let is_good = seen.spans().all(|span| span.name == "turn");
        if is_good { Reply::Accept } else { Reply::fail(400, 3) }
    });
    let handle = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    converse(&handle, 7);
    let limit = Instant::now() + LONG;
    while handle.ledger().delivered + handle.ledger().lost() < 8 {
        let ledger = handle.ledger();
        assert!(adds_up(&ledger) && Instant::now() < limit, "{ledger}");
        thread::sleep(Duration::from_millis(5));
    }
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, reasons(&report)), (7, vec![("rejected", 1)]));
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn several_handles_share_a_directory() {
    let spool = Spool::new(TEMPORARY, "shared");
    let (backend, is_well) = falling();
    let handles: Vec<_> =
        (0..4).map(|_| spooling(&backend, Protocol::Grpc, &spool).build().unwrap()).collect();
    for handle in &handles {
        converse(handle, 1);
    }
    for handle in &handles {
        assert_eq!(handle.flush_blocking(LONG), report(2, 0, 2));
    }
    let late = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(late.ledger(), report(0, 0, 0), "what belongs to a process that lives is not taken from it");
    is_well.store(true, Ordering::Relaxed);
    for handle in &handles {
        await_ledger(handle, &report(2, 2, 0));
        handle.shutdown_blocking(LONG);
    }
    late.shutdown_blocking(LONG);
    assert_eq!(backend.names().len(), 8);
}

#[test]
fn the_oldest_go_when_there_is_too_much_or_they_are_too_old() {
    let spool = Spool::new(TEMPORARY, "limits");
    let (backend, is_well) = falling();
    let small = SpoolLimits { bytes: 9000, ..limits() };
    let handle = spooling(&backend, Protocol::Grpc, &spool).spool_limits(small).build().unwrap();
    for _ in 0..4 {
        converse(&handle, 1);
        handle.flush_blocking(LONG);
    }
    let limit = Instant::now() + LONG;
    while spool.files(".spans").len() > 2 && Instant::now() < limit {
        thread::sleep(Duration::from_millis(5));
    }
    let report = handle.shutdown_blocking(SHORT);
    let full = report.dropped["spool_full"];
    assert!(adds_up(&report) && report.accepted == 8 && full >= 4 && report.spooled == 8 - full, "{report}");
    is_well.store(true, Ordering::Relaxed);
    let old = SpoolLimits { age: Duration::ZERO, ..limits() };
    let second = spooling(&backend, Protocol::Grpc, &spool).spool_limits(old).build().unwrap();
    await_ledger(&second, &lost(8 - full, DropReason::SpoolExpired, 8 - full, 0));
    second.shutdown_blocking(LONG);
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error_at_the_start() {
    let spool = Spool::new(TEMPORARY, "unusable");
    fs::create_dir_all(&spool.0).unwrap();
    fs::set_permissions(&spool.0, fs::Permissions::from_mode(0o777)).unwrap();
    let backend = Backend::new();
    let file = spool.0.join("file");
    fs::write(&file, "").unwrap();
    for directory in [spool.0.clone(), file.clone(), file.join("below")] {
        let error = to(&backend, Protocol::Grpc).spool(directory).build().unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert!(error.to_string().starts_with(".spool(…) must be a directory"), "{error}");
    }
    let local = Cekura::builder().variables(|_| None).mode(Mode::Local).spool(&file);
    assert!(local.build().is_ok(), "in local mode nothing waits for a backend");
}
