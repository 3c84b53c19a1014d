//! A collector that nobody here wrote: what it prints of the example's call is what our own backend sees of it, over
//! both transports. The collector and the example must be there: see `MISSING`.

#[path = "collector/printed.rs"]
mod printed;

use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::tools::needs;
use printed::Printed;
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

/// A running rotel that prints what it takes; it stops when dropped.
struct Rotel {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    output: PathBuf,
}

impl Rotel {
    fn start(binary: PathBuf) -> Self {
        let (grpc, http) = (deserted(), deserted());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let output = folder.join(format!("rotel-{}.txt", grpc.port()));
        let child = Command::new(binary)
            .arg("start")
            .args(["--otlp-grpc-endpoint", &grpc.to_string(), "--otlp-http-endpoint", &http.to_string()])
            .args(["--exporter", "blackhole", "--batch-timeout", "200ms"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .arg("--pid-file")
            .arg(output.with_extension("pid"))
            .stdout(File::create(&output).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let rotel = Self { child, grpc, http, output };
        rotel.wait("it listens", || [grpc, http].iter().all(|port| TcpStream::connect(port).is_ok()));
        rotel
    }

    /// Everything it has printed, when that is so many spans.
    fn spans(&self, count: usize) -> Vec<Printed> {
        let read = || printed::read(&fs::read_to_string(&self.output).unwrap());
        self.wait("it prints every span", || read().len() >= count);
        read()
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let limit = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < limit, "not seen that {what}: {}", self.output.display());
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const NEEDED: &str = "rotel (tests/tests/collector/install.sh) or the built example voice_agent";

/// The collector and the example, as it was last built. With `CEKURA_TESTS=all` they must be there.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let tests = env::current_exe().unwrap();
    let build = tests.parent()?.parent()?;
    let versions = fs::read_dir(build.parent()?.join("collector/lib")).into_iter().flatten().flatten();
    let collector = versions.map(|version| version.path().join("site-packages/rotel/rotel-agent"));
    let example = build.join("examples/voice_agent");
    let found = collector.into_iter().find(|binary| binary.exists()).zip(example.exists().then_some(example));
    if needs(NEEDED, found.is_some()) { found } else { None }
}

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
    let Some((collector, example)) = installed() else { return };
    let (rotel, ours) = (Rotel::start(collector), Backend::new());
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
