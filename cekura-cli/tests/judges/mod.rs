//! What the tests share: the command, and programs of others that judge what it writes (`tests/install.sh` brings them).

#![allow(dead_code, reason = "no test binary uses all of it")]

use cekura_trace_tests::metrics::wait;
use cekura_trace_tests::tools::needs;
use serde_json::Value;
use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

/// An empty folder of one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A program that judges, below `target/slo`.
pub(crate) fn judge(path: &str) -> Option<PathBuf> {
    let tests = env::current_exe().unwrap();
    let found = tests.ancestors().nth(3)?.join("slo").join(path);
    needs(path, found.exists()).then_some(found)
}

/// The folder `deploy/`.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy")
}

/// One of its files with other texts in place of some.
#[track_caller]
pub(crate) fn deployed(name: &str, changes: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(deploy().join(name)).unwrap();
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{name}: {from}");
        text.replace(from, to)
    })
}

pub(crate) fn cekura(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cekura")).args(arguments).output().unwrap()
}

/// What `cekura slo` writes for the target of `deploy/`.
pub(crate) fn written(name: &str) -> PathBuf {
    let folder = folder(name);
    let output =
        cekura(&["slo", "--latency", "1.2s", "--objective", "95", "--out", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    folder
}

/// Both outputs of a program.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a judge, which must be content.
#[track_caller]
pub(crate) fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}

/// A server that is ended when this is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it and waits until it listens; what it says is in `said.txt` of a folder.
    pub(crate) fn start(command: &mut Command, listens: SocketAddr, at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let said = File::create(at.join("said.txt")).unwrap();
        let running = Self(command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap());
        wait(&format!("it listens: {}", at.display()), || TcpStream::connect(listens).is_ok());
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The body of the answer to a request; with a body of its own, in JSON, it is a POST.
pub(crate) fn ask(address: SocketAddr, path: &str, body: &str) -> String {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// What Prometheus answers to a query: each number.
pub(crate) fn query(address: SocketAddr, query: &str) -> Vec<f64> {
    let encoded = query.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let answer: Value =
        serde_json::from_str(&ask(address, &format!("/api/v1/query?query={encoded}"), "")).unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    let series = answer["data"]["result"].as_array().unwrap().iter();
    series.map(|series| series["value"][1].as_str().unwrap().parse().unwrap()).collect()
}

/// The queries of the dashboard, each with its panel and its metrics.
pub(crate) fn asked(dashboard: &Path) -> Option<Vec<(String, String, Vec<String>)>> {
    let modules = judge("node_modules")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/dashboard.mjs");
    let printed = passes(
        Command::new("node").arg(script).arg(modules.parent().unwrap()).arg(dashboard.join("dashboard.json")),
    );
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        let metrics =
            line["metrics"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        (text("title"), text("query"), metrics.collect())
    };
    Some(printed.lines().map(line).collect())
}
