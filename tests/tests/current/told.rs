//! Items, texts, tokens and failures that are told to the current span.

use super::*;
use cekura::opentelemetry::trace::FutureExt;
use cekura::testing::capture_with;
use cekura::{CaptureContent, Conversation, CurrentSpan, current, spans};
use serde::{Serialize, Serializer};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;

#[test]
fn a_stream_that_is_read_inside_is_recorded_once_beside_the_text_that_is_returned() {
    #[cekura::llm]
    fn answer() -> String {
        chunks().iter().fold(String::new(), |answer, chunk| {
            current().item(chunk);
            answer + text(chunk)
        })
    }
    #[cekura::llm]
    async fn answer_as_it_came() -> Result<String, io::Error> {
        let mut answer = String::new();
        for chunk in chunks() {
            current().item_json(chunk.to_string());
            answer += text(&chunk);
        }
        Ok(answer)
    }
    check_answer(only(&capture(answer), "llm"));
    check_answer(only(&capture(|| futures::executor::block_on(answer_as_it_came())), "llm"));
}

#[test]
fn what_is_returned_says_what_the_items_did_not() {
    #[cekura::llm]
    fn answer() -> String {
        current().usage(9_u32, 4_usize);
        current().finish_reason("stop");
        "From ten to four.".to_owned()
    }
    #[cekura::llm]
    fn answer_whole() -> serde_json::Value {
        current().item(&chunks()[4]);
        json!({ "object": "chat.completion", "choices": [{ "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": "Yes." } }],
            "usage": { "prompt_tokens": 9, "completion_tokens": 4 } })
    }
    let trace = capture(|| (answer(), answer_whole()));
    let [first, second] = trace.spans() else { panic!("{trace}") };
    assert_eq!((first.text("output"), second.text("output")), (Some("From ten to four."), Some("Yes.")));
    for llm in trace.spans() {
        assert_eq!(llm.attribute("gen_ai.usage.input_tokens"), Some(&9.into()), "counted once");
        assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&4.into()));
    }
}

#[test]
fn an_argument_of_the_attribute_wins_over_items() {
    #[cekura::llm(output_tokens = 77, output = |answer: &String| answer.to_uppercase())]
    fn answer() -> String {
        for chunk in &chunks() {
            current().item(chunk);
        }
        "short".to_owned()
    }
    let trace = capture(answer);
    let llm = only(&trace, "llm");
    assert_eq!(llm.text("output"), Some("SHORT"));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&77.into()));
    assert_eq!(llm.attribute("gen_ai.usage.input_tokens"), Some(&9.into()));
}

#[test]
fn parts_of_texts_are_put_behind_each_other() {
    #[cekura::stt]
    fn hear() {
        for part in ["Do you open ", "on Sundays?"] {
            current().transcript(part);
        }
    }
    #[cekura::s2s]
    fn talk() -> &'static str {
        for part in ["From ten ".to_owned(), "to four.".to_owned()] {
            current().first_chunk();
            current().output(part);
        }
        "something else"
    }
    let trace = capture(|| {
        hear();
        talk();
    });
    assert_eq!(only(&trace, "stt").text("stt.transcript"), Some("Do you open on Sundays?"));
    let s2s = only(&trace, "s2s");
    assert_eq!(s2s.text("output"), Some("From ten to four."), "told wins over returned");
    assert!(s2s.attribute("metrics.ttfb").is_some() && s2s.attribute("stream.items").is_none());
}

#[test]
fn audio_that_is_told_in_chunks_is_counted_as_audio() {
    #[cekura::tts]
    fn speak(text: &str) {
        current().item(&vec![0_u8; 320]);
        current().item(&[0_u8; 160][..]);
        current().item(&Some([7_u8; 20]));
        let _ = text;
    }
    #[cekura::s2s]
    fn talk() {
        current().item(&[0_i16; 160][..]);
        current().item(&Vec::<i16>::new());
    }
    let trace = capture(|| {
        speak("Hello.");
        talk();
    });
    let tts = only(&trace, "tts");
    assert_eq!(tts.attribute("stream.bytes"), Some(&500.into()));
    assert_eq!(
        (tts.attribute("output.len"), tts.attribute("stream.items")),
        (Some(&500.into()), Some(&3.into()))
    );
    assert_eq!(only(&trace, "s2s").attribute("output.len"), Some(&160.into()));
}

#[test]
fn a_failure_inside_makes_an_error_of_what_returns_well() {
    #[cekura::tool_call]
    fn look_up() -> Result<u8, io::Error> {
        let error = io::Error::other("no line");
        current().fail(&error);
        Ok(7)
    }
    #[cekura::llm]
    fn answer() -> Result<(), fmt::Error> {
        current().fail(io::Error::other("first"));
        Err(fmt::Error)
    }
    let trace = capture(|| {
        assert_eq!(look_up().unwrap(), 7);
        answer().unwrap_err();
    });
    let tool = only(&trace, "tool_call");
    assert!(tool.is_error());
    assert_eq!((tool.text("error.type"), tool.error()), (Some("std::io::error::Error"), "no line"));
    assert_eq!(tool.text("function.output"), Some("7"));
    let llm = only(&trace, "llm");
    assert_eq!(llm.text("error.type"), Some("core::fmt::Error"), "how it ended counts most");
    assert_eq!(llm.error(), fmt::Error.to_string());
}

#[test]
fn content_goes_by_the_policy() {
    #[cekura::llm]
    fn answer() {
        for chunk in &chunks() {
            current().item(chunk);
        }
        current().output("Anna");
        current().transcript("Anna");
        current().fail(io::Error::other("Anna"));
        current().record("my.name", "named explicitly");
        current().record_json("my.list", &["named explicitly"]);
    }
    let trace = capture_with(CaptureContent::Metadata, answer);
    let llm = only(&trace, "llm");
    assert!(llm.is_error() && llm.error().is_empty());
    assert_eq!((llm.attribute("output"), llm.attribute("stt.transcript")), (None, None));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&4.into()));
    assert_eq!(llm.text("my.name"), Some("named explicitly"));
    assert_eq!(llm.text("my.list"), Some(r#"["named explicitly"]"#));
}

#[test]
fn the_innermost_span_is_meant() {
    #[cekura::llm]
    fn outer() {
        inner();
        current().output("outer");
        spans::span("by hand").start().in_scope(|| current().record("here", 1));
    }
    #[cekura::s2s]
    fn inner() {
        current().output("inner");
    }
    let trace = capture(outer);
    assert_eq!(
        (only(&trace, "llm").text("output"), only(&trace, "s2s").text("output")),
        (Some("outer"), Some("inner"))
    );
    assert_eq!(only(&trace, "by hand").attribute("here"), Some(&1.into()));
}

#[test]
fn where_no_span_is_current_nothing_happens() {
    let tell = |span: CurrentSpan| {
        span.item(&1);
        span.item_json("{");
        span.first_chunk();
        span.output("x");
        span.transcript("x");
        span.usage(1, 2);
        span.finish_reason("stop");
        span.fail("x");
        span.record("x", 1);
        span.record_json("x", &1);
    };
    tell(current());
    tell(CurrentSpan::default());
    let trace = capture(|| tell(current()));
    assert!(trace.spans().is_empty());
}

#[test]
fn after_its_end_a_span_that_was_kept_says_no_more() {
    #[cekura::llm]
    fn answer() -> CurrentSpan {
        current().output("in time");
        current()
    }
    let trace = capture(|| {
        let kept = answer();
        // Another span, perhaps in the same place.
        let mut other = spans::llm().start();
        kept.output(" and late");
        kept.item(&chunks()[1]);
        kept.record("late", true);
        kept.fail("late");
        other.output("other");
        other.end();
    });
    let told: Vec<_> = trace.spans().iter().map(|span| (span.text("output"), span.is_error())).collect();
    assert_eq!(told, [(Some("in time"), false), (Some("other"), false)]);
    assert!(trace.spans().iter().all(|span| span.attribute("late").is_none()));
}

#[test]
fn clones_in_other_threads_tell_the_same_span() {
    #[cekura::s2s(skip_all)]
    fn talk() {
        let span = current();
        scope(|threads| {
            for thread in 0..8_usize {
                let span = span.clone();
                threads.spawn(move || {
                    for each in 0..50_usize {
                        match each % 3 {
                            0 => span.item(&[0_u8; 4]),
                            1 => span.item(&json!({ "type": "response.output_text.delta", "delta": "x" })),
                            _ => span.output("y"),
                        }
                        span.record(format!("of.{thread}"), each);
                    }
                });
            }
        });
    }
    let trace = capture(talk);
    let s2s = only(&trace, "s2s");
    // Of 50, 17 are bytes, 17 are shapes, 16 are parts.
    assert_eq!(s2s.attribute("stream.items"), Some(&(8 * 34).into()));
    assert_eq!(s2s.attribute("stream.bytes"), Some(&(8 * 17 * 4).into()));
    assert_eq!(s2s.text("output").map(str::len), Some(8 * 16));
    assert!((0..8).all(|thread| s2s.attribute(&format!("of.{thread}")) == Some(&49.into())));
}

/// Tells of the span itself while it is recorded there.
struct Talkative(&'static AtomicUsize);

impl Serialize for Talkative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tell();
        serializer.serialize_str("said")
    }
}

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell();
        f.write_str("said")
    }
}

impl Talkative {
    fn tell(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        cekura::record("from.inside", true);
        current().usage(1, 2);
        current().item(&"inside ");
    }
}

#[test]
fn a_value_may_tell_of_the_span_that_it_is_told_to() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    #[cekura::llm]
    fn answer() {
        current().item(&Talkative(&TOLD));
        current().record_json("my.json", &Talkative(&TOLD));
        current().fail(Talkative(&TOLD));
    }
    let trace = capture(answer);
    let llm = only(&trace, "llm");
    assert!(TOLD.load(Ordering::Relaxed) >= 3);
    assert_eq!(llm.attribute("from.inside"), Some(&true.into()));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&2.into()));
    assert_eq!((llm.text("my.json"), llm.error()), (Some("said"), "said"));
    let items = i64::try_from(TOLD.load(Ordering::Relaxed)).unwrap() + 1;
    assert_eq!(llm.attribute("stream.items"), Some(&items.into()), "none is lost");
    assert!(llm.text("output").is_some_and(|output| output.contains("said")), "{llm:?}");
}

#[test]
fn a_value_that_panics_while_it_is_told_harms_nobody() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("not today")
        }
    }
    #[cekura::llm]
    fn answer() {
        current().output("whole");
        current().item(&Broken);
        current().record_json("broken", &Broken);
        current().record("after", 1);
    }
    let trace = capture(answer);
    let llm = only(&trace, "llm");
    assert_eq!((llm.text("output"), llm.attribute("after")), (Some("whole"), Some(&1.into())));
    assert_eq!((llm.attribute("broken"), llm.is_error()), (None, false));
}

#[test]
fn a_span_is_found_in_a_context_that_the_opentelemetry_api_alone_carried() {
    #[cekura::llm]
    fn answer() -> String {
        let context = cekura::opentelemetry::Context::current();
        let tell = async {
            current().usage(9, 4);
            cekura::record("here", true);
        };
        std::thread::spawn(move || futures::executor::block_on(tell.with_context(context))).join().unwrap();
        "Yes.".to_owned()
    }
    let trace = capture(|| Conversation::start("call-1").in_scope(answer));
    let llm = only(&trace, "llm");
    assert_eq!((llm.attribute("here"), llm.text("output")), (Some(&true.into()), Some("Yes.")));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&4.into()));
}

#[test]
fn what_was_told_before_a_barge_in_is_kept() {
    #[cekura::llm]
    async fn answer() {
        for chunk in &chunks()[..2] {
            current().item(chunk);
        }
        std::future::pending().await
    }
    let trace = capture(|| futures::executor::block_on(futures::future::poll_immediate(Box::pin(answer()))));
    let llm = only(&trace, "llm");
    assert!(llm.is_interrupted());
    assert_eq!((llm.text("output"), llm.attribute("stream.items")), (Some("From ten "), Some(&2.into())));
}
