//! Calls of simulations: what is posted to the webhook for transcripts, and when nothing goes there.

use super::OBSERVE;
use super::conversations::Heard;
use cekura::{Builder, Calls, Cekura, Entry, Run, current_conversation};
use cekura_trace_tests::api::{Api, KEY, Reply, Seen};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing, to};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::webhook::{WEBHOOK, since_epoch};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

fn simulating(backend: &Backend, api: &Api) -> Builder {
    observing(backend, api).calls(Calls::Simulate)
}

#[cekura::stt(skip_all)]
fn hear(text: &str) -> String {
    text.to_owned()
}

#[cekura::tool_call(id = "t1")]
fn find_table(people: u32) -> Value {
    json!({ "at": "19:30", "seats": people })
}

#[cekura::tts(text = text, skip_all)]
fn speak(text: &str) -> Vec<u8> {
    vec![0; text.len()]
}

#[cekura::turn]
fn turn() {
    hear("Is there a table for two?");
    find_table(2);
    speak("At half past seven.");
}

#[cekura::conversation(client = handle, call_id = "call-1", observe, run = Run::from_headers(headers), skip_all)]
fn answer(handle: &Cekura, headers: &HashMap<String, String>) {
    turn();
    let call = current_conversation().unwrap();
    call.ended("user-hangup");
    call.metadata(json!({ "tier": "gold", "from_phone_number": "+15550100", "to_phone_number": "555-0101" }));
}

#[cekura::conversation(client = handle, call_id = "call-2", observe, run = run, skip_all)]
fn of_run(handle: &Cekura, run: &Run) {
    current_conversation().unwrap().user("Hello?");
}

fn headers() -> HashMap<String, String> {
    let headers = [("x-RUN-id", "456"), ("X-Scenario-Id", "12"), ("Via", "SIP/2.0")];
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn run() -> Run {
    Run::from_json(json!({ "run_id": 456 }))
}

fn webhook() -> String {
    format!("POST {WEBHOOK}")
}

#[test]
fn a_simulated_call_goes_to_its_run_and_nowhere_else() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = simulating(&backend, &api).build().unwrap();
    let before = since_epoch(SystemTime::now());
    answer(&handle, &headers());
    let after = since_epoch(SystemTime::now());
    handle.shutdown_blocking(LONG);
    assert_eq!(api.requests(), [webhook()]);
    let body = api.posted();
    assert_eq!(body.as_object().unwrap().len(), 1, "with a run there is no agent: {body}");
    let call = &body["calls"][0];
    let root = backend.spans().into_iter().find(|span| span.name == "conversation").unwrap();
    let trace = cekura::TraceId::from_bytes(root.trace_id.try_into().unwrap()).to_string();
    assert_eq!(
        (&call["id"], &call["run_id"], &call["trace_id"]),
        (&json!("call-1"), &json!("456"), &json!(trace))
    );
    assert_eq!((&call["endedReason"], &call["metadata"]["tier"]), (&json!("user-hangup"), &json!("gold")));
    assert_eq!((&call["from_phone_number"], call.get("to_phone_number")), (&json!("+15550100"), None));
    let messages = call["messages"].as_array().unwrap();
    let said: Vec<_> =
        messages.iter().map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap())).collect();
    let expected = [
        ("user", "Is there a table for two?"),
        ("function_call", ""),
        ("function_call_result", ""),
        ("bot", "At half past seven."),
    ];
    assert_eq!(said, expected);
    assert_eq!(
        messages[1]["data"],
        json!({ "id": "t1", "name": "find_table", "arguments": "{\"people\":2}" })
    );
    assert_eq!(messages[2]["data"]["result"], "{\"at\":\"19:30\",\"seats\":2}");
    let times =
        messages.iter().flat_map(|m| [m["start_time"].as_u64().unwrap(), m["end_time"].as_u64().unwrap()]);
    assert!(
        times.clone().all(|at| (before..=after + 1).contains(&at)),
        "{before} {:?} {after}",
        times.collect::<Vec<_>>()
    );
}

#[test]
fn a_call_without_a_word_has_no_messages_and_no_reason() {
    #[cekura::conversation(client = handle, observe, run = run(), skip_all)]
    fn silent(handle: &Cekura) -> cekura::TraceId {
        cekura::trace_id().unwrap()
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = simulating(&backend, &api).build().unwrap();
    let trace = silent(&handle).to_string();
    handle.shutdown_blocking(LONG);
    let call = &api.posted()["calls"][0];
    assert_eq!(
        (&call["id"], &call["trace_id"], &call["messages"]),
        (&json!(trace), &json!(trace), &json!([]))
    );
    assert!(
        ["endedReason", "metadata", "from_phone_number"].iter().all(|key| call.get(key).is_none()),
        "{call}"
    );
}

#[test]
fn a_run_diverts_no_call_of_a_real_caller() {
    for builder in [observing, |backend: &_, api: &_| observing(backend, api).calls(Calls::Observe)] {
        let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
        let handle =
            tracing::subscriber::with_default(heard.clone(), || builder(&backend, &api).build().unwrap());
        (0..3).for_each(|_| answer(&handle, &headers()));
        handle.shutdown_blocking(LONG);
        assert_eq!(api.requests(), [OBSERVE; 3]);
        assert!(
            api.seen()
                .iter()
                .all(|seen| seen.body["call_id"] == "call-1" && !seen.body.to_string().contains("run_id"))
        );
        assert_eq!(heard.count("CEKURA_CALLS=simulate"), 1, "{heard:?}");
    }
}

#[test]
fn a_simulated_call_without_a_run_names_its_agent_and_an_event_says_so_once() {
    let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
    let set = |name: &str| (name == "CEKURA_CALLS").then(|| "Simulate".to_owned());
    let build = || observing(&backend, &api).variables(set).build().unwrap();
    let handle = tracing::subscriber::with_default(heard.clone(), build);
    (0..2).for_each(|_| of_run(&handle, &Run::default()));
    answer(&handle, &HashMap::new());
    handle.shutdown_blocking(LONG);
    let seen = api.seen();
    assert_eq!(api.requests(), [webhook(), webhook(), webhook()]);
    assert!(
        seen.iter().all(|seen| seen.body["agent_id"] == 5 && seen.body["calls"][0].get("run_id").is_none())
    );
    assert_eq!(heard.count("a simulated call names no run"), 1, "{heard:?}");
}

#[test]
fn a_project_needs_the_run_or_the_agent() {
    #[cekura::conversation(client = handle, observe, run = run, skip_all)]
    fn of_agent(handle: &Cekura, run: Option<Run>, agent: Option<u64>) {
        if let Some(agent) = agent {
            current_conversation().unwrap().agent_id(agent);
        }
    }
    let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
    let builder = to(&backend, cekura::Protocol::Http).api_key(KEY).project(42).api_url(api.url());
    let build = || builder.calls(Calls::Simulate).build().unwrap();
    let handle = tracing::subscriber::with_default(heard.clone(), build);
    of_agent(&handle, Some(run()), None);
    of_agent(&handle, None, Some(9));
    of_agent(&handle, None, None);
    handle.shutdown_blocking(LONG);
    let mut bodies: Vec<_> = api.seen().into_iter().map(|seen| seen.body).collect();
    bodies.sort_by_key(|body| body.get("agent_id").is_some());
    let [with_run, with_agent] = bodies.as_slice() else { panic!("{bodies:?}") };
    assert_eq!((&with_run["calls"][0]["run_id"], &with_agent["agent_id"]), (&json!("456"), &json!(9)));
    assert_eq!(heard.count("agent is missing"), 1, "{heard:?}");
}

#[test]
fn a_webhook_that_takes_a_call_may_say_what_it_likes() {
    for (status, body) in [(202, ""), (200, "{\"ok\":true}"), (200, "OK"), (204, ""), (201, "[]")] {
        let (backend, heard) = (Backend::new(), Heard::default());
        let api = Api::scripted(move |_, _| Reply::Body(status, body.to_owned()));
        let handle =
            tracing::subscriber::with_default(heard.clone(), || simulating(&backend, &api).build().unwrap());
        of_run(&handle, &run());
        handle.shutdown_blocking(LONG);
        assert_eq!((api.requests(), heard.count("")), (vec![webhook()], 0), "{status} {body} {heard:?}");
    }
}

#[test]
fn a_webhook_that_refuses_a_call_is_an_event_and_one_that_fails_is_asked_again() {
    for reply in [
        Reply::json(400, &json!({ "run_id": ["Run IDs not found or deleted"] })),
        Reply::Body(200, "<html>Log in</html>".to_owned()),
        Reply::Body(401, String::new()),
        Reply::Redirect("https://example.com/".to_owned()),
    ] {
        let (backend, heard) = (Backend::new(), Heard::default());
        let answer = reply.clone();
        let api = Api::scripted(move |_, _| answer.clone());
        let handle =
            tracing::subscriber::with_default(heard.clone(), || simulating(&backend, &api).build().unwrap());
        of_run(&handle, &run());
        handle.shutdown_blocking(LONG);
        assert_eq!((api.requests(), heard.count("call-2")), (vec![webhook()], 1), "{reply:?} {heard:?}");
    }
    for reply in [
        Reply::Reset,
        Reply::Body(503, String::new()),
        Reply::Body(500, String::new()),
        Reply::Body(504, String::new()),
    ] {
        let backend = Backend::new();
        let api = Api::scripted(
            move |_, before| if before < 2 { reply.clone() } else { Reply::Body(202, String::new()) },
        );
        let handle = simulating(&backend, &api).build().unwrap();
        of_run(&handle, &run());
        handle.shutdown_blocking(LONG);
        assert_eq!(api.requests(), [webhook(), webhook(), webhook()], "it is never looked for");
    }
}

#[test]
fn ids_of_up_to_255_characters_are_taken_and_longer_ones_are_named() {
    #[cekura::conversation(client = handle, call_id = id, observe, run = run(), skip_all)]
    fn of_id(handle: &Cekura, id: &str) {}
    let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
    let handle =
        tracing::subscriber::with_default(heard.clone(), || simulating(&backend, &api).build().unwrap());
    let (long, longer) = ("ä".repeat(255), "ä".repeat(256));
    of_id(&handle, &long);
    of_id(&handle, &longer);
    handle.shutdown_blocking(LONG);
    assert_eq!(api.posted()["calls"][0]["id"], long);
    assert_eq!(heard.count("has 256 characters: Cekura accepts at most 255"), 1, "{heard:?}");
}

#[test]
fn the_entries_of_a_program_are_messages_too() {
    #[cekura::conversation(client = handle, call_id = "noted", observe = manual, run = run(), skip_all)]
    fn noted(handle: &Cekura) {
        std::thread::sleep(Duration::from_millis(60));
        let call = current_conversation().unwrap();
        call.entry(Entry::agent("\"Hello\" \u{1f600}\n").at(0.0404, 0.05));
        call.entry(Entry::tool_call("t", "book", "{\"at\": 4}").at(0.05, 0.05));
        call.entry(Entry::tool_result("t", "book", "booked").at(0.051, 0.051));
        call.entry(Entry::user("Hello?").at(0.01, 0.02));
        call.entry(Entry::user("  "));
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = simulating(&backend, &api).build().unwrap();
    noted(&handle);
    handle.shutdown_blocking(LONG);
    let call = &api.posted()["calls"][0];
    let messages = call["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "bot", "function_call", "function_call_result"]);
    assert_eq!(messages[1]["content"], "\"Hello\" \u{1f600}\n");
    assert_eq!(
        (&messages[2]["data"]["arguments"], &messages[3]["data"]["result"]),
        (&json!("{\"at\": 4}"), &json!("booked"))
    );
    let start = |at: usize| messages[at]["start_time"].as_u64().unwrap();
    // Milliseconds are cut.
    assert!(
        (29..=31).contains(&(start(1) - start(0))) && (9..=11).contains(&(start(2) - start(1))),
        "{call}"
    );
}

#[test]
fn nothing_is_posted_without_the_word_in_local_mode_or_when_off() {
    #[cekura::conversation(client = handle, run = run(), skip_all)]
    fn unobserved(handle: &Cekura) {}
    let (backend, api, heard) = (Backend::new(), Api::new(), Heard::default());
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let build = || {
        [simulating(&backend, &api), simulating(&backend, &api).variables(off)].map(|it| it.build().unwrap())
    };
    let handles = tracing::subscriber::with_default(heard.clone(), build);
    for handle in &handles {
        unobserved(handle);
        handle.shutdown_blocking(LONG);
    }
    assert_eq!((api.connections(), heard.count("")), (0, 0), "{heard:?}");
}

#[test]
fn a_simulated_call_that_was_not_posted_is_posted_after_the_next_start() {
    let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), "simulated");
    let backend = Backend::new();
    let api = Api::scripted(|seen: &Seen, before| match before {
        0 => Reply::Body(503, String::new()),
        _ if seen.method == "POST" => Reply::Body(202, String::new()),
        _ => Reply::json(400, &json!({})),
    });
    let slow = cekura::Timings {
        first_backoff: LONG,
        longest_backoff: LONG,
        ..cekura_trace_tests::handles::quick()
    };
    let start = |timings| simulating(&backend, &api).spool(&spool.0).timings(timings).build().unwrap();
    let first = start(slow);
    of_run(&first, &run());
    api.await_requests(1);
    first.shutdown_blocking(Duration::from_millis(500));
    let tries = api.requests().len();
    assert_eq!(spool.files(".call_log").len(), usize::from(tries == 1), "the end may have tried once more");
    let second = start(cekura_trace_tests::handles::quick());
    api.await_requests(2);
    second.shutdown_blocking(LONG);
    assert_eq!(api.requests(), [webhook(), webhook()]);
    let [first, second] = &api.seen()[..] else { panic!() };
    assert_eq!(first.body, second.body);
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}
