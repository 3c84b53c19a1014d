//! Lines of a real program through the OpenTelemetry Collector, set up as docs/operate.md says, to rotel, which prints what it takes.

use super::read;
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::tools::needs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A folder that anybody may read, until it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("cekura-lines-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// What tests/tests/collector/install.sh has installed: rotel and the Collector.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let tests = env::current_exe().unwrap();
    let build = tests.parent()?.parent()?.parent()?;
    let versions = fs::read_dir(build.join("collector/lib")).into_iter().flatten().flatten();
    let packages: Vec<_> = versions.map(|version| version.path().join("site-packages")).collect();
    let find = |binary: &str| packages.iter().map(|at| at.join(binary)).find(|path| path.exists());
    let found = find("rotel/rotel-agent").zip(find("otel_collector/bin/otelcol-contrib_linux_amd64"));
    if needs("a collector (tests/tests/collector/install.sh)", found.is_some()) { found } else { None }
}

fn start_rotel(binary: &Path, at: &Path, http: &str) -> Running {
    let printed = File::create(at.join("rotel.txt")).unwrap();
    let mut rotel = Command::new(binary);
    rotel.args(["start", "--otlp-grpc-endpoint", &deserted().to_string(), "--otlp-http-endpoint", http]);
    rotel.args(["--exporter", "blackhole", "--batch-timeout", "200ms"]);
    rotel
        .args(["--debug-log", "logs", "--debug-log-verbosity", "detailed", "--pid-file"])
        .arg(at.join("pid"));
    let running = Running(rotel.stdout(printed).stderr(Stdio::null()).spawn().unwrap());
    wait("rotel listens", || TcpStream::connect(http).ok());
    running
}

/// The binary is by somebody whom nobody here knows: where that is possible it runs as nobody, with nothing of this environment.
fn start_collector(binary: &Path, at: &Path, config: &str) -> Running {
    fs::copy(binary, at.join("collector")).unwrap();
    fs::set_permissions(at.join("collector"), Permissions::from_mode(0o755)).unwrap();
    fs::write(at.join("collector.yml"), config).unwrap();
    let mut collector = Command::new(at.join("collector"));
    collector.arg("--config=collector.yml").env_clear().current_dir(at);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        collector.uid(65_534).gid(65_534);
    }
    let said = File::create(at.join("collector.txt")).unwrap();
    Running(collector.stdout(Stdio::null()).stderr(said).spawn().unwrap())
}

fn wait<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < limit, "not seen that {what}");
        sleep(Duration::from_millis(50));
    }
}

/// The configuration in docs/operate.md.
fn documented() -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate.md")).unwrap();
    let block = page.split("```yaml\n").find(|block| block.contains("filelog:")).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// Records as rotel prints them, each with its body and what else it says.
fn printed(text: &str) -> Vec<BTreeMap<String, String>> {
    let records = text.split("\nLogRecord #").skip(1);
    let read = |record: &str| {
        let (_, rest) = record.split_once("\nBody: Str(").unwrap();
        let (body, rest) = rest.split_once(")\nAttributes:").unwrap();
        let line = |line: &str| {
            let (key, value) = line.trim().trim_start_matches("-> ").split_once(':')?;
            Some((key.trim().to_owned(), value.trim().to_owned()))
        };
        let named = record.lines().chain(rest.lines()).filter_map(line);
        named.chain([("body".to_owned(), body.to_owned())]).collect()
    };
    records.map(read).collect()
}

#[test]
fn a_collector_reads_body_severity_and_ids_out_of_the_lines() {
    let Some((rotel, collector)) = installed() else { return };
    let (backend, folder, http) = (Backend::new(), Folder::new(), deserted().to_string());
    let at = folder.0.as_path();
    let program = Command::new(env!("CARGO_BIN_EXE_logging_agent"))
        .args([&backend.url(), "1"])
        .stdout(File::create(at.join("agent.json")).unwrap())
        .status();
    assert!(program.unwrap().success());
    let lines = read(&fs::read_to_string(at.join("agent.json")).unwrap());
    let _rotel = start_rotel(&rotel, at, &http);
    let documented = documented();
    let config = documented.replace("/var/log/agent.json", "agent.json").replace("collector:4318", &http);
    assert_ne!(config, documented);
    let _collector = start_collector(&collector, at, &config);
    let records = wait("every line arrives", || {
        let records = printed(&fs::read_to_string(at.join("rotel.txt")).unwrap());
        (records.len() == lines.len()).then_some(records)
    });
    for (line, record) in lines.iter().zip(&records) {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        assert_eq!((&*record["body"], &*record["SeverityText"]), (text("message"), text("level")));
        assert_eq!((&*record["Trace ID"], &*record["Span ID"]), (text("trace_id"), text("span_id")));
        assert_eq!(record["Flags"], if line["trace_id"] == Value::Null { "0" } else { "1" });
        let id = line["call_id"].as_str().map(|id| format!("Str({id})"));
        assert_eq!(record.get("call_id"), id.as_ref());
        let turn = line["turn"].as_i64().map(|turn| format!("Double({turn})"));
        assert_eq!(record.get("turn"), turn.as_ref());
        let nanoseconds: i64 = record["Timestamp"].parse().unwrap();
        assert!(nanoseconds > 1_700_000_000_000_000_000 && !record.contains_key("timestamp"));
    }
    assert!(records.iter().any(|record| record["body"] == "not\n\"booked\"" && record.contains_key("turn")));
}
