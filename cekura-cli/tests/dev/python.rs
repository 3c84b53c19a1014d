//! Agents in Python: OpenTelemetry's own exporter, and what pipecat and LiveKit's agents call things.

use super::judges::text;
use super::server::Dev;
use cekura_trace_tests::tools::needs;
use std::env;
use std::path::PathBuf;
use std::process::Command;

fn python() -> Option<PathBuf> {
    let found = env::current_exe().unwrap().ancestors().nth(3)?.join("dev/bin/python");
    needs("target/dev (cekura-cli/tests/dev/install.sh)", found.exists()).then_some(found)
}

/// A server that took the call of a framework over both protocols, each checked.
fn took(framework: &str) -> Option<Dev> {
    let dev = Dev::start(framework, &["--check"]);
    for (protocol, address) in [("http", dev.http), ("grpc", dev.grpc)] {
        let output = Command::new(python()?)
            .args(["cekura-cli/tests/dev/exporter.py", protocol, &format!("http://{address}"), framework])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .unwrap();
        let said = text(&output);
        assert!(output.status.success() && said.is_empty(), "{protocol}: {said}");
    }
    Some(dev)
}

/// How many of the two calls are so.
fn so(dev: &Dev, what: &str) -> i64 {
    dev.stored(&format!("SELECT count(*) FROM calls WHERE {what}"))
}

/// Both exporters have sent these words, and nothing was refused.
fn found(dev: Dev, all: &[&str]) {
    for words in all {
        let count = format!("SELECT count(*) FROM words WHERE words MATCH '{words}'");
        assert_eq!(dev.stored(&count), 2, "{words}");
    }
    let said = dev.end();
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

#[test]
fn spans_of_pipecat_are_read_as_stages() {
    let Some(dev) = took("pipecat") else { return };
    assert_eq!(so(&dev, "call_id = 'pipecat-1' AND service = 'pipecat' AND version = '1.2' AND is_over"), 2);
    assert_eq!(so(&dev, "spans = 5 AND turns = 1 AND interrupted = 1 AND latency = 750000000"), 2);
    assert_eq!(so(&dev, "input = 120 AND output = 8 AND failed = 0"), 2);
    found(dev, &["sundays", "noon"]);
}

/// A call of pipecat-ai 1.14.0, saved by `cekura dev`: its own pipeline, observers and OpenAI service, the service before a server on
/// this machine; recognition and speech are services that say fixed words.
const REAL: &str = include_str!("pipecat.otlp.json");

#[test]
fn a_call_that_pipecat_has_traced_itself_is_read() {
    let dev = Dev::start("pipecat-real", &["--check"]);
    assert_eq!(dev.ask("POST", "/v1/traces", &[super::JSON], REAL.as_bytes()).0, 200);
    assert_eq!(so(&dev, "call_id = 'pipecat-real-1' AND service = 'pipecat-agent' AND is_over"), 1);
    assert_eq!(so(&dev, "spans = 6 AND turns = 1 AND failed = 0 AND input = 240 AND output = 16"), 1);
    let (_, saved) = dev.ask("GET", "/calls/1/export.json", &[], &[]);
    let saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
    let turn = &saved["turns"][0];
    assert_eq!(
        (&turn["caller"], &turn["agent"]),
        (&"do you open on sundays".into(), &"We open at noon.".into())
    );
    assert!(turn["voice_to_voice_seconds"].as_f64() > Some(3.0), "{turn}");
    assert!(turn["parts_seconds"]["first token"].as_f64() > Some(1.0), "{turn}");
    let (_, stages) = dev.ask("GET", "/stages", &[], &[]);
    assert!(stages.contains("voice-to-voice") && stages.contains("llm first token"), "{stages}");
    assert_eq!(dev.end().code, Some(0));
}

#[test]
fn a_tool_of_a_framework_that_failed_is_an_error() {
    use super::spans::{attribute, request, span};
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use prost::Message;
    let dev = Dev::start("framework-tools", &[]);
    let mut tool = span(1, 1, 0, "function_tool", &[("lk.function_tool.output", "no such table")]);
    tool.attributes.push(attribute("lk.function_tool.is_error", Value::BoolValue(true)));
    let result = span(2, 1, 0, "llm_tool_result", &[("tool.result_status", "error"), ("tool.result", "no")]);
    let mut turn = span(2, 2, 0, "turn", &[]);
    for key in ["turn.was_interrupted", "turn.ended_by_conversation_end"] {
        turn.attributes.push(attribute(key, Value::BoolValue(true)));
    }
    for (scope, spans) in [("livekit-agents", vec![tool]), ("pipecat", vec![result, turn])] {
        let body = request(scope, spans).encode_to_vec();
        assert_eq!(dev.ask("POST", "/v1/traces", &[super::PROTOBUF], &body).0, 200);
    }
    assert_eq!(so(&dev, "failed = 1 AND interrupted = 0"), 2);
    let (_, page) = dev.ask("GET", "/calls/1/page", &[], &[]);
    assert!(page.contains("\"description\":\"no such table\""), "{page}");
}

#[test]
fn spans_of_livekit_are_read_as_stages() {
    let Some(dev) = took("livekit") else { return };
    assert_eq!(
        so(&dev, "is_over AND spans = 7 AND turns = 1 AND interrupted = 0 AND latency = 1500000000"),
        2
    );
    assert_eq!(so(&dev, "input = 50 AND output = 5"), 2);
    found(dev, &["parking", "behind", "find_parking", "house", "lot"]);
}

#[test]
fn names_of_frameworks_mean_nothing_in_other_scopes() {
    use super::spans::{request, span};
    use prost::Message;
    let dev = Dev::start("other-scope", &[]);
    let all = vec![
        span(1, 1, 0, "agent_turn", &[]),
        span(1, 2, 0, "function_tool", &[]),
        span(1, 3, 0, "stt", &[("transcript", "sundays")]),
    ];
    let body = request("my-own", all).encode_to_vec();
    assert_eq!(dev.ask("POST", "/v1/traces", &[super::PROTOBUF], &body).0, 200);
    assert_eq!(dev.stored("SELECT count(*) FROM calls WHERE spans = 3 AND turns = 0"), 1);
    assert_eq!(dev.stored("SELECT count(*) FROM words WHERE words MATCH 'sundays'"), 0);
}
