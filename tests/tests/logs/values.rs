//! What the values of a line may be: whatever they are, it is one line of flat JSON.

use super::{Written, call, written};
use cekura::Protocol;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::to;
use serde_json::{Value, json};
use std::fmt;
use tracing::subscriber::with_default;
use tracing::{Level, error, field, info, info_span, span};

struct Grumpy;

impl fmt::Debug for Grumpy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "half of \"it")?;
        panic!("no one shows me")
    }
}

struct Failing;

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "so far")?;
        Err(fmt::Error)
    }
}

#[test]
fn newlines_quotes_and_a_megabyte_stay_in_their_value() {
    let odd = "a\n\"b\"\\\r\t\u{0}\u{7f}{},: é😀\u{2028}";
    let large = "\u{1}\"é".repeat(262_144);
    let lines = written(|| {
        info!(odd, large, ?odd, "{odd}");
        info!("{large}");
    });
    let shown = format!("{odd:?}");
    assert_eq!((&lines[0]["message"], &lines[0]["odd"]), (&odd.into(), &odd.into()));
    assert_eq!(lines[0]["fields.odd"], shown.as_str());
    assert!(lines[0]["large"] == large.as_str() && lines[1]["message"] == large.as_str());
    assert_eq!(lines.len(), 2);
}

#[test]
fn numbers_stay_numbers_and_no_value_is_lost() {
    let lines = written(|| {
        info!(
            small = -3_i8,
            large = u64::MAX,
            milliseconds = 12_u128,
            huge = u128::MAX,
            low = i128::MIN,
            price = 4.5,
            whole = 2.0,
            tiny = 1e-9_f32,
            nan = f64::NAN,
            yes = true,
            none = None::<i64>,
            some = Some(4),
            bytes = &b"ab"[..],
        );
    });
    let line = &lines[0];
    let expected = json!({
        "small": -3, "large": u64::MAX, "milliseconds": 12, "huge": u128::MAX.to_string(), "low": i128::MIN.to_string(),
        "price": 4.5, "whole": 2.0, "yes": true, "some": 4, "bytes": "[61 62]", "nan": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(line.get(key), Some(value), "{key}");
    }
    assert!((line["tiny"].as_f64().unwrap() - 1e-9).abs() < 1e-15);
    assert_eq!((line.get("none"), line.get("message")), (None, None));
}

#[test]
fn colour_codes_are_in_no_value() {
    let lines = written(|| {
        let span =
            info_span!("outer", red = %"\u{1b}[31mred\u{1b}[0m", quoted = "\u{1b}[1mbold", note = %"a b=c");
        span.in_scope(
            || info!(own = "\u{1b}[38;5;9mx\u{1b}[m", shown = ?"\u{1b}[2J", "\u{1b}[32mgreen\u{1b}[0m"),
        );
    });
    let line = &lines[0];
    let values = ["message", "own", "red", "quoted", "note"].map(|key| line[key].as_str().unwrap());
    assert_eq!(values, ["green", "x", "red", "bold", "a b=c"]);
}

#[test]
fn a_value_that_cannot_be_shown_costs_only_itself() {
    let lines = written(|| info!(first = 1, grumpy = ?Grumpy, failing = %Failing, last = 2, "said"));
    let line = &lines[0];
    assert_eq!(line["grumpy"], "[its Debug panics]");
    assert_eq!((&line["failing"], &line["message"]), (&"so far".into(), &"said".into()));
    assert_eq!((&line["first"], &line["last"]), (&1.into(), &2.into()));
}

fn nested() {
    let outer = span!(Level::INFO, "outer", tenant = "acme", day = "monday", level = 3, count = field::Empty);
    let _outer = outer.enter();
    let inner = span!(Level::INFO, "inner", day = "tuesday", id = %"007", ratio = 0.5, big = u64::MAX);
    let _inner = inner.enter();
    outer.record("count", 3);
    outer.record("tenant", "globex");
    error!(day = "wednesday", timestamp = 1, "inside");
    error!(parent: &outer, "of the outer one");
    error!(parent: None, "of none");
}

/// As text: pairs in the order in which they stand.
fn fields(line: &str) -> String {
    line.split_once("\"target\":\"logs::values\",").unwrap().1.to_owned()
}

#[test]
fn fields_of_spans_follow_the_innermost_first_and_names_that_are_taken_get_another() {
    for has_colours in [true, false] {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(has_colours).with_writer(written.clone());
        with_default(subscriber.event_format(cekura::logs::json()).finish(), nested);
        let lines: Vec<_> = written.text().lines().map(fields).collect();
        let expected = [
            r#""message":"inside","day":"wednesday","fields.timestamp":1,"fields.day":"tuesday","id":"007","ratio":0.5,"big":"18446744073709551615","fields.fields.day":"monday","fields.level":3,"count":3,"tenant":"globex"}"#,
            r#""message":"of the outer one","day":"monday","fields.level":3,"count":3,"tenant":"globex"}"#,
            r#""message":"of none"}"#,
        ];
        assert_eq!(lines, expected, "colours: {has_colours}");
    }
}

#[test]
fn with_the_json_of_tracing_subscriber_fields_of_spans_have_their_own_types() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(written.clone());
    with_default(subscriber.event_format(cekura::logs::json()).finish(), || {
        let span = info_span!("outer", big = u64::MAX, id = %"42", text = "a\n\"b\"", e = 1e5, level = 3);
        span.in_scope(|| info!(big = 1, "inside"));
    });
    let line = &written.lines()[0];
    let expected = [
        ("big", json!(1)),
        ("fields.big", json!(u64::MAX)),
        ("id", json!("42")),
        ("text", json!("a\n\"b\"")),
        ("e", json!(1e5)),
        ("fields.level", json!(3)),
    ];
    for (key, value) in expected {
        assert_eq!(line[key], value, "{key}");
    }
}

#[test]
fn a_line_of_the_crate_log_has_its_own_target() {
    let lines = written(|| {
        tracing_log::LogTracer::init().unwrap();
        log::warn!(target: "hyper::client", "from log: {}", "\"quoted\"");
    });
    let line = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!(
        (&line["target"], &line["message"]),
        (&"hyper::client".into(), &"from log: \"quoted\"".into())
    );
    assert!(line.as_object().unwrap().keys().all(|key| !key.contains("log.")), "{line}");
}

#[test]
fn a_call_id_of_any_characters_is_a_string() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let id = "call \"1\"\n,\"turn\":9";
    let lines = written(|| call(&handle, id, || info!("inside")));
    assert_eq!((&lines[0]["call_id"], &lines[0]["turn"]), (&id.into(), &Value::Null));
}
