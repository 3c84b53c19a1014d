//! Call logs in the spool.

use super::{TEMPORARY, limits};
use cekura::{CallLog, Cekura};
use cekura_trace_tests::api::{Api, Reply, search};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use cekura_trace_tests::spools::Spool;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

const DOWN: u8 = 0;
const EMPTY: u8 = 1;
const STORED: u8 = 2;

/// An API that is down, or has stored nothing, or everything.
fn changing() -> (Api, Arc<AtomicU8>) {
    let state = Arc::new(AtomicU8::new(DOWN));
    let looked_at = state.clone();
    let script = move |seen: &cekura_trace_tests::api::Seen, _| {
        let state = looked_at.load(Ordering::Relaxed);
        match (state, seen.method.as_str()) {
            (DOWN, _) => Reply::Body(503, String::new()),
            (EMPTY, "GET") => Reply::json(200, &json!([])),
            (STORED, "GET") => Reply::json(200, &json!([{ "call_id": "call 1", "id": 7 }])),
            _ => Reply::stored(7),
        }
    };
    (Api::scripted(script), state)
}

#[cekura::conversation(client = handle, call_id = "call 1", observe, skip_all)]
fn call(handle: &Cekura) {
    cekura::current_conversation().unwrap().user("Hello?");
}

#[test]
fn a_call_log_that_was_not_posted_is_posted_after_the_next_start() {
    for (state, expected) in [
        (EMPTY, [search("call 1", "agent_id=5"), "POST /observability/v1/observe/".to_owned()].as_slice()),
        (STORED, &[search("call 1", "agent_id=5")]),
    ] {
        let spool = Spool::new(TEMPORARY, &format!("call-log-{state}"));
        let (backend, (api, answers)) = (Backend::new(), changing());
        let start = || observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
        let first = start();
        call(&first);
        api.await_requests(1);
        first.shutdown_blocking(Duration::from_millis(500));
        assert_eq!(spool.files(".call_log").len(), 1);
        answers.store(state, Ordering::Relaxed);
        let before = api.requests().len();
        let second = start();
        api.await_requests(before + expected.len());
        second.shutdown_blocking(LONG);
        assert_eq!(api.requests()[before..], *expected);
        if let Some(post) = api.seen()[before..].iter().find(|seen| seen.method == "POST") {
            assert_eq!(post.body["call_id"], "call 1");
            assert_eq!(post.body["trace_id"], api.seen()[0].body["trace_id"], "its trace was complete");
        }
        assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
    }
}

#[test]
fn a_call_log_that_is_refused_for_good_is_not_kept() {
    let spool = Spool::new(TEMPORARY, "call-log-rejected");
    let backend = Backend::new();
    let api = Api::scripted(|_, _| Reply::json(400, &json!({ "transcript_json": ["is empty"] })));
    let handle = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
    assert!(handle.observe_blocking(CallLog::new("call 1")).unwrap_err().is_invalid());
    handle.shutdown_blocking(LONG);
    assert!(spool.files("").is_empty());
}

#[test]
fn a_call_log_names_a_trace_that_is_safe_on_disk() {
    let spool = Spool::new(TEMPORARY, "call-log-trace");
    let (backend, api) = (super::falling().0, Api::new());
    let handle = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
    call(&handle);
    api.await_requests(1);
    assert_eq!(api.posted()["trace_id"].as_str().unwrap().len(), 32);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, report.spooled), (0, 1));
    assert!(spool.files(".call_log").is_empty());
}
