//! `#[cekura::conversation(observe)]`: every ending of a conversation posts its call log, with what was noted in it.

use cekura::{Cekura, Entry, current_conversation};
use cekura_trace_tests::api::{Api, KEY, Reply};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing, to};
use serde_json::{Value, json};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[cekura::conversation(client = handle, call_id = call_id, observe, skip_all)]
async fn answer_call(handle: &Cekura, call_id: &str, ending: &str) -> Result<(), String> {
    let call = current_conversation().unwrap();
    call.metadata(json!({ "bot_version": "1.0", "attempt": 1, "nothing": null }));
    call.user("Is there a table for two?");
    tokio::time::sleep(Duration::from_millis(60)).await;
    // From another task, which knows the conversation too.
    let task = cekura::spawn(async { current_conversation().unwrap().agent("At half past seven.") });
    task.await.unwrap();
    call.metadata(json!({ "attempt": 2 }));
    call.ended("user-hangup");
    match ending {
        "error" => Err("the line is dead".to_owned()),
        "hang-up" => std::future::pending().await,
        "panic" => panic!("the ceiling comes down"),
        _ => Ok(()),
    }
}

/// Runs a call to its end and gives what was posted.
async fn posted(ending: &str) -> Value {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let call = answer_call(&handle, "call-1", ending);
    let call = futures::FutureExt::catch_unwind(AssertUnwindSafe(call));
    drop(tokio::time::timeout(Duration::from_millis(500), call).await);
    let report = handle.shutdown(LONG).await;
    assert_eq!((report.call_logs.delivered, report.call_logs.dropped), (1, 0), "{report}");
    assert_eq!(backend.names(), ["conversation"]);
    api.posted()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ending_posts_the_call_log() {
    for ending in ["value", "error", "hang-up", "panic"] {
        let body = posted(ending).await;
        assert_eq!(body["call_id"], "call-1", "{ending}");
        assert_eq!(body["agent"], 5);
        assert_eq!(body["trace_id"].as_str().unwrap().len(), 32);
        assert_eq!(body["call_ended_reason"], "user-hangup");
        assert_eq!(body["metadata"], json!({ "bot_version": "1.0", "attempt": 2 }));
        assert_eq!(body["transcript_type"], "cekura");
        let entries = body["transcript_json"].as_array().unwrap();
        let said: Vec<_> =
            entries.iter().map(|entry| (entry["role"].as_str(), entry["content"].as_str())).collect();
        let expected = [
            (Some("Testing Agent"), Some("Is there a table for two?")),
            (Some("Main Agent"), Some("At half past seven.")),
        ];
        assert_eq!(said, expected);
        let start = |at: usize| entries[at]["start_time"].as_f64().unwrap();
        assert!(start(0) < 0.5 && start(1) >= start(0) + 0.06 && start(1) < 5.0, "{entries:?}");
        let now = httpdate_year();
        assert!(body["timestamp"].as_str().unwrap().starts_with(&now), "{body}");
    }
}

/// The year in which this runs, or ran a moment ago.
fn httpdate_year() -> String {
    let days = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    (1970 + days * 400 / 146_097).to_string()
}

#[cekura::conversation(client = handle, observe, skip_all)]
fn plain(handle: &Cekura) -> cekura::Conversation {
    current_conversation().unwrap()
}

#[test]
fn without_a_call_id_it_is_the_trace_id() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let call = plain(&handle);
    handle.shutdown_blocking(LONG);
    let body = api.posted();
    assert_eq!(body["call_id"], call.trace_id().to_string());
    assert_eq!(body["trace_id"], call.trace_id().to_string());
    assert!(body.get("transcript_json").is_none() && body.get("call_ended_reason").is_none());
}

#[test]
fn the_function_does_not_wait_for_the_post() {
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Reply::Silence));
    let handle = observing(&backend, &api).build().unwrap();
    for number in 1..=4 {
        plain(&handle);
        api.await_requests(number);
    }
    handle.shutdown_blocking(Duration::ZERO);
}

#[cekura::conversation(client = handle, call_id = "outer", skip_all)]
fn outer(handle: &Cekura) {
    current_conversation().unwrap().user("lost: nobody has asked for a call log yet");
    inner();
    current_conversation().unwrap().agent("after");
}

#[cekura::conversation(call_id = "inner", observe)]
fn inner() {
    current_conversation().unwrap().agent("inside");
}

#[test]
fn a_handoff_shares_the_outer_call() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    outer(&handle);
    handle.shutdown_blocking(LONG);
    let body = api.posted();
    assert_eq!(body["call_id"], "outer");
    let said: Vec<_> =
        body["transcript_json"].as_array().unwrap().iter().map(|entry| &entry["content"]).collect();
    assert_eq!(said, ["inside", "after"]);
}

#[cekura::conversation(client = handle, call_id = "tools", observe, skip_all)]
fn use_tools(handle: &Cekura) {
    let call = current_conversation().unwrap();
    call.entry(Entry::tool_call("t1", "find", json!({ "day": 1 })).at(0.4, 0.5));
    call.entry(Entry::tool_result("t1", "find", "09:00").at(0.6, 0.7));
    call.entry(Entry::user("Before.").at(0.1, 0.2));
    call.entry(Entry::user("Never.").at(2.0, 1.0));
    call.entry(Entry::user("  "));
    call.entry(Entry::tool_call("t2", "find", std::collections::HashMap::from([((), 1)])));
    call.metadata("no object");
}

#[test]
fn entries_with_times_of_their_own_are_put_in_order() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let heard = Heard::default();
    tracing::subscriber::with_default(heard.clone(), || use_tools(&handle));
    handle.shutdown_blocking(LONG);
    let body = api.posted();
    let entries = body["transcript_json"].as_array().unwrap();
    let roles: Vec<_> = entries.iter().map(|entry| entry["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["Testing Agent", "Function Call", "Function Call Result"]);
    assert!(
        heard.has("the times of an entry must be seconds")
            && heard.has("the arguments or the result of a tool cannot be written")
            && heard.has("metadata must be a JSON object")
    );
}

#[test]
fn what_comes_after_the_end_is_not_noted_and_an_event_says_so() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let call = plain(&handle);
    let heard = Heard::default();
    tracing::subscriber::with_default(heard.clone(), || {
        call.user("too late");
        call.agent("too late");
    });
    assert_eq!(heard.count("the conversation is over"), 1);
    handle.shutdown_blocking(LONG);
    assert!(api.posted().get("transcript_json").is_none());
}

#[cekura::conversation(client = handle, skip_all)]
fn unobserved(handle: &Cekura) {
    current_conversation().unwrap().user("in vain");
}

#[test]
fn without_the_word_nothing_is_posted_and_an_event_says_why() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let heard = Heard::default();
    tracing::subscriber::with_default(heard.clone(), || unobserved(&handle));
    handle.shutdown_blocking(LONG);
    assert_eq!(heard.count("add `observe` to its arguments"), 1);
    assert_eq!(api.connections(), 0);
}

#[cekura::conversation(client = handle, call_id = "call-9", observe, skip_all)]
fn of_agent(handle: &Cekura, agent: Option<u64>) {
    if let Some(agent) = agent {
        current_conversation().unwrap().agent_id(agent);
    }
}

#[test]
fn a_project_is_told_the_agent_by_the_conversation() {
    let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
    let builder = to(&backend, cekura::Protocol::Grpc).api_key(KEY).project(42).api_url(api.url());
    let handle = tracing::subscriber::with_default(heard.clone(), || builder.build().unwrap());
    of_agent(&handle, Some(9));
    of_agent(&handle, None);
    handle.shutdown_blocking(LONG);
    assert_eq!(api.posted()["agent"], 9);
    assert_eq!(
        heard.count("message=agent is missing, because the handle has only a project"),
        1,
        "{heard:?}"
    );
}

#[test]
fn a_post_that_fails_is_an_event_with_the_reason_and_the_call() {
    let backend = Backend::new();
    let api = Api::scripted(|_, _| Reply::json(400, &json!({ "agent": ["canary has no such agent"] })));
    let heard = Heard::default();
    let handle =
        tracing::subscriber::with_default(heard.clone(), || observing(&backend, &api).build().unwrap());
    of_agent(&handle, None);
    handle.shutdown_blocking(LONG);
    assert_eq!(heard.count("agent: [REDACTED] has no such agent"), 1, "{heard:?}");
    assert!(heard.has("call-9") && !heard.has(KEY), "{heard:?}");
}

#[test]
fn a_conversation_that_ends_after_the_shutdown_is_an_event() {
    let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
    let handle =
        tracing::subscriber::with_default(heard.clone(), || observing(&backend, &api).build().unwrap());
    ends_late(&handle);
    let limit = Instant::now() + LONG;
    // On a thread of its own.
    while heard.count("call-late") == 0 && Instant::now() < limit {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(heard.count("call-late"), 1, "{heard:?}");
    assert_eq!(api.connections(), 0);
}

#[cekura::conversation(client = handle, call_id = "call-late", observe, skip_all)]
fn ends_late(handle: &Cekura) {
    handle.shutdown_blocking(LONG);
}

#[test]
fn a_handle_that_is_off_posts_nothing() {
    let api = Api::new();
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let off = observing(&Backend::new(), &api).variables(off).build().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| plain(&off))).is_err(), "there is no conversation");
    off.shutdown_blocking(LONG);
    assert_eq!(api.connections(), 0);
}

#[test]
fn conversations_side_by_side_keep_their_own_transcripts() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    thread::scope(|scope| {
        for number in 0..200 {
            let handle = &handle;
            scope.spawn(move || numbered(handle, number));
        }
    });
    handle.shutdown_blocking(LONG);
    let seen = api.seen();
    assert_eq!(seen.len(), 200);
    for seen in seen {
        let said: Vec<_> = seen.body["transcript_json"].as_array().unwrap().iter().collect();
        assert_eq!(said.len(), 10);
        assert!(said.iter().all(|entry| entry["content"] == seen.body["call_id"]));
        assert!(seen.body.get("trace_id").is_some());
    }
}

#[cekura::conversation(client = handle, call_id = number, observe, skip_all)]
fn numbered(handle: &Cekura, number: u32) {
    for _ in 0..10 {
        current_conversation().unwrap().agent(number.to_string());
    }
}

/// Keeps the texts of all events.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(super) fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|heard| heard.contains(text)).count()
    }

    fn has(&self, text: &str) -> bool {
        self.count(text) > 0
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cekura"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_log_has_the_id_that_came_with_the_first_message() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        let call = current_conversation().unwrap_or_default();
        call.user("Hello?");
        call.set_call_id("CA17");
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    call(&handle).await;
    handle.shutdown(LONG).await;
    assert_eq!(api.posted()["call_id"], "CA17");
}

#[test]
fn second_0_of_a_call_is_when_it_is_said_to_have_begun() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    // A program hears of a call after it has begun.
    let began = Instant::now().checked_sub(Duration::from_secs(7)).unwrap();
    let call =
        cekura::spans::conversation().client(&handle).call_id("late").observe().started_at(began).start();
    call.in_scope(|| current_conversation().unwrap().user("Hello?"));
    call.end();
    handle.shutdown_blocking(LONG);
    let posted = api.posted();
    let said = posted["transcript_json"][0]["start_time"].as_f64().unwrap();
    assert!((7.0..60.0).contains(&said), "{said}");
    let root = SystemTime::UNIX_EPOCH + Duration::from_nanos(backend.spans()[0].start_time_unix_nano);
    let age = SystemTime::now().duration_since(root).unwrap();
    assert!(age >= Duration::from_secs(7));
    let second = httpdate::fmt_http_date(root).split(' ').nth(4).unwrap().to_owned();
    assert!(
        posted["timestamp"].as_str().unwrap().contains(&second),
        "{} is not {second}",
        posted["timestamp"]
    );
}
