//! A collector that nobody here wrote: what it prints of the example's call is what our own backend sees of it, over
//! both transports.

use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::rotel::Rotel;
use cekura_trace_tests::rotel::printed::{self, Printed};
use cekura_trace_tests::tools::needs;
use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;
use std::thread;

/// Runs the example; its spans go to `endpoint`.
fn call(example: &Path, endpoint: String, protocol: &str) {
    let output = Command::new(example)
        .arg("--fast")
        .env_clear()
        .env("CEKURA_OTEL_ENDPOINT", endpoint)
        .env("CEKURA_PROTOCOL", protocol)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_collector_of_others_sees_what_was_sent() {
    let example = env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/voice_agent");
    if !needs("the built example voice_agent", example.exists()) {
        return;
    }
    let Some(rotel) = Rotel::start(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let ours = Backend::new();
    thread::scope(|scope| {
        scope.spawn(|| call(&example, ours.url(), "grpc"));
        scope.spawn(|| call(&example, format!("http://{}", rotel.grpc), "grpc"));
        scope.spawn(|| call(&example, format!("http://{}", rotel.http), "http"));
    });
    let ours: Vec<_> = ours.spans().iter().map(Printed::from).collect();
    let expected = printed::describe(&ours);
    for part in [
        "conversation > turn 1 > stt (CLIENT)",
        "\n    turn.user_bot_latency_seconds = …",
        "    metrics.ttfb = …",
        "    stream.items = …",
        "    stream.bytes = …",
        "    gen_ai.response.finish_reasons = Slice(Str(stop))",
        "conversation > turn 2 > tts (CLIENT)\n    cekura.interrupted = Bool(true)",
        "conversation > turn 2 > tool_call (INTERNAL) ERROR: ",
        "    gen_ai.usage.input_tokens = Int(",
        "    cekura.interrupted = Bool(true)",
    ] {
        assert!(expected.contains(part), "{part} is not in\n{expected}");
    }
    let theirs = rotel.spans(2 * ours.len());
    let traces: BTreeSet<_> = theirs.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 2, "one over each transport");
    for trace in traces {
        let spans: Vec<_> = theirs.iter().filter(|span| span.trace_id == trace).cloned().collect();
        assert_eq!(printed::describe(&spans), expected);
    }
}
