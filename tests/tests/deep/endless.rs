//! Values whose own code never ends, or would show a gigabyte: how much of them is asked for. Invariant: each way of recording
//! ends.

use cekura::testing::capture;
use cekura::{current, current_conversation, spans};
use cekura_trace_tests::handles::LONG;
use serde::{Serialize, Serializer};
use std::fmt::{self, Debug, Display, Formatter};
use std::sync::mpsc::channel;
use std::{iter, thread};

/// Shows words until it is refused, if that ever is.
struct Words;

impl Display for Words {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("word ")?;
        }
    }
}

impl Debug for Words {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Each way to give all of it to serde at once.
#[derive(Clone, Copy, Debug)]
enum Endless {
    /// An endless list of numbers, and one of which the length is said.
    Counted,
    List,
    Map,
    /// Numbers that are no samples, and texts that are computed, of which the length is said.
    Range,
    Text,
    Texts,
    /// As a key.
    Key,
    /// In a response of a known shape.
    Delta,
    /// In the containers of an item, which are looked into.
    Some,
    Ok,
}

struct Text;

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Words)
    }
}

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Counted => serializer.collect_seq((0..usize::MAX).map(|_| 0.5)),
            Self::List => serializer.collect_seq(iter::repeat(1)),
            Self::Map => serializer.collect_map(iter::repeat(("key", "value"))),
            Self::Range => serializer.collect_seq(0..usize::MAX),
            Self::Text => serializer.collect_str(&Words),
            Self::Texts => serializer.collect_seq((0..usize::MAX).map(|number| number.to_string())),
            Self::Key => serializer.collect_map([(Text, 1)]),
            Self::Delta => {
                let kind: &dyn Display = &"response.output_audio_transcript.delta";
                serializer.collect_map([("type", Shown(kind)), ("delta", Shown(&Words))])
            }
            Self::Some => serializer.serialize_some(&Text),
            Self::Ok => serializer.serialize_newtype_variant("Result", 0, "Ok", &Text),
        }
    }
}

struct Shown<'a>(&'a dyn Display);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

const ALL: [Endless; 10] = [
    Endless::Counted,
    Endless::List,
    Endless::Map,
    Endless::Range,
    Endless::Text,
    Endless::Texts,
    Endless::Key,
    Endless::Delta,
    Endless::Some,
    Endless::Ok,
];

/// Runs each on a thread of its own, for it may never end.
fn all_end(all: &[Endless], record: fn(Endless)) {
    let (done, is_done) = channel();
    for endless in all.iter().copied() {
        let done = done.clone();
        thread::spawn(move || {
            drop(capture(|| record(endless)));
            done.send(format!("{endless:?}")).unwrap();
        });
    }
    let ended: Vec<_> = iter::from_fn(|| is_done.recv_timeout(LONG).ok()).take(all.len()).collect();
    let is_stuck = |each: &&Endless| !ended.contains(&format!("{each:?}"));
    assert_eq!(all.iter().filter(is_stuck).count(), 0, "only these have ended: {ended:?}");
}

#[test]
fn an_item_that_never_ends_is_an_item() {
    all_end(&ALL, |endless| {
        let mut answer = spans::s2s().start();
        answer.item(&endless);
        answer.end();
    });
}

#[test]
fn an_item_that_a_function_says_of_itself_ends() {
    #[cekura::llm(skip_all)]
    fn ask(endless: Endless) {
        current().item(&endless);
        current().record_json("own", &endless);
    }
    all_end(&ALL, ask);
}

#[test]
fn arguments_and_values_that_never_end_are_recorded_as_far_as_they_fit() {
    #[cekura::tool_call]
    fn tool(endless: Endless) -> Endless {
        endless
    }
    #[cekura::llm]
    fn ask(endless: Endless) -> Endless {
        endless
    }
    #[cekura::tts(text = endless)]
    fn speak(endless: Endless) -> Endless {
        endless
    }
    all_end(&ALL, |endless| {
        let _ = (tool(endless), ask(endless), speak(endless));
        spans::tool_call("find").arguments(&endless).start().end();
        spans::stt().input("endless", &endless).record_json("own", &endless).start().end();
    });
}

#[test]
fn metadata_that_never_end_are_no_metadata() {
    #[cekura::conversation(observe, skip_all)]
    fn call(endless: Endless) {
        let call = current_conversation().unwrap();
        call.metadata([("endless", endless)]);
    }
    // Each writes what a value of a call log may have at most.
    all_end(&[Endless::Key, Endless::Text, Endless::Texts], call);
}

#[test]
fn of_an_item_that_would_show_a_gigabyte_no_more_is_asked_for_than_may_be_kept() {
    static ASKED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    struct Gigabyte;
    impl Display for Gigabyte {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            (0..1 << 20).try_for_each(|_| {
                ASKED.fetch_add(1 << 10, std::sync::atomic::Ordering::Relaxed);
                f.write_str(&"a word, ".repeat(1 << 7))
            })
        }
    }
    #[derive(Serialize)]
    struct Delta<'a> {
        r#type: &'static str,
        delta: Shown<'a>,
    }
    let trace = capture(|| {
        let mut answer = spans::s2s().start();
        answer.item(&Delta { r#type: "response.output_audio_transcript.delta", delta: Shown(&Gigabyte) });
        answer.item(&Shown(&Gigabyte));
        answer.end();
    });
    let asked = ASKED.load(std::sync::atomic::Ordering::Relaxed);
    assert!(asked < 2 << 20, "{asked}");
    assert!(trace.span("s2s").unwrap().text("output").unwrap().starts_with("a word, a word"), "{trace}");
}
