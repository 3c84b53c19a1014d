//! `cekura dev` takes what real agents send, and keeps it. Invariant: what it has acknowledged is in its database, whatever becomes of
//! it.

#![cfg(unix)]

#[path = "dev/api.rs"]
mod api;
#[path = "dev/bounds.rs"]
mod bounds;
#[path = "dev/check.rs"]
mod check;
#[path = "dev/exports.rs"]
mod exports;
mod judges;
#[path = "dev/live.rs"]
mod live;
#[path = "dev/pages.rs"]
mod pages;
#[path = "dev/python.rs"]
mod python;
#[path = "dev/server.rs"]
mod server;
#[path = "dev/spans.rs"]
mod spans;
#[path = "dev/tables.rs"]
mod tables;

use cekura_trace_tests::handles;
use cekura_trace_tests::tools::needs;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use serde_json::json;
use server::{Dev, stored};
use std::env;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const PROTOBUF: &str = "Content-Type: application/x-protobuf";
const JSON: &str = "Content-Type: application/json";
const GZIP: &str = "Content-Encoding: gzip";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_agent_needs_no_other_setting_than_the_two_addresses() {
    let tests = env::current_exe().unwrap();
    let example = tests.parent().unwrap().parent().unwrap().join("examples/voice_agent");
    if !needs("the built example voice_agent", example.exists()) {
        return;
    }
    let dev = Dev::start("agent", &[]);
    let mut agent = Command::new(example)
        .arg("--fast")
        .env_clear()
        .env("CEKURA_OTEL_ENDPOINT", format!("http://{}", dev.grpc))
        .env("CEKURA_API_URL", format!("http://{}", dev.http))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_seen = || dev.ask("GET", "/", &[], &[]).1.contains("goes on");
    while !is_seen() {
        assert!(agent.try_wait().unwrap().is_none(), "it was not seen while it ran");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(agent.wait().unwrap().success());
    let calls = dev.get("/observability/v1/call-logs/");
    let call = &calls["results"][0];
    assert_eq!((&calls["count"], &call["call_id"]), (&json!(1), &json!("clinic-call-1")), "{calls}");
    let trace = call["trace_id"].as_str().unwrap();
    let of_trace = |what: &str| dev.stored(&format!("SELECT {what} FROM calls WHERE trace = x'{trace}'"));
    assert!(of_trace("spans") > 10 && of_trace("turns") > 1 && of_trace("is_over") == 1);
    let said = dev.end();
    assert_eq!(said.code, Some(0));
    assert!(said.stdout.contains("in 1 trace, 1 call log: nothing was refused"), "{}", said.stdout);
}

#[test]
fn the_library_delivers_over_both_transports_and_to_either_port() {
    let dev = Dev::start("transports", &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for protocol in handles::PROTOCOLS {
        for address in [dev.http, dev.grpc] {
            let handle = handles::at(&format!("http://{address}"), protocol).build().unwrap();
            handles::converse(&handle, 3);
            let report = runtime.block_on(handle.shutdown(handles::LONG));
            assert!(report.delivered == 4, "{protocol:?} {address}: {report}");
        }
    }
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 4);
    assert_eq!(dev.stored("SELECT sum(spans) FROM calls WHERE is_over AND service = 'agent'"), 16);
    assert_eq!(dev.stored("SELECT sum(turns) FROM calls"), 12);
}

#[test]
fn http_is_taken_in_protobuf_and_in_json_packed_or_not() {
    let dev = Dev::start("http", &[]);
    let mut trace = 0;
    let mut one = || {
        trace += 1;
        spans::request("any", vec![spans::span(trace, 1, 0, "conversation", &[("call_id", "a \"b\" ☎")])])
    };
    let requests = [
        (vec![PROTOBUF], one().encode_to_vec()),
        (vec![PROTOBUF, GZIP], gzip(&one().encode_to_vec())),
        (vec![JSON], serde_json::to_vec(&one()).unwrap()),
        (vec![JSON, GZIP], gzip(&serde_json::to_vec(&one()).unwrap())),
        (vec!["Content-Type: application/json; charset=utf-8"], serde_json::to_vec(&one()).unwrap()),
    ];
    for (headers, body) in &requests {
        let (status, answer) = dev.ask("POST", "/v1/traces", headers, body);
        assert_eq!(status, 200, "{headers:?}: {answer}");
        assert_eq!(answer, if headers[0] == PROTOBUF { "" } else { "{}" });
    }
    let written = "SELECT count(*) FROM calls WHERE call_id = 'a \"b\" ☎' AND spans = 1";
    assert_eq!(dev.stored(written), i64::try_from(requests.len()).unwrap());
    // As the JSON of OTLP's own examples is: ids in upper case, times as texts or numbers, unknown fields.
    let own = r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"my.library"},"new":1,"spans":[{
        "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","parentSpanId":"EEE19B7EC3C1B173",
        "name":"a","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"kind":2,
        "attributes":[{"key":"n","value":{"intValue":"7"}}]}]}]}]}"#;
    let (status, answer) = dev.ask("POST", "/v1/traces", &[JSON], own.as_bytes());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(dev.stored("SELECT count(*) FROM calls WHERE trace = x'5B8EFFF798038103D269B633813FC60C'"), 1);
}

#[test]
fn what_is_no_otlp_is_refused_with_the_reason() {
    let dev = Dev::start("refused", &[]);
    let short = spans::request("any", vec![spans::span(0, 1, 0, "stt", &[])]).encode_to_vec();
    let cases: [(&[&str], &[u8], u16, &str); 6] = [
        (&[PROTOBUF], b"no", 400, "the body is no OTLP"),
        (&[JSON], b"{", 400, "the body is no OTLP in JSON"),
        (&[PROTOBUF, GZIP], b"no", 400, "the body is no gzip"),
        (&[PROTOBUF, "Content-Encoding: br"], b"no", 400, "gzip or identity"),
        (&["Content-Type: text/plain"], b"no", 415, "application/x-protobuf"),
        (&[PROTOBUF], &short, 400, "the span `stt` has no valid trace id"),
    ];
    for (headers, body, expected, words) in cases {
        let (status, answer) = dev.ask("POST", "/v1/traces", headers, body);
        assert!(status == expected && answer.contains(words), "{headers:?}: {status} {answer}");
    }
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 0);
}

#[test]
fn a_request_that_comes_twice_counts_once() {
    let dev = Dev::start("twice", &[]);
    let all = (1..=5).map(|id| spans::span(9, id, 0, "stt", &[("stt.transcript", "hello")])).collect();
    let body = spans::request("any", all).encode_to_vec();
    for _ in 0..3 {
        assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    }
    assert_eq!(dev.stored("SELECT spans FROM calls"), 5);
}

#[test]
fn what_was_acknowledged_outlives_kill_9() {
    let dev = Dev::start("killed", &[]);
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let load = |writer: u64| {
            let (dev, acknowledged) = (&dev, &acknowledged);
            move || {
                for number in 1_u64.. {
                    let id = (writer << 32) + number;
                    let body = spans::request("any", vec![spans::span(id.into(), id, 0, "llm", &[])]);
                    if !dev.accepts(&body.encode_to_vec()) {
                        return;
                    }
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let writers: Vec<_> = (1..=3).map(|writer| scope.spawn(load(writer))).collect();
        while acknowledged.load(Ordering::Relaxed) < 50 {
            assert!(writers.iter().all(|writer| !writer.is_finished()), "nothing is killed yet");
            std::thread::sleep(Duration::from_millis(10));
        }
        dev.signal("-KILL");
    });
    let (data, acknowledged) = (dev.kill(), i64::try_from(acknowledged.into_inner()).unwrap());
    let kept = stored(&data, "SELECT sum(spans) FROM calls");
    assert!(kept >= acknowledged, "{kept} of {acknowledged}");
    assert_eq!(stored(&data, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    // It goes on where it was.
    let again = Dev::at(&data, &[]);
    let body = spans::request("any", vec![spans::span(1 << 100, 1, 0, "llm", &[])]).encode_to_vec();
    assert_eq!(again.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    assert_eq!(again.stored("SELECT sum(spans) FROM calls"), kept + 1);
}

#[test]
fn the_newest_ten_thousand_calls_are_kept() {
    let dev = Dev::start("oldest", &[]);
    for request in 0..11 {
        let calls = request * 1000 + 1..=request * 1000 + 1000;
        let all = calls.map(|call| spans::span(call, 1, 0, "conversation", &[("call_id", "x")])).collect();
        let body = spans::request("any", all).encode_to_vec();
        assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    }
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 10_000);
    assert_eq!(dev.stored("SELECT count(*) FROM batches"), 10_000);
    let trace = |number: u128| format!("SELECT count(*) FROM calls WHERE trace = x'{number:032x}'");
    assert_eq!((dev.stored(&trace(1000)), dev.stored(&trace(1001))), (0, 1));
}
