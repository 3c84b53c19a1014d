//! Cuts the JSON of values at every length, and counts where the walk ends.

use super::{Failing, Object, as_value, assert_same, cut, everything, in_full};
use crate::recording::json::{Root, Walked, walk};
use crate::recording::shapes::Shapes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;

#[test]
fn a_value_cut_at_any_length_is_valid_json_within_that_length() {
    let whole = in_full(&everything());
    for limit in 2..=whole.len() {
        let (out, walked) = cut(&everything(), limit);
        assert!(out.len() <= limit);
        assert_eq!(walked, Walked { root: Root::Json, truncated: limit < whole.len() }, "at {limit}");
        serde_json::from_slice::<Value>(&out)
            .unwrap_or_else(|error| panic!("{error} at {limit}: {}", String::from_utf8_lossy(&out)));
        if limit >= 256 {
            continue; // With gaps.
        }
        let kept = out.iter().zip(whole.as_bytes()).take_while(|(a, b)| a == b).count();
        // What is lost before the limit: closers, and a piece that would have to be whole.
        assert!(kept + 60 >= limit.min(whole.len()), "{kept} of {limit}");
    }
    for limit in 0..2 {
        let (out, walked) = cut(&everything(), limit);
        assert_eq!((out.len(), walked), (0, Walked { root: Root::Null, truncated: true }));
    }
}

#[test]
fn strings_are_cut_inside() {
    assert_eq!(cut(&["aé\n漢"], 100).0, "[\"aé\\n漢\"]".as_bytes());
    for (limit, kept) in
        [(4, ""), (5, "a"), (6, "a"), (7, "aé"), (8, "aé"), (9, "aé\\n"), (11, "aé\\n"), (12, "aé\\n漢")]
    {
        assert_eq!(cut(&["aé\n漢"], limit).0, format!("[\"{kept}\"]").into_bytes(), "at {limit}");
    }
    assert_eq!(cut(&["aé\n漢"], 3).0, b"[]");
    assert_eq!(cut(&"aé漢", 4), ("aé".into(), Walked { root: Root::Text, truncated: true }));
    assert_eq!(cut(&"aé漢", 6), ("aé漢".into(), Walked { root: Root::Text, truncated: false }));
}

/// Counts how often it is visited.
struct Counted<'a>(&'a Cell<u32>);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.set(self.0.get() + 1);
        serializer.serialize_unit_struct("Counted")
    }
}

struct Many<'a> {
    visits: &'a Cell<u32>,
    asked: &'a Cell<u32>,
}

impl Serialize for Many<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in 0..100_000 {
            self.asked.set(key);
            // `usage0` is no place, so that each value at the root may be a wrapper and is visited.
            map.serialize_entry(&format!("usage{key}"), &Counted(self.visits))?;
        }
        map.end()
    }
}

#[test]
fn a_walk_of_many_nodes_ends_within_its_budget() {
    let (visits, asked) = (Cell::new(0), Cell::new(0));
    let many = Many { visits: &visits, asked: &asked };
    let mut shapes = Shapes::default();
    assert!(!walk(&many, None, 100, Some(&mut shapes)).truncated);
    assert_eq!((visits.take(), asked.take()), (10_000, 10_000));

    let mut out = Vec::new();
    let walked = walk(&many, Some(&mut out), 100, Some(&mut shapes));
    assert!(walked.truncated && out.len() <= 100);
    serde_json::from_slice::<Value>(&out).unwrap();
    // Six entries are written.
    assert!((10_000..10_010).contains(&asked.take()));

    // With nobody looking for shapes the walk ends with the writing.
    visits.set(0);
    cut(&many, 100);
    assert!(visits.take() < 10);
}

#[test]
fn what_nobody_looks_at_is_not_visited() {
    let visits = Cell::new(0);
    let values: Vec<_> = (0..100).map(|_| Counted(&visits)).collect();
    walk(&BTreeMap::from([("values", values)]), None, 100, Some(&mut Shapes::default()));
    assert_eq!(visits.get(), 0);
}

#[test]
fn nesting_without_end_stops() {
    #[derive(Serialize)]
    #[serde(transparent)]
    struct Hidden(Option<Box<Hidden>>);
    #[derive(Serialize)]
    enum Deep {
        End,
        More { inner: Box<Deep> },
    }
    fn arrays(levels: u32) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }
    assert_same(&arrays(125));
    let deepest = cut(&arrays(126), 10_000);
    assert!(deepest.1.truncated);
    assert_eq!(deepest.0, format!("{}null{}", "[".repeat(126), "]".repeat(126)).into_bytes());

    let deep = (0..400).fold(Deep::End, |inner, _| Deep::More { inner: Box::new(inner) });
    for limit in 2..2500 {
        let (out, walked) = cut(&deep, limit);
        assert!(walked.truncated && out.len() <= limit);
        serde_json::from_slice::<Value>(&out).unwrap();
        let mut object = Object::new(limit);
        object.field("deep", &deep);
        let mut out = Vec::new();
        assert!(object.finish(&mut out) && out.len() <= limit);
        serde_json::from_slice::<Value>(&out).unwrap();
    }
    let hidden = (0..400).fold(Hidden(None), |inner, _| Hidden(Some(Box::new(inner))));
    assert_eq!(cut(&hidden, 10), (Vec::new(), Walked { root: Root::Null, truncated: true }));
}

#[test]
fn an_object_is_one_json_value_whatever_its_limit() {
    let whole = {
        let mut object = Object::new(10_000);
        object.field("ci\"ty", &"Zürich\n");
        object.field("days", &3);
        object.field("exact", &true);
        object.field("near", &0.5);
        object.field("filter", &everything());
        object.field("none", &None::<u8>);
        let mut out = Vec::new();
        assert!(!object.finish(&mut out));
        out
    };
    let expected = json!({
        "ci\"ty": "Zürich\n", "days": 3, "exact": true, "near": 0.5,
        "filter": as_value(&everything()), "none": null,
    });
    assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), expected);
    for limit in 0..whole.len() {
        let mut object = Object::new(limit);
        object.field("ci\"ty", &"Zürich\n");
        object.field("days", &3);
        object.field("exact", &true);
        object.field("near", &0.5);
        object.field("filter", &everything());
        object.field("none", &None::<u8>);
        let mut out = Vec::new();
        assert!(object.finish(&mut out));
        assert!(out.len() <= limit);
        if limit >= 2 {
            assert!(serde_json::from_slice::<Value>(&out).unwrap().is_object());
        }
    }
    let mut failing = Object::new(100);
    failing.field("a", &Failing { swallowed: false });
    failing.field("b", &2);
    let mut out = Vec::new();
    assert!(failing.finish(&mut out));
    assert_eq!(out, br#"{"a":{"inner":{"a":1}},"b":2}"#);
    let mut empty = Vec::new();
    assert!(!Object::new(2).finish(&mut empty));
    assert_eq!(empty, b"{}");
}

#[test]
fn nothing_beyond_the_limit_is_read_or_kept() {
    let long = "é\n".repeat(1 << 20);
    let mut out = Vec::new();
    walk(&[&long, &long], Some(&mut out), 1000, None);
    assert!(out.len() <= 1000 && out.capacity() < 4096);
}
