//! What does not belong into a spool: it is not followed, waited for or read into memory, and what is beside it arrives.

use super::crashes::{agent, go_on, lines};
use super::{TEMPORARY, await_ledger, falling, limits, report, spooling};
use cekura::{Protocol, SpoolLimits};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, SHORT, converse};
use cekura_trace_tests::spools::Spool;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// The file of three spans that an ended handle has left.
fn left(spool: &Spool) -> PathBuf {
    let (backend, _) = falling();
    let first =
        spooling(&backend, Protocol::Grpc, spool).otel_endpoint("http://127.0.0.1:9").build().unwrap();
    converse(&first, 2);
    assert_eq!(first.flush_blocking(LONG).spooled, 3);
    first.shutdown_blocking(SHORT);
    spool.files(".spans").remove(0)
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn nothing_foreign_keeps_what_is_beside_it_from_arriving() {
    let spool = Spool::new(TEMPORARY, "foreign");
    let elsewhere = Spool::new(TEMPORARY, "foreign-elsewhere");
    let (backend, is_well) = falling();
    let first = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    converse(&first, 2);
    first.flush_blocking(LONG);
    first.shutdown_blocking(SHORT);
    let file = spool.files(".spans").remove(0);
    for name in ["run-0000000000000000", "run-0000000000000001", "run-0000000000000002"] {
        fs::create_dir(spool.0.join(name)).unwrap();
    }
    fifo(&spool.0.join("run-0000000000000000/lock"));
    fifo(&spool.0.join("run-0000000000000001").join(file.file_name().unwrap()));
    fifo(&file.with_file_name("0.spans"));
    symlink("/etc/passwd", spool.0.join("run-0000000000000002").join(file.file_name().unwrap())).unwrap();
    fs::create_dir_all(&elsewhere.0).unwrap();
    fs::write(elsewhere.0.join("1.spans"), "somebody's").unwrap();
    symlink(&elsewhere.0, spool.0.join("run-0000000000000003")).unwrap();
    is_well.store(true, Ordering::Relaxed);
    let next = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    await_ledger(&next, &report(3, 3, 0));
    converse(&next, 1);
    assert_eq!(next.shutdown_blocking(LONG), report(5, 5, 0));
    assert_eq!(fs::read_to_string(elsewhere.0.join("1.spans")).unwrap(), "somebody's");
    assert_eq!(elsewhere.files("").len(), 1, "{:?}", elsewhere.files(""));
}

#[test]
fn a_file_of_1_gib_is_not_read_into_memory() {
    for what in ["ours", "foreign", "long-line"] {
        let spool = Spool::new(TEMPORARY, &format!("sparse-{what}"));
        let file = left(&spool);
        let sparse = match what {
            "foreign" => file.with_file_name("0000000000001-0123456789abcdef.spans"),
            _ => file.clone(),
        };
        let mut options = fs::OpenOptions::new();
        let sparse = options.write(true).create(true).truncate(what == "long-line").open(sparse).unwrap();
        sparse.set_len(1 << 30).unwrap();
        let (backend, api) = (Backend::new(), Api::new());
        let mut agent = agent(&[], "memory", &backend, &api.url(), &spool.0).spawn().unwrap();
        let mut said = lines(&mut agent);
        thread::sleep(4 * SHORT);
        go_on(&mut agent);
        let most = said.next().unwrap();
        let kilobytes: u64 = most.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 100_000, "{what}: {most}");
        go_on(&mut agent);
        agent.wait().unwrap();
    }
}

#[test]
fn a_folder_that_becomes_a_link_gets_nothing_any_more() {
    let spool = Spool::new(TEMPORARY, "becomes-a-link");
    let elsewhere = Spool::new(TEMPORARY, "becomes-a-link-elsewhere");
    let (backend, is_well) = falling();
    let handle = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG), report(2, 0, 2));
    let run = spool.files(".spans")[0].parent().unwrap().to_owned();
    fs::rename(&run, spool.0.join("moved")).unwrap();
    fs::create_dir_all(&elsewhere.0).unwrap();
    symlink(&elsewhere.0, &run).unwrap();
    thread::sleep(4 * SHORT);
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG), report(4, 0, 4));
    assert!(elsewhere.files("").is_empty(), "{:?}", elsewhere.files(""));
    assert_eq!(fs::read_dir(&elsewhere.0).unwrap().count(), 0);
    let written = spool.files(".spans");
    assert!(written.iter().any(|file| !file.starts_with(spool.0.join("moved"))), "{written:?}");
    is_well.store(true, Ordering::Relaxed);
    await_ledger(&handle, &report(4, 4, 0));
    handle.shutdown_blocking(LONG);
}

/// A file as version 0.1 has written it.
fn of_version_0_1(url: &str, spans: &str) -> String {
    let origin = format!(r#""account":"none","headers":"","path":"","protocol":"grpc","to":"{url}""#);
    let traces = format!(r#"{{"00000000000000000000000000000007":{spans}}}"#);
    let head = format!(r#"{{{origin},"item":"spans","roots":[],"traces":{traces}}}"#);
    let body = "\0\0\0\0\0";
    let mut sum = Command::new("sha256sum");
    let mut sum =
        sum.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut sum.stdin.take().unwrap(), format!("{head}\n{body}").as_bytes()).unwrap();
    let sum = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    format!("cekura-spool 1 {}\n{head}\n{body}", &sum[..64])
}

#[test]
fn files_of_an_older_version_are_set_aside_and_told_of() {
    listen();
    let spool = Spool::new(TEMPORARY, "older");
    let (backend, _) = falling();
    let run = spool.0.join("run-0123456789abcdef");
    fs::create_dir_all(&run).unwrap();
    fs::set_permissions(&spool.0, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    // Two that say they have more spans than there are.
    for number in [1, 2] {
        let file = run.join(format!("000000000000{number}-0123456789abcde{number}.spans"));
        fs::write(file, of_version_0_1(&backend.url(), "18446744073709551615")).unwrap();
    }
    let handle = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    let said = || heard(&spool.0.join("aside").display().to_string()).len();
    let limit = std::time::Instant::now() + LONG;
    while said() == 0 {
        assert!(std::time::Instant::now() < limit, "it is not told");
        thread::sleep(std::time::Duration::from_millis(5));
    }
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG), report(2, 0, 2));
    assert_eq!(fs::read_dir(spool.0.join("aside")).unwrap().count(), 2);
    let builder = spooling(&backend, Protocol::Grpc, &spool).spool_limits(limits());
    assert!(builder.doctor().to_string().contains("spool"));
    handle.shutdown_blocking(SHORT);
}

#[test]
fn no_empty_file_stays_for_ever_whosever_folder_it_is_in() {
    for whose in ["dead", "living", "own"] {
        let spool = Spool::new(TEMPORARY, &format!("stray-{whose}"));
        let (backend, _) = falling();
        let old = SpoolLimits { age: Duration::ZERO, ..limits() };
        let start = || spooling(&backend, Protocol::Http, &spool).spool_limits(old).build().unwrap();
        let first = (whose != "dead").then(start);
        let folder = match &first {
            Some(_) => spool.files("lock").remove(0).with_file_name(""),
            None => spool.0.join("run-0000000000000000"),
        };
        fs::create_dir_all(&folder).unwrap();
        for name in [".tmp", "1-2-3.tmp"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let second = (whose != "own").then(start);
        spool.await_files(".tmp", 0);
        drop((first, second));
        assert!(spool.files("").is_empty(), "{whose}: {:?}", spool.files(""));
    }
}

#[test]
fn empty_files_count_as_what_they_take() {
    let spool = Spool::new(TEMPORARY, "strays");
    let (backend, _) = falling();
    let folder = spool.0.join("run-0000000000000000");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..300 {
        fs::write(folder.join(format!("{number}.tmp")), "").unwrap();
    }
    let small = SpoolLimits { bytes: 200 << 9, ..limits() };
    let handle = spooling(&backend, Protocol::Http, &spool).spool_limits(small).build().unwrap();
    // Half of the limit is for what is others'.
    spool.await_files(".tmp", 99);
    handle.shutdown_blocking(SHORT);
}

#[test]
fn a_folder_of_the_users_own_is_left_alone_whatever_it_is_called() {
    let spool = Spool::new(TEMPORARY, "own-folders");
    let names = ["run-2026-11-30", "run-", "run-0123456789ABCDEF", "runs"];
    for name in names {
        fs::create_dir_all(spool.0.join(name)).unwrap();
        fs::write(spool.0.join(name).join("download.tmp"), "").unwrap();
        fs::write(spool.0.join(name).join("model.bin"), "weights").unwrap();
    }
    let backend = Backend::new();
    let handle = spooling(&backend, Protocol::Grpc, &spool).build().unwrap();
    converse(&handle, 1);
    handle.shutdown_blocking(LONG);
    for name in names {
        assert_eq!(fs::read(spool.0.join(name).join("model.bin")).unwrap(), b"weights", "{name}");
        assert!(spool.0.join(name).join("download.tmp").exists(), "{name}");
    }
}
