//! Which handles post call logs, how a post is waited for, and what a shutdown does with it.

use super::OBSERVE;
use cekura::{CallLog, Entry, Mode};
use cekura_trace_tests::api::{Api, KEY, Reply, search};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, converse, observing, quick, to};
use futures::FutureExt;
use opentelemetry::trace::TraceId;
use serde_json::json;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn the_request_is_the_documented_one() {
    let api = Api::new();
    let handle = observing(&Backend::new(), &api).header("x-gateway", "own").build().unwrap();
    let log = CallLog::new("call-42")
        .transcript([Entry::agent("Good morning!").at(1.5, 2.5), Entry::user("Hello?").at(0.5, 1.0)])
        .metadata(json!({ "bot_version": "1.0", "missing": null }));
    let sent = handle.observe_blocking(log).unwrap();
    assert_eq!(sent.id(), Some("7"));
    let seen = &api.seen()[0];
    assert_eq!(api.requests(), [OBSERVE]);
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["x-cekura-api-key"], KEY);
    let own = ["authorization", "x-cekura-agent-id", "x-gateway"];
    assert!(own.iter().all(|name| !seen.headers.contains_key(*name)), "{:?}", seen.headers);
    let expected = json!({
        "agent": 5,
        "call_id": "call-42",
        "metadata": { "bot_version": "1.0" },
        "transcript_type": "cekura",
        "transcript_json": [
            { "role": "Testing Agent", "content": "Hello?", "start_time": 0.5, "end_time": 1.0 },
            { "role": "Main Agent", "content": "Good morning!", "start_time": 1.5, "end_time": 2.5 },
        ],
    });
    assert_eq!(seen.body, expected);
}

#[test]
fn an_id_of_100_characters_is_posted_and_one_of_101_is_not() {
    let api = Api::new();
    let handle = observing(&Backend::new(), &api).build().unwrap();
    handle.observe_blocking(CallLog::new("a".repeat(100))).unwrap();
    let error = handle.observe_blocking(CallLog::new("a".repeat(101))).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("at most 100"), "{error}");
    assert_eq!(api.requests(), [OBSERVE]);
}

#[test]
fn a_handle_of_a_project_needs_the_agent() {
    let (backend, api) = (Backend::new(), Api::new());
    let builder = to(&backend, cekura::Protocol::Grpc).api_key(KEY).project(42).api_url(api.url());
    let handle = builder.build().unwrap();
    let error = handle.observe_blocking(CallLog::new("call-1")).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("CallLog::agent"), "{error}");
    assert!(api.seen().is_empty());
    handle.observe_blocking(CallLog::new("call-1").agent(9)).unwrap();
    assert_eq!(api.posted(), json!({ "call_id": "call-1", "agent": 9 }));
}

#[test]
fn a_handle_of_a_project_looks_for_a_call_by_its_agent() {
    let api = Api::scripted(|seen, _| match seen.method.as_str() {
        "POST" => Reply::Reset,
        _ => Reply::json(200, &json!([{ "id": 3, "call_id": "call-1" }])),
    });
    let builder = to(&Backend::new(), cekura::Protocol::Grpc).api_key(KEY).project(42).api_url(api.url());
    let handle = builder.build().unwrap();
    assert_eq!(handle.observe_blocking(CallLog::new("call-1").agent(9)).unwrap().id(), Some("3"));
    assert_eq!(handle.observe_blocking(CallLog::new("call-1").assistant_id("a")).unwrap().id(), Some("3"));
    let requests = api.requests();
    let asked = ["agent_id=9", "project_id=42"].map(|owner| search("call-1", owner));
    assert_eq!([&requests[1], &requests[3]], [&asked[0], &asked[1]]);
}

#[test]
fn without_a_key_nothing_is_posted() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = to(&backend, cekura::Protocol::Grpc).api_url(api.url()).build().unwrap();
    let error = handle.observe_blocking(CallLog::new("call-1")).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("CEKURA_API_KEY is not set"), "{error}");
    assert_eq!(api.connections(), 0);
}

#[test]
fn a_handle_that_is_off_or_local_sends_nothing() {
    let api = Api::new();
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let off = observing(&Backend::new(), &api).variables(off).build().unwrap();
    let local = observing(&Backend::new(), &api).mode(Mode::Local).build().unwrap();
    for handle in [&off, &local] {
        let sent = handle.observe_blocking(CallLog::new("call-1")).unwrap();
        assert!(!sent.was_sent() && sent.id().is_none());
    }
    assert!(local.observe_blocking(CallLog::new("")).unwrap_err().is_invalid());
    assert!(off.observe_blocking(CallLog::new("")).is_ok());
    drop((off, local));
    assert_eq!(api.connections(), 0);
}

#[test]
fn it_needs_no_runtime_and_goes_on_without_its_future() {
    let api = Api::scripted(|_, before| {
        // The second one is not answered before its future was looked at.
        thread::sleep(Duration::from_millis(if before == 0 { 0 } else { 500 }));
        Reply::stored(7)
    });
    let handle = observing(&Backend::new(), &api).build().unwrap();
    let sent = futures::executor::block_on(handle.observe(CallLog::new("call-1")));
    assert_eq!(sent.unwrap().id(), Some("7"));
    let mut dropped = Box::pin(handle.observe(CallLog::new("call-2")));
    assert!(dropped.as_mut().now_or_never().is_none());
    drop(dropped);
    api.await_requests(2);
    assert_eq!(api.seen()[1].body["call_id"], "call-2");
}

#[tokio::test(flavor = "current_thread")]
async fn many_at_a_time_are_each_posted_once() {
    let api = Api::new();
    let handle = observing(&Backend::new(), &api).build().unwrap();
    let all = (0..50).map(|number| handle.observe(CallLog::new(format!("call-{number}"))));
    for sent in futures::future::join_all(all).await {
        sent.unwrap();
    }
    let handle = Arc::new(handle);
    let elsewhere = handle.clone();
    tokio::spawn(async move { elsewhere.observe(CallLog::new("call-50")).await }).await.unwrap().unwrap();
    let mut ids: Vec<_> = api.seen().iter().map(|seen| seen.body["call_id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), api.seen().len()), (51, 51));
}

#[test]
fn a_shutdown_waits_for_call_logs() {
    let api = Api::scripted(|_, _| {
        thread::sleep(Duration::from_millis(400));
        Reply::stored(7)
    });
    let handle = observing(&Backend::new(), &api).build().unwrap();
    assert!(Box::pin(handle.observe(CallLog::new("call-1"))).as_mut().now_or_never().is_none());
    let start = Instant::now();
    handle.shutdown_blocking(LONG);
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(api.posted()["call_id"], "call-1");
    assert!(handle.observe_blocking(CallLog::new("call-2")).unwrap_err().is_shutdown());
}

#[test]
fn every_wait_ends_in_time_beside_60_000_call_logs() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    for number in 0..60_000_u128 {
        let log = CallLog::new(number.to_string()).trace_id(TraceId::from(number + 1)).deadline(10 * LONG);
        assert!(Box::pin(handle.observe(log)).as_mut().now_or_never().is_none());
    }
    converse(&handle, 1);
    // On a machine that is busy.
    let (second, limit) = (Duration::from_secs(1), Duration::from_secs(4));
    for _ in 0..3 {
        let start = Instant::now();
        handle.flush_blocking(second);
        futures::executor::block_on(handle.flush(second));
        assert!(start.elapsed() < 2 * limit, "{:?}", start.elapsed());
    }
    assert_eq!(handle.ledger().delivered, 2);
    let start = Instant::now();
    futures::executor::block_on(handle.shutdown(second));
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
}

#[test]
fn a_shutdown_waits_no_longer_than_its_deadline() {
    let api = Api::scripted(|_, _| Reply::Silence);
    let handle = observing(&Backend::new(), &api).timings(quick()).build().unwrap();
    let result = thread::scope(|scope| {
        let posting = scope.spawn(|| handle.observe_blocking(CallLog::new("call-1")));
        api.await_requests(1);
        let start = Instant::now();
        handle.shutdown_blocking(Duration::from_millis(200));
        assert!(start.elapsed() < Duration::from_secs(5));
        posting.join().unwrap()
    });
    assert!(result.unwrap_err().is_shutdown());
}
