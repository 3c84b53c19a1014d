//! What is known of a call only after its end: held call logs, and updates of stored ones.

use cekura::{Cekura, Conversation, Hold, Update, current_conversation};
use cekura_trace_tests::api::{Api, KEY, Reply, Seen, search};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

#[cekura::conversation(client = handle, call_id = "call-1", observe, skip_all)]
fn call(handle: &Cekura) -> Conversation {
    let call = current_conversation().unwrap();
    call.metadata(json!({ "during": 1, "changed": "no" }));
    call
}

#[cekura::conversation(client = handle, call_id = "call-1", observe, skip_all)]
fn held(handle: &Cekura) -> (Conversation, Hold) {
    let call = current_conversation().unwrap();
    call.metadata(json!({ "during": 1, "changed": "no" }));
    let hold = call.hold();
    (call, hold)
}

fn posts(api: &Api) -> Vec<Seen> {
    api.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

#[test]
fn a_held_call_log_is_posted_once_with_what_came_after_the_end() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let (call, hold) = held(&handle);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(posts(&api).len(), 0, "it is held");
    call.metadata(json!({ "after": true, "changed": "yes" }));
    // On a thread of its own, as it may be anywhere.
    thread::spawn(move || hold.release()).join().unwrap();
    api.await_requests(1);
    call.metadata(json!({ "too": "late" }));
    handle.shutdown_blocking(LONG);
    let body = api.posted();
    assert_eq!(body["metadata"], json!({ "during": 1, "after": true, "changed": "yes" }));
    assert!(body["trace_id"].is_string());
}

#[test]
fn the_metadata_so_far_are_those_of_this_call_until_its_end() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    fn call(handle: &Cekura, tier: &str) -> (Conversation, Hold) {
        let call = current_conversation().unwrap();
        assert_eq!(call.metadata_so_far(), json!({}));
        call.metadata(json!({ "tier": tier, "tries": 1 }));
        let tries = call.metadata_so_far()["tries"].as_u64().unwrap();
        // From any thread.
        let other = call.clone();
        thread::spawn(move || other.metadata(json!({ "tries": tries + 1, "deep": { "a": [null] } })))
            .join()
            .unwrap();
        assert_eq!(call.metadata_so_far(), json!({ "tier": tier, "tries": 2, "deep": { "a": [null] } }));
        let hold = call.hold();
        (call, hold)
    }
    #[cekura::conversation(client = handle, skip_all)]
    fn unobserved(handle: &Cekura) {
        let call = current_conversation().unwrap();
        call.metadata(json!({ "tier": "gold" }));
        assert_eq!(call.metadata_so_far(), json!({}), "without a call log");
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    for tier in ["gold", "silver"] {
        let (call, hold) = call(&handle, tier);
        call.metadata(json!({ "late": true }));
        assert_eq!(call.metadata_so_far(), json!({}), "it is over");
        drop(hold);
    }
    unobserved(&handle);
    handle.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), 2);
    let is_whole = |metadata: &Value| metadata["tries"] == 2 && metadata["late"] == true;
    assert!(posts(&api).iter().all(|post| is_whole(&post.body["metadata"])), "{:?}", posts(&api));
    assert_eq!(Conversation::default().metadata_so_far(), json!({}), "outside any");
}

#[test]
fn what_is_told_in_a_hold_of_a_moment_is_posted_too() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    for number in 0..50 {
        let (call, hold) = held(&handle);
        call.metadata(json!({ "after": number }));
        // The thread that delivers may not have looked yet.
        hold.release();
        call.metadata(json!({ "after": "too late" }));
    }
    handle.shutdown_blocking(LONG);
    let after: Vec<_> = posts(&api).iter().map(|post| post.body["metadata"]["after"].as_u64()).collect();
    assert_eq!(after.len(), 50);
    assert!((0..50).all(|number| after.contains(&Some(number))), "{after:?}");
}

#[test]
fn every_hold_counts_and_dropping_one_releases_it() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let (_, hold) = held_twice(&handle);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(posts(&api).len(), 0, "one of them still holds it");
    drop(hold);
    api.await_requests(1);
    handle.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), 1);
}

#[test]
fn of_two_that_hold_it_after_the_end_the_last_one_releases_it() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    fn call(handle: &Cekura) -> [Hold; 2] {
        let call = current_conversation().unwrap();
        [call.hold(), call.hold()]
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let [first, second] = call(&handle);
    thread::sleep(Duration::from_millis(100));
    first.release();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(posts(&api).len(), 0, "the other one still holds it");
    second.release();
    api.await_requests(1);
    handle.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), 1);
}

#[cekura::conversation(client = handle, observe, skip_all)]
fn held_twice(handle: &Cekura) -> (Conversation, Hold) {
    let call = current_conversation().unwrap();
    call.hold().release();
    let (first, second) = (call.hold(), call.hold());
    drop(first);
    (call, second)
}

#[test]
fn a_hold_that_is_forgotten_ends_at_shutdown() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let (call, hold) = held(&handle);
    let started = Instant::now();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(posts(&api).len(), 0);
    call.metadata(json!({ "after": 1 }));
    handle.shutdown_blocking(LONG);
    assert!(started.elapsed() < LONG);
    assert_eq!(api.posted()["metadata"]["after"], 1, "at shutdown it is posted as it is");
    drop(hold);
}

#[test]
fn a_hold_has_a_time_of_its_own() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    fn call(handle: &Cekura) -> Hold {
        current_conversation().unwrap().hold().for_up_to(Duration::from_millis(300))
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let started = Instant::now();
    let hold = call(&handle);
    api.await_requests(1);
    assert!(started.elapsed() >= Duration::from_millis(300));
    drop(hold);
    handle.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), 1);
}

#[test]
fn metadata_after_the_end_names_what_to_write() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let heard = super::conversations::Heard::default();
    tracing::subscriber::with_default(heard.clone(), || {
        let call = call(&handle);
        call.metadata(json!({ "late": 1 }));
        call.metadata(json!({ "later": 1 }));
    });
    assert_eq!(heard.count("cekura.update(call_id, Update::new().metadata(…)).await"), 1);
    handle.shutdown_blocking(LONG);
    assert_eq!(api.posted()["metadata"], json!({ "during": 1, "changed": "no" }));
}

/// An API that has stored the call with this id after so many questions.
fn stored(
    call_id: &'static str,
    after: usize,
    patch: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> Api {
    let patches = Mutex::new(0);
    Api::scripted(move |seen, before| {
        let list = |calls: Value| Reply::json(200, &json!({ "count": 1, "next": null, "results": calls }));
        match &*seen.method {
            "GET" if before < after => list(json!([])),
            "GET" => list(json!([{ "id": 12, "call_id": "other" }, { "id": 4711, "call_id": call_id }])),
            _ => {
                let mut patches = patches.lock().unwrap();
                *patches += 1;
                patch(*patches - 1)
            }
        }
    })
}

#[tokio::test]
async fn an_update_finds_the_call_and_patches_it() {
    let (backend, api) = (Backend::new(), stored("call-1", 0, |_| Reply::stored(4711)));
    let handle = observing(&backend, &api).build().unwrap();
    let update = Update::new()
        .metadata(json!({ "booked": true, "nothing": null }))
        .dynamic_variables(json!({ "city": "Bern" }))
        .call_ended_reason("user-hangup")
        .customer_number("+41310000000")
        .feedback("well done")
        .reevaluate();
    let sent = handle.update("call-1", update).await.unwrap();
    assert_eq!((sent.was_sent(), sent.id()), (true, Some("4711")));
    let expected = [search("call-1", "agent_id=5"), "PATCH /observability/v1/call-logs/4711/".to_owned()];
    assert_eq!(api.requests(), expected);
    let body = json!({
        "metadata": { "booked": true }, "dynamic_variables": { "city": "Bern" }, "call_ended_reason": "user-hangup",
        "customer_number": "+41310000000", "feedback": "well done", "reevaluate_metrics": true,
    });
    assert_eq!(api.seen()[1].body, body);
}

#[tokio::test]
async fn an_update_waits_for_a_call_that_is_not_stored_yet_and_repeats_what_fails() {
    let answers = |patch| match patch {
        0 => Reply::Reset,
        1 => Reply::Wait(429, "0"),
        2 => Reply::Wait(503, "0"),
        _ => Reply::stored(4711),
    };
    let (backend, api) = (Backend::new(), stored("call-1", 1, answers));
    let handle = observing(&backend, &api).build().unwrap();
    handle.update("call-1", Update::new().reevaluate()).await.unwrap();
    let patches = api.seen().into_iter().filter(|seen| seen.method == "PATCH");
    assert!(patches.count() >= 4);
}

#[tokio::test]
async fn what_cannot_be_updated_is_said() {
    let (backend, api) =
        (Backend::new(), stored("call-1", 0, |_| Reply::Body(400, r#"{"metadata":["no"]}"#.into())));
    let handle = observing(&backend, &api).build().unwrap();
    let error = handle.update("call-1", Update::new().metadata(json!({ "a": 1 }))).await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("metadata: no"), "{error}");
    for (update, word) in [
        (Update::new(), "changes nothing"),
        (Update::new().metadata("no object"), "metadata must be an object"),
        (Update::default().agent(7), "changes nothing"),
    ] {
        let error = handle.update("call-1", update).await.unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains(word), "{error}");
    }
    let error = handle.update(" ", Update::new().feedback("x")).await.unwrap_err();
    assert!(error.to_string().contains("call_id is empty"), "{error}");
    assert!(!error.to_string().contains(KEY));
    let other = handle.update("call-1", Update::new().agent(7).feedback("x")).await;
    assert!(
        other.is_err() && api.requests().contains(&search("call-1", "agent_id=7")),
        "another agent's call"
    );
}
