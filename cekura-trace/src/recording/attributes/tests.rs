//! How entries are marked where they are written. Invariant: an entry is marked as content exactly if the
//! policy may leave it out.

use super::{Attributes, Value, View};
use crate::finished::{Entry, begin, draft, remove_content};
use crate::policy::CaptureContent;
use crate::recording::failure::Failure;
use crate::recording::value::value;

fn attributes(view: View) -> Attributes {
    let mut record = Vec::new();
    begin(&mut record, "span", "");
    Attributes::new(view, CaptureContent::Full, 20, record)
}

/// The keys of what is written, each with `!` before it where it is content.
fn keys(attributes: &Attributes) -> Vec<String> {
    let draft = draft(&attributes.entries).unwrap();
    let shown = |entry: Entry<'_>| match &entry {
        Entry::Attribute { key, .. } => format!("{}{key}", if entry.is_content() { "!" } else { "" }),
        other => format!("{other:?}"),
    };
    draft.entries().map(shown).collect()
}

#[test]
fn content_carries_its_mark_and_so_does_the_mark_of_what_was_cut() {
    let long = "longer than the limit of twenty bytes";
    let mut llm = attributes(View::Llm);
    llm.argument("question", Value::Str(long));
    llm.argument("history", Value::Serialize(&[long]));
    llm.argument("audio", value(&[0_u8; 70]).__get());
    llm.model(Value::Str("gpt-4o"));
    llm.record("output", Value::Str(long));
    llm.returned(Value::Serialize(&[1.5]));
    llm.fail(&Failure::display(&"no"));
    let all = "!input.question !input.question.truncated !input.history !input.history.truncated input.audio.len \
               gen_ai.request.model output output.truncated !output error.type";
    assert_eq!(keys(&llm).join(" "), all);
    remove_content(&mut llm.entries);
    assert_eq!(
        keys(&llm),
        ["input.audio.len", "gen_ai.request.model", "output", "output.truncated", "error.type"]
    );
}

#[test]
fn what_is_found_is_told_from_content() {
    let mut stt = attributes(View::Stt);
    stt.returned(Value::Serialize(
        &serde_json::json!({ "text": "hello", "language": "en", "duration": 1.5 }),
    ));
    assert_eq!(keys(&stt), ["!stt.transcript", "language"]);
    let mut tts = attributes(View::Tts);
    tts.argument("sentence", Value::Str("hello"));
    tts.close_arguments();
    assert_eq!(keys(&tts), ["tts.characters", "!text"]);
    let mut tool = attributes(View::ToolCall);
    tool.argument("day", Value::Str("monday"));
    tool.argument("frame", value(&[0_i16; 500]).__get());
    tool.close_arguments();
    tool.returned(Value::Bool(true));
    let both =
        ["!function.input", "!gen_ai.tool.call.arguments", "!function.output", "!gen_ai.tool.call.result"];
    assert_eq!(keys(&tool)[0], "input.frame.len");
    assert_eq!(keys(&tool)[1..], both);
}

/// What a tool got and gave, by key.
fn texts(attributes: &Attributes) -> Vec<(String, String)> {
    let draft = draft(&attributes.entries).unwrap();
    let text = |entry| match entry {
        Entry::Attribute { key, value: crate::finished::Value::Str(text), .. } => {
            Some((key.to_owned(), text.to_owned()))
        }
        _ => None,
    };
    draft.entries().filter_map(text).collect()
}

struct Panics;

impl serde::Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        serde::ser::SerializeSeq::serialize_element(&mut list, &1)?;
        panic!("no")
    }
}

#[test]
fn the_arguments_of_a_tool_are_whole_whatever_comes_between_them() {
    let mut tool = attributes(View::ToolCall);
    tool.limit = 1000;
    tool.argument("a\"", Value::Str("b\n"));
    tool.argument("n", Value::Nothing);
    tool.argument("panics", Value::Serialize(&Panics));
    let so_far = r#"{"a\"":"b\n"}"#;
    assert_eq!(texts(&tool), [("function.input".to_owned(), so_far.to_owned())], "before they are closed");
    tool.record("mine", Value::Str("between"));
    tool.argument("c", Value::I64(-3));
    tool.record("mine.too", Value::I64(1));
    tool.argument("d", Value::Serialize(&(0.5, "x")));
    tool.argument("e", Value::Bool(true));
    tool.argument("f", Value::F64(1e300));
    tool.record("mine.last", Value::Str("behind"));
    tool.close_arguments();
    let input = r#"{"a\"":"b\n","c":-3,"d":[0.5,"x"],"e":true,"f":1e+300}"#;
    let expected = [
        ("mine", "between"),
        ("mine.last", "behind"),
        ("function.input", input),
        ("gen_ai.tool.call.arguments", input),
    ];
    assert_eq!(texts(&tool), expected.map(|(key, text)| (key.to_owned(), text.to_owned())));
    assert!(keys(&tool).contains(&"!function.input.truncated".to_owned()), "one of them is missing");
    remove_content(&mut tool.entries);
    assert_eq!(keys(&tool), ["mine", "mine.too", "mine.last"]);
}

#[test]
fn a_policy_that_comes_later_takes_the_arguments_of_a_tool() {
    let mut tool = attributes(View::ToolCall);
    tool.argument("day", Value::Str("monday"));
    tool.record("mine", Value::I64(1));
    tool.capture = CaptureContent::Metadata;
    tool.take_back_content();
    tool.argument("hour", Value::I64(9));
    tool.close_arguments();
    assert_eq!(keys(&tool), ["mine"]);
}
