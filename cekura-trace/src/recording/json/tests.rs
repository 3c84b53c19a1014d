//! Compares the JSON of values with that of `serde_json`. No value here reaches a limit.

use super::{Root, Walk, Walked, walk, write_json};
use crate::recording::shapes::Shapes;
use serde::ser::{Error as _, SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod gaps;
mod limits;
mod numbers;

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype(u8);

#[derive(Serialize)]
struct Pair(char, f32);

#[derive(Serialize)]
enum Shape {
    Empty,
    Fields { x: Option<i32>, y: Vec<Shape> },
    Inner(Box<Shape>),
    Two(String, u64),
}

#[derive(Serialize)]
#[expect(clippy::option_option, clippy::zero_sized_map_values, reason = "every shape that serde knows")]
struct Everything {
    unit: (),
    marker: Unit,
    newtype: Newtype,
    pair: Pair,
    nested: Option<Option<Option<bool>>>,
    none: Option<Option<bool>>,
    shapes: Vec<Shape>,
    tuple: (i8, u16, i64, u64, i128, u128),
    floats: Vec<f64>,
    singles: Vec<f32>,
    text: &'static str,
    numbered: BTreeMap<i16, char>,
    flagged: BTreeMap<bool, ()>,
    lettered: BTreeMap<char, [u8; 0]>,
    wide: BTreeMap<u128, &'static str>,
    empty: BTreeMap<String, u8>,
    #[serde(flatten)]
    more: BTreeMap<&'static str, Value>,
    address: std::net::IpAddr,
}

fn everything() -> Everything {
    let control: String = (0..0x30_u8).map(char::from).collect();
    Everything {
        unit: (),
        marker: Unit,
        newtype: Newtype(7),
        pair: Pair('"', 0.1),
        nested: Some(Some(Some(true))),
        none: Some(None),
        shapes: vec![
            Shape::Empty,
            Shape::Inner(Box::new(Shape::Two("a\\b\u{7f}é漢😀\u{2028}".into(), u64::MAX))),
            Shape::Fields { x: None, y: vec![Shape::Fields { x: Some(-1), y: vec![] }] },
        ],
        tuple: (i8::MIN, u16::MAX, i64::MIN, u64::MAX, i128::MIN, u128::MAX),
        floats: vec![f64::NAN, f64::INFINITY, -0.0, 1.0, 1e300],
        singles: vec![f32::NEG_INFINITY, f32::MAX, 16_777_216.0],
        text: "\u{8}\u{c}\n\r\t/<>&'",
        numbered: [(-3, 'c'), (4, '\0')].into(),
        flagged: [(false, ()), (true, ())].into(),
        lettered: [('"', [])].into(),
        wide: [(u128::MAX, "w")].into(),
        empty: BTreeMap::new(),
        more: [("control", json!(control)), ("deep", json!([{"a": [[], {}, [1.5e-9, {"b": null}]]}]))].into(),
        address: [127, 0, 0, 1].into(),
    }
}

fn in_full(value: &dyn Walk) -> String {
    let mut out = Vec::new();
    assert!(!write_json(value, &mut out, usize::MAX - 8));
    String::from_utf8(out).unwrap()
}

fn as_value(value: &impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn cut(value: &dyn Walk, limit: usize) -> (Vec<u8>, Walked) {
    let mut out = b"before".to_vec();
    let walked = walk(value, Some(&mut out), limit, None);
    assert_eq!(&out[..6], b"before");
    out.drain(..6);
    (out, walked)
}

#[track_caller]
fn assert_same<T: Serialize>(value: &T) {
    assert_eq!(in_full(value), serde_json::to_string(value).unwrap());
}

#[test]
fn json_is_serde_jsons() {
    assert_same(&everything());
    assert_same(&as_value(&everything()));
    assert_same(&Shape::Fields { x: Some(1), y: vec![Shape::Empty] });
    assert_same(&"text");
    assert_same(&Some(Newtype(3)));
    assert_same(&());
}

/// An object in a buffer of its own.
struct Object {
    out: Vec<u8>,
    object: super::Object,
}

impl Object {
    fn new(limit: usize) -> Self {
        let mut out = Vec::new();
        Self { object: super::Object::begin(&mut out, limit), out }
    }

    fn field(&mut self, name: &str, value: &dyn Walk) {
        self.object.field(&mut self.out, name, |target, out| target.write(out, value, None).truncated);
    }

    fn finish(self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.out);
        self.object.is_truncated
    }
}

/// As long as `serde_json`'s, and read back as the same number; equal but where two digit strings are equally near.
#[track_caller]
fn assert_same_float<F: Serialize + std::str::FromStr<Err: std::fmt::Debug> + PartialEq + Copy>(
    value: F,
) -> bool {
    let (ours, theirs) = (in_full(&[value]), serde_json::to_string(&[value]).unwrap());
    if ours != theirs {
        let digits = ours.trim_matches(['[', ']']);
        assert!(digits.parse::<F>().unwrap() == value && ours.len() == theirs.len(), "{ours} {theirs}");
    }
    ours == theirs
}

#[test]
fn floats_are_serde_jsons() {
    let mut other_digits = 0;
    // A linear congruential generator: every run sees the same bits.
    let mut bits = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..50_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        other_digits += u32::from(!assert_same_float(f64::from_bits(bits)));
        other_digits += u32::from(!assert_same_float(f32::from_bits((bits >> 32) as u32)));
    }
    for power in -340..310 {
        for digits in [1.0, 1.5, 9.999_999_999_999, 123.0, 123_456.789] {
            let value: f64 = format!("{digits}e{power}").parse().unwrap();
            for value in [value, -value, value.next_up(), value.next_down()] {
                other_digits += u32::from(!assert_same_float(value));
            }
            let single: f32 = format!("{digits}e{power}").parse().unwrap();
            for single in [single, -single, single.next_up(), single.next_down()] {
                other_digits += u32::from(!assert_same_float(single));
            }
        }
    }
    assert!(other_digits < 1000, "{other_digits}");
}

#[test]
fn map_keys_are_serde_jsons_and_so_are_their_errors() {
    struct Entry<K>(K);
    impl<K: Serialize> Serialize for Entry<K> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("first", &1)?;
            map.serialize_entry(&self.0, &2)?;
            map.end()
        }
    }
    assert_same(&Entry(Some(1.5)));
    assert_same(&Entry(1e20_f32));
    assert_same(&Entry(Shape::Empty));
    assert_same(&Entry(Newtype(9)));
    assert_same(&Entry(std::net::Ipv4Addr::LOCALHOST));
    for bad in [
        &Entry(f64::NAN) as &dyn Walk,
        &Entry((1, 2)),
        &Entry(()),
        &Entry(None::<u8>),
        &Entry(Shape::Two(String::new(), 0)),
    ] {
        let (out, walked) = cut(bad, 1000);
        assert_eq!(out, br#"{"first":1}"#);
        assert_eq!(walked, Walked { root: Root::Json, truncated: true });
    }
}

#[test]
fn scalars_are_reported_not_written() {
    for (value, root) in [
        (&true as &dyn Walk, Root::Bool(true)),
        (&Some(Newtype(4)), Root::I64(4)),
        (&0.25_f32, Root::F64(0.25)),
        (&json!(1e3), Root::F64(1000.0)),
        (&u64::from(u32::MAX), Root::I64(4_294_967_295)),
        (&(), Root::Null),
        (&None::<Newtype>, Root::Null),
        (&Unit, Root::Null),
    ] {
        assert_eq!(cut(value, 10), (Vec::new(), Walked { root, truncated: false }));
        assert_eq!(walk(value, None, 10, None).root, root);
    }
    assert_eq!(
        cut(&u64::MAX, 100),
        (u64::MAX.to_string().into(), Walked { root: Root::Text, truncated: false })
    );
    assert_eq!(cut(&Shape::Empty, 100).0, b"Empty");
    assert_eq!(cut(&std::net::Ipv4Addr::LOCALHOST, 100).0, b"127.0.0.1");
    assert_eq!(cut(&'é', 1), (Vec::new(), Walked { root: Root::Text, truncated: true }));
    assert_eq!(walk(&["a"], None, 10, None), Walked { root: Root::Json, truncated: false });
    assert_eq!(walk(&"a", None, 10, None), Walked { root: Root::Text, truncated: false });
}

#[test]
fn of_many_bytes_only_their_number_is_written() {
    struct Bytes(&'static [u8]);
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    assert_eq!(in_full(&[Bytes(b"abc"), Bytes(b"")]), "[[97,98,99],[]]");
    assert_eq!(in_full(&[Bytes(&[0; 65])]), r#"["[65 numbers]"]"#);
    assert_eq!(cut(&Bytes(&[0; 9000]), 100).0, b"[9000 numbers]");
}

/// Fails after two elements; `swallowed` says whether the value around it goes on all the same.
struct Failing {
    swallowed: bool,
}

struct Inner;

impl Serialize for Inner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("a", &1)?;
        map.serialize_key("usage")?;
        Err(S::Error::custom("no"))
    }
}

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outer = serializer.serialize_struct("Failing", 1)?;
        let inner = outer.serialize_field("inner", &Inner);
        if !self.swallowed {
            inner?;
        }
        outer.serialize_field("prompt_tokens", &1)?;
        outer.serialize_field("completion_tokens", &2)?;
        outer.end()
    }
}

/// Goes on behind a key that is no string, and gives a value without a key.
struct WithoutKeys;

impl Serialize for WithoutKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("a", &1)?;
        assert!(map.serialize_key(&()).is_err());
        map.serialize_value(&[2])?;
        map.serialize_value("three")?;
        map.serialize_entry("d", &[4])?;
        map.end()
    }
}

struct AtOnce;

impl Serialize for AtOnce {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

#[test]
fn a_value_that_fails_leaves_valid_json() {
    let failed = Walked { root: Root::Json, truncated: true };
    assert_eq!(cut(&Failing { swallowed: false }, 100), (br#"{"inner":{"a":1}}"#.to_vec(), failed));
    assert_eq!(cut(&Inner, 100), (br#"{"a":1}"#.to_vec(), failed));

    assert_eq!(cut(&WithoutKeys, 100).0, br#"{"a":1,"d":[4]}"#);

    let mut shapes = Shapes::default();
    let mut out = Vec::new();
    walk(&Failing { swallowed: true }, Some(&mut out), 100, Some(&mut shapes));
    assert_eq!(out, br#"{"inner":{"a":1},"prompt_tokens":1,"completion_tokens":2}"#);
    assert_eq!(shapes.found().usage.input, Some(1));

    assert_eq!(cut(&AtOnce, 100), (Vec::new(), Walked { root: Root::Null, truncated: true }));
    assert_eq!(cut(&[AtOnce], 100), (b"[]".to_vec(), failed));
}

#[test]
fn json_that_is_text_already_is_passed_on() {
    // As `serde_json::value::RawValue` and its numbers of arbitrary precision serialise.
    struct Token(&'static str, &'static str);
    impl Serialize for Token {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut token = serializer.serialize_struct(self.0, 1)?;
            token.serialize_field(self.0, self.1)?;
            token.end()
        }
    }
    let raw = Token("$serde_json::private::RawValue", r#"{"a": 1}"#);
    let number = |digits| Token("$serde_json::private::Number", digits);
    assert_eq!(cut(&raw, 8), (br#"{"a": 1}"#.to_vec(), Walked { root: Root::Json, truncated: false }));
    assert_eq!(cut(&raw, 7), (Vec::new(), Walked { root: Root::Null, truncated: true }));
    assert_eq!(in_full(&[&raw, &number("12.50"), &number("7")]), r#"[{"a": 1},12.50,7]"#);
    assert_eq!(cut(&number("7"), 9).1.root, Root::I64(7));
    assert_eq!(cut(&number("1.5"), 9).1.root, Root::F64(1.5));
    assert_eq!(cut(&number("99999999999999999999"), 90).1.root, Root::Text);
}
