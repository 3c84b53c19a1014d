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
