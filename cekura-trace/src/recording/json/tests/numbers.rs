//! Lists of numbers, and strings that are blobs, inside JSON. Invariant: the values beside them are kept.

use super::{cut, in_full};
use crate::recording::json::{Root, write_json};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};

#[derive(Serialize)]
struct Frame {
    before: &'static str,
    samples: Vec<i16>,
    after: u8,
}

#[test]
fn more_than_64_numbers_are_their_number_wherever_they_stand() {
    let frame = |length| Frame { before: "a", samples: vec![7; length], after: 1 };
    assert_eq!(in_full(&frame(2)), r#"{"before":"a","samples":[7,7],"after":1}"#);
    assert!(in_full(&frame(64)).contains("[7,7,7"));
    assert_eq!(in_full(&frame(65)), r#"{"before":"a","samples":"[65 numbers]","after":1}"#);
    assert_eq!(in_full(&frame(960_000)), r#"{"before":"a","samples":"[960000 numbers]","after":1}"#);
    assert_eq!(in_full(&vec![vec![0.25_f32; 1536]; 2]), r#"["[1536 numbers]","[1536 numbers]"]"#);
    assert_eq!(in_full(&BTreeMap::from([("v", vec![u64::MAX; 70])])), r#"{"v":"[70 numbers]"}"#);
    assert_eq!(in_full(&VecDeque::from(vec![f64::NAN; 65])), r#""[65 numbers]""#);
    assert_eq!(
        in_full(&json!({ "a": vec![1.5; 65], "b": [vec![-3; 99], [1]] })),
        r#"{"a":"[65 numbers]","b":["[99 numbers]",[1]]}"#
    );
    assert_eq!(in_full(&Some((vec![1_u8; 66], "x"))), r#"["[66 numbers]","x"]"#);
    assert_eq!(
        cut(&vec![1_u32; 1000], 300),
        (b"[1000 numbers]".to_vec(), super::Walked { root: Root::Text, truncated: false })
    );
}

#[test]
fn a_list_of_numbers_and_something_else_keeps_that() {
    let mut mixed: Vec<_> = (0..100).map(|it| json!(it)).collect();
    mixed.extend([json!("end"), json!(1), json!([2])]);
    assert_eq!(in_full(&mixed), r#"["[100 numbers]","end",1,[2]]"#);
    let few: Vec<_> = (0..3).map(|it| json!(it)).chain([json!(null)]).collect();
    assert_eq!(in_full(&few), "[0,1,2,null]");
    assert_eq!(in_full(&vec!["x"; 70]).matches('x').count(), 70);
    assert_eq!(in_full(&vec![None::<u8>; 70]).matches("null").count(), 70);
    let points = vec![(1, 2.5); 70];
    assert_eq!(in_full(&points), serde_json::to_string(&points).unwrap(), "none of them is a number");
    assert_eq!(in_full(&json!(vec![[1]; 70])), serde_json::to_string(&vec![[1]; 70]).unwrap());
}

#[test]
fn of_a_long_buffer_no_more_than_its_beginning_is_visited() {
    struct Sample<'a>(&'a Cell<u32>);
    impl Serialize for Sample<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.set(self.0.get() + 1);
            serializer.serialize_i16(0)
        }
    }
    // Items of a type that may be anything are looked at, up to a bound.
    let visits = Cell::new(0);
    let all: Vec<_> = (0..1_200_000).map(|_| Sample(&visits)).collect();
    let mut out = Vec::new();
    assert!(write_json(&json_of(&all), &mut out, 1000));
    assert!(visits.get() < 1_100_000);
    serde_json::from_slice::<serde_json::Value>(&out).unwrap();
}

fn json_of<T: Serialize>(all: &[T]) -> impl Serialize {
    struct OneByOne<'a, T>(&'a [T]);
    impl<T: Serialize> Serialize for OneByOne<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut seq = serializer.serialize_seq(None)?;
            self.0.iter().try_for_each(|item| seq.serialize_element(item))?;
            seq.end()
        }
    }
    OneByOne(all)
}

#[test]
fn the_question_beside_an_image_of_a_megabyte_stays() {
    let image = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAANSUhEUgAA".repeat(43_700));
    let request = json!([{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": image } },
        { "type": "input_audio", "input_audio": { "data": &image[30..], "format": "wav" } },
        { "type": "text", "text": "What is on it?" },
    ]}]);
    let whole = in_full(&request);
    assert_eq!(whole.matches("[base64, 1.0 MB]").count(), 2, "{whole}");
    assert!(whole.contains("What is on it?") && whole.len() < 400);
    assert_eq!(cut(&image, 1000).0, b"[base64, 1.0 MB]");
    let long = "The caller asks again. ".repeat(100);
    assert_eq!(in_full(&[&long]), serde_json::to_string(&[&long]).unwrap());
}
