//! Who waits for a report: futures that are dropped, and a shutdown to which the delivering thread has no time to answer.

use cekura::{Cekura, Conversation, Update, current_conversation};
use cekura_trace_tests::api::{Api, Reply as Said};
use cekura_trace_tests::backend::{Backend, Reply, deserted};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{adds_up, at, converse, observing};
use serde_json::json;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

/// Begins to wait, and does not go on, as the loser of a `select!`.
fn abandon(future: impl Future) {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// The thread that delivers is well: it answers in time.
fn answers(handle: &Cekura) {
    let start = Instant::now();
    handle.flush_blocking(Duration::from_millis(200));
    assert!(start.elapsed() < Duration::from_secs(4), "it answers after {:?}", start.elapsed());
}

#[test]
fn twenty_thousand_flushes_that_nobody_waits_for_any_more_cost_next_to_nothing() {
    let handle = at(&format!("http://{}", deserted()), cekura::Protocol::Grpc).build().unwrap();
    converse(&handle, 2);
    (0..20_000).for_each(|_| abandon(handle.flush(HOUR)));
    answers(&handle);
    let report = handle.shutdown_blocking(Duration::from_millis(500));
    assert!(adds_up(&report) && report.lost() == 3, "{report}");
}

#[test]
fn so_do_conversations_whose_end_nobody_waits_for() {
    let (backend, api) = (Backend::scripted(|_, _| Reply::Silence), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    for _ in 0..5_000 {
        let call = cekura::spans::conversation().client(&handle).start();
        abandon(call.finish());
    }
    answers(&handle);
}

#[test]
fn a_change_of_a_stored_call_that_nobody_waits_for_is_said_when_it_fails() {
    listen();
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Said::Body(403, String::new())));
    let handle = observing(&backend, &api).build().unwrap();
    let update = || Update::new().metadata(json!({ "booked": true }));
    abandon(handle.update("nobody waits for this change", update()));
    abandon(handle.observe(cekura::CallLog::new("nobody waits for this call log")));
    let limit = Instant::now() + Duration::from_secs(20);
    for call in ["nobody waits for this change", "nobody waits for this call log"] {
        while heard(call).is_empty() {
            assert!(Instant::now() < limit, "nothing is said of {call}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cekura::conversation(client = handle, call_id = "long", observe, skip_all)]
fn talkative(handle: &Cekura) -> Conversation {
    let call = current_conversation().unwrap();
    (0..15_000).for_each(|_| call.user("yes"));
    call
}

#[test]
fn spans_that_a_shutdown_leaves_behind_are_counted_and_said_once_with_the_cause() {
    listen();
    let (backend, api) = (Backend::new(), Api::new());
    for _ in 0..5 {
        let handle = observing(&backend, &api).service_name("busy").build().unwrap();
        // Their call logs keep the thread that delivers busy.
        (0..4).for_each(|_| drop(talkative(&handle)));
        converse(&handle, 9);
        let report = handle.shutdown_blocking(Duration::ZERO);
        assert!(adds_up(&report), "{report}");
        if report.pending == 0 {
            // This machine was faster, and then it is said as a loss.
            assert_eq!((report.accepted, report.lost() > 0), (14, true), "{report}");
            continue;
        }
        let limit = Instant::now() + Duration::from_secs(20);
        let said = loop {
            let said = heard(&format!("not delivered in time: {report}"));
            if !said.is_empty() {
                break said;
            }
            assert!(Instant::now() < limit, "nothing is said of {report}");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].text.contains("did not answer before the deadline"), "{said:?}");
        return;
    }
}

#[test]
fn an_update_that_is_under_way_at_the_shutdown_is_sent_within_its_deadline() {
    let backend = Backend::new();
    let api = Api::scripted(|seen, before| {
        std::thread::sleep(Duration::from_millis(50));
        match (seen.method.as_str(), before) {
            // It is stored late.
            ("GET", 0) => Said::json(200, &json!({ "count": 0, "next": null, "results": [] })),
            ("GET", _) => {
                let found = json!([{ "id": 7, "call_id": "call-1" }]);
                Said::json(200, &json!({ "count": 1, "next": null, "results": found }))
            }
            _ => Said::json(200, &json!({ "id": 7 })),
        }
    });
    let handle = Arc::new(observing(&backend, &api).timings(cekura::Timings::default()).build().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (other, update) = (handle.clone(), Update::new().metadata(json!({ "booked": true })));
    let changed = runtime.spawn(async move { other.update("call-1", update).await });
    api.await_requests(1);
    handle.shutdown_blocking(Duration::from_secs(10));
    assert!(runtime.block_on(changed).unwrap().unwrap().was_sent());
    assert_eq!(api.seen().last().unwrap().method, "PATCH");
}

#[test]
fn an_update_that_the_shutdown_cannot_send_is_answered_with_an_error_and_said_where_nobody_hears_it() {
    listen();
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Said::Silence));
    let handle = Arc::new(observing(&backend, &api).build().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let update = || Update::new().metadata(json!({ "booked": true }));
    let (other, first) = (handle.clone(), update());
    let changed = runtime.spawn(async move { other.update("heard at the shutdown", first).await });
    abandon(handle.update("unheard at the shutdown", update()));
    api.await_requests(2);
    handle.shutdown_blocking(Duration::from_millis(200));
    assert!(runtime.block_on(changed).unwrap().unwrap_err().is_shutdown());
    assert!(!heard("unheard at the shutdown").is_empty());
}
