//! Calls as files: what other programs make of them. Invariant: what was saved and sent again is the same call.

use super::judges;
use super::pages::{browse_with, whole};
use super::server::{Dev, send};
use super::spans::{attribute, request, span};
use super::{GZIP, JSON, PROTOBUF, gzip};
use cekura_trace_tests::rotel::{Rotel, printed};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Given;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use serde_json::{Value, json};

#[test]
fn files_of_a_call_are_saved_and_open_without_the_server() {
    browse_with("pages.mjs", "files_of_a_call_are_saved_and_open_without_the_server");
}

/// A call with everything that a span may have.
fn call() -> Vec<Span> {
    let any = |value| AnyValue { value: Some(value) };
    let texts =
        ArrayValue { values: ["stop", "length"].map(|text| any(Given::StringValue(text.to_owned()))).into() };
    let list = KeyValueList { values: vec![attribute("inside", Given::IntValue(i64::MAX))] };
    let mut root = span(7, 1, 0, "conversation", &[("call_id", "all-of-it")]);
    root.attributes.extend([
        attribute("number", Given::IntValue(i64::MIN)),
        attribute("share", Given::DoubleValue(0.25)),
        attribute("is", Given::BoolValue(true)),
        attribute("bytes", Given::BytesValue(vec![0, 255, 7])),
        attribute("texts", Given::ArrayValue(texts)),
        attribute("list", Given::KvlistValue(list)),
        attribute("text", Given::StringValue("quote \" newline \n ☎ \u{202e}".to_owned())),
    ]);
    let mut turn = span(7, 2, 1, "turn", &[]);
    turn.attributes.push(attribute("turn.user_bot_latency_seconds", Given::DoubleValue(0.5)));
    let mut tool = span(7, 3, 2, "tool_call", &[("function.name", "book"), ("function.output", "no")]);
    tool.status = Some(Status { code: 2, message: "the table is taken".to_owned() });
    tool.kind = 3;
    "a=b".clone_into(&mut tool.trace_state);
    tool.events.push(Event {
        name: "exception".to_owned(),
        time_unix_nano: tool.start_time_unix_nano,
        ..Event::default()
    });
    tool.links.push(Link { trace_id: vec![9; 16], span_id: vec![8; 8], ..Link::default() });
    let words = span(7, 4, 2, "stt", &[("stt.transcript", "a table for two")]);
    vec![root, turn, tool, words]
}

/// A server that took the call in two requests, of which one came twice.
fn taken(name: &str) -> Dev {
    let dev = Dev::start(name, &[]);
    let all = call();
    for spans in [&all[..2], &all[2..], &all[1..3]] {
        let body = request("any", spans.to_vec()).encode_to_vec();
        assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    }
    dev
}

fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.span_id.clone());
    spans
}

fn spans(text: &str) -> Vec<Span> {
    let request: ExportTraceServiceRequest = serde_json::from_str(text).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    sorted(scopes.flat_map(|scope| scope.spans).collect())
}

/// What the list says of the only call, but for what counts spans: one request may bring some of them again.
fn facts(dev: &Dev) -> Vec<i64> {
    let columns = ["began", "ended", "is_over", "latency", "call_id = 'all-of-it'", "service = 'agent'"];
    columns.map(|column| dev.stored(&format!("SELECT {column} FROM calls"))).into()
}

#[test]
fn spans_are_saved_as_they_came_and_taken_again() {
    let dev = taken("otlp");
    let (status, text) = dev.ask("GET", "/calls/1/export.otlp.json", &[], &[]);
    assert_eq!(status, 200);
    let mut expected = call();
    for (span, given) in expected.iter_mut().zip(spans(&text)) {
        // Each call of `span` reads the clock.
        (span.start_time_unix_nano, span.end_time_unix_nano) =
            (given.start_time_unix_nano, given.end_time_unix_nano);
        span.events.iter_mut().for_each(|event| event.time_unix_nano = given.events[0].time_unix_nano);
    }
    assert_eq!(spans(&text), sorted(expected), "{text}");
    // The keys and values of OTLP's JSON: ids in hex, 64-bit numbers as texts.
    let first =
        &serde_json::from_str::<Value>(&text).unwrap()["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&first["traceId"], &first["spanId"]),
        (&json!(format!("{:032x}", 7)), &json!(format!("{:016x}", 1)))
    );
    assert!(first["startTimeUnixNano"].is_string(), "{first}");
    let again = Dev::start("otlp-again", &["--check"]);
    for headers in [&[JSON][..], &[JSON, GZIP]] {
        let body = if headers.len() > 1 { gzip(text.as_bytes()) } else { text.clone().into_bytes() };
        let (status, answer) = again.ask("POST", "/v1/traces", headers, &body);
        assert_eq!((status, &*answer), (200, "{}"));
    }
    assert_eq!(again.stored("SELECT spans FROM calls"), 4);
    assert_eq!(facts(&dev), facts(&again));
    let (_, second) = again.ask("GET", "/calls/1/export.otlp.json", &[], &[]);
    assert_eq!(spans(&second), spans(&text));
}

#[test]
fn a_collector_of_others_takes_what_was_saved() {
    let Some(rotel) = Rotel::start(&judges::folder("dev-rotel")) else { return };
    let dev = taken("otlp-rotel");
    let (_, text) = dev.ask("GET", "/calls/1/export.otlp.json", &[], &[]);
    let host = format!("Host: {}", rotel.http);
    let (status, answer) = send(rotel.http, "POST", "/v1/traces", &[&host, JSON], text.as_bytes());
    assert_eq!(status, 200, "{answer}");
    let theirs = printed::describe(&rotel.spans(4));
    for part in [
        "conversation > turn > tool_call (CLIENT) ERROR: the table is taken",
        "function.name",
        "turn.user_bot_latency_seconds",
        "a table for two",
    ] {
        assert!(theirs.contains(part), "{part} is not in\n{theirs}");
    }
}

#[test]
fn json_says_what_the_page_says() {
    let dev = taken("json");
    let log = json!({
        "call_id": "all-of-it", "agent": 1, "trace_id": format!("{:032x}", 7), "transcript_type": "cekura",
        "transcript_json": [{ "role": "Testing Agent", "content": "a table, please", "start_time": 0.1, "end_time": 0.2 }],
    });
    assert_eq!(dev.post_json("/observability/v1/observe/", &log).0, 201);
    let (status, text) = dev.ask("GET", "/calls/1/export.json", &[], &[]);
    assert_eq!(status, 200);
    let saved: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&saved["call_id"], &saved["service"], &saved["is_over"]),
        (&json!("all-of-it"), &json!("agent"), &json!(true))
    );
    assert_eq!(saved["call_log"]["transcript_json"], log["transcript_json"]);
    let turn = &saved["turns"][0];
    assert_eq!((&turn["voice_to_voice_seconds"], &turn["caller"]), (&json!(0.5), &json!("a table, please")));
    assert_eq!(turn["tools"][0]["name"], "book");
    assert_eq!(turn["errors"][0], "tool_call book: the table is taken");
    let spans = saved["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 4);
    let tool = spans.iter().find(|span| span["name"] == "tool_call").unwrap();
    assert_eq!((&tool["error"], &tool["seconds"]), (&json!("the table is taken"), &json!(1.0)));
    assert_eq!(tool["parent_span_id"], format!("{:016x}", 2));
    let root = spans.iter().find(|span| span["name"] == "conversation").unwrap();
    assert_eq!(root["attributes"]["number"], json!(i64::MIN));
    assert_eq!(root["attributes"]["list"]["inside"], json!(i64::MAX));
}

#[test]
fn the_name_of_a_file_is_safe_whatever_a_call_is_called() {
    let dev = Dev::start("file-names", &[]);
    let cases = [
        ("clinic-call-1", "clinic-call-1"),
        ("a\"; filename=\"evil.exe", "a-filenameevil.exe"),
        ("a\r\nSet-Cookie: a=b", "aSet-Cookie-ab"),
        ("../../etc/passwd", "etcpasswd"),
        ("..\\windows", "windows"),
        ("☎ \u{202e}", "call-6"),
        (&*"x".repeat(4000), &*"x".repeat(80)),
        ("-rf", "rf"),
    ];
    for (at, (id, _)) in cases.iter().enumerate() {
        let one = span(u128::try_from(at).unwrap() + 1, 1, 0, "conversation", &[("call_id", id)]);
        assert_eq!(
            dev.ask("POST", "/v1/traces", &[PROTOBUF], &request("any", vec![one]).encode_to_vec()).0,
            200
        );
    }
    for (at, (id, expected)) in cases.iter().enumerate() {
        for ending in ["html", "json", "otlp.json"] {
            let (head, body) = whole(&dev, &format!("/calls/{}/export.{ending}", at + 1));
            assert!(head.starts_with("HTTP/1.1 200"), "{id}: {head}");
            let named = format!("content-disposition: attachment; filename=\"{expected}.{ending}\"");
            assert!(head.contains(&named), "{id}: {head}");
            assert!(!head.to_ascii_lowercase().contains("\nset-cookie"), "{id}: {head}");
            assert!(
                head.contains("x-content-type-options: nosniff")
                    && head.contains("content-security-policy: default-src 'none'"),
                "{head}"
            );
            assert!(!body.is_empty());
        }
    }
    for path in ["/calls/99/export.html", "/calls/99/export.json", "/calls/99/export.otlp.json"] {
        assert_eq!(dev.ask("GET", path, &[], &[]).0, 404, "{path}");
    }
}
