//! What stands in a line of a real program, and that its ids are those of the span in which it was written.

use super::{call, read, turn, written};
use cekura::opentelemetry::Context;
use cekura::opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use cekura::{Protocol, spans};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::to;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::process::Command;
use tracing::info;

fn hex(id: &[u8]) -> String {
    let mut text = String::new();
    for byte in id {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Runs the program with so many calls, and gives what it wrote and its spans.
fn run(calls: usize) -> (String, Vec<Span>) {
    let backend = Backend::new();
    let mut program = Command::new(env!("CARGO_BIN_EXE_logging_agent"));
    let program = program.args([&backend.url(), &calls.to_string()]).env_remove("NO_COLOR").output().unwrap();
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stderr));
    (String::from_utf8(program.stdout).unwrap(), backend.spans())
}

#[test]
fn a_line_says_in_which_call_turn_and_span_it_was_written() {
    let (mut text, spans) = run(1);
    for line in read(&text) {
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.len() == 27 && time.starts_with("20") && time.ends_with('Z'), "{time}");
        text = text.replace(time, "TIME");
    }
    for span in &spans {
        text = text.replace(&hex(&span.span_id), &format!("SPAN {}", span.name));
    }
    let text = text.replace(&hex(&spans[0].trace_id), "TRACE");
    let at = |span| {
        format!(r#""trace_id":"TRACE","span_id":"SPAN {span}","trace_flags":"01","call_id":"call-42""#)
    };
    let begin = |level, message| {
        format!(r#"{{"timestamp":"TIME","level":"{level}","target":"logging_agent","message":"{message}""#)
    };
    let slot = r#""seats":2,"vip":true,"who":"Jane Doe","free":"a \"b\"\tc"}"#;
    let expected = [
        format!(r#"{},"port":8080}}"#, begin("INFO", "listening")),
        format!("{},{}}}", begin("INFO", "hello"), at("conversation")),
        format!(
            r#"{},{},"turn":1,"day":"wednesday","price":4.5,"note":"said \"yes\"\nand left","fields.day":"tuesday",{slot}"#,
            begin("INFO", "booked"),
            at("tool_call"),
        ),
        format!(
            r#"{},{},"turn":1,"error":"Err(\"full\")","type":"late","fields.turn":9,"day":"tuesday",{slot}"#,
            begin("WARN", r#"not\n\"booked\""#),
            at("tool_call"),
        ),
        format!(r#"{},{},"turn":1}}"#, begin("INFO", "tuesday is done"), at("turn")),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn of_a_hundred_calls_at_once_no_line_has_the_ids_of_another() {
    let (written, spans) = run(100);
    let spans: HashMap<String, &Span> = spans.iter().map(|span| (hex(&span.span_id), span)).collect();
    let lines = read(&written);
    let inside = |line: &&Value| line["message"] == "here";
    assert_eq!(lines.iter().filter(inside).count(), 100 * 3 * (1 + 2 + 4));
    for line in lines.iter().filter(inside) {
        let span = spans[line["span_id"].as_str().unwrap()];
        assert_eq!(line["trace_id"], hex(&span.trace_id).as_str());
        assert_eq!(line["place"], span.name.as_str());
        assert_eq!(
            (&line["call_id"], line["turn"].is_i64()),
            (&line["call"], line["place"] != "conversation")
        );
        let root =
            spans.values().find(|root| root.trace_id == span.trace_id && root.parent_span_id.is_empty());
        assert_eq!(text(&root.unwrap().attributes, "call_id"), line["call_id"].as_str());
    }
}

#[test]
fn outside_any_span_there_are_no_ids() {
    let lines = written(|| info!(call_id = "of another", turn = 0, trace_id = "none", "outside"));
    let keys: BTreeSet<_> = lines[0].as_object().unwrap().keys().map(String::as_str).collect();
    let own = ["fields.call_id", "fields.trace_id", "fields.turn", "level", "message", "target", "timestamp"];
    assert_eq!(keys, BTreeSet::from(own), "no zeros, and nothing that passes for the ids of a call");
}

#[test]
fn a_span_outside_any_call_has_its_own_ids_and_no_call() {
    let mut lines = Vec::new();
    let trace = cekura::testing::capture(|| {
        lines = written(|| spans::llm().start().in_scope(|| info!("inside")));
    });
    let span = trace.span("llm").unwrap();
    let ids = (span.trace_id().to_string().into(), span.span_id().to_string().into());
    let line = lines.iter().find(|line| line["message"] == "inside").unwrap();
    assert_eq!((&line["trace_id"], &line["span_id"]), (&ids.0, &ids.1));
    assert_eq!((line.get("call_id"), line.get("turn")), (None, None));
}

#[test]
fn in_a_call_a_span_of_another_trace_does_not_lend_its_ids() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let of_host = SdkTracerProvider::builder().build().tracer("host").start("GET /");
    let lines = written(|| {
        call(&handle, "call-1", || {
            turn(|| {
                info!("before");
                let _foreign = Context::current_with_span(of_host).attach();
                info!("in a span of the host's");
            });
        });
    });
    for key in ["trace_id", "span_id", "call_id", "turn"] {
        assert_eq!(lines[0][key], lines[1][key], "{key}");
    }
}

#[test]
fn a_line_between_turns_has_the_only_turn_that_is_open_and_the_id_that_the_call_has_by_then() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let lines = written(|| {
        call(&handle, "call-1", || {
            info!("before");
            let turn = spans::turn().start();
            cekura::current_conversation().unwrap().set_call_id("call-2");
            info!("during");
            turn.end();
            info!("after");
        });
    });
    let ids = |line: &Value| (line["call_id"].as_str().unwrap().to_owned(), line["turn"].as_i64());
    let expected = [("call-1", None), ("call-2", Some(1)), ("call-2", None)];
    assert_eq!(lines.iter().map(ids).collect::<Vec<_>>(), expected.map(|(id, turn)| (id.to_owned(), turn)));
}
