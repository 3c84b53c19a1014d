//! Calls as they run: what an agent tells of spans that begin, and what is seen of them.

use super::pages::browse_at;
use super::server::{Dev, send};
use super::spans::{request, span};
use super::{JSON, PROTOBUF};
use cekura::{Builder, Cekura, Mode, Protocol};
use cekura_trace_tests::handles;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const PROMPT: &str = "only who looks at the span when it has ended reads this";

/// A handle whose spans go to one server, and whose API is another.
fn handle(otel: SocketAddr, api: SocketAddr) -> Builder {
    handles::at(&format!("http://{otel}"), Protocol::Grpc).api_url(format!("http://{api}"))
}

/// The name of each span on a page, and whether it is open.
fn shown(page: &str) -> Vec<(String, bool)> {
    let Some((_, rest)) = page.split_once(r#"<script id="data" type="application/json">"#) else {
        return Vec::new();
    };
    let data: Value = serde_json::from_str(rest.split_once("</script").unwrap().0).unwrap();
    let spans = data["spans"].as_array().unwrap();
    spans.iter().map(|span| (span["kind"].as_str().unwrap().to_owned(), span["open"] == true)).collect()
}

/// The page of the first call, when it shows these spans.
fn awaited(dev: &Dev, wanted: &[(&str, bool)]) -> String {
    let limit = Instant::now() + PATIENCE;
    loop {
        let (_, page) = dev.ask("GET", "/calls/1/page", &[], &[]);
        let shown = shown(&page);
        if shown.iter().map(|(kind, open)| (&**kind, *open)).eq(wanted.iter().copied()) {
            return page;
        }
        assert!(Instant::now() < limit, "{shown:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[cekura::conversation(client = handle, call_id = "seen", skip_all)]
fn call(handle: &Cekura, dev: &Dev) {
    awaited(dev, &[("conversation", true)]);
    let (_, list) = dev.ask("GET", "/", &[], &[]);
    assert!(list.contains("seen") && list.contains("goes on"), "{list}");
    turn(dev);
    awaited(dev, &[("conversation", true), ("turn", false), ("llm", false)]);
}

#[cekura::turn]
fn turn(dev: &Dev) {
    llm(PROMPT, dev);
    awaited(dev, &[("conversation", true), ("turn", true), ("llm", false)]);
}

#[cekura::llm(model = "gpt-4o", skip(dev))]
fn llm(prompt: &str, dev: &Dev) {
    let page = awaited(dev, &[("conversation", true), ("turn", true), ("llm", true)]);
    assert!(page.contains("gpt-4o") && !page.contains(prompt), "content leaves with the end");
}

#[test]
fn a_span_is_seen_from_its_begin_to_its_end() {
    let dev = Dev::start("begun", &[]);
    let handle = handle(dev.grpc, dev.http).build().unwrap();
    call(&handle, &dev);
    let report = handle.shutdown_blocking(handles::LONG);
    assert!(report.delivered == 3 && report.dropped.is_empty(), "{report}");
    let page = awaited(&dev, &[("conversation", false), ("turn", false), ("llm", false)]);
    assert!(page.contains(PROMPT));
    let trace = page.split_once("\"trace\":\"").unwrap().1[..32].to_owned();
    let (status, _) = dev.ask("GET", &format!("/traces/{trace}"), &[], &[]);
    assert_eq!(status, 303);
    assert_eq!(dev.ask("GET", &format!("/traces/{}", "1".repeat(32)), &[], &[]).0, 404);
    assert_eq!(dev.ask("GET", "/traces/1", &[], &[]).0, 404);
    assert_eq!(dev.end().code, Some(0));
}

/// A server that says yes to everything; what it was sent.
fn polite() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, requests) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
    let all = requests.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut text = Vec::new();
            let mut part = [0; 4096];
            stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            while let Ok(count @ 1..) = stream.read(&mut part) {
                text.extend_from_slice(&part[..count]);
                let said = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = said.split_once("\r\n\r\n") else { continue };
                let length = head
                    .to_ascii_lowercase()
                    .split_once("content-length: ")
                    .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
                if body.len() >= length {
                    break;
                }
            }
            all.lock().unwrap().push(String::from_utf8_lossy(&text).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (address, requests)
}

#[cekura::conversation(client = handle, skip_all)]
fn told(handle: &Cekura, heard: &Mutex<Vec<String>>) {
    let limit = Instant::now() + PATIENCE;
    while heard.lock().unwrap().is_empty() {
        assert!(Instant::now() < limit, "it was not asked who it is");
        thread::sleep(Duration::from_millis(10));
    }
    handles::converse(handle, 50);
}

#[test]
fn who_is_not_cekura_dev_is_told_of_no_span() {
    let dev = Dev::start("others", &[]);
    let (address, heard) = polite();
    let handle = handle(dev.grpc, address).build().unwrap();
    told(&handle, &heard);
    let report = handle.shutdown_blocking(handles::LONG);
    assert!(report.delivered == 52 && report.dropped.is_empty(), "{report}");
    for request in heard.lock().unwrap().iter() {
        assert!(request.starts_with("POST /dev/begun HTTP/1.1"), "{request}");
        assert!(!request.contains("conversation") && !request.contains("turn"), "{request}");
    }
    let (_, page) = dev.ask("GET", "/calls/1/page", &[], &[]);
    assert!(shown(&page).iter().all(|(_, open)| !open));
}

/// Says where a call is seen, as a program of its own.
const CHILD: &str = "CEKURA_TEST_LINK";

#[cekura::conversation(client = handle, call_id = "killed", skip_all)]
fn until_told(handle: &Cekura) {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// A program with a call that ends when it is told to, and what it says of where the call is seen.
fn agent(dev: &Dev, mode: &str) -> (Child, String) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "live::local_mode_says_where_a_call_is_seen_while_it_runs", "--nocapture"])
        .env(CHILD, format!("{} {} {mode}", dev.grpc, dev.http))
        .current_dir(super::judges::folder(&format!("dev-link-{}-{mode}", dev.http.port())))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = said.by_ref().find(|line| line.starts_with("live ")).unwrap();
    thread::spawn(move || said.for_each(drop));
    (child, line)
}

#[cekura::conversation(client = handle, call_id = "silent", skip_all)]
fn silent(handle: &Cekura, until: impl FnOnce()) {
    until();
}

#[test]
fn a_killed_agent_is_told_from_a_silent_one() {
    let dev = Dev::start("killed-agent", &[]);
    let (mut child, _) = agent(&dev, "both");
    let handle = handle(dev.grpc, dev.http).build().unwrap();
    silent(&handle, || {
        child.kill().unwrap();
        child.wait().unwrap();
        browse_at(&dev, "going.mjs", "a_killed_agent_is_told_from_a_silent_one");
    });
    handle.shutdown_blocking(handles::LONG);
    assert_eq!(dev.stored("SELECT count(*) FROM calls WHERE is_over AND call_id = 'silent'"), 1);
}

#[test]
fn local_mode_says_where_a_call_is_seen_while_it_runs() {
    if let Ok(given) = env::var(CHILD) {
        let [otel, api, mode] = given.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let mode = if mode == "both" { Mode::CloudAndLocal } else { Mode::Local };
        let handle = handle(otel.parse().unwrap(), api.parse().unwrap()).mode(mode).build().unwrap();
        until_told(&handle);
        handle.shutdown_blocking(handles::LONG);
        return;
    }
    let dev = Dev::start("link", &[]);
    let line = |mode: &str| {
        let (mut child, line) = agent(&dev, mode);
        writeln!(child.stdin.take().unwrap()).unwrap();
        assert!(child.wait().unwrap().success());
        line
    };
    let shows = line("both");
    let page = shows.strip_prefix("live     ").unwrap();
    let path = page.strip_prefix(&format!("http://{}", dev.http)).expect(page);
    assert_eq!(dev.ask("GET", path, &[], &[]).0, 303);
    let unused = line("local");
    assert!(unused.contains("CEKURA_MODE=cloud,local") && unused.contains(&dev.http.to_string()), "{unused}");
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 1, "local mode sends nothing");
}

/// A span that has begun.
fn begun(trace: u128, id: u64, parent: u64, name: &str) -> Span {
    Span { end_time_unix_nano: 0, ..span(trace, id, parent, name, &[]) }
}

fn tell(dev: &Dev, spans: Vec<Span>) {
    let body = request("any", spans).encode_to_vec();
    assert_eq!(dev.ask("POST", "/dev/begun", &[PROTOBUF], &body).0, 200);
}

#[test]
fn any_language_may_tell_and_in_any_order() {
    let dev = Dev::start("any-order", &[]);
    let body = serde_json::to_vec(&request("any", vec![begun(7, 1, 0, "conversation")])).unwrap();
    let (status, answer) = dev.ask("POST", "/dev/begun", &[JSON], &body);
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer, json!({ "partialSuccess": { "errorMessage": "cekura dev" } }));
    tell(&dev, vec![begun(7, 2, 1, "turn"), begun(7, 3, 2, "stt")]);
    awaited(&dev, &[("conversation", true), ("turn", true), ("stt", true)]);
    let end = |span: Span| {
        let body = request("any", vec![span]).encode_to_vec();
        assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    };
    // Told of again, and late.
    end(span(7, 3, 2, "stt", &[]));
    tell(&dev, vec![begun(7, 3, 2, "stt")]);
    awaited(&dev, &[("conversation", true), ("turn", true), ("stt", false)]);
    // The end of the call is that of what nobody has ended.
    end(span(7, 1, 0, "conversation", &[]));
    awaited(&dev, &[("stt", false), ("conversation", false)]);
    tell(&dev, vec![begun(7, 9, 1, "llm")]);
    awaited(&dev, &[("stt", false), ("conversation", false)]);
    // A call of which nothing ever ended is no call of spans.
    tell(&dev, vec![begun(8, 1, 0, "conversation")]);
    let said = dev.end();
    assert!(said.stdout.contains("2 spans in 1 trace"), "{}", said.stdout);
}

#[test]
fn a_web_page_of_others_tells_nothing() {
    let dev = Dev::start("begun-guard", &[]);
    let body = request("any", vec![begun(7, 1, 0, "conversation")]).encode_to_vec();
    assert_eq!(dev.ask("POST", "/dev/begun", &[PROTOBUF, "Origin: https://evil.example"], &body).0, 403);
    let host = format!("Host: evil.example:{}", dev.http.port());
    assert_eq!(send(dev.http, "POST", "/dev/begun", &[&host, PROTOBUF], &body).0, 403);
    assert_eq!(dev.ask("POST", "/dev/begun", &[PROTOBUF], b"no").0, 400);
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 0);
}

#[test]
fn a_page_that_was_away_learns_how_things_stand() {
    let dev = Dev::start("away", &[]);
    tell(&dev, vec![begun(7, 1, 0, "conversation")]);
    let first = || {
        let mut stream = TcpStream::connect(dev.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /calls/1/events HTTP/1.1\r\nHost: {}\r\n\r\n", dev.http).unwrap();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let mut fields = lines.filter(|line| line.starts_with("id: ") || line.starts_with("data: "));
        [fields.next().unwrap(), fields.next().unwrap()].concat()
    };
    let before = first();
    assert!(before.contains("The call goes on."), "{before}");
    assert_eq!(first(), before, "nothing has happened");
    tell(&dev, vec![begun(7, 2, 1, "turn")]);
    assert_ne!(first(), before);
    let body = request("any", vec![span(7, 1, 0, "conversation", &[])]).encode_to_vec();
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    let after = first();
    assert!(!after.contains("goes on"), "{after}");
}
