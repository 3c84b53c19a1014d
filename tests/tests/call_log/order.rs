//! A trace id in a call log means that the trace is complete; the call log is posted in any case.

use super::OBSERVE;
use cekura::{CallLog, Cekura, Sent, TraceId};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, observing, quick};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde_json::Value;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cekura::conversation(client = handle, skip_all)]
fn talk(handle: &Cekura) -> TraceId {
    for number in 0..5 {
        think(number);
    }
    cekura::trace_id().unwrap()
}

#[cekura::llm]
fn think(_number: u32) {}

/// A backend that takes its time for each request, and when it last acknowledged one.
fn slow(pause: Duration) -> (Backend, Arc<Mutex<Instant>>) {
    let acknowledged = Arc::new(Mutex::new(Instant::now()));
    let last = acknowledged.clone();
    let backend = Backend::scripted(move |_, _| {
        thread::sleep(pause);
        *last.lock().unwrap() = Instant::now();
        Reply::Accept
    });
    (backend, acknowledged)
}

#[test]
fn the_last_span_is_acknowledged_before_the_call_log_is_posted() {
    for pause in [0, 700].map(Duration::from_millis) {
        let ((backend, acknowledged), api) = (slow(pause), Api::new());
        let handle = observing(&backend, &api).build().unwrap();
        let trace_id = talk(&handle);
        let sent = handle.observe_blocking(CallLog::new("call-1").trace_id(trace_id)).unwrap();
        assert_eq!(sent.trace_id(), Some(trace_id));
        assert_eq!(backend.spans().len(), 6);
        assert_eq!(api.posted()["trace_id"], trace_id.to_string());
        assert!(api.seen()[0].at >= *acknowledged.lock().unwrap());
    }
}

#[test]
fn a_span_that_is_still_open_is_waited_for() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let (trace_id, straggler) = start_straggler(&handle);
    let sent = handle.observe_blocking(CallLog::new("call-1").trace_id(trace_id)).unwrap();
    assert_eq!(sent.trace_id(), Some(trace_id));
    assert!(straggler.is_finished() && backend.spans().len() == 2);
}

/// A conversation that is over before the thread that it has started.
#[cekura::conversation(client = handle, skip_all)]
fn start_straggler(handle: &Cekura) -> (TraceId, thread::JoinHandle<()>) {
    let (carried, begun) = (cekura::context::carry(()), Arc::new(Barrier::new(2)));
    let straggler = thread::spawn({
        let begun = begun.clone();
        move || carried.in_scope(|()| straggle(&begun))
    });
    begun.wait();
    (cekura::trace_id().unwrap(), straggler)
}

#[cekura::span(skip_all)]
fn straggle(begun: &Barrier) {
    begun.wait();
    thread::sleep(Duration::from_millis(300));
}

/// Posts a call log after a conversation, and gives what was posted and how long it took.
fn post(handle: &Cekura, api: &Api, deadline: u64) -> (Value, Duration) {
    let trace_id = talk(handle);
    let start = Instant::now();
    let log = CallLog::new("call-1").trace_id(trace_id).deadline(Duration::from_millis(deadline));
    let sent = handle.observe_blocking(log).unwrap();
    assert_eq!(api.requests(), [OBSERVE]);
    let body = api.posted();
    assert_eq!(sent.trace_id().is_some(), body.get("trace_id").is_some());
    (body, start.elapsed())
}

#[test]
fn a_trace_that_has_lost_a_span_is_not_named() {
    let refusing = Backend::scripted(|seen, _| {
        if seen.spans().any(|span| span.name == "llm") { Reply::fail(400, 3) } else { Reply::Accept }
    });
    let rejecting = Backend::scripted(|_, _| Reply::Partial(1, "too old"));
    for backend in [refusing, rejecting] {
        let api = Api::new();
        let handle = observing(&backend, &api).build().unwrap();
        let (body, took) = post(&handle, &api, 20_000);
        assert_eq!(body.get("trace_id"), None);
        assert!(took < Duration::from_secs(10), "it is known at once: {took:?}");
    }
}

#[test]
fn a_trace_with_spans_above_the_memory_limit_is_not_named() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).memory_limit(600).build().unwrap();
    let (body, _) = post(&handle, &api, 20_000);
    assert!(handle.ledger().dropped["queue_full"] > 0);
    assert_eq!(body.get("trace_id"), None);
}

#[test]
fn a_backend_that_hangs_costs_the_trace_id_and_the_deadline() {
    let (backend, api) = (Backend::scripted(|_, _| Reply::Silence), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let (body, took) = post(&handle, &api, 300);
    assert_eq!(body.get("trace_id"), None);
    assert!((300..10_000).contains(&took.as_millis()), "{took:?}");
}

/// Held by a test whose handle is the process's default.
static DEFAULT: Mutex<()> = Mutex::new(());

#[cekura::span(skip_all)]
fn without_conversation(handle: &Cekura, deadline: u64) -> Sent {
    think(1);
    handle.flush_blocking(LONG);
    let log = CallLog::new("call-1").trace_id(cekura::trace_id().unwrap());
    handle.observe_blocking(log.deadline(Duration::from_millis(deadline))).unwrap()
}

#[test]
fn a_trace_without_conversation_is_not_named_while_a_span_of_it_is_open() {
    let _default = DEFAULT.lock().unwrap();
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).install().unwrap();
    assert_eq!(without_conversation(&handle, 300).trace_id(), None);
    handle.flush_blocking(LONG);
    let trace_id = TraceId::from_bytes(backend.spans()[0].trace_id.as_slice().try_into().unwrap());
    let sent = handle.observe_blocking(CallLog::new("call-1").trace_id(trace_id)).unwrap();
    assert_eq!(sent.trace_id(), Some(trace_id));
}

#[test]
fn a_trace_that_the_hosts_sampler_does_not_want_is_named() {
    let _default = DEFAULT.lock().unwrap();
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let host = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff);
    handle.attach(&host.with_span_processor(handle.processor()).build()).unwrap();
    let (body, _) = post(&handle, &api, 20_000);
    assert!(body["trace_id"].is_string(), "{body}");
    let report = handle.ledger();
    assert_eq!((report.delivered, report.lost()), (6, 0), "{report}");
}

#[test]
fn an_unknown_trace_is_not_named() {
    let api = Api::new();
    let handle = observing(&Backend::new(), &api).build().unwrap();
    let log = CallLog::new("call-1").trace_id(TraceId::from(7)).deadline(Duration::from_millis(100));
    assert_eq!(handle.observe_blocking(log).unwrap().trace_id(), None);
    assert_eq!(api.posted().get("trace_id"), None);
}

#[test]
fn another_handles_trace_is_not_named() {
    let (backend, api) = (Backend::new(), Api::new());
    let [one, other] = [0, 1].map(|_| observing(&backend, &api).timings(quick()).build().unwrap());
    let log = CallLog::new("call-1").trace_id(talk(&one)).deadline(Duration::from_millis(100));
    assert_eq!(other.observe_blocking(log).unwrap().trace_id(), None);
}
