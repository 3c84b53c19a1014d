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
