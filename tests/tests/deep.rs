//! Values that are deep, or have millions of entries: what they cost the function that has them. Invariant: recording
//! ends long before the stack, and looks at no more than it keeps.

#[path = "deep/endless.rs"]
mod endless;
#[path = "deep/nested.rs"]
mod nested;

use cekura::opentelemetry::Value as Attribute;
use cekura::testing::{Span, capture};
use cekura::{CallLog, Cekura, Entry, TranscriptType, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::mem::forget;
use std::sync::atomic::{AtomicUsize, Ordering};

fn is_truncated(span: &Span, key: &str) -> bool {
    span.attribute(&format!("{key}.truncated")) == Some(&Attribute::Bool(true))
}

/// A list as it may come of a program's mistake.
#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Node {
    next: Option<Box<Node>>,
}

/// Never dropped, which would go as deep.
fn linked(depth: usize) -> &'static Node {
    Box::leak(Box::new((0..depth).fold(Node { next: None }, |next, _| Node { next: Some(Box::new(next)) })))
}

#[test]
fn a_debug_argument_12000_deep_is_recorded_as_far_as_it_was_shown() {
    #[cekura::span(debug(list), record("named" = list))]
    fn stage(list: &Node, after: u8) {
        let _ = (list, after);
    }
    #[cekura::tool_call]
    fn tool(list: &Node, after: u8) -> &Node {
        let _ = after;
        list
    }
    let list = linked(12_000);
    let trace = capture(|| {
        stage(list, 1);
        tool(list, 1);
    });
    let [stage, tool] = trace.spans() else { panic!("{trace}") };
    for key in ["input.list", "named"] {
        assert!(stage.text(key).unwrap().starts_with("Node { next: Some(Node { next: Some("), "{key}");
        assert!(is_truncated(stage, key), "{key}");
    }
    assert_eq!(stage.attribute("input.after"), Some(&1.into()));
    let input: serde_json::Value = serde_json::from_str(tool.text("function.input").unwrap()).unwrap();
    assert!(input["list"].as_str().unwrap().starts_with("Node { next: Some(Node {") && input["after"] == 1);
    assert!(tool.text("function.output").unwrap().starts_with("\"Node { next: Some(Node {"));
    assert!(is_truncated(tool, "function.input") && is_truncated(tool, "function.output"));
}

#[test]
fn a_debug_argument_as_deep_as_usual_is_whole() {
    #[cekura::span(debug(list))]
    fn stage(list: &Node) {
        let _ = list;
    }
    let trace = capture(|| stage(linked(40)));
    let shown = trace.spans()[0].text("input.list").unwrap();
    assert!(shown.ends_with("Node { next: None }".to_owned().as_str()) || shown.ends_with(") }"), "{shown}");
    assert!(!is_truncated(&trace.spans()[0], "input.list"));
}

/// An error that shows the errors before it itself, without brackets.
#[derive(Debug)]
struct Retried(u32);

impl Display for Retried {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("refused"),
            more => write!(f, "^{}", Retried(more - 1)),
        }
    }
}

impl Error for Retried {}

#[test]
fn an_error_that_shows_100000_others_fails_the_span() {
    #[cekura::span]
    fn stage() -> Result<(), Retried> {
        Err(Retried(100_000))
    }
    #[cekura::tool_call(error = |it| Some(&it.0))]
    fn tool() -> (Retried, u8) {
        (Retried(100_000), 1)
    }
    let trace = capture(|| {
        stage().unwrap_err();
        tool();
        spans::llm().start().fail(Retried(100_000));
    });
    for span in trace.spans() {
        assert!(span.error().starts_with("^^^^^"), "{span:?}");
    }
}

/// A value that holds another one, in each way that serde knows.
#[derive(Clone, Copy)]
enum Way {
    Field,
    Item,
    Key,
    Newtype,
    Some,
    Variant,
}

struct Deep(Way, u32);

impl Serialize for Deep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(way, levels) = *self;
        let Some(levels) = levels.checked_sub(1) else { return serializer.serialize_str("end") };
        let inner = Self(way, levels);
        match way {
            Way::Field => {
                let mut fields = serializer.serialize_struct("Deep", 1)?;
                fields.serialize_field("inner", &inner)?;
                fields.end()
            }
            Way::Item => {
                let mut items = serializer.serialize_seq(Some(1))?;
                items.serialize_element(&inner)?;
                items.end()
            }
            Way::Key => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(&Deep(Way::Newtype, levels), &1)?;
                map.end()
            }
            Way::Newtype => serializer.serialize_newtype_struct("Deep", &inner),
            Way::Some => serializer.serialize_some(&inner),
            Way::Variant => serializer.serialize_newtype_variant("Deep", 0, "Inner", &inner),
        }
    }
}

const WAYS: [Way; 6] = [Way::Field, Way::Item, Way::Key, Way::Newtype, Way::Some, Way::Variant];
const LEVELS: u32 = 20_000;

#[test]
fn a_value_20000_deep_ends_nowhere_near_the_stacks_end() {
    #[cekura::tool_call]
    fn tool(deep: Deep, after: u8) -> Deep {
        let _ = after;
        deep
    }
    #[cekura::llm]
    fn answer(deep: Deep) -> Deep {
        cekura::current().item(&deep);
        cekura::current().record_json("own", &deep);
        deep
    }
    #[cekura::stt]
    fn hear(deep: Deep) -> Result<Deep, Deep> {
        Err(deep)
    }
    for way in WAYS {
        let trace = capture(|| {
            tool(Deep(way, LEVELS), 1);
            answer(Deep(way, LEVELS));
            drop(hear(Deep(way, LEVELS)));
            let call = spans::llm().input("deep", &Deep(way, LEVELS)).start();
            drop(cekura::follow(futures::stream::iter([Deep(way, LEVELS)])));
            call.end_with(&Ok::<_, fmt::Error>(Deep(way, LEVELS)));
        });
        let input: serde_json::Value =
            serde_json::from_str(trace.span("tool_call").unwrap().text("function.input").unwrap()).unwrap();
        assert_eq!(input["after"], 1);
        assert_eq!(trace.spans().len(), 4, "{trace}");
    }
}

#[cekura::conversation(client = handle, call_id = "call-1", observe, skip_all)]
fn note(handle: &Cekura, way: Way) {
    let call = cekura::current_conversation().unwrap();
    call.metadata(Deep(way, LEVELS));
    call.entry(Entry::tool_call("1", "find", Deep(way, LEVELS)));
    call.entry(Entry::tool_result("1", "find", Deep(way, LEVELS)));
}

#[test]
fn a_value_20000_deep_is_no_value_of_a_call_log() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    for way in WAYS {
        note(&handle, way);
        let deep = || Deep(way, LEVELS);
        for log in [
            CallLog::new("a").metadata(deep()),
            CallLog::new("a").dynamic_variables(deep()),
            CallLog::new("a").provider_transcript(TranscriptType::Vapi, deep()),
            CallLog::new("a").transcript([Entry::tool_result("1", "find", deep())]),
        ] {
            assert!(handle.observe_blocking(log).unwrap_err().is_invalid());
        }
    }
    handle.shutdown_blocking(LONG);
}

static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);

/// Counts how often it is looked at.
struct Item;

impl Item {
    fn all() -> Vec<Self> {
        (0..3_000_000).map(|_| Self).collect()
    }
}

impl Debug for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        f.write_str("item")
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("item")
    }
}

/// Gives its items one by one, as what is written by hand does.
struct Shown(Vec<Item>);

impl Debug for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|item| write!(f, "{item:?}, "))
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(self, f)
    }
}

struct OneByOne(Vec<Item>);

impl Serialize for OneByOne {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(None)?;
        self.0.iter().try_for_each(|item| items.serialize_element(item))?;
        items.end()
    }
}

struct AsText(Shown);

impl Serialize for AsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[test]
fn of_three_million_entries_no_more_is_looked_at_than_may_be_kept() {
    #[cekura::span(debug(items, shown))]
    fn stage(items: &[Item], shown: &Shown) {
        let _ = (items, shown);
    }
    #[cekura::tool_call(name = shown, debug(items))]
    fn tool(items: &[Item], shown: &Shown) -> Result<(), String> {
        let _ = (items, shown);
        Err(String::new())
    }
    #[cekura::tool_call(arguments = each)]
    fn find(each: &OneByOne, text: &AsText) {
        let _ = (each, text);
    }
    #[cekura::tts(text = each)]
    fn say(each: &OneByOne) {
        let _ = each;
    }
    #[cekura::llm(error = |shown| Some(shown))]
    fn answer(items: &OneByOne, text: &AsText, shown: Shown) -> Shown {
        let _ = (items, text);
        shown
    }
    let (items, shown, each) = (Item::all(), Shown(Item::all()), OneByOne(Item::all()));
    let text = AsText(Shown(Item::all()));
    let trace = capture(|| {
        stage(&items, &shown);
        drop(tool(&items, &shown));
        find(&each, &text);
        say(&each);
        answer(&each, &text, Shown(Item::all()));
    });
    assert!(is_truncated(trace.span("stage").unwrap(), "input.items"), "{trace}");
    let looked_at = LOOKED_AT.load(Ordering::Relaxed);
    assert!(looked_at < 900_000, "{looked_at}");
    forget(trace);
}

#[test]
fn json_that_is_long_and_deep_is_no_reason_to_record_no_arguments() {
    #[cekura::tool_call(arguments = json)]
    fn tool(json: &str) {
        let _ = json;
    }
    let json = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let trace = capture(|| tool(&json));
    let kept: String = serde_json::from_str(trace.spans()[0].text("function.input").unwrap()).unwrap();
    assert!(kept.starts_with("[[[") && kept.ends_with("]]]"), "{kept}");
    assert!(is_truncated(&trace.spans()[0], "function.input"));
}

#[test]
fn the_last_part_of_json_of_3_megabytes_is_kept_too() {
    #[cekura::tool_call(arguments = json)]
    fn tool(json: &str) {
        let _ = json;
    }
    let json = format!("[{}\"the end\"]", "\"and on\", ".repeat(300_000));
    let trace = capture(|| tool(&json));
    let kept = trace.spans()[0].text("function.input").unwrap();
    assert!(kept.contains("the end") && kept.contains("missing]"), "{kept}");
    assert!(is_truncated(&trace.spans()[0], "function.input"));
}
