//! `--check`: what Cekura would not take is said, with what to change, and the exit code is 1.

use super::server::{Dev, Said};
use super::spans::{attribute, now, request, span};
use super::{PROTOBUF, judges};
use cekura_trace_tests::backend::deserted;
use cekura_trace_tests::{handles, tools};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const OBSERVE: &str = "/observability/v1/observe/";
/// As a vendor's keys are.
const SECRET: &str = "sk-proj-4f9aA81bC77e0d22";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn trace(dev: &Dev, spans: Vec<Span>) {
    let body = request("any", spans).encode_to_vec();
    let (status, answer) = dev.ask("POST", "/v1/traces", &[PROTOBUF], &body);
    assert_eq!(status, 200, "{answer}");
}

#[track_caller]
fn found(said: &Said, count: usize, words: &[&str]) {
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let findings: Vec<_> = said.stdout.lines().skip(1).collect();
    assert_eq!(findings.len(), count, "{}", said.stdout);
    for word in words {
        assert!(findings.iter().any(|finding| finding.contains(word)), "{word} is not in {}", said.stdout);
    }
}

#[cekura::conversation(client = handle, call_id = "checked-1", observe, skip_all)]
fn call(handle: &cekura::Cekura) {
    let call = cekura::current_conversation().unwrap();
    turn();
    call.metadata(json!({ "tier": "gold" }));
}

#[cekura::turn]
fn turn() {
    hear();
    drop(find(2));
    speak("at noon");
}

#[cekura::stt(provider = "deepgram")]
fn hear() -> String {
    "when do you open".to_owned()
}

#[cekura::tool_call(id = "t1")]
fn find(people: u32) -> Result<Value, String> {
    Err(format!("no table for {people}"))
}

#[cekura::tts(text = text, skip_all)]
fn speak(text: &str) -> Vec<u8> {
    vec![0; text.len()]
}

#[test]
fn what_the_library_sends_is_without_a_finding() {
    for protocol in handles::PROTOCOLS {
        let dev = Dev::start("clean", &["--check"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let to = || {
            let handle = handles::at(&format!("http://{}", dev.grpc), protocol);
            handle.api_url(format!("http://{}", dev.http)).api_key("any-key-at-all").agent(5)
        };
        let said = to().doctor();
        assert!(said.is_healthy(), "{said}");
        let handle = to().build().unwrap();
        call(&handle);
        let report = runtime.block_on(handle.shutdown(handles::LONG));
        assert_eq!(report.delivered, report.accepted, "{report}");
        let said = dev.end();
        assert_eq!(said.stdout, "6 spans in 2 traces, 1 call log: nothing is wrong\n", "{}", said.stderr);
        assert_eq!(said.code, Some(0));
    }
}

#[test]
fn a_call_without_key_and_agent_is_told_what_to_set() {
    let dev = Dev::start("keyless", &["--check"]);
    let (status, answer) =
        dev.ask("POST", OBSERVE, &["Content-Type: application/json"], br#"{"call_id":"a"}"#);
    assert_eq!(status, 401, "{answer}");
    found(&dev.end(), 1, &["X-CEKURA-API-KEY: set CEKURA_API_KEY"]);
}

#[test]
fn a_call_log_that_cekura_would_not_take_is_a_finding_with_the_field() {
    let said = |role: &str, start: f64, end: f64| json!({ "role": role, "content": "x", "start_time": start, "end_time": end });
    let cases: [(Value, &str); 16] = [
        (json!({ "customer_number": null }), "customer_number: is null: leave the field out"),
        (json!({ "metadata": { "a": [{ "b": null }] } }), "metadata.a[0].b: is null"),
        (json!({ "mood": 1 }), "mood: no such field is documented: leave it out"),
        (json!({ "agent_id": 5 }), "agent_id: no such field is documented: it is `agent` here"),
        (json!({ "agent": "5" }), "agent: is to be a whole number"),
        (json!({ "transcript_json": [said("assistant", 0.0, 1.0)] }), "who is tested is the `Main Agent`"),
        (json!({ "transcript_json": [said("user", 0.0, 1.0)] }), "who calls is the `Testing Agent`"),
        (
            json!({ "transcript_json": [said("Main Agent", 2.0, 1.0)] }),
            "transcript_json[0]: ends before it begins",
        ),
        (
            json!({ "transcript_json": [said("Main Agent", 2.0, 3.0), said("Testing Agent", 0.5, 1.0), said("Main Agent", 1.0, 2.0)] }),
            "transcript_json[2]: begins before what the same speaker said earlier",
        ),
        (json!({ "transcript_json": [said("Main Agent", 1.7e9, 1.7e9)] }), "seconds since the call began"),
        (
            json!({ "transcript_json": [{ "role": "Main Agent", "content": "x" }] }),
            "has no start_time or end_time",
        ),
        (
            json!({ "transcript_json": [{ "role": "Main Agent", "start_time": 0, "end_time": 1 }] }),
            "transcript_json[0].content",
        ),
        (
            json!({ "transcript_json": [{ "role": "Function Call", "content": "" }] }),
            "transcript_json[0].data",
        ),
        (
            json!({ "transcript_type": "livekit", "transcript_json": [{ "role": "agent", "content": "x" }] }),
            "one of user, assistant",
        ),
        (json!({ "timestamp": "2026-01-01 10:00" }), "timestamp: is to be a time with its zone"),
        (json!({ "main_agent_channel_index": 2 }), "main_agent_channel_index: is to be 0 or 1"),
    ];
    for (fields, words) in cases {
        let dev = Dev::start("field", &["--check"]);
        let mut log = json!({ "call_id": "a", "agent": 5 });
        log.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (status, answer) = dev.post_json(OBSERVE, &log);
        assert_eq!(status, 400, "{log}: {answer}");
        assert_eq!(dev.post_json(OBSERVE, &log).0, 400);
        let said = dev.end();
        found(&said, 1, &[words, "call a: ", "(2 times)"]);
        assert_eq!(said.stderr.lines().count(), 1, "said once, when it is found: {}", said.stderr);
    }
    let dev = Dev::start("patch", &["--check"]);
    let (_, stored) = dev.post_json(OBSERVE, &json!({ "call_id": "a", "agent": 5 }));
    let path = format!("/observability/v1/call-logs/{}/", stored["id"]);
    assert_eq!(dev.send_json("PATCH", &path, &json!({ "trace_id": TRACE })).0, 400);
    found(&dev.end(), 1, &["PATCH", "trace_id: no such field"]);
}

#[test]
fn a_trace_that_a_call_log_names_must_come() {
    let dev = Dev::start("awaited", &["--check"]);
    let log = |id: &str, trace: &str| json!({ "call_id": id, "agent": 5, "trace_id": trace });
    assert_eq!(dev.post_json(OBSERVE, &log("lost", TRACE)).0, 201);
    assert_eq!(dev.post_json(OBSERVE, &log("came", "00000000000000000000000000000007")).0, 201);
    trace(&dev, vec![span(7, 1, 0, "conversation", &[])]);
    let data = dev.data.clone();
    found(&dev.end(), 1, &[&format!("call lost: its trace_id {TRACE} never came")]);
    // One that came in an earlier run is there.
    let again = Dev::at(&data, &["--check"]);
    assert_eq!(again.post_json(OBSERVE, &log("came", "00000000000000000000000000000007")).0, 201);
    assert_eq!(again.end().code, Some(0));
}

#[test]
fn spans_without_a_conversation_and_times_that_run_backwards_are_findings() {
    let dev = Dev::start("spans", &["--check"]);
    trace(&dev, vec![span(0xabc, 1, 9, "llm", &[])]);
    let mut wrong = span(7, 1, 0, "conversation", &[]);
    wrong.end_time_unix_nano = wrong.start_time_unix_nano - 1;
    let mut never = span(7, 2, 1, "turn", &[]);
    never.end_time_unix_nano = 0;
    let mut seconds = span(7, 3, 1, "tts", &[]);
    seconds.end_time_unix_nano = now() + 2 * 86_400 * 1_000_000_000;
    trace(&dev, vec![wrong, never, seconds]);
    let words = [
        "trace 00000000000000000000000000000abc: its spans are in no conversation",
        "span `conversation`: it ends before it begins",
        "span `turn`: it has no start or no end",
        "span `tts`: it ends more than a day from now",
    ];
    found(&dev.end(), words.len(), &words);
}

#[test]
fn traces_without_any_call_log_are_said_to_be_shown_nowhere() {
    let dev = Dev::start("unlogged", &["--check"]);
    trace(&dev, vec![span(7, 1, 0, "conversation", &[])]);
    let said = dev.end();
    assert_eq!(said.code, Some(0));
    assert!(
        said.stdout.starts_with("1 span in 1 trace, 0 call logs: nothing is wrong, but "),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("observe)]"), "{}", said.stdout);
}

#[test]
fn a_run_in_which_nothing_came_is_no_success() {
    let said = Dev::start("nothing", &["--check"]).end();
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.starts_with("0 spans in 0 traces, 0 call logs: nothing came"), "{}", said.stdout);
    assert_eq!(Dev::start("nothing-unchecked", &[]).end().code, Some(0));
}

#[test]
fn keys_in_spans_are_found_and_never_repeated() {
    let dev = Dev::start("keys", &["--check"]);
    assert_eq!(dev.post_json(OBSERVE, &json!({ "call_id": "a", "agent": 5 })).0, 201);
    let list = ArrayValue { values: vec![AnyValue { value: Some(Any::StringValue(SECRET.to_owned())) }] };
    let mut nested = span(7, 2, 1, "llm", &[]);
    nested.attributes.push(attribute("settings", Any::ArrayValue(list)));
    trace(
        &dev,
        vec![
            span(7, 1, 0, "conversation", &[("note", "the header was any-key-at-all")]),
            nested,
            span(7, 3, 1, "stt", &[("deepgram.API_KEY", "x")]),
            span(7, 4, 1, "tts", &[("request", &format!("{{\"token\":\"{SECRET}\"}}"))]),
            span(
                7,
                5,
                1,
                "turn",
                &[
                    ("gen_ai.usage.output_tokens", "12"),
                    ("text", "my password is sk-iing, and Bearer of news"),
                ],
            ),
        ],
    );
    let said = dev.end();
    let words =
        ["span `conversation`: the attribute `note`", "`settings`", "`deepgram.API_KEY`", "`request`"];
    found(&said, words.len(), &words);
    for secret in [SECRET, "any-key-at-all"] {
        assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{}", said.stdout);
    }
}

#[test]
fn findings_are_safe_to_print_and_bounded() {
    let dev = Dev::start("print", &["--check"]);
    let evil = "a\u{1b}[31m\n::error::\u{202e}password".to_owned() + &"x".repeat(1000);
    trace(&dev, vec![span(7, 1, 0, "conversation", &[]), span(7, 2, 1, "stt", &[(&evil, "x")])]);
    let said = dev.end();
    found(&said, 1, &["password"]);
    let line = said.stdout.lines().last().unwrap();
    assert!(!line.contains(['\u{1b}', '\u{202e}']) && line.chars().count() < 450, "{line}");
}

/// Runs the steps of the job in docs/dev.md, whose agent does this.
fn job(name: &str, agent: &str) -> Output {
    let folder = judges::folder(&format!("dev-job-{name}"));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dev.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, steps) = page.split_once("    - run: |\n").unwrap();
    let (steps, _) = steps.split_once("```").unwrap();
    let (http, grpc) = (deserted().port(), deserted().port());
    let own_ports = format!("cekura dev --port {http} --grpc-port {grpc} --check");
    let steps = steps.replace("cekura dev --check", &own_ports).replace(":4318", &format!(":{http}"));
    assert!(steps.contains(&own_ports) && steps.contains("./take-a-test-call") && steps.contains("wait $!"));
    fs::write(folder.join("steps.sh"), steps).unwrap();
    fs::write(
        folder.join("take-a-test-call"),
        format!("#!/bin/sh\nset -e\n{}", agent.replace("PORT", &http.to_string())),
    )
    .unwrap();
    judges::passes(Command::new("chmod").arg("700").arg(folder.join("take-a-test-call")));
    let binaries = Path::new(env!("CARGO_BIN_EXE_cekura")).parent().unwrap().to_str().unwrap();
    let path = format!("{binaries}:{}", env::var("PATH").unwrap());
    // As GitHub runs them.
    let mut shell = Command::new("bash");
    shell.args(["-e", "steps.sh"]).current_dir(&folder).env("PATH", path).env("RUNNER_TEMP", &folder);
    shell.output().unwrap()
}

#[test]
fn the_job_of_the_page_fails_exactly_when_something_is_wrong() {
    if !tools::is_there("curl") {
        return;
    }
    let post = "curl --silent --show-error --header 'content-type: application/json' --header 'x-cekura-api-key: any'";
    let observe = format!("{post} http://127.0.0.1:PORT/observability/v1/observe/ --data");
    let good = job("good", &format!("{observe} '{{\"call_id\":\"a\",\"agent\":1}}'"));
    assert_eq!(good.status.code(), Some(0), "{}", judges::text(&good));
    let bad = job("bad", &format!("{observe} '{{\"call_id\":\"a\",\"agent\":1,\"metadata\":null}}'"));
    assert_eq!(bad.status.code(), Some(1), "{}", judges::text(&bad));
    assert!(judges::text(&bad).contains("call a: metadata: is null"), "{}", judges::text(&bad));
}
