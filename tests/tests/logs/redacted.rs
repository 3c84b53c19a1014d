//! What the handle redacts is redacted in the lines of the log too, which stay JSON.

use super::{call, written};
use cekura::{Protocol, Redact};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use serde_json::{Value, json};
use std::process::Command;
use tracing::{info, info_span};

const CARD: &str = "4111 1111 1111 1111";

/// What is written in a call whose handle redacts.
fn in_a_call(redact: Redact, body: impl FnOnce()) -> Vec<Value> {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).redact(redact).build().unwrap();
    written(|| call(&handle, "call-1", body))
}

fn everywhere() {
    let span = info_span!("pay", pan = 4_111_111_111_111_111_u64, who = %"jane@example.com", text = CARD, shown = ?CARD);
    span.in_scope(|| {
        let json = json!({ "card": { "pan": CARD, "at": 7 }, "list": [CARD, null] }).to_string();
        info!(
            number = 4_111_111_111_111_111_i64,
            text = CARD,
            shown = ?Some(CARD),
            coloured = "4111 1111 \u{1b}[31m1111 1111\u{1b}[0m",
            json,
            at = 1_765_432_100,
            error = &std::io::Error::other(CARD) as &dyn std::error::Error,
            "card \"{CARD}\"\n"
        );
    });
}

#[test]
fn a_card_in_any_field_of_a_line_is_replaced_and_the_line_stays_json() {
    let line = &in_a_call(Redact::standard(), everywhere)[0];
    let expected = json!({
        "message": "card \"[card]\"\n", "number": "[card]", "text": "[card]", "shown": "Some(\"[card]\")",
        "coloured": "[card]", "at": 1_765_432_100, "error": "[card]",
        "pan": "[card]", "who": "[email]", "fields.text": "[card]", "fields.shown": "[card]",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&line[key], value, "{key}");
    }
    let json: Value = serde_json::from_str(line["json"].as_str().unwrap()).unwrap();
    assert_eq!(json, json!({ "card": { "pan": "[card]", "at": 7 }, "list": ["[card]", null] }));
    let plain = in_a_call(Redact::standard().allow(CARD), everywhere);
    assert!(plain[0].to_string().contains(CARD), "without redaction it would be there");
}

#[test]
fn keys_and_functions_work_as_they_do_for_spans() {
    let redact = Redact::standard()
        .key("customer.name")
        .key("vip")
        .pattern("order", r"ORD-\d+")
        .with(|key, text| (key == "city").then(|| text.to_uppercase()));
    let line = &in_a_call(redact, || {
        info!(customer.name = "Jane", other.name = "Jane", vip = true, city = "Ghent", "for ORD-123");
    })[0];
    let expected = [
        ("customer.name", json!("[redacted]")),
        ("other.name", json!("Jane")),
        ("vip", json!("[redacted]")),
        ("city", json!("GHENT")),
        ("message", json!("for [order]")),
        ("call_id", json!("call-1")),
    ];
    for (key, value) in expected {
        assert_eq!(line[key], value, "{key}");
    }
}

#[test]
fn a_call_is_redacted_as_its_own_handle_says() {
    let (backend, plain) = (Backend::new(), to(&Backend::new(), Protocol::Grpc).build().unwrap());
    let redacts = to(&backend, Protocol::Grpc).redact(Redact::standard()).build().unwrap();
    let lines = written(|| {
        call(&redacts, "call-1", || info!("{CARD}"));
        call(&plain, "call-2", || info!("{CARD}"));
    });
    assert_eq!((&lines[0]["message"], &lines[1]["message"]), (&"[card]".into(), &CARD.into()));
}

#[test]
fn outside_calls_the_first_handle_that_redacts_counts_even_when_it_is_gone() {
    let backend = Backend::new();
    let lines = written(|| {
        info!("before {CARD}");
        let handle = to(&backend, Protocol::Grpc).redact(Redact::standard()).build().unwrap();
        call(&handle, "call-1", || info!("inside {CARD}"));
        handle.shutdown_blocking(LONG);
        drop(handle);
        info!("after {CARD}");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, [&format!("before {CARD}"), "inside [card]", "after [card]"]);
}

#[test]
fn the_default_handle_redacts_lines_outside_calls_though_the_formatter_was_there_before() {
    let backend = Backend::new();
    let mut program = Command::new(env!("CARGO_BIN_EXE_redacting_logger"));
    let output = program.arg(backend.url()).env_remove("NO_COLOR").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = super::read(str::from_utf8(&output.stdout).unwrap());
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    let expected = ["before 4111 1111 1111 1111", "outside [card]", "inside [card]", "after [card]"];
    assert_eq!(messages, expected);
}
