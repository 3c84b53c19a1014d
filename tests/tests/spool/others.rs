//! What waits on disk for another endpoint or account: who gets it, and who is told of it.

use super::crashes::agent;
use super::{TEMPORARY, await_ledger, falling, limits, report, spooling};
use cekura::{Builder, CallLog, Cekura, Protocol, SpoolLimits};
use cekura_trace_tests::api::{Api, KEY, Reply};
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, at, converse};
use cekura_trace_tests::spools::Spool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// Leaves the spans of a conversation with so many turns behind, which nobody takes.
fn left(builder: Builder, turns: u32) {
    let handle = builder.build().unwrap();
    converse(&handle, turns);
    assert_eq!(handle.flush_blocking(LONG).spooled, u64::from(turns) + 1);
    handle.shutdown_blocking(SHORT);
}

fn nowhere(spool: &Spool) -> Builder {
    at(&format!("http://{}", deserted()), Protocol::Grpc).spool(&spool.0).spool_limits(limits())
}

/// Starts and ends a handle that takes nothing of what is there.
fn takes_nothing(builder: Builder, who: &str) {
    let handle = builder.build().unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(handle.shutdown_blocking(LONG), report(0, 0, 0), "{who}");
}

/// The text of a diagnosis on one line.
fn diagnosed(builder: Builder) -> String {
    let diagnosis = builder.doctor();
    assert!(!format!("{diagnosis}{diagnosis:?}").contains("canary"), "{diagnosis}");
    diagnosis.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_endpoint_that_was_wrong_and_is_set_right_gets_what_waited_for_its_account() {
    for protocol in PROTOCOLS {
        let spool = Spool::new(TEMPORARY, &format!("set-right-{protocol:?}"));
        left(nowhere(&spool).api_key("canary").agent(5), 2);
        let right = Backend::new();
        let handle = spooling(&right, protocol, &spool).api_key("canary").agent(5).build().unwrap();
        await_ledger(&handle, &report(3, 3, 0));
        handle.shutdown_blocking(LONG);
        assert_eq!(right.names(), ["conversation", "turn", "turn"]);
        assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
    }
}

#[test]
fn so_does_an_api_with_its_call_logs() {
    let spool = Spool::new(TEMPORARY, "api-set-right");
    let (backend, api) = (
        Backend::new(),
        Api::scripted(|seen, _| match seen.method.as_str() {
            "GET" => Reply::Body(200, "[]".to_owned()),
            _ => Reply::stored(7),
        }),
    );
    let builder = |url: String| spooling(&backend, Protocol::Grpc, &spool).api_key(KEY).agent(5).api_url(url);
    let wrong = builder(format!("http://{}", deserted())).build().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| wrong.observe_blocking(CallLog::new("call 1")).unwrap_err());
        spool.await_files(".call_log", 1);
        wrong.shutdown_blocking(SHORT);
    });
    let right = builder(api.url()).build().unwrap();
    api.await_requests(2);
    right.shutdown_blocking(LONG);
    assert_eq!(api.seen()[1].body["call_id"], "call 1");
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn what_is_meant_for_others_stays() {
    let spool = Spool::new(TEMPORARY, "others");
    let (backend, is_well) = falling();
    let builder = |agent| spooling(&backend, Protocol::Grpc, &spool).api_key("canary").agent(agent);
    left(builder(5), 1);
    is_well.store(true, Ordering::Relaxed);
    takes_nothing(builder(6), "another agent");
    takes_nothing(spooling(&backend, Protocol::Grpc, &spool).api_key("canary").project(5), "a project");
    takes_nothing(spooling(&backend, Protocol::Grpc, &spool), "nobody's account");
    takes_nothing(builder(5).header("x-tenant", "b"), "another customer of a gateway");
    takes_nothing(
        builder(5).header("x-cekura-tenant", "b"),
        "another customer, whatever the header is called",
    );
    takes_nothing(builder(5).api_key("canary-2"), "another key");
    assert!(backend.spans().is_empty());
    let right = builder(5).build().unwrap();
    await_ledger(&right, &report(2, 2, 0));
    right.shutdown_blocking(LONG);

    let spool = Spool::new(TEMPORARY, "others-of-nobody");
    left(nowhere(&spool), 1);
    takes_nothing(spooling(&backend, Protocol::Grpc, &spool), "another collector, without an account");
    takes_nothing(spooling(&backend, Protocol::Grpc, &spool).api_key("canary").agent(5), "an account");
    assert_eq!(spool.files(".spans").len(), 1);
}

#[test]
fn what_waits_for_others_is_told_once_with_whom_it_is_for_and_until_when() {
    listen();
    let spool = Spool::new(TEMPORARY, "told");
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Reply::Body(200, "{}".to_owned())));
    let builder = || spooling(&backend, Protocol::Grpc, &spool).api_key(KEY).agent(77).api_url(api.url());
    assert!(diagnosed(builder()).contains("ok spool nothing waits on disk for another endpoint or account"));
    let wrong = deserted();
    let for_wrong = |agent| {
        let builder = at(&format!("http://{wrong}"), Protocol::Http).api_key("canary").agent(agent);
        builder.spool(&spool.0).spool_limits(limits())
    };
    left(for_wrong(78), 6);
    left(nowhere(&spool), 1);
    let expected = format!("7 spans for agent 78 at http://{wrong}, until ");
    let text = diagnosed(builder());
    assert!(text.contains(&format!("waiting on disk for others: {expected}")), "{text}");
    assert!(text.contains("; 2 spans for nobody's account at http://127.0.0.1:"), "{text}");
    let week = std::time::SystemTime::now() + SpoolLimits::default().age;
    let dates = [0, 5, 60].map(|ago| {
        let date = httpdate::fmt_http_date(week - Duration::from_secs(ago));
        date.rsplit_once(':').unwrap().0.to_owned()
    });
    assert!(dates.iter().any(|date| text.contains(&format!("{expected}{date}"))), "{text} {dates:?}");
    assert!(builder().doctor().is_healthy());
    assert_eq!(spool.files(".spans").len(), 2, "a diagnosis takes nothing");

    // The handles that left it may have looked as well, each before the other had left its own.
    let told = || {
        let mut told = heard("the spool holds data for another endpoint or account");
        told.retain(|told| {
            told.text.contains(&expected) && told.text.contains("2 spans for nobody's account")
        });
        told
    };
    let handle = builder().build().unwrap();
    let limit = Instant::now() + LONG;
    while told().is_empty() {
        assert!(Instant::now() < limit, "it is not told");
        thread::sleep(Duration::from_millis(5));
    }
    handle.shutdown_blocking(LONG);
    let first = told();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((first[0].target.as_str(), first[0].level), ("cekura", tracing::Level::WARN));
    // A handle that sends it has nothing to tell.
    let right = for_wrong(78).otel_endpoint(backend.url()).build().unwrap();
    await_ledger(&right, &report(7, 7, 0));
    right.shutdown_blocking(LONG);
    assert_eq!(told().len(), 1);
}

#[test]
fn what_nobody_comes_for_is_deleted_after_its_time() {
    let spool = Spool::new(TEMPORARY, "others-too-old");
    left(nowhere(&spool).api_key("canary").agent(5), 1);
    let backend = Backend::new();
    let old = SpoolLimits { age: Duration::ZERO, ..limits() };
    let handle = spooling(&backend, Protocol::Grpc, &spool).spool_limits(old).build().unwrap();
    spool.await_files(".spans", 0);
    handle.shutdown_blocking(LONG);
    assert!(spool.files("").is_empty() && backend.spans().is_empty());
}

#[test]
fn what_nobody_comes_for_is_deleted_while_a_handle_runs() {
    let spool = Spool::new(TEMPORARY, "others-grow-old");
    left(nowhere(&spool).api_key("canary").agent(5), 1);
    let backend = Backend::new();
    let old = SpoolLimits { age: Duration::from_secs(3), ..limits() };
    let handle = spooling(&backend, Protocol::Grpc, &spool).spool_limits(old).build().unwrap();
    thread::sleep(SHORT);
    assert_eq!(spool.files(".spans").len(), 1, "it is not old yet");
    spool.await_files(".spans", 0);
    handle.shutdown_blocking(LONG);
}

#[test]
fn what_waits_for_others_leaves_room_for_ours() {
    listen();
    let spool = Spool::new(TEMPORARY, "others-too-much");
    (1..=12).for_each(|agent| left(nowhere(&spool).api_key("canary").agent(agent), 1));
    let newest = spool.files(".spans").into_iter().max_by_key(|file| file.file_name().unwrap().to_owned());
    let (backend, _) = falling();
    let small = SpoolLimits { bytes: 50_000, ..limits() };
    let handle = spooling(&backend, Protocol::Grpc, &spool).spool_limits(small).build().unwrap();
    let limit = Instant::now() + LONG;
    while spool.files(".spans").len() > 6 {
        assert!(Instant::now() < limit, "{:?}", spool.files(".spans"));
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..12 {
        converse(&handle, 1);
        handle.flush_blocking(LONG);
    }
    let bytes: u64 =
        spool.files("").iter().map(|file| file.metadata().unwrap().len().next_multiple_of(4096)).sum();
    assert!((30_000..60_000).contains(&bytes), "{bytes}: {:?}", spool.files(""));
    assert!(spool.files(".spans").contains(&newest.unwrap()), "the oldest go first");
    let said = heard(&format!("6 files of others were deleted from the spool {}", spool.0.display()));
    assert_eq!(said.len(), 1, "{said:?}");
    handle.shutdown_blocking(SHORT);
}

#[test]
fn what_is_for_others_is_not_read() {
    let spool = Spool::new(TEMPORARY, "others-unread");
    let handle = nowhere(&spool).api_key("canary").agent(6).content_limit(8 << 20).build().unwrap();
    for _ in 0..10 {
        long_call(&handle, &"x".repeat(2 << 20));
        handle.flush_blocking(LONG);
    }
    handle.shutdown_blocking(SHORT);
    let bytes: u64 = spool.files(".spans").iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes > 20 << 20, "{bytes}");
    let (backend, api) = (Backend::new(), Api::new());
    let mut agent = agent(&[], "memory", &backend, &api.url(), &spool.0).spawn().unwrap();
    thread::sleep(2 * SHORT);
    let counts = std::fs::read_to_string(format!("/proc/{}/io", agent.id())).unwrap();
    let read: u64 = counts.lines().next().unwrap().strip_prefix("rchar: ").unwrap().parse().unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(read < 4 << 20, "{read} of {bytes} bytes");
}

#[cekura::conversation(client = handle, skip_all, record("words" = words))]
fn long_call(handle: &Cekura, words: &str) {
    let _ = handle;
}
