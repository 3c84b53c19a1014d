//! Values that are too long. Invariant: the shortened JSON is valid, within the limit, of the same shape, and
//! keeps the first and the last entries.

use super::{Object, Walk, cut};
use crate::arbitrary::config;
use crate::recording::json::write_json;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{
    BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, LinkedList};
use std::fmt;

const LIMIT: usize = 32 << 10;

#[track_caller]
fn shortened(value: &impl Serialize, limit: usize) -> Value {
    let mut out = Vec::new();
    assert!(write_json(value, &mut out, limit), "is too long for {limit}");
    assert!(out.len() <= limit, "{} > {limit}", out.len());
    assert!(out.len() >= limit / 4, "only {} of {limit}", out.len());
    let text = String::from_utf8(out).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn message(at: usize, length: usize) -> Value {
    json!({ "role": if at.is_multiple_of(2) { "user" } else { "assistant" }, "content": format!("{at}: {}", "so it is. ".repeat(length / 10)) })
}

fn history(messages: usize, length: usize) -> Vec<Value> {
    (0..messages).map(|at| message(at, length)).collect()
}

/// The number of items that are said to be missing.
fn missing(list: &[Value]) -> usize {
    let words = list
        .iter()
        .filter_map(Value::as_str)
        .find_map(|it| it.strip_prefix('[')?.strip_suffix(" items missing]"));
    words.map_or(0, |count| count.parse().unwrap())
}

/// How many items there were.
fn items(list: &[Value]) -> usize {
    let missing = missing(list);
    list.len() - usize::from(missing > 0) + missing
}

#[test]
fn of_a_long_history_the_first_and_the_last_messages_stay() {
    for (messages, length) in [(300, 300), (90, 1000), (5000, 20), (12, 9000), (3, 40_000), (100_000, 100)] {
        let history = history(messages, length);
        for value in [json!(history), json!({ "model": "gpt", "messages": history, "temperature": 0.5 })] {
            let kept = shortened(&value, LIMIT);
            let list = kept.get("messages").unwrap_or(&kept).as_array().unwrap();
            assert_eq!(items(list), messages, "{messages} of {length}");
            assert!(list[0]["content"].as_str().unwrap().starts_with("0: so it is."));
            let end = list.last().unwrap();
            assert!(end["content"].as_str().unwrap().starts_with(&format!("{}: so", messages - 1)), "{end}");
            assert!(end["content"].as_str().unwrap().ends_with("so it is. "), "{end}");
            if value.is_object() {
                assert_eq!((&kept["model"], &kept["temperature"]), (&json!("gpt"), &json!(0.5)));
            }
        }
    }
}

#[test]
fn a_list_that_does_not_know_its_length_keeps_its_last_items_too() {
    // `filter` hides how many there are; a map of maps does so as well.
    #[derive(Serialize)]
    struct Lazy(#[serde(serialize_with = "one_by_one")] Vec<Value>);
    fn one_by_one<S: serde::Serializer>(all: &[Value], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().filter(|it| !it.is_null()))
    }
    for value in [
        shortened(&Lazy(history(900, 100)), LIMIT),
        shortened(&history(900, 100).into_iter().collect::<LinkedList<_>>(), LIMIT),
    ] {
        let list = value.as_array().unwrap();
        assert_eq!(items(list), 900);
        assert!(list[0]["content"].as_str().unwrap().starts_with("0:"));
        assert!(list.last().unwrap()["content"].as_str().unwrap().starts_with("899:"));
    }
}

#[test]
fn a_long_string_is_shortened_before_anything_after_it_is_lost() {
    let long = |word: &str| format!("begin of {word}, {}, end of {word}", "on and on ".repeat(6000));
    let kept = shortened(
        &json!([
            { "role": "system", "content": long("system") },
            { "role": "user", "content": "first" },
            { "role": "tool", "content": { "a": long("a"), "b": long("b"), "c": { "deep": [long("c")] }, "d": 5 } },
            { "role": "user", "content": "the question" },
        ]),
        LIMIT,
    );
    assert_eq!((kept.as_array().unwrap().len(), &kept[1]["content"]), (4, &json!("first")));
    assert_eq!((&kept[3]["content"], &kept[2]["content"]["d"]), (&json!("the question"), &json!(5)));
    for (place, word) in
        [("/0/content", "system"), ("/2/content/a", "a"), ("/2/content/b", "b"), ("/2/content/c/deep/0", "c")]
    {
        let text = kept.pointer(place).unwrap().as_str().unwrap();
        assert!(
            text.starts_with(&format!("begin of {word}")) && text.ends_with(&format!("end of {word}")),
            "{text}"
        );
        assert!(text.contains(" bytes missing] "));
    }
}

/// A text that is formatted.
struct Shown<'a>(&'a str);
impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.split(' ').try_for_each(|word| write!(f, "{word} "))
    }
}
impl Serialize for Shown<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct Request<T> {
    first: T,
    second: &'static str,
}

#[test]
fn of_a_string_that_is_the_whole_value_both_ends_stay() {
    let long = format!("first {} \"last\"", "é\n".repeat(40_000));
    let (out, walked) = cut(&long, 1000);
    let text = String::from_utf8(out).unwrap();
    assert!(walked.truncated && text.len() <= 1000 && text.len() > 900);
    assert!(text.starts_with("first é") && text.ends_with("é\n \"last\""), "{text}");
    for value in [&Shown(&long) as &dyn Walk, &json!([long, 1])] {
        let (out, _) = cut(value, 1000);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("first é") && text.contains("last") && text.len() <= 1000, "{text}");
    }
}

#[test]
fn many_entries_keep_what_comes_behind_them() {
    let many: BTreeMap<String, Value> = (0..20_000).map(|at| (format!("key {at}"), json!(at))).collect();
    let whole: Map<String, Value> = many.clone().into_iter().collect();
    assert_eq!(shortened(&Request { first: &many, second: "here" }, LIMIT)["second"], "here");
    let kept = shortened(&Request { first: &whole, second: "here" }, LIMIT);
    assert!(
        kept["first"].as_object().unwrap().len() > 100,
        "an object that is visited one by one may be the last"
    );
}

#[test]
fn an_argument_that_is_too_long_leaves_room_for_the_others() {
    let mut object = Object::new(LIMIT);
    object.field("history", &history(1000, 100));
    object.field("day", &"monday");
    object.field("again", &"again ".repeat(20_000));
    object.field("hour", &9);
    let mut out = Vec::new();
    assert!(object.finish(&mut out) && out.len() <= LIMIT);
    let kept: Value = serde_json::from_slice(&out)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)));
    assert_eq!((&kept["day"], &kept["hour"]), (&json!("monday"), &json!(9)));
    assert!(
        kept["history"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().starts_with("999:")
    );
    assert!(kept["again"].as_str().unwrap().ends_with("again again "));
}

/// Any JSON, with strings and lists that are long.
fn any_json() -> BoxedStrategy<Value> {
    let text = prop_oneof![
        3 => any::<String>(),
        2 => ("[a-zé\"\\\\]{1,9} ", 1..400_usize).prop_map(|(word, times)| word.repeat(times)),
        1 => (1..300_usize).prop_map(|times| "AAbb11//".repeat(times)),
    ];
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        text.prop_map(Value::from),
        (1..200_usize, any::<i16>()).prop_map(|(times, it)| Value::from(vec![it; times])),
    ];
    let tree = leaf.prop_recursive(5, 200, 30, |inner| {
        let list = vec(inner.clone(), 0..30).prop_map(Value::from);
        let same = (inner.clone(), 1..200_usize).prop_map(|(it, times)| Value::from(vec![it; times]));
        let object = btree_map(any::<String>(), inner, 0..12).prop_map(Value::from_iter);
        prop_oneof![list, same, object]
    });
    tree.boxed()
}

fn shape(value: &Value) -> u8 {
    match value {
        Value::Array(_) => 1,
        Value::Object(_) => 2,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases / 4, ..config() })]

    #[test]
    fn any_value_is_valid_json_within_any_limit(value in any_json(), limit in prop_oneof![0..600_usize, 0..40_000_usize]) {
        let mut out = Vec::new();
        let truncated = write_json(&value, &mut out, limit);
        prop_assert!(out.len() <= limit);
        prop_assert!(!out.is_empty() || truncated);
        if out.is_empty() {
            prop_assert!(limit < 64, "{limit} {value}");
        } else {
            let kept: Value = serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)));
            let is_numbers = kept.as_str().is_some_and(|text| text.ends_with(" numbers]"));
            prop_assert!(is_numbers || shape(&kept) == shape(&value));
        }
        let mut whole = Vec::new();
        write_json(&value, &mut whole, usize::MAX / 2);
        let mut object = Object::new(limit);
        object.field("a", &value);
        object.field("b", &7);
        let mut out = Vec::new();
        object.finish(&mut out);
        prop_assert!(out.len() <= limit);
        if limit > 300 {
            let kept: Value = serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)));
            // A value that is whole may fill the object.
            let is_filled = whole.len() + r#"{"a":,"b":7}"#.len() > limit && kept["a"].to_string() == String::from_utf8_lossy(&whole);
            prop_assert!(is_filled || kept["b"] == json!(7), "{}", kept);
        }
    }

    #[test]
    fn of_any_list_of_texts_the_first_and_the_last_stay(lengths in vec(0..300_usize, 1..200), limit in 1000..20_000_usize) {
        let text = |(at, length): (usize, &usize)| format!("{at} {}", "é.".repeat(length / 3));
        let list: Vec<_> = lengths.iter().enumerate().map(text).collect();
        let mut out = Vec::new();
        let truncated = write_json(&list, &mut out, limit);
        let kept: Vec<String> = serde_json::from_slice(&out).unwrap();
        prop_assert!(out.len() <= limit);
        prop_assert_eq!(&kept[0], &list[0]);
        prop_assert_eq!(kept.last(), list.last());
        if truncated {
            prop_assert!(out.len() > limit / 2, "{} of {}", out.len(), limit);
        } else {
            prop_assert_eq!(kept, list);
        }
    }
}
