//! Values of the program's own, by type.

use super::*;
use cekura::opentelemetry::{Array, StringValue};
use cekura::testing::capture_with;
use cekura::{CaptureContent, current, record, spans};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

#[cekura::llm(skip_all)]
fn answer(name: &str) {
    let owned = name.to_owned();
    record("u8", 7_u8);
    record("u32", 7_u32);
    record("u64", 7_u64);
    record("usize", 7_usize);
    record("i16", -7_i16);
    record("i32", -7);
    record("i64", -7_i64);
    record("i128", -7_i128);
    record("u64.max", u64::MAX);
    record("u128.max", u128::MAX);
    record("f32", 0.5_f32);
    record("f64", 0.5);
    record("bool", true);
    record("char", 'ß');
    record("str", name);
    record("ref.string", &owned);
    record("string", name.to_owned());
    record("cow", Cow::Borrowed(name));
    record("arc", Arc::<str>::from(name));
    record("some", Some(7_u16));
    record("some.str", Some(name));
    record("some.some", Some(Some(name.to_owned())));
    record("none", None::<&str>);
    record("some.none", Some(None::<u8>));
    record("api.value", Value::from("x"));
    record("api.text", StringValue::from("x"));
    record("api.array", Value::Array(Array::I64(vec![1, 2])));
    record("texts", ["a", "b"]);
    record("names", vec!["a".to_owned()]);
    record(format!("key.{name}"), 1);
    record(&*String::from("key.ref"), 1);
}

fn expected() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("u8", Some(7.into())),
        ("u32", Some(7.into())),
        ("u64", Some(7.into())),
        ("usize", Some(7.into())),
        ("i16", Some((-7).into())),
        ("i32", Some((-7).into())),
        ("i64", Some((-7).into())),
        ("i128", Some((-7).into())),
        ("u64.max", Some("18446744073709551615".into())),
        ("u128.max", Some("340282366920938463463374607431768211455".into())),
        ("f32", Some(0.5.into())),
        ("f64", Some(0.5.into())),
        ("bool", Some(true.into())),
        ("char", Some("ß".into())),
        ("str", Some("Anna".into())),
        ("ref.string", Some("Anna".into())),
        ("string", Some("Anna".into())),
        ("cow", Some("Anna".into())),
        ("arc", Some("Anna".into())),
        ("some", Some(7.into())),
        ("some.str", Some("Anna".into())),
        ("some.some", Some("Anna".into())),
        ("none", None),
        ("some.none", None),
        ("api.value", Some("x".into())),
        ("api.text", Some("x".into())),
        ("api.array", Some(Value::Array(Array::I64(vec![1, 2])))),
        ("texts", Some(Value::Array(vec![StringValue::from("a"), "b".into()].into()))),
        ("names", Some(Value::Array(vec![StringValue::from("a")].into()))),
        ("key.Anna", Some(1.into())),
        ("key.ref", Some(1.into())),
    ]
}

#[test]
fn any_number_text_or_truth_is_a_value_and_none_is_nothing() {
    let trace = capture(|| answer("Anna"));
    let llm = only(&trace, "llm");
    for (key, value) in expected() {
        assert_eq!(llm.attribute(key), value.as_ref(), "{key}");
    }
}

#[test]
fn any_other_value_is_recorded_as_json() {
    #[derive(Serialize)]
    struct Verdict<'a> {
        clean: bool,
        words: &'a [&'a str],
    }
    #[cekura::span]
    fn check() {
        current().record_json("verdict", &Verdict { clean: false, words: &["one"] });
        current().record_json("scalar", &7_u8);
        current().record_json("text", "as it is");
        current().record_json(String::from("nothing"), &None::<u8>);
    }
    let trace = capture(|| {
        check();
        let mut guard = spans::span("by hand").record_json("asked", &[1, 2]).start();
        guard.record_json("verdict", &json!({ "clean": true }));
        guard.record("retries", 2_usize);
        guard.end();
    });
    let span = only(&trace, "check");
    assert_eq!(span.text("verdict"), Some(r#"{"clean":false,"words":["one"]}"#));
    assert_eq!((span.attribute("scalar"), span.text("text")), (Some(&7.into()), Some("as it is")));
    assert_eq!(span.attribute("nothing"), None);
    let span = only(&trace, "by hand");
    assert_eq!((span.text("verdict"), span.text("asked")), (Some(r#"{"clean":true}"#), Some("[1,2]")));
    assert_eq!(span.attribute("retries"), Some(&2.into()));
}

#[test]
fn the_last_word_counts_whatever_said_it() {
    #[cekura::span]
    fn check() {
        current().record_json("a", &[1]);
        record("a", "last");
        record("b", "first");
        current().record_json("b", &[2]);
    }
    let trace = capture(check);
    let span = only(&trace, "check");
    assert_eq!((span.text("a"), span.text("b")), (Some("last"), Some("[2]")));
}

#[test]
fn a_long_text_is_cut_as_that_of_the_attribute_is() {
    const KEYS: [&str; 10] = ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    #[cekura::span(record("a" = long, "a.data" = data), skip_all)]
    fn check(long: &str, data: &str) {
        record("b", long);
        record("c", Some(long.to_owned()));
        record("d", Cow::Borrowed(long));
        record("e", Value::from(long.to_owned()));
        record("f", StringValue::from(long.to_owned()));
        current().record("g", Arc::<str>::from(long));
        current().record_json("h", long);
        record("b.data", data);
        let mut guard = spans::span("by hand").record("i", long).record("short", "as it is").start();
        guard.record("j", long);
        guard.record("k", Box::<str>::from(long));
        guard.end();
    }
    let (long, data) = ("Straße nach Süden, ".repeat(5_000), "QUJDZGVm".repeat(20_000));
    for policy in [CaptureContent::Full, CaptureContent::Metadata] {
        let trace = capture_with(policy, || check(&long, &data));
        let span = only(&trace, "check");
        let cut = span.text("a").unwrap();
        assert!(cut.len() < long.len() / 2 && cut.starts_with("Straße nach"), "{}", cut.len());
        assert_eq!(span.attribute("a.truncated"), Some(&true.into()));
        assert_eq!(span.text("b.data"), span.text("a.data"));
        for key in KEYS {
            let span = only(&trace, if key < "i" { "check" } else { "by hand" });
            assert!(span.text(key) == Some(cut), "{key}");
            assert_eq!(span.attribute(&format!("{key}.truncated")), Some(&true.into()), "{key}");
        }
        assert_eq!(only(&trace, "by hand").attribute("short.truncated"), None);
    }
}

#[test]
fn a_long_list_of_texts_is_cut_too() {
    #[cekura::span]
    fn check() {
        record("many", vec!["word"; 50_000]);
        record("long", ["a".to_owned(), "b ".repeat(50_000), "c".to_owned()].to_vec());
        record("api", Value::Array(vec![StringValue::from("w ".repeat(100_000))].into()));
        record("short", ["a", ""]);
    }
    let trace = capture(check);
    let span = only(&trace, "check");
    for (key, first) in [("many", "word"), ("long", "a"), ("api", "w w ")] {
        let Some(Value::Array(Array::String(kept))) = span.attribute(key) else { panic!("{key}") };
        let bytes: usize = kept.iter().map(|text| text.as_str().len()).sum();
        assert!(bytes <= 64 << 10 && kept[0].as_str().starts_with(first), "{key}: {bytes}");
        assert_eq!(span.attribute(&format!("{key}.truncated")), Some(&true.into()), "{key}");
    }
    assert_eq!(span.attribute("short").unwrap().as_str(), r#"["a",""]"#);
    assert_eq!(span.attribute("short.truncated"), None);
}
