//! The run of a simulation that a call belongs to, and the id of a call that is given none.

use cekura::testing::capture;
use cekura::{Cekura, Run, current_conversation, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::thread;

const KEYS: [&str; 3] = ["cekura.run.id", "cekura.scenario.id", "cekura.result.id"];

fn ids(run: &Run) -> [Option<&str>; 3] {
    [run.id(), run.scenario_id(), run.result_id()]
}

#[test]
fn headers_name_a_run_in_any_case() {
    let all = [Some("1"), Some("2"), Some("3")];
    for names in [
        ["X-Run-Id", "X-Scenario-Id", "X-Result-Id"],
        ["x-run-id", "x-scenario-id", "x-result-id"],
        ["X-VOCERA-RUN-ID", "X-VOCERA-SCENARIO-ID", "X-VOCERA-RESULT-ID"],
        ["x-Vocera-Run-ID", "X-RUN-SCENARIO-ID", "x-vocera-result-id"],
    ] {
        let pairs = [(names[0], "1"), (names[1], " 2 "), (names[2], "3")];
        let expected = if names[1].contains("RUN") { [all[0], None, all[2]] } else { all };
        assert_eq!(ids(&Run::from_headers(pairs)), expected, "{names:?}");
        let owned: HashMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(ids(&Run::from_headers(&owned)), expected, "{names:?}");
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_static(value),
            );
        }
        assert_eq!(ids(&Run::from_headers(&map)), expected, "{names:?}");
    }
}

#[test]
fn headers_that_say_nothing_name_no_run() {
    let mut map = HeaderMap::new();
    map.insert("x-run-id", HeaderValue::from_bytes(b"\xff").unwrap());
    map.insert("x-scenario-id", HeaderValue::from_static(" "));
    assert_eq!(Run::from_headers(&map), Run::default());
    let pairs = [("X-Run", "1"), ("Run-Id", "1"), ("X-Run-Id", ""), ("X-My-Run-Id", "1"), ("é", "1")];
    assert_eq!(Run::from_headers(pairs), Run::default());
    assert_eq!(
        Run::from_headers([("X-Run-Id", ""), ("X-VOCERA-RUN-ID", "2"), ("x-run-id", "3")]).id(),
        Some("2")
    );
    let long = "é".repeat(1000);
    assert_eq!(Run::from_headers([("X-Run-Id", &long)]).id().unwrap().len(), 254);
}

#[test]
fn metadata_name_a_run_as_numbers_or_texts() {
    let expected = [Some("456"), Some("123"), None];
    assert_eq!(
        ids(&Run::from_json(json!({ "scenario_id": 123, "run_id": 456, "test_profile_data": {} }))),
        expected
    );
    assert_eq!(ids(&Run::from_json(r#"{"scenario_id": "123", "run_id": " 456"}"#)), expected);
    assert_eq!(ids(&Run::from_json(HashMap::from([("run_id", 456), ("scenario_id", 123)]))), expected);
    for nothing in
        [json!(null), json!([1]), json!({ "run_id": null, "result_id": [1] }), json!(""), json!("no JSON")]
    {
        assert_eq!(Run::from_json(&nothing), Run::default(), "{nothing}");
    }
}

#[test]
fn the_ids_stand_on_the_conversations_span() {
    #[cekura::conversation(run = run, skip_all)]
    fn call(run: Option<&Run>) {
        inner(&Run::default());
    }
    #[cekura::conversation(run = run.clone(), skip_all)]
    fn inner(run: &Run) {}
    let run = Run::from_json(json!({ "run_id": "a", "scenario_id": 2, "result_id": 3 }));
    let trace = capture(|| {
        call(Some(&run));
        call(None);
        inner(&run);
        spans::conversation().run(&run).start().end();
        spans::conversation().run(run.clone()).start().end();
    });
    let said = |at: usize| KEYS.map(|key| trace.spans()[at].text(key));
    let all = [Some("a"), Some("2"), Some("3")];
    let roots: Vec<_> = (0..trace.spans().len()).map(said).collect();
    assert_eq!(roots, [all, [None; 3], [None; 3], [None; 3], all, all, all], "{trace:?}");
}

#[test]
fn a_handoff_keeps_the_run_of_the_call() {
    #[cekura::conversation(client = handle, call_id = "c", observe, run = Run::from_json(json!({ "run_id": 1 })), skip_all)]
    fn outer(handle: &Cekura) {
        inner();
    }
    #[cekura::conversation(observe, run = Run::default())]
    fn inner() {}
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).calls(cekura::Calls::Simulate).build().unwrap();
    outer(&handle);
    handle.shutdown_blocking(LONG);
    assert_eq!(api.posted()["calls"][0]["run_id"], "1");
}

#[test]
fn a_call_has_the_id_that_is_given_or_its_carriers_or_its_traces() {
    #[cekura::conversation(client = handle, trace_id_from = sid, observe, skip_all)]
    fn of_sid(handle: &Cekura, sid: &str) -> [String; 2] {
        let call = current_conversation().unwrap();
        [call.id().to_owned(), call.trace_id().to_string()]
    }
    #[cekura::conversation(client = handle, trace_id_from = "CA17", call_id = "given", observe, skip_all)]
    fn given(handle: &Cekura) -> String {
        current_conversation().unwrap().id().to_owned()
    }
    for calls in [cekura::Calls::Observe, cekura::Calls::Simulate] {
        let (backend, api) = (Backend::new(), Api::new());
        let handle = observing(&backend, &api).calls(calls).build().unwrap();
        let long = "x".repeat(101);
        let mut expected = vec![given(&handle)];
        let [sid, _] = of_sid(&handle, "CA17");
        let [too_long, its_trace] = of_sid(&handle, &long);
        let [blank, other] = of_sid(&handle, " ");
        assert_eq!((&*expected[0], &*sid, &too_long, &blank), ("given", "CA17", &its_trace, &other));
        expected.extend([sid, its_trace, other]);
        handle.shutdown_blocking(LONG);
        let id = |body: &serde_json::Value| {
            body.get("call_id").unwrap_or(&body["calls"][0]["id"]).as_str().unwrap().to_owned()
        };
        let posted: HashSet<_> = api.seen().iter().map(|seen| id(&seen.body)).collect();
        assert_eq!(posted, expected.into_iter().collect());
    }
}

#[test]
fn ten_thousand_calls_at_once_have_ten_thousand_ids() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    fn call(handle: &Cekura) -> String {
        current_conversation().unwrap().id().to_owned()
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let calls = || (0..2500).map(|_| call(&handle)).collect::<Vec<_>>();
    let known: HashSet<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(calls)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    handle.shutdown_blocking(4 * LONG);
    let posted: HashSet<_> =
        api.seen().iter().map(|seen| seen.body["call_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((known.len(), &known), (10_000, &posted));
}
