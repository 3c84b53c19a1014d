//! The pages: what a person sees of the calls, in Chromium and by requests that are written by hand.

use super::server::Dev;
use super::spans::{request, span};
use super::{PROTOBUF, judges};
use cekura_trace_tests::tools;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn browse(check: &str) {
    browse_with("viewer.mjs", check);
}

/// Runs a check of a script.
pub(crate) fn browse_with(script: &str, check: &str) {
    browse_at(&Dev::start(check, &[]), script, check);
}

fn driver() -> Option<PathBuf> {
    let driver = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    let has_driver = driver.join("node_modules/playwright-core").is_dir();
    let installed = tools::is_there("chromium") && tools::is_there("node");
    (installed && tools::needs("playwright-core (tests/browser/install.sh)", has_driver)).then_some(driver)
}

/// Runs a check of a script in the pages of a server.
pub(crate) fn browse_at(dev: &Dev, script: &str, check: &str) {
    let Some(driver) = driver() else { return };
    let shots = judges::folder(&format!("dev-shots-{check}"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dev").join(script);
    let mut node = Command::new("node");
    let url = format!("http://{}", dev.http);
    let output = node.arg(script).arg(driver).arg(url).arg(shots).arg(check).output().unwrap();
    let said = judges::text(&output);
    println!("{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_call_is_seen_while_it_runs() {
    browse("a_call_is_seen_while_it_runs");
}

#[test]
fn what_goes_on_is_drawn_as_an_open_bar() {
    browse("what_goes_on_is_drawn_as_an_open_bar");
}

#[test]
fn a_list_is_live_and_keeps_the_focus() {
    browse("a_list_is_live_and_keeps_the_focus");
}

#[test]
fn numbers_grow_with_a_call_and_stop_with_it() {
    browse_with("going.mjs", "numbers_grow_with_a_call_and_stop_with_it");
}

#[test]
fn an_end_is_drawn_while_all_clocks_stand_still() {
    browse_with("going.mjs", "an_end_is_drawn_while_all_clocks_stand_still");
}

#[test]
fn what_may_come_later_is_not_said_to_be_missing() {
    browse_with("going.mjs", "what_may_come_later_is_not_said_to_be_missing");
}

#[test]
fn filters_and_search_find_calls() {
    browse("filters_and_search_find_calls");
}

#[test]
fn content_is_only_text() {
    browse("content_is_only_text");
}

#[test]
fn pages_of_others_are_kept_out() {
    browse("pages_of_others_are_kept_out");
}

#[test]
fn it_is_readable_in_both_themes_and_at_every_width() {
    browse("it_is_readable_in_both_themes_and_at_every_width");
}

fn send(dev: &Dev, trace: u128, id: u64, name: &str, attributes: &[(&str, &str)]) {
    let body = request("any", vec![span(trace, id, 0, name, attributes)]).encode_to_vec();
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
}

/// The head of an answer, and its body.
pub(crate) fn whole(dev: &Dev, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(dev.http).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", dev.http).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn every_page_has_a_policy_that_loads_nothing_else() {
    let dev = Dev::start("policy", &[]);
    send(&dev, 7, 1, "conversation", &[("call_id", "a")]);
    for path in ["/", "/calls/1", "/?said=a", "/calls/1/page", "/nowhere", "/calls/9", "/calls/x"] {
        let (head, body) = whole(&dev, path);
        let policy =
            head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).expect(path);
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        let has_frame = policy.contains("frame-ancestors 'none'") || path == "/calls/1/page";
        assert!(
            has_frame && policy.contains("frame-ancestors") && policy.contains("base-uri 'none'"),
            "{path}: {policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'),
            "{path}: {policy}"
        );
        for header in [
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(!head.contains("access-control"), "{path}: {head}");
        assert!(!body.contains("http:") && !body.contains("https:"), "{path}");
    }
    assert_eq!(dev.ask("GET", "/calls/9", &[], &[]).0, 404);
    assert_eq!(dev.ask("GET", "/calls/9/page", &[], &[]).0, 404);
}

#[test]
fn a_page_has_the_call_log_and_the_recording() {
    let dev = Dev::start("page", &[]);
    let trace = "00000000000000000000000000000007";
    let mut form = Vec::new();
    let transcript =
        r#"[{"role":"Main Agent","content":"only the log says so","start_time":0.1,"end_time":0.5}]"#;
    for (name, text) in [("call_id", "with-sound"), ("trace_id", trace), ("transcript_json", transcript)] {
        form.extend(
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").into_bytes(),
        );
    }
    form.extend(*b"--x\r\nContent-Disposition: form-data; name=\"voice_recording\"; filename=\"a\"\r\nContent-Type: audio/x-wav\"><b>\r\n\r\n");
    form.extend(vec![b'R'; 3 << 20]);
    form.extend(*b"\r\n--x--\r\n");
    let (status, answer) = dev.ask(
        "POST",
        "/observability/v1/observe/",
        &["Content-Type: multipart/form-data; boundary=x"],
        &form,
    );
    assert_eq!(status, 201, "{answer}");
    send(&dev, 7, 1, "conversation", &[("call_id", "with-sound")]);
    let (_, page) = dev.ask("GET", "/calls/1/page", &[], &[]);
    assert!(page.contains("only the log says so") && page.contains("data:audio/wav;base64,UlJS"));
    assert!(page.contains(&"UlJS".repeat(1 << 20)), "all of the recording");
    let (_, list) = dev.ask("GET", "/?said=says+log", &[], &[]);
    assert!(list.contains("with-sound") && list.contains("recorded"), "{list}");
    // A span that came twice is shown once, and one of a framework as its stage.
    let again = request(
        "livekit-agents",
        vec![
            span(8, 2, 0, "agent_session", &[("lk.job_id", "1")]),
            span(8, 3, 2, "llm_node", &[("lk.response.text", "by LiveKit")]),
        ],
    );
    let more =
        request("livekit-agents", vec![span(8, 3, 2, "llm_node", &[("lk.response.text", "by LiveKit")])]);
    for body in [again, more] {
        assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body.encode_to_vec()).0, 200);
    }
    let (_, page) = dev.ask("GET", "/calls/2/page", &[], &[]);
    assert_eq!(page.matches("\"id\":\"0000000000000003\"").count(), 1);
    assert!(
        page.contains("\"kind\":\"llm\"")
            && page.contains("\"kind\":\"conversation\"")
            && page.contains("[\"original.name\",\"llm_node\"]")
    );
}

#[test]
fn older_calls_are_on_further_pages() {
    let dev = Dev::start("older", &[]);
    let all = (1..=250)
        .map(|call| span(call, 1, 0, "conversation", &[("call_id", &format!("c{call}x"))]))
        .collect();
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &request("any", all).encode_to_vec()).0, 200);
    let (mut path, mut seen) = ("/?said=&id=c".to_owned(), Vec::new());
    loop {
        let (_, page) = dev.ask("GET", &path, &[], &[]);
        seen.extend(
            page.split("<bdi>c").skip(1).map(|rest| rest.split_once('x').unwrap().0.parse::<u32>().unwrap()),
        );
        let Some((_, next)) = page.split_once("rel=\"next\" href=\"") else { break };
        path = next.split_once('"').unwrap().0.replace("&amp;", "&");
    }
    assert_eq!(seen, (1..=250).rev().collect::<Vec<_>>());
}

#[test]
fn a_change_is_told_at_once_and_whoever_was_away_learns_how_things_stand() {
    let dev = Dev::start("events", &[]);
    send(&dev, 7, 1, "conversation", &[]);
    let listen = |path: &str| {
        let mut stream = TcpStream::connect(dev.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", dev.http).unwrap();
        stream
    };
    let next = |stream: &mut TcpStream| {
        let mut text = String::new();
        let limit = Instant::now() + Duration::from_secs(20);
        while !text.contains("data: ") {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0 && Instant::now() < limit, "{text}");
            text += &String::from_utf8_lossy(&bytes[..count]);
        }
        text.split("id: ").nth(1).unwrap().lines().next().unwrap().to_owned()
    };
    let (mut one, mut all) = (listen("/calls/1/events"), listen("/events"));
    let (first, of_all) = (next(&mut one), next(&mut all));
    // Of another call: only the list hears it.
    send(&dev, 8, 1, "conversation", &[]);
    assert_ne!(next(&mut all), of_all);
    send(&dev, 7, 2, "turn", &[]);
    let second = next(&mut one);
    assert_ne!(second, first);
    assert_eq!(next(&mut listen("/calls/1/events")), second);
    let origin = ["Origin: https://evil.example"];
    assert_eq!(dev.ask("GET", "/events", &origin, &[]).0, 403);
    assert_eq!(dev.ask("GET", "/calls/1/events", &origin, &[]).0, 403);
}

#[test]
fn a_change_is_told_without_a_pause() {
    let dev = Dev::start("no-pause", &[]);
    send(&dev, 7, 1, "turn", &[]);
    let mut stream = TcpStream::connect(dev.http).unwrap();
    write!(stream, "GET /calls/1/events HTTP/1.1\r\nHost: {}\r\n\r\n", dev.http).unwrap();
    let (told, heard) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.filter(|line| line.starts_with("data: ")).all(|_| told.send(()).is_ok())
    });
    let limit = Duration::from_secs(20);
    heard.recv_timeout(limit).unwrap();
    // Beside the shortest questions that the same machine can ask one after the other, so it may be as slow as it is.
    let mut questions: Vec<_> = (2..30)
        .map(|id| {
            // Changes that follow each other go together.
            thread::sleep(Duration::from_millis(40));
            send(&dev, 7, id, "llm", &[]);
            let began = Instant::now();
            let asked = (0..).take_while(|_| {
                assert!(began.elapsed() < limit);
                dev.ask("GET", "/nowhere", &[], &[]);
                heard.try_recv().is_err()
            });
            asked.count()
        })
        .collect();
    questions.sort_unstable();
    println!("heard after so many questions: {questions:?}");
    assert!(questions[questions.len() / 2] <= 8, "{questions:?}");
}

#[test]
fn a_span_of_any_size_is_text() {
    let dev = Dev::start("large", &[]);
    let evil = "</script><script>alert(1)</script><!--<b>".repeat(100_000);
    send(&dev, 7, 1, "conversation", &[("call_id", &evil[..50_000])]);
    send(&dev, 7, 2, &evil[..200_000], &[("output", &evil), (&evil[..1_000_000], "x")]);
    let count = |path: &str| {
        let (status, page) = dev.ask("GET", path, &[], &[]);
        assert_eq!(status, 200, "{path}");
        ["<script", "</script", "<!--", "<b>"].map(|text| page.matches(text).count())
    };
    assert_eq!(count("/"), [1, 1, 0, 0]);
    assert_eq!(count("/calls/1"), [1, 1, 0, 0]);
    assert_eq!(count("/compare?call=1&call=1"), [1, 1, 0, 0]);
    assert_eq!(count("/stages"), [1, 1, 0, 0]);
    assert_eq!(count("/calls/1/page"), [2, 2, 0, 0], "the data and the script");
}
