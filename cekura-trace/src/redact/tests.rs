//! What is replaced in one text, and what is not.

use super::{Leaf, Place, Redact, Redactor, bare, json};
use crate::arbitrary::{buffer, config};
use crate::finished::{Entry, Head, Marks, Status, records, write};
use crate::semconv;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use proptest::collection::vec;
use proptest::prelude::{
    BoxedStrategy, Just, Strategy, any, prop_assert, prop_assert_eq, prop_assert_ne, prop_oneof, proptest,
};
use proptest::sample::select;
use serde_json::{Value, json};

const SPEECH: &str = "stt.transcript";

fn redacted_at(redact: Redact, path: &str, text: &str) -> String {
    let place = Place { path, is_cut: false, depth: 0 };
    redact.compile().unwrap().text(place, text, &mut 0).unwrap_or_else(|| text.to_owned())
}

fn redacted(text: &str) -> String {
    redacted_at(Redact::standard(), SPEECH, text)
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    assert_eq!(redacted(text), expected, "{text}");
}

#[track_caller]
fn stays(text: &str) {
    becomes(text, text);
}

#[test]
fn each_kind_is_found_in_its_ways_of_writing() {
    for (text, expected) in [
        ("write to Jane.Doe+x@mail.example.co.uk, please", "write to [email], please"),
        ("<jürgen@müller.example>", "<[email]>"),
        ("?email=jane%40example.com&x=1", "?email=[email]&x=1"),
        ("mailto:a@b.io", "mailto:[email]"),
        ("my card is 4111 1111 1111 1111", "my card is [card]"),
        ("4111-1111-1111-1111.", "[card]."),
        ("4111111111111111", "[card]"),
        ("3782 822463 10005", "[card]"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[card]"),
        ("４１１１ １１１１ １１１１ １１１１", "[card]"),
        ("4111\u{a0}1111\u{202f}1111\u{2009}1111", "[card]"),
        ("card:\\n4111111111111111", "card:\\n[card]"),
        ("it is 078-05-1120", "it is [ssn]"),
        ("my social is 078051120", "my social is [ssn]"),
        ("DE89 3704 0044 0532 0130 00 bitte", "[iban] bitte"),
        ("gb82west12345698765432", "[iban]"),
        ("from 203.0.113.7:8080", "from [ip]:8080"),
        ("at 2001:db8::8a2e:370:7334", "at [ip]"),
        ("[2001:db8::7]:443", "[[ip]]:443"),
        ("+1 (415) 555-0100", "[phone]"),
        ("call (415) 555-0100 x12 now", "call [phone] now"),
        ("%2B14155550100", "%2B[phone]"),
        ("it's 4155550100", "it's [phone]"),
        ("4155550100", "[phone]"),
        ("415.555.0100 or 415.555.0101", "[phone] or [phone]"),
        ("reach me on 4155550100 4155550101", "reach me on [phone] [phone]"),
        ("ring 06 12 34 56 78", "ring [phone]"),
        ("電話は090-1234-5678です", "電話は[phone]です"),
        ("٠٩١٢٣٤٥٦٧٨٩", "[phone]"),
    ] {
        becomes(text, expected);
    }
}

#[test]
fn a_number_that_follows_a_card_does_not_hide_it() {
    for (text, expected) in [
        ("4111 1111 1111 1111 123", "[card] 123"),
        ("4111 1111 1111 1111 04/27 123", "[card] 04/27 123"),
        ("2 4111-1111-1111-1111 7", "2 [card] 7"),
        ("4111111111111111 5500005555555559", "[card] [card]"),
        ("4111111111111111, 4155550100 is my phone", "[card], 4155550100 is my phone"),
        ("4111111111111111 415-555-0100", "[card] [phone]"),
        ("2026-05-12 4111 1111 1111 1111", "2026-05-12 [card]"),
    ] {
        becomes(text, expected);
    }
}

#[test]
fn dates_ids_models_and_epochs_stay() {
    for text in [
        "2026-11-30T09:17:18.123456Z",
        "30.11.2026 um 10:30",
        "11/30/2026",
        "1764493038",
        "1764493038123",
        "1764493038123456",
        "1764493038123456789",
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-1234-1234-123456789012",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "gpt-4o-2024-08-06",
        "claude-sonnet-4-5-20250929",
        "order id 4539578763621486",
        "ORD-4539578763621486",
        "call_4539578763621486",
        "order 415-555-0100",
        "version 10.2.33.4",
        "listening on 127.0.0.1:9464 and ::1",
        "ISBN 978-3-16-148410-0",
        "1,234,567.89",
        "€ 12.345.678",
        "52.520008, 13.404954",
        "the years 1999-2024",
        "10 9 8 7 6 5 4 3 2 1",
        "Chrome/120.0.6099.109",
        "12:30:45.678901",
        "std::fmt::Debug",
        "00:1a:2b:3c:4d:5e",
        "npm install left@1.2.3",
        r#"{"created":1764493038,"id":"4539578763621486","user_id":4539578763621486}"#,
    ] {
        stays(text);
    }
    let numbers = Redact::standard().compile().unwrap();
    assert_eq!(numbers.number("order.id", "4539578763621486", &mut 0), None);
    assert_eq!(numbers.number("card", "4539578763621486", &mut 0).as_deref(), Some("[card]"));
    assert_eq!(numbers.number("customer.phone", "4155550100", &mut 0).as_deref(), Some("[phone]"));
    assert_eq!(numbers.number("created", "1764493038", &mut 0), None);
}

#[test]
fn json_is_redacted_value_by_value() {
    for (text, expected) in [
        (r#"{"pan": 4111111111111111, "cvv":123}"#, r#"{"pan": "[card]", "cvv":123}"#),
        (r#"[4111111111111111.0,"\u0034111111111111111"]"#, r#"["[card]","[card]"]"#),
        (r#"{"phone":4155550100,"id":4155550100}"#, r#"{"phone":"[phone]","id":4155550100}"#),
        (r#"{"phoneNumber":"4155550100"}"#, r#"{"phoneNumber":"[phone]"}"#),
        (r#"{"a":"say \"jane@example.com\"\n"}"#, r#"{"a":"say \"[email]\"\n"}"#),
        (r#"{"arguments":"{\"to\":\"jane@example.com\"}"}"#, r#"{"arguments":"{\"to\":\"[email]\"}"}"#),
        (r#"{"+14155550100":"jane@example.com"}"#, r#"{"+14155550100":"[email]"}"#),
        (r#""call +1 415 555 0100""#, r#""call [phone]""#),
        (r#"{"a":["\ud800 jane@example.com"]}"#, r#"{"a":["\\ud800 [email]"]}"#),
    ] {
        becomes(text, expected);
    }
}

#[test]
fn what_a_cut_has_left_of_a_number_is_replaced() {
    for (text, expected) in [
        (
            "my card is 4111 1111 1 [900 bytes missing] 11 1111 ok",
            "my card is [cut] [900 bytes missing] [cut] ok",
        ),
        ("mail jane.doe@exam [8000000 bytes missing] le.com", "mail [cut] [8000000 bytes missing] le.com"),
        ("we met in 12 [900 bytes missing] 34 people", "we met in 12 [900 bytes missing] 34 people"),
        ("to DE89 3704 0044 [77 bytes missing] 0130 00", "to [cut] [77 bytes missing] [cut]"),
        ("4111 1111 1111 1111 [77 bytes missing] so", "[card] [77 bytes missing] so"),
    ] {
        becomes(text, expected);
    }
    let redactor = Redact::standard().compile().unwrap();
    let place = Place { path: SPEECH, is_cut: true, depth: 0 };
    assert_eq!(redactor.text(place, "so 4111 1111", &mut 0).as_deref(), Some("so [cut]"));
    assert_eq!(redactor.text(Place { is_cut: false, ..place }, "so 4111 1111", &mut 0), None);
}

#[test]
fn keys_patterns_closures_and_exceptions_are_the_programs() {
    let redact = Redact::standard()
        .key("customer.name")
        .pattern("order", r"\bORD-\d+\b")
        .with(|key, text| (key == "note" && text.contains("secret")).then(|| "gone, write a@b.io".to_owned()))
        .allow("+1 800 555 0199")
        .allow("own.phone");
    let one = |path: &str, text: &str| redacted_at(redact.clone(), path, text);
    assert_eq!(one("customer.name", "Jane"), "[redacted]");
    assert_eq!(one("input.customer.name", "Jane"), "[redacted]");
    assert_eq!(one("my_customer.name", "Jane"), "Jane");
    assert_eq!(
        one("input", r#"{"customer":{"name":{"first":"Jane"},"age":3}}"#),
        r#"{"customer":{"name":"[redacted]","age":3}}"#
    );
    assert_eq!(
        one("input", r#"[{"customer.name":true},{"customer":{"name":7}}]"#),
        r#"[{"customer.name":"[redacted]"},{"customer":{"name":"[redacted]"}}]"#
    );
    assert_eq!(one("a", "ORD-7 of jane@example.com"), "[order] of [email]");
    assert_eq!(one("note", "a secret"), "gone, write [email]");
    assert_eq!(one("a", "call +18005550199 or +18005550198"), "call +18005550199 or [phone]");
    assert_eq!(one("a", r#"{"own":{"phone":"+14155550100"}}"#), r#"{"own":{"phone":"+14155550100"}}"#);
    assert!(Redact::standard().pattern("bad", "(").compile().is_none());
}

#[test]
fn a_closure_that_panics_costs_its_value() {
    let redact = Redact::standard().with(|_, text| if text == "bad" { panic!("foreign") } else { None });
    assert_eq!(
        redacted_at(redact.clone(), "a", r#"["bad","good","jane@example.com"]"#),
        r#"["[redacted]","good","[email]"]"#
    );
    let mut count = 0;
    let redactor = redact.compile().unwrap();
    redactor.text(Place { path: "a", is_cut: false, depth: 0 }, r#"["bad","jane@example.com"]"#, &mut count);
    assert_eq!(count, 2);
}

#[test]
fn a_hash_is_the_same_for_the_same_value_and_another_for_another_secret() {
    let one = |secret: &str, text: &str| redacted_at(Redact::standard().hashed(secret), "a", text);
    let first = one("s", "+1 (415) 555-0100");
    assert!(first.starts_with("[phone:") && first.len() == "[phone:3f9a]".len(), "{first}");
    assert_eq!(one("s", "call +14155550100"), format!("call {first}"));
    assert_ne!(one("s", "+14155550101"), first);
    assert_ne!(one("t", "+14155550100"), first);
    // RFC 4231, test cases 2 and 6.
    let hex = |bytes: [u8; 32]| {
        format!("{:08x}", bytes[..4].iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)))
    };
    assert_eq!(hex(super::hmac(b"Jefe", b"what do ya want for nothing?")), "5bdcc146");
    let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
    assert_eq!(hex(super::hmac(&[0xaa; 131], long)), "60e43159");
    let shown = format!("{:?}", Redact::standard().hashed("canary"));
    assert!(!shown.contains("canary") && !shown.contains("99"), "{shown}");
}

#[test]
fn spoken_digits_are_a_second_tier() {
    let text = "it's oh four one, five five five double one nine. Bye";
    assert_eq!(redacted_at(Redact::standard(), SPEECH, text), text);
    assert_eq!(redacted_at(Redact::standard().spoken_digits(), SPEECH, text), "it's [digits]. Bye");
    let others = [
        ("null drei null eins zwei drei vier fünf", "[digits]"),
        ("one two three of four", "one two three of four"),
    ];
    for (text, expected) in others {
        assert_eq!(redacted_at(Redact::standard().spoken_digits(), SPEECH, text), expected);
    }
}

/// Texts with personal values in them, and what looks like some.
fn text() -> BoxedStrategy<String> {
    let part = select(
        &[
            "jane@example.com",
            "+1 415 555 0100",
            "4111 1111 1111 1111",
            "078-05-1120",
            "DE89370400440532013000",
            "10.1.2.3",
            "2001:db8::7",
            " ",
            "(",
            "0",
            "12",
            "é",
            "１",
            "\"",
            "\\",
            "{",
            "x",
            "\n",
            "@",
            "%40",
            " [9 bytes missing] ",
            "電話",
            "-",
            ":",
        ][..],
    );
    prop_oneof![vec(part, 0..8).prop_map(|parts| parts.concat()), any::<String>()].boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => select(&[4_111_111_111_111_111_i64, 4_155_550_100, -1, 0][..]).prop_map(Value::from),
        1 => any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        1 => Just(json!(null)),
        1 => any::<bool>().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 32, 5, |inner| {
        let map = vec((prop_oneof![text(), Just("phone".to_owned())], inner.clone()), 0..5);
        prop_oneof![
            vec(inner, 0..5).prop_map(Value::from),
            map.prop_map(|map| Value::Object(map.into_iter().collect()))
        ]
    });
    tree.boxed()
}

/// The same keys and places; what differs is a text now.
fn same_shape(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same_shape(old, new))
        }
        (Value::Object(old), Value::Object(new)) => {
            old.len() == new.len()
                && old.iter().zip(new).all(|((key, old), (same, new))| key == same && same_shape(old, new))
        }
        (old, new) => old == new || new.is_string(),
    }
}

fn all() -> Redactor {
    Redact::standard().spoken_digits().pattern("é", "é+").key("phone").hashed("s").compile().unwrap()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn json_in_is_json_out(value in value()) {
        let text = value.to_string();
        for redactor in [Redact::standard().compile().unwrap(), all()] {
            let mut count = 0;
            let place = Place { path: "", is_cut: false, depth: 0 };
            let Some(new) = redactor.text(place, &text, &mut count) else { continue };
            if json::is_json(&text) {
                let new: Value = serde_json::from_str(&new).map_err(|error| proptest::test_runner::TestCaseError::fail(format!("{new}: {error}")))?;
                prop_assert!(same_shape(&value, &new), "{} {}", value, new);
            }
            prop_assert!(count > 0);
        }
    }

    #[test]
    fn nothing_that_is_rewritten_changes_what_is_not(value in value()) {
        let text = value.to_string();
        prop_assert_eq!(json::rewrite(&text, "", |_, _| None), None);
        let same = json::rewrite(&text, "", |_, leaf| match leaf { Leaf::Text(text) => Some(text.to_owned()), _ => None });
        prop_assert_eq!(same.map_or_else(|| value.clone(), |same| serde_json::from_str(&same).unwrap()), value);
    }

    #[test]
    fn any_text_is_redacted_without_a_panic(text in text(), is_cut in any::<bool>()) {
        let redactor = all();
        let place = Place { path: "output", is_cut, depth: 0 };
        let once = redactor.text(place, &text, &mut 0).unwrap_or_else(|| text.clone());
        if text.contains("jane@example.com ") || text == "4111 1111 1111 1111" {
            prop_assert_ne!(once, text);
        }
    }

    #[test]
    fn any_records_stay_as_many(buffer in buffer()) {
        let redacted = Redact::standard().compile().unwrap().records(&buffer).into_owned();
        let heads = |buffer: &[u8]| records(buffer).map(|(record, _)| record.head.clone()).collect::<Vec<_>>();
        prop_assert_eq!(heads(&buffer), heads(&redacted));
    }
}

#[test]
fn a_record_keeps_all_that_is_not_personal() {
    let mut entries = Vec::new();
    write::text(&mut entries, semconv::GEN_AI_REQUEST_MODEL, "4111111111111111");
    write::integer(&mut entries, semconv::GEN_AI_USAGE_INPUT_TOKENS, 4_111_111_111_111_111);
    write::marked_text(&mut entries, "output", "jane@example.com", Marks::FOUND_CONTENT);
    write::integer(&mut entries, "customer.phone", 4_155_550_100);
    write::float(&mut entries, "card", 4_111_111_111_111_111.0);
    write::texts(&mut entries, "tags", &["a", "078-05-1120"]);
    write::flag(&mut entries, "cekura.interrupted", true);
    let head = Head {
        trace_id: TraceId::from(7),
        span_id: SpanId::from(8),
        parent_id: SpanId::INVALID,
        kind: SpanKind::Client,
        start: 3,
        end: 4,
        status: Status::Error,
    };
    let record = head.record("GET /+14155550100", "no 4111111111111111", &entries);
    let plain = head.record("llm", "no", &[]);
    let buffer = [&*plain, &record, &plain].concat();
    let redacted = Redact::standard().compile().unwrap().records(&buffer).into_owned();
    assert!(redacted.starts_with(&plain) && redacted.ends_with(&plain));
    let (read, _) = records(&redacted).nth(1).unwrap();
    assert_eq!((read.head.clone(), read.name, read.description), (head, "GET /[phone]", "no [card]"));
    let shown: Vec<String> =
        read.attributes().iter().map(|(key, value)| format!("{key} {value:?}")).collect();
    assert_eq!(
        shown,
        [
            "gen_ai.request.model Str(\"4111111111111111\")",
            "gen_ai.usage.input_tokens I64(4111111111111111)",
            "output Str(\"[email]\")",
            "customer.phone Str(\"[phone]\")",
            "card Str(\"[card]\")",
            "tags Array([Str(\"a\"), Str(\"[ssn]\")])",
            "cekura.interrupted Bool(true)",
            "cekura.redacted I64(6)",
        ]
    );
    let is_marked = |entry: Entry<'_>| {
        matches!(entry, Entry::Attribute { key: "output", found: true, content: true, .. })
    };
    assert!(read.entries().any(is_marked));
    assert_eq!(bare("+1 (4)"), "14");
}
