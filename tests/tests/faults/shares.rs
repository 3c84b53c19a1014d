//! Row 20: spans, call logs and changes of stored calls share one memory limit, and none of them takes what the others need.

use super::{away, ids};
use cekura::{Builder, CallLog, Cekura, Conversation, Hold, Timings, Update, current_conversation, spans};
use cekura_trace_tests::api::{Api, Reply as Said};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, adds_up, converse, observing, quick, reasons};
use cekura_trace_tests::spools::Spool;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: usize = 4 << 20;
/// Calls of 128 KiB each: twice the limit.
const CALLS: usize = 64;

/// An API that is away until it is told to be well.
fn api(away: Said) -> (Api, Arc<AtomicBool>) {
    let is_well = Arc::<AtomicBool>::default();
    let looked_at = is_well.clone();
    let answer = move |seen: &cekura_trace_tests::api::Seen, _| {
        if !looked_at.load(Ordering::Relaxed) {
            away.clone()
        } else if seen.method == "GET" {
            Said::json(200, &json!({ "count": 0, "next": null, "results": [] }))
        } else {
            Said::stored(7)
        }
    };
    (Api::scripted(answer), is_well)
}

fn limited(backend: &Backend, api: &Api) -> Builder {
    observing(backend, api).timings(quick()).memory_limit(LIMIT)
}

#[cekura::conversation(client = handle, call_id = id, observe, skip_all)]
fn call(handle: &Cekura, id: String, is_held: bool) -> (Conversation, Option<Hold>) {
    let call = current_conversation().unwrap();
    call.user("x".repeat(128 << 10));
    let hold = is_held.then(|| call.hold());
    (call, hold)
}

/// One after the other, in step with the thread that delivers.
fn calls<R>(handle: &Cekura, made: impl Fn(String) -> R) -> Vec<R> {
    let one = |number| {
        let made = made(format!("call-{number}"));
        handle.flush_blocking(Duration::ZERO);
        made
    };
    (0..CALLS).map(one).collect()
}

/// The calls of which a log was posted while the API was well.
fn posted(api: &Api) -> BTreeSet<usize> {
    let posts = api.seen().into_iter().filter(|seen| seen.method == "POST");
    posts.map(|seen| seen.body["call_id"].as_str().unwrap()["call-".len()..].parse().unwrap()).collect()
}

/// A hundred spans end while neither endpoint answers; all of them arrive when the backend does.
fn spans_are_safe(
    handle: &Cekura,
    backend: &Backend,
    is_well: &AtomicBool,
    before: usize,
) -> cekura::FlushReport {
    (0..50).for_each(|_| converse(handle, 1));
    let report = handle.flush_blocking(Duration::ZERO);
    assert_eq!(reasons(&report), [], "{report}");
    is_well.store(true, Ordering::Relaxed);
    let report = handle.flush_blocking(LONG);
    assert!(adds_up(&report), "{report}");
    assert_eq!((report.delivered, report.lost()), (before as u64 + 100, 0), "{report}");
    assert_eq!(ids(backend).len(), before + 100);
    report
}

#[test]
fn row_20_call_logs_that_wait_push_out_no_span() {
    listen();
    for reply in [Said::Reset, Said::Silence, Said::Body(503, String::new())] {
        let ((backend, is_up), (api, is_well)) = (away(Reply::Silence), api(reply.clone()));
        let timings = Timings { attempt: Duration::from_millis(300), ..quick() };
        let handle = limited(&backend, &api).timings(timings).build().unwrap();
        calls(&handle, |id| call(&handle, id, false));
        spans_are_safe(&handle, &backend, &is_up, CALLS);
        is_well.store(true, Ordering::Relaxed);
        let before = api.seen().len();
        handle.shutdown_blocking(LONG);
        let posts: BTreeSet<usize> = api.seen()[before..]
            .iter()
            .filter(|seen| seen.method == "POST")
            .map(|seen| seen.body["call_id"].as_str().unwrap()["call-".len()..].parse().unwrap())
            .collect();
        assert!((CALLS - 10..CALLS).all(|number| posts.contains(&number)), "{reply:?}: {posts:?}");
        assert!(posts.len() < CALLS / 2, "{reply:?}: {posts:?}");
    }
    let said = heard("call_id=\"call-5\"");
    assert!(said.iter().any(|said| said.text.contains(".memory_limit(")), "{said:?}");
}

#[test]
fn row_20_call_logs_of_the_program_push_out_no_span_and_who_waits_for_one_is_told() {
    let ((backend, is_up), (api, is_well)) = (away(Reply::Silence), api(Said::Reset));
    let handle = limited(&backend, &api).build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = Arc::new(handle);
    let sent = calls(&handle, |id| {
        let handle = handle.clone();
        let log = CallLog::new(id).feedback("x".repeat(128 << 10));
        let sent = runtime.spawn(async move { handle.observe(log).await });
        thread::sleep(Duration::from_millis(5));
        sent
    });
    spans_are_safe(&handle, &backend, &is_up, 0);
    is_well.store(true, Ordering::Relaxed);
    let results: Vec<_> = sent.into_iter().map(|sent| runtime.block_on(sent).unwrap()).collect();
    let (stored, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(
        lost.len() > CALLS / 4 && stored.len() > CALLS / 8,
        "{} stored, {} lost",
        stored.len(),
        lost.len()
    );
    for error in lost {
        assert!(error.unwrap_err().to_string().contains(".memory_limit("));
    }
}

#[test]
fn row_20_call_logs_that_are_held_push_out_no_span() {
    let ((backend, is_up), (api, is_well)) = (away(Reply::Silence), api(Said::Reset));
    let handle = limited(&backend, &api).build().unwrap();
    let held = calls(&handle, |id| call(&handle, id, true));
    spans_are_safe(&handle, &backend, &is_up, CALLS);
    is_well.store(true, Ordering::Relaxed);
    for (call, hold) in held {
        call.metadata(json!({ "later": true }));
        drop(hold);
    }
    handle.shutdown_blocking(LONG);
    let posts = posted(&api);
    assert!(posts.contains(&(CALLS - 1)) && !posts.contains(&0), "{posts:?}");
}

#[test]
fn row_20_changes_of_stored_calls_push_out_neither_spans_nor_call_logs() {
    let ((backend, is_up), (api, is_well)) = (away(Reply::Silence), api(Said::Reset));
    let handle = Arc::new(limited(&backend, &api).build().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let changes: Vec<_> = (0..CALLS)
        .map(|number| {
            let handle = handle.clone();
            let update = Update::new().metadata(json!({ "notes": "x".repeat(64 << 10) }));
            runtime.spawn(async move { handle.update(format!("call-{number}"), update).await })
        })
        .collect();
    // Those that are not refused wait for the API.
    let limit = Instant::now() + LONG;
    while changes.iter().filter(|change| change.is_finished()).count() <= CALLS - 8 {
        assert!(Instant::now() < limit, "more than 8 of {CALLS} changes wait");
        thread::sleep(Duration::from_millis(5));
    }
    for change in changes.into_iter().filter(tokio::task::JoinHandle::is_finished) {
        assert!(runtime.block_on(change).unwrap().is_err());
    }
    drop(call(&handle, "call-1".to_owned(), false));
    spans_are_safe(&handle, &backend, &is_up, 1);
    is_well.store(true, Ordering::Relaxed);
    // A shutdown would wait for the changes, which are of calls that are not stored.
    let limit = Instant::now() + LONG;
    while !posted(&api).contains(&1) {
        assert!(Instant::now() < limit, "the call log is not posted");
        thread::sleep(Duration::from_millis(5));
    }
    handle.shutdown_blocking(Duration::ZERO);
}

#[test]
fn row_20_a_call_log_is_taken_while_spans_fill_the_memory() {
    let ((backend, _), (api, is_well)) = (away(Reply::Silence), api(Said::Reset));
    is_well.store(true, Ordering::Relaxed);
    let handle = limited(&backend, &api).build().unwrap();
    let text = "x".repeat(2 << 10);
    let fill = || {
        for _ in 0..4_000 {
            let mut span = cekura::spans::conversation().client(&handle).start();
            span.record("text", text.as_str());
            span.end();
        }
    };
    fill();
    for number in 0..20 {
        let log = CallLog::new(format!("call-{number}")).feedback("x".repeat(300 << 10));
        handle.observe_blocking(log).unwrap();
    }
    assert!(handle.ledger().dropped["queue_full"] > 0, "{}", handle.ledger());
    assert_eq!(posted(&api).len(), 20);
}

/// How calls come to their end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// At once.
    Early,
    /// When their drafts are on disk.
    Late,
    /// Early, and their call logs are held.
    Held,
}

/// Three calls at a time fill what may be open, so that their drafts are written one after the other. They end when all are on disk.
fn long_calls(handle: &Cekura, ids: &[String], await_disk: impl Fn()) -> Vec<(Conversation, Option<Hold>)> {
    let begin = |id: &String| {
        let call = spans::conversation().call_id(id).observe().client(handle).start();
        let conversation = call.in_scope(|| current_conversation().unwrap());
        conversation.user("x".repeat(128 << 10));
        // By then the thread that delivers has made room for the next one.
        handle.flush_blocking(LONG);
        (call, conversation)
    };
    let calls: Vec<_> = ids.iter().map(begin).collect();
    await_disk();
    let end = |(call, conversation): (spans::Guard<spans::Conversation>, _)| {
        call.end();
        handle.flush_blocking(LONG);
        (conversation, None)
    };
    calls.into_iter().map(end).collect()
}

/// What was posted of each call after so many requests.
fn posted_after(api: &Api, before: usize) -> BTreeMap<String, serde_json::Value> {
    let posts = api.seen().into_iter().skip(before).filter(|seen| seen.method == "POST");
    posts.map(|seen| (seen.body["call_id"].as_str().unwrap().to_owned(), seen.body)).collect()
}

/// None goes: with the disk, there is room for what came since it last had everything.
fn none_goes(end: End) {
    listen();
    let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), &format!("shares-{end:?}"));
    let ((backend, is_up), (api, is_well)) = (away(Reply::Silence), api(Said::Reset));
    // A busy machine takes its time for so many calls.
    let timings = Timings { give_up: Timings::default().give_up, ..quick() };
    // What is held keeps its notes beside what is on disk; of those that run, three fill the half of the limit.
    let (count, abreast, limit) = match end {
        End::Early => (CALLS, 1, LIMIT),
        End::Held => (10, 1, LIMIT),
        End::Late => (15, 3, LIMIT / 4),
    };
    let builder = limited(&backend, &api).timings(timings).memory_limit(limit);
    let handle = builder.spool(&spool.0).build().unwrap();
    let size = |file| fs::metadata(file).map_or(0, |file| file.len());
    let on_disk = || spool.files(".call_log").into_iter().map(size).sum::<u64>();
    let some = |first: usize| {
        let await_disk = || {
            let start = Instant::now();
            while on_disk() < (first + abreast) as u64 * (128 << 10) {
                let said = heard(&format!("call_id=\"{end:?}-"));
                let has_all = said.is_empty() && start.elapsed() < LONG;
                assert!(has_all, "call {first}: {} bytes, {said:?}, {}", on_disk(), handle.ledger());
                thread::sleep(Duration::from_millis(2));
            }
        };
        let ids: Vec<_> = (first..first + abreast).map(|number| format!("{end:?}-{number}")).collect();
        if end == End::Late {
            return long_calls(&handle, &ids, await_disk);
        }
        let made = call(&handle, ids[0].clone(), end == End::Held);
        await_disk();
        // The thread that delivers knows it when the span is on disk too.
        handle.flush_blocking(LONG);
        vec![made]
    };
    let held: Vec<_> = (0..count).step_by(abreast).flat_map(some).collect();
    (0..50).for_each(|_| converse(&handle, 1));
    handle.flush_blocking(Duration::ZERO);
    let before = api.seen().len();
    is_up.store(true, Ordering::Relaxed);
    is_well.store(true, Ordering::Relaxed);
    for (call, hold) in held {
        call.metadata(json!({ "later": 1 }));
        drop(hold);
    }
    let posts = || posted_after(&api, before);
    let limit = Instant::now() + LONG;
    while posts().len() < count {
        let said = heard(&format!("call_id=\"{end:?}-"));
        let has_time = said.is_empty() && Instant::now() < limit;
        assert!(has_time, "{} of {count}: {said:?}; {}", posts().len(), handle.ledger());
        thread::sleep(Duration::from_millis(20));
    }
    for body in posts().values() {
        let (words, metadata) = (body["transcript_json"][0]["content"].as_str(), &body["metadata"]);
        assert_eq!(words.map(str::len), Some(128 << 10), "{metadata}");
        assert_eq!(metadata.get("later").is_some(), end == End::Held, "{metadata}");
        assert_eq!(metadata.get("incomplete"), None, "{metadata}");
    }
    let report = handle.shutdown_blocking(LONG);
    assert!(report.lost() <= 10 && report.delivered + report.lost() == report.accepted, "{report}");
}

#[test]
fn row_20_above_the_memory_limit_with_a_spool_call_logs_wait_on_disk_and_none_goes() {
    none_goes(End::Early);
}

#[test]
fn row_20_nor_does_one_of_a_long_call() {
    none_goes(End::Late);
}

#[test]
fn row_20_nor_does_one_that_is_held() {
    none_goes(End::Held);
}
