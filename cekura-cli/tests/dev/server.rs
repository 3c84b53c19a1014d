//! A running `cekura dev` on free ports, and requests to it that are written by hand. Invariant: it is killed when it is dropped.

use super::judges::folder;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

pub(crate) struct Dev {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) data: PathBuf,
    stdout: Option<BufReader<std::process::ChildStdout>>,
    stderr: Option<thread::JoinHandle<String>>,
}

/// What it said at its end.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Dev {
    /// One with a folder of its own.
    pub(crate) fn start(name: &str, options: &[&str]) -> Self {
        Self::at(&folder(&format!("dev-{name}")).join("data"), options)
    }

    pub(crate) fn at(data: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cekura"))
            .args(["dev", "--port", "0", "--grpc-port", "0", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        let mut lines = [const { String::new() }; 4];
        for line in &mut lines {
            stdout.read_line(line).unwrap();
        }
        let port = |name: &str| {
            let (_, rest) = lines[1].split_once(&format!("{name}=http://127.0.0.1:")).expect(&lines[1]);
            let port = rest.split_whitespace().next().unwrap().parse().unwrap();
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let (grpc, http) = (port("CEKURA_OTEL_ENDPOINT"), port("CEKURA_API_URL"));
        Self { child, http, grpc, data: data.to_owned(), stdout: Some(stdout), stderr: Some(stderr) }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Ends it as a script does.
    pub(crate) fn end(mut self) -> Said {
        self.signal("-TERM");
        let code = self.child.wait().unwrap().code();
        let mut stdout = String::new();
        self.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Said { code, stdout, stderr: self.stderr.take().unwrap().join().unwrap() }
    }

    pub(crate) fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.data.clone()
    }

    /// Whether spans are accepted. `false` also where the server is gone, or goes while it is asked.
    pub(crate) fn accepts(&self, spans: &[u8]) -> bool {
        let headers = [&*format!("Host: {}", self.http), "Content-Type: application/x-protobuf"];
        try_send(self.http, "POST", "/v1/traces", &headers, spans).is_ok_and(|(status, _)| status == 200)
    }

    /// The status and the body of the answer to a request.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> (u16, String) {
        let host = format!("Host: {}", self.http);
        let mut headers = headers.to_vec();
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            headers.push(&host);
        }
        send(self.http, method, path, &headers, body)
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send_json("POST", path, body)
    }

    pub(crate) fn send_json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = ["Content-Type: application/json", "X-CEKURA-API-KEY: any-key-at-all"];
        let (status, answer) = self.ask(method, path, &headers, body.to_string().as_bytes());
        (status, serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, &["X-CEKURA-API-KEY: any-key-at-all"], &[]);
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// What the database answers.
    pub(crate) fn stored(&self, sql: &str) -> i64 {
        stored(&self.data, sql)
    }
}

pub(crate) fn stored(data: &Path, sql: &str) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(data.join("calls.sqlite"), flags).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn send(to: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> (u16, String) {
    try_send(to, method, path, headers, body).unwrap()
}

/// An error where nothing listens, or where the connection ends before the head is sent.
fn try_send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!("{method} {path} HTTP/1.1\r\n{}\r\nConnection: close\r\n", headers.join("\r\n"));
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len())?;
    // It may answer before it has read everything.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.get(end + 4..).unwrap_or_default();
    let body = if head.contains("transfer-encoding: chunked") { joined(body) } else { body.to_vec() };
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A body without the marks between its chunks.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = rest.windows(2).position(|part| part == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        all.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
    all
}
