//! Where the directory is: what its path means is settled at the start, and it may go and come again.

use super::crashes::{agent, lines};
use super::{TEMPORARY, await_ledger, falling, lost, report, spooling};
use cekura::{Cekura, DropReason, Protocol};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, SHORT, converse};
use cekura_trace_tests::spools::Spool;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_relative_path_means_what_it_meant_at_the_start() {
    let place = Spool::new(TEMPORARY, "relative");
    fs::create_dir_all(place.0.join("beside")).unwrap();
    let ((backend, _), api) = (falling(), Api::new());
    for path in ["spool", "./below/spool", "beside/../spool-2"] {
        let mut command = agent(&[], "moves", &backend, &api.url(), Path::new(path));
        let mut agent = command.current_dir(&place.0).spawn().unwrap();
        let said = lines(&mut agent).next();
        assert_eq!(said.as_deref(), Some("6 accepted, 0 delivered, 6 spooled"), "{path}");
        agent.wait().unwrap();
        let files = place.files(".spans").into_iter();
        assert_eq!(
            files.filter(|file| file.starts_with(place.0.join(path).canonicalize().unwrap())).count(),
            1
        );
    }
}

#[test]
fn a_path_that_is_no_text_is_the_one_that_is_used() {
    let place = Spool::new(TEMPORARY, "no-text");
    fs::create_dir_all(&place.0).unwrap();
    let ((backend, _), api) = (falling(), Api::new());
    let path = place.0.join(OsStr::from_bytes(b"sp\xff\xfeol"));
    let mut command = agent(&[], "variable", &backend, &api.url(), Path::new("unused"));
    let mut agent = command.env("CEKURA_SPOOL_DIR", &path).spawn().unwrap();
    let mut said = lines(&mut agent);
    assert_eq!(said.next().as_deref(), Some("6 accepted, 0 delivered, 6 spooled"));
    agent.kill().unwrap();
    agent.wait().unwrap();
    let there: Vec<_> = fs::read_dir(&place.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(there, [path]);
}

#[test]
fn a_directory_that_is_removed_is_made_again_and_the_ledger_knows_what_is_gone() {
    for what in ["all", "folder", "files"] {
        let spool = Spool::new(TEMPORARY, &format!("removed-{what}"));
        let (backend, is_well) = falling();
        let handle = spooling(&backend, Protocol::Http, &spool).build().unwrap();
        for _ in 0..22 {
            converse(&handle, 1);
        }
        assert_eq!(handle.flush_blocking(LONG), report(44, 0, 44));
        let files = spool.files(".spans");
        match what {
            "all" => fs::remove_dir_all(&spool.0).unwrap(),
            "folder" => fs::remove_dir_all(files[0].parent().unwrap()).unwrap(),
            _ => files.iter().for_each(|file| fs::remove_file(file).unwrap()),
        }
        await_ledger(&handle, &lost(44, DropReason::SpoolDamaged, 44, 0));
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG), lost(46, DropReason::SpoolDamaged, 44, 2), "{what}");
        assert!(!spool.files(".spans").is_empty(), "{what}");
        is_well.store(true, Ordering::Relaxed);
        let mut end = lost(46, DropReason::SpoolDamaged, 44, 0);
        end.delivered = 2;
        await_ledger(&handle, &end);
        handle.shutdown_blocking(LONG);
    }
}

#[test]
fn what_is_in_memory_is_written_again_when_the_directory_is_removed() {
    let spool = Spool::new(TEMPORARY, "removed-copies");
    let backend = Backend::scripted(|_, _| Reply::Silence);
    let handle = spooling(&backend, Protocol::Http, &spool).build().unwrap();
    converse(&handle, 3);
    assert_eq!(handle.flush_blocking(LONG), report(4, 0, 4));
    fs::remove_dir_all(&spool.0).unwrap();
    spool.await_files(".spans", 1);
    await_ledger(&handle, &report(4, 0, 4));
    handle.shutdown_blocking(SHORT);
}

/// 44 spans of a handle that are safe on disk.
fn kept(backend: &Backend, spool: &Spool) -> Cekura {
    let handle = spooling(backend, Protocol::Http, spool).build().unwrap();
    for _ in 0..22 {
        converse(&handle, 1);
    }
    assert_eq!(handle.flush_blocking(LONG), report(44, 0, 44));
    handle
}

#[test]
fn what_is_in_a_directory_that_is_moved_is_where_the_next_start_looks_for_it() {
    for what in ["directory", "parent", "folder", "replaced", "link"] {
        let place = Spool::new(TEMPORARY, &format!("moved-{what}"));
        let spool = Spool(place.0.join("parent/spool"));
        let (backend, is_well) = falling();
        let handle = kept(&backend, &spool);
        let elsewhere = Spool(place.0.join("elsewhere"));
        match what {
            "parent" => fs::rename(place.0.join("parent"), &elsewhere.0).unwrap(),
            "folder" => fs::rename(spool.files(".spans")[0].parent().unwrap(), &elsewhere.0).unwrap(),
            _ => fs::rename(&spool.0, &elsewhere.0).unwrap(),
        }
        match what {
            "replaced" => fs::create_dir(&spool.0).unwrap(),
            "link" => symlink(&elsewhere.0, &spool.0).unwrap(),
            _ => {}
        }
        // A link leads to it: there it is at its place.
        if what != "link" {
            elsewhere.await_files("", 0);
        }
        assert!(!spool.files(".spans").is_empty() || what == "link", "{what}");
        assert_eq!(handle.ledger(), report(44, 0, 44), "{what}");
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG), report(46, 0, 46), "{what}");
        assert_eq!(handle.shutdown_blocking(SHORT).spooled, 46, "{what}");
        is_well.store(true, Ordering::Relaxed);
        let next = spooling(&backend, Protocol::Http, &spool).build().unwrap();
        await_ledger(&next, &report(46, 46, 0));
        next.shutdown_blocking(LONG);
    }
}

#[test]
fn what_was_moved_and_cannot_come_back_is_counted_as_lost() {
    for what in ["file", "of-others"] {
        let place = Spool::new(TEMPORARY, &format!("moved-behind-{what}"));
        let spool = Spool(place.0.join("spool"));
        let (backend, is_well) = falling();
        let handle = kept(&backend, &spool);
        let elsewhere = Spool(place.0.join("elsewhere"));
        fs::rename(&spool.0, &elsewhere.0).unwrap();
        if what == "file" {
            fs::write(&spool.0, "").unwrap();
        } else {
            fs::create_dir(&spool.0).unwrap();
            fs::set_permissions(&spool.0, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let limit = Instant::now() + LONG;
        while handle.ledger().spooled > 0 {
            assert!(Instant::now() < limit, "{}", handle.ledger());
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!elsewhere.files(".spans").is_empty(), "what is there stays: {what}");
        if what == "file" {
            fs::remove_file(&spool.0).unwrap();
        } else {
            fs::remove_dir(&spool.0).unwrap();
        }
        converse(&handle, 1);
        // What was in memory at that moment, for another attempt, is written again.
        let gone = handle.ledger().lost();
        let expected =
            if gone > 0 { lost(46, DropReason::SpoolDamaged, gone, 46 - gone) } else { report(46, 0, 46) };
        await_ledger(&handle, &expected);
        is_well.store(true, Ordering::Relaxed);
        handle.shutdown_blocking(LONG);
    }
}

#[test]
fn a_lock_that_is_deleted_gives_nothing_to_another_program() {
    for is_made_again in [false, true] {
        let spool = Spool::new(TEMPORARY, &format!("unlocked-{is_made_again}"));
        let (backend, is_well) = falling();
        let first = kept(&backend, &spool);
        for lock in spool.files("lock") {
            fs::remove_file(&lock).unwrap();
            if is_made_again {
                fs::write(&lock, "").unwrap();
            }
        }
        let second = spooling(&backend, Protocol::Http, &spool).build().unwrap();
        converse(&second, 1);
        assert_eq!(second.flush_blocking(LONG), report(2, 0, 2));
        // It has looked around by then.
        thread::sleep(4 * SHORT);
        assert_eq!((first.ledger(), second.ledger()), (report(44, 0, 44), report(2, 0, 2)));
        is_well.store(true, Ordering::Relaxed);
        await_ledger(&first, &report(44, 44, 0));
        first.shutdown_blocking(LONG);
        assert_eq!(second.shutdown_blocking(LONG), report(2, 2, 0));
        assert_eq!(backend.names().len(), 46);
    }
}
