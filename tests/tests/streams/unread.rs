//! An answer in which no words are found, for it is no string and no response of a known form: it is said, once per function, what
//! to write.

use cekura::CaptureContent;
use cekura::testing::{Trace, capture};
use cekura_trace_tests::events::{heard, listen};
use futures::executor::block_on;
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use tracing::Level;

#[derive(Debug)]
struct Heard {
    text: String,
}

#[derive(serde::Serialize)]
struct Answer {
    content: String,
}

fn hear() -> Heard {
    Heard { text: "book me in".to_owned() }
}

#[cekura::stt]
fn of_a_struct() -> Heard {
    hear()
}

#[cekura::stt]
async fn of_a_result(is_there: bool) -> Result<Option<Arc<Heard>>, std::io::Error> {
    Ok(is_there.then(|| Arc::new(hear())))
}

#[cekura::llm(model = "m")]
fn of_a_box() -> Box<dyn Fn() -> Heard> {
    Box::new(hear)
}

#[cekura::llm]
fn of_items() -> BoxStream<'static, Heard> {
    stream::iter([hear(), hear()]).boxed()
}

#[cekura::stt]
fn of_results() -> BoxStream<'static, Result<Heard, String>> {
    stream::iter([Ok(hear()), Ok(hear())]).boxed()
}

#[derive(serde::Serialize)]
struct Hypothesis {
    words: String,
    score: f32,
}

fn hypothesis() -> Hypothesis {
    Hypothesis { words: "book me in".to_owned(), score: 0.5 }
}

#[cekura::stt]
fn of_another_form() -> Result<Hypothesis, String> {
    Ok(hypothesis())
}

#[cekura::stt]
fn of_items_of_another_form() -> BoxStream<'static, Hypothesis> {
    stream::iter([hypothesis(), hypothesis()]).boxed()
}

#[cekura::llm]
fn of_chunks_of_another_form() -> BoxStream<'static, Hypothesis> {
    stream::iter([hypothesis(), hypothesis()]).boxed()
}

#[cekura::llm]
fn of_another_form_as_json() -> Hypothesis {
    hypothesis()
}

#[cekura::stt]
fn silent() -> BoxStream<'static, serde_json::Value> {
    let interim =
        serde_json::json!({ "channel": { "alternatives": [{ "transcript": "" }] }, "is_final": true });
    stream::iter([serde_json::json!({ "type": "Metadata", "request_id": "1" }), interim]).boxed()
}

#[cekura::stt(transcript = |heard| &heard.text)]
fn named() -> Heard {
    hear()
}

#[cekura::stt(transcript = said)]
fn given(said: &str) -> Heard {
    Heard { text: said.to_owned() }
}

#[cekura::stt]
fn told() -> Heard {
    cekura::current().transcript("book me in");
    hear()
}

fn silence() -> Heard {
    Heard { text: String::new() }
}

#[cekura::stt(transcript = |heard| &heard.text)]
fn named_and_empty() -> Heard {
    silence()
}

#[cekura::llm(output = |heard| (!heard.text.is_empty()).then_some(&heard.text))]
fn named_and_none() -> Heard {
    silence()
}

#[cekura::stt(transcript = |heard| &heard.text)]
fn named_and_empty_items() -> BoxStream<'static, Heard> {
    stream::iter([silence(), silence()]).boxed()
}

#[cekura::stt(transcript = |heard| &heard.words, is_final = |heard| heard.score > 0.4)]
fn named_and_empty_items_of_another_form() -> BoxStream<'static, Hypothesis> {
    stream::iter([Hypothesis { words: String::new(), score: 0.5 }]).boxed()
}

#[cekura::llm(output = |heard| &heard.words)]
fn named_and_empty_chunks_of_another_form() -> BoxStream<'static, Hypothesis> {
    stream::iter([Hypothesis { words: String::new(), score: 0.5 }]).boxed()
}

#[cekura::llm(output = |heard| &heard.text)]
fn named_items() -> BoxStream<'static, Heard> {
    stream::iter([hear(), hear()]).boxed()
}

#[cekura::llm]
fn recorded() -> Heard {
    cekura::record("output", "At nine.");
    hear()
}

#[cekura::llm]
fn serialized() -> Answer {
    Answer { content: "At nine.".to_owned() }
}

#[cekura::stt]
fn in_words() -> String {
    hear().text
}

#[cekura::stt]
fn nothing() {}

#[cekura::stt]
fn failed() -> Result<Heard, String> {
    Err("away".to_owned())
}

#[cekura::llm]
fn in_a_channel() -> Receiver<Heard> {
    channel().1
}

#[cekura::stt]
fn heard_in_a_channel() -> Receiver<Heard> {
    channel().1
}

#[cekura::tool_call]
fn tool() -> Heard {
    hear()
}

#[cekura::tts]
fn voice(text: &str) -> Heard {
    Heard { text: text.to_owned() }
}

#[cekura::span]
fn stage() -> Heard {
    hear()
}

#[cekura::conversation(capture = CaptureContent::Metadata)]
fn private() {
    of_a_private_call();
}

#[cekura::stt]
fn of_a_private_call() -> Heard {
    hear()
}

/// What was said of a function of this file.
fn said(function: &str) -> Vec<String> {
    let path = format!("unread::{function}\"");
    let of_it =
        |text: &String| text.contains(&path) && text.contains("none was found in what the function returns");
    let heard = heard("none was found in what the function returns");
    assert!(heard.iter().all(|heard| heard.level == Level::WARN && heard.target == "cekura"));
    heard.into_iter().map(|heard| heard.text).filter(of_it).collect()
}

#[test]
fn words_that_cannot_be_read_are_told_once_with_what_to_write() {
    listen();
    for is_there in [true, false, true] {
        let _: Trace = capture(|| {
            assert_eq!(of_a_struct().text, "book me in");
            assert!(block_on(of_a_result(is_there)).is_ok());
            assert_eq!(of_a_box()().text, "book me in");
            assert_eq!(block_on(of_items().count()), 2);
            assert_eq!(block_on(of_results().count()), 2);
            assert!(of_another_form().is_ok());
            assert_eq!(block_on(of_items_of_another_form().count()), 2);
            assert_eq!(block_on(of_chunks_of_another_form().count()), 2);
        });
    }
    for (function, lacks, example) in [
        ("of_a_struct", "`stt` span has no transcript", "transcript = |heard| &heard.text"),
        ("of_a_result", "`stt` span has no transcript", "transcript = |heard| &heard.text"),
        ("of_a_box", "`llm` span has no output", "output = |answer| &answer.text"),
        ("of_items", "`llm` span has no output", "output = |answer| &answer.text"),
        ("of_results", "`stt` span has no transcript", "transcript = |heard| &heard.text"),
        ("of_another_form", "`stt` span has no transcript", "transcript = |heard| &heard.text"),
        ("of_items_of_another_form", "`stt` span has no transcript", "transcript = |heard| &heard.text"),
        ("of_chunks_of_another_form", "`llm` span has no output", "output = |answer| &answer.text"),
    ] {
        let said = said(function);
        assert_eq!(said.len(), 1, "{function}: {said:#?}");
        assert!(said[0].contains(lacks) && said[0].contains(example), "{said:?}");
    }
}

#[test]
fn words_that_are_there_or_not_wanted_are_no_reason_to_say_something() {
    listen();
    let trace = capture(|| {
        drop((named(), given("book me in"), told(), recorded(), serialized(), in_words(), failed().is_ok()));
        assert_eq!(block_on(named_items().count()), 2);
        assert_eq!(block_on(silent().count()), 2);
        drop((named_and_empty(), named_and_none()));
        assert_eq!(block_on(named_and_empty_items().count()), 2);
        assert_eq!(block_on(named_and_empty_items_of_another_form().count()), 1);
        assert_eq!(block_on(named_and_empty_chunks_of_another_form().count()), 1);
        drop(of_another_form_as_json());
        nothing();
        drop((in_a_channel(), heard_in_a_channel(), tool(), voice("At nine."), stage()));
        private();
    });
    assert_eq!(
        trace.spans().iter().filter(|span| span.text("stt.transcript") == Some("book me in")).count(),
        4
    );
    let quiet = [
        "silent",
        "named_and_empty",
        "named_and_none",
        "named_and_empty_items",
        "named_and_empty_items_of_another_form",
        "named_and_empty_chunks_of_another_form",
        "of_another_form_as_json",
        "named",
        "given",
        "told",
        "named_items",
        "recorded",
        "serialized",
        "in_words",
        "nothing",
        "failed",
        "in_a_channel",
        "heard_in_a_channel",
        "tool",
        "voice",
        "stage",
        "of_a_private_call",
    ];
    for function in quiet {
        assert_eq!(said(function), [""; 0], "{function}");
    }
    // They end before their answer is read, which is said instead.
    let channels = heard("ends before its answer is read");
    assert_eq!(channels.iter().filter(|heard| heard.text.contains("unread.rs")).count(), 2, "{channels:?}");
}
