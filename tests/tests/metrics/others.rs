//! Programs that nobody here wrote take the metrics: Prometheus scrapes them, `VictoriaMetrics` and a collector take them over
//! OTLP, and all count what was counted by hand. They must be there: see `tests/tests/metrics/install.sh`.

use super::hex;
use crate::scraped::Scrape;
use cekura::{Cekura, Protocol, spans};
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::metrics::wait;
use cekura_trace_tests::tools::needs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

const CALLS: u32 = 1_000;

/// A running program of others; it stops when dropped.
struct Other {
    child: Child,
    output: PathBuf,
}

impl Other {
    fn start(command: &mut Command, name: &str, listens: SocketAddr) -> Self {
        let output = folder(name).join("output.txt");
        let file = File::create(&output).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let other = Self { child, output };
        wait(&format!("{name} listens: {}", other.output.display()), || TcpStream::connect(listens).is_ok());
        other
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An empty folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("metrics-{name}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A program in the target directory.
fn installed(path: &str) -> Option<PathBuf> {
    let tests = env::current_exe().unwrap();
    let target = tests.parent()?.parent()?.parent()?;
    let (folder, name) = path.split_once("/*/").unwrap_or(("", path));
    let direct = target.join(name);
    let below = fs::read_dir(target.join(folder)).into_iter().flatten().flatten();
    let found = below.map(|entry| entry.path().join(name)).chain([direct]).find(|path| path.is_file());
    if needs(path, found.is_some()) { found } else { None }
}

/// The body of an answer.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{path}: {answer}");
    body.to_owned()
}

/// What a query in `PromQL` gives; nothing where there is no series.
fn query(address: SocketAddr, query: &str) -> f64 {
    let encoded = query.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02x}"));
    let answer: Value =
        serde_json::from_str(&get(address, &format!("/api/v1/query?query={encoded}"))).unwrap();
    let number = answer["data"]["result"][0]["value"][1].as_str();
    number.map_or(f64::NAN, |number| number.parse().unwrap())
}

#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura, number: u32) {
    let call = cekura::current_conversation().unwrap();
    let turn = spans::turn().parent(&call).start();
    let mut llm = spans::llm().provider("openai").model("gpt-4o").parent(&turn).start();
    llm.usage(i64::from(number), 3);
    if number.is_multiple_of(10) {
        llm.fail("no answer");
    }
    llm.end();
    spans::tts().provider("cartesia").model("sonic").text("Twenty characters ok").parent(&turn).start().end();
    turn.end();
    call.score("sentiment", 0.25);
}

/// What has been counted by hand: a query, and what it is to give.
fn expected() -> Vec<(&'static str, f64)> {
    let tokens = f64::from((0..CALLS).sum::<u32>());
    vec![
        ("sum(voice_calls_total)", 1_000.0),
        ("sum(stage_duration_seconds_count)", 4_000.0),
        ("sum(llm_duration_seconds_count{gen_ai_request_model=\"gpt-4o\"})", 1_000.0),
        ("sum(llm_duration_seconds_count{outcome=\"error\"})", 100.0),
        ("sum(stage_errors_total{stage=\"llm\"})", 100.0),
        ("sum(gen_ai_client_token_usage_sum{gen_ai_token_type=\"input\"})", tokens),
        ("sum(tts_characters_total)", 20_000.0),
        ("sum(voice_call_turns_sum)", 1_000.0),
        ("sum(voice_call_score_sum)", 250.0),
        ("sum(cekura_spans_delivered_total)", 4_000.0),
        ("sum(turn_duration_seconds_bucket{le=\"+Inf\"})", 1_000.0),
        ("histogram_quantile(0.99, sum by (le) (voice_call_score_bucket)) <= bool 0.3", 1.0),
    ]
}

fn calls(handle: &Cekura) {
    for number in 0..CALLS {
        call(handle, number);
    }
    handle.flush_blocking(LONG);
}

#[test]
fn prometheus_scrapes_what_was_counted_by_hand_and_its_exemplars_lead_to_traces() {
    let Some(prometheus) = installed("metrics/prometheus/usr/bin/prometheus") else { return };
    let (backend, agent, address) = (Backend::new(), deserted(), deserted());
    let builder = to(&backend, Protocol::Http).metrics_listen(agent.to_string());
    let handle = builder.build().unwrap();
    let folder = folder("prometheus-data");
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: agent\n  static_configs:\n  - targets: ['{agent}']\n"
    );
    fs::write(folder.join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--enable-feature=exemplar-storage");
    let prometheus = Other::start(&mut command, "prometheus", address);
    calls(&handle);
    for (asked, expected) in expected() {
        let is_so = || (query(address, asked) - expected).abs() < 1e-6;
        wait(&format!("{asked} is {expected} in {}", prometheus.output.display()), is_so);
    }
    let [start, end] = [-60, 60].map(|moved: i64| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        now.saturating_add_signed(moved)
    });
    let path = format!("/api/v1/query_exemplars?query=turn_duration_seconds_bucket&start={start}&end={end}");
    let answer: Value = serde_json::from_str(&get(address, &path)).unwrap();
    let found: Vec<_> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|series| series["exemplars"].as_array().unwrap())
        .collect();
    assert!(!found.is_empty(), "{answer}");
    let traces: BTreeSet<_> = backend.spans().iter().map(|span| hex(&span.trace_id)).collect();
    assert!(found.iter().all(|exemplar| traces.contains(exemplar["labels"]["trace_id"].as_str().unwrap())));
    // It complains of nothing.
    let targets = get(address, "/api/v1/targets");
    assert!(targets.contains("\"health\":\"up\"") && targets.contains("\"lastError\":\"\""), "{targets}");
}

#[test]
fn victoriametrics_takes_over_otlp_what_was_counted_by_hand() {
    let Some(victoria) = installed("metrics/victoria-metrics/usr/bin/victoria-metrics") else { return };
    let (backend, address) = (Backend::new(), deserted());
    let mut command = Command::new(victoria);
    command
        .arg(format!("-storageDataPath={}", folder("victoria-data").display()))
        .arg(format!("-httpListenAddr={address}"))
        .args(["-opentelemetry.usePrometheusNaming", "-search.latencyOffset=0s", "-search.disableCache"]);
    let victoria = Other::start(&mut command, "victoria", address);
    let url = format!("http://{address}/opentelemetry/v1/metrics");
    let handle = to(&backend, Protocol::Http).metrics_endpoint(url).build().unwrap();
    calls(&handle);
    let page = Scrape::read(&handle.metrics().openmetrics());
    for (asked, expected) in expected() {
        get(address, "/internal/force_flush");
        let is_so = || (query(address, asked) - expected).abs() < 1e-6;
        wait(&format!("{asked} is {expected} in {}", victoria.output.display()), is_so);
    }
    let seconds = page.sum("llm_duration_seconds_sum", &[]);
    assert!((query(address, "sum(llm_duration_seconds_sum)") - seconds).abs() < 1e-6);
}

#[test]
fn a_collector_prints_the_points_and_their_exemplars() {
    let Some(rotel) = installed("collector/lib/*/site-packages/rotel/rotel-agent") else { return };
    let (backend, grpc, http) = (Backend::new(), deserted(), deserted());
    let mut command = Command::new(rotel);
    command
        .arg("start")
        .args(["--otlp-grpc-endpoint", &grpc.to_string(), "--otlp-http-endpoint", &http.to_string()])
        .args(["--exporter", "blackhole", "--batch-timeout", "200ms"])
        .args(["--debug-log", "metrics", "--debug-log-verbosity", "detailed"])
        .arg("--pid-file")
        .arg(folder("rotel-pid").join("pid"))
        .stdin(Stdio::null());
    let rotel = Other::start(&mut command, "rotel", http);
    let handle = to(&backend, Protocol::Http).metrics_endpoint(format!("http://{http}")).build().unwrap();
    calls(&handle);
    wait("it prints the metrics", || rotel.printed().contains("Name: cekura.metrics.overflows"));
    let printed = rotel.printed();
    let sum = |name: &str, word: &str| -> f64 {
        let metrics = printed.split("     -> Name: ").filter(|metric| metric.lines().next() == Some(name));
        let numbers =
            metrics.flat_map(str::lines).filter_map(|line| line.strip_prefix(word)?.parse::<f64>().ok());
        numbers.sum()
    };
    for (name, word, expected) in [
        ("stage.duration", "Count: ", 4_000.0),
        ("llm.duration", "Count: ", 1_000.0),
        ("voice.call.turns", "Sum: ", 1_000.0),
        ("gen_ai.client.token.usage", "Sum: ", 499_500.0 + 3_000.0),
        ("voice.calls", "Value: ", 1_000.0),
        ("tts.characters", "Value: ", 20_000.0),
        ("stage.errors", "Value: ", 100.0),
    ] {
        let found = sum(name, word);
        assert!((found - expected).abs() < 1e-6, "{name}: {found} instead of {expected}");
    }
    let traces: BTreeSet<_> = backend.spans().iter().map(|span| hex(&span.trace_id)).collect();
    let found: Vec<_> = printed.lines().filter_map(|line| line.split_once("-> Trace ID: ")).collect();
    assert!(found.len() > 10 && found.iter().all(|(_, trace)| traces.contains(*trace)), "{found:?}");
}
