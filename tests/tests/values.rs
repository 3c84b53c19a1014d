//! How a value becomes a span attribute, by its type and without any bound on it; limits; the content policy.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, Trace, capture, capture_with};
use cekura::{CaptureContent, Conversation, Protocol, spans};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::host::named;
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

fn only(trace: &Trace) -> &Span {
    let [span] = trace.spans() else { panic!("one span expected:\n{trace}") };
    span
}

macro_rules! recorded {
    ($type:ty, $value:expr) => {{
        #[cekura::span]
        fn stage(it: $type) {
            let _ = it;
        }
        let trace = capture(|| stage($value));
        let attributes = only(&trace).attributes().filter(|(key, _)| *key != "code.function.name");
        attributes.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }};
}

#[derive(Serialize)]
enum Level {
    High,
}

#[derive(Serialize, Debug)]
struct Point {
    x: i32,
    name: Option<String>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Shown(u8);

struct Nothing;

/// Like `bytes::Bytes`.
struct Frame(Vec<u8>);

impl Deref for Frame {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn by_type() {
    assert_eq!(recorded!(bool, true), "input.it=true");
    assert_eq!(recorded!(u8, 7), "input.it=7");
    assert_eq!(recorded!(u64, u64::MAX), format!("input.it={}", u64::MAX), "beyond i64: its digits");
    assert_eq!(recorded!(f32, 0.5), "input.it=0.5");
    assert_eq!(recorded!(&str, "a"), "input.it=a");
    assert_eq!(recorded!(Option<&String>, Some(&"a".to_owned())), "input.it=a");
    assert_eq!(recorded!(Option<String>, None), "");
    assert_eq!(recorded!(Arc<str>, "a".into()), "input.it=a");
    assert_eq!(recorded!(Cow<'static, str>, "a".into()), "input.it=a");
    assert_eq!(recorded!(&mut u8, &mut 3), "input.it=3");
    assert_eq!(recorded!(char, 'x'), "input.it=x");
    assert_eq!(recorded!(Vec<u8>, vec![0; 5]), "input.it.len=5");
    assert_eq!(recorded!(&[f32], &[0.0; 5]), "input.it.len=5");
    assert_eq!(recorded!([i16; 3], [0; 3]), "input.it.len=3");
    assert_eq!(recorded!(Option<Vec<i16>>, Some(vec![0; 5])), "input.it.len=5");
    assert_eq!(recorded!(Option<&[u8]>, None), "");
    assert_eq!(recorded!(Arc<Vec<u8>>, Arc::new(vec![0; 5])), "input.it.len=5");
    assert_eq!(recorded!(Frame, Frame(vec![0; 5])), "input.it.len=5");
    assert_eq!(recorded!(&Frame, &Frame(vec![0; 5])), "input.it.len=5");
    assert_eq!(recorded!(Option<Frame>, Some(Frame(vec![0; 5]))), "input.it.len=5");
    assert_eq!(recorded!(Option<&Frame>, Some(&Frame(vec![0; 5]))), "input.it.len=5");
    assert_eq!(recorded!(Point, Point { x: 1, name: None }), r#"input.it={"x":1,"name":null}"#);
    assert_eq!(recorded!(Level, Level::High), "input.it=High");
    assert_eq!(recorded!(Vec<u32>, vec![1, 2]), "input.it=[1,2]");
    assert_eq!(recorded!(BTreeMap<u8, bool>, [(1, true)].into()), r#"input.it={"1":true}"#);
    assert_eq!(recorded!((), ()), "");
    assert_eq!(recorded!(Shown, Shown(1)), "", "a type that is only `Debug`");
    assert_eq!(recorded!(Nothing, Nothing), "");
}

#[test]
fn in_a_generic_function_the_bounds_decide() {
    #[cekura::span]
    fn bare<T>(it: T) -> Option<T> {
        Some(it)
    }
    #[cekura::span]
    fn debug<T: Debug>(it: T) -> String {
        format!("{it:?}")
    }
    #[cekura::span]
    fn serialize<T>(it: &T) -> usize
    where
        T: Serialize,
    {
        std::mem::size_of_val(it)
    }
    let point = || Point { x: 1, name: None };
    let trace = capture(|| {
        bare(point());
        debug(point());
        serialize(&point());
    });
    let [bare, debug, serialize] = trace.spans() else { panic!("{trace}") };
    assert_eq!((bare.text("input.it"), bare.attribute("output")), (None, None));
    assert_eq!(debug.attribute("input.it"), None);
    assert_eq!(serialize.text("input.it"), Some(r#"{"x":1,"name":null}"#));
}

#[test]
fn content_is_cut_on_a_char_boundary_and_json_stays_json() {
    const LIMIT: usize = 32 << 10;
    #[cekura::span]
    fn stage(text: &str, list: Vec<String>) {
        let _ = (text, list);
    }
    let trace = capture(|| stage(&"é".repeat(LIMIT), vec!["y".repeat(100); 1000]));
    let span = only(&trace);
    let text = span.text("input.text").unwrap();
    assert!(text.len() <= LIMIT && text.len() > LIMIT - 10, "{}", text.len());
    assert_eq!(text.trim_matches('é'), " [32792 bytes missing] ");
    assert_eq!(span.attribute("input.text.truncated"), Some(&Value::Bool(true)));
    let list = span.text("input.list").unwrap();
    assert!(list.len() <= LIMIT && list.len() > LIMIT - 200, "{}", list.len());
    assert!(serde_json::from_str::<Vec<String>>(list).is_ok());
    assert_eq!(span.attribute("input.list.truncated"), Some(&Value::Bool(true)));
}

#[test]
fn a_long_text_is_said_and_counted_whole() {
    #[derive(Serialize)]
    struct Ssml(String);
    #[cekura::tts(text = speech.0)]
    fn speak(speech: &Ssml) {}
    #[cekura::tts(text = speech)]
    fn say(speech: &Ssml) {}
    let long = "é".repeat(20_000);
    let trace = capture(|| {
        speak(&Ssml(long.clone()));
        say(&Ssml(long.clone()));
        spans::tts().text(&long).start().end();
    });
    assert_eq!(trace.spans().len(), 3);
    for tts in trace.spans() {
        assert_eq!(tts.attribute("tts.characters"), Some(&Value::I64(20_000)), "{tts:?}");
        let length = tts.text("text").map_or(0, str::len);
        assert!(((32 << 10) - 10..=32 << 10).contains(&length), "{length}");
        assert_eq!(tts.attribute("text.truncated"), Some(&Value::Bool(true)));
    }
}

#[test]
fn a_value_whose_recording_panics_does_not_reach_the_call() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("broken Serialize")
        }
    }
    #[cekura::span]
    fn stage(it: Broken) -> Broken {
        it
    }
    #[cekura::span(record(x = [1][usize::try_from(n).unwrap()]))]
    fn index(n: i64) -> i64 {
        n
    }
    let trace = capture(|| {
        stage(Broken);
        assert_eq!(index(5), 5);
    });
    assert_eq!(trace.to_string(), "stage\nindex\n");
}

/// Panics when it is shown, with what panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("what the panic holds panics too")
    }
}

struct Explosive;

impl std::fmt::Debug for Explosive {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::panic::panic_any(Bomb)
    }
}

impl std::fmt::Display for Explosive {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::panic::panic_any(Bomb)
    }
}

impl std::error::Error for Explosive {}

impl Serialize for Explosive {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        std::panic::panic_any(Bomb)
    }
}

#[test]
fn a_panic_whose_content_panics_too_reaches_nobody() {
    #[cekura::tool_call(debug(it))]
    fn shown(it: Explosive) -> u8 {
        let _ = it;
        1
    }
    #[cekura::llm(output_tokens = |_| -> u64 { std::panic::panic_any(Bomb) })]
    fn counted(prompt: &str) -> u8 {
        u8::try_from(prompt.len()).unwrap()
    }
    #[cekura::tool_call(error = |_| -> Option<&str> { std::panic::panic_any(Bomb) })]
    fn judged() -> u8 {
        3
    }
    #[cekura::llm]
    fn failed() -> Result<u8, Explosive> {
        Err(Explosive)
    }
    let trace = capture(|| {
        assert_eq!((shown(Explosive), counted("12"), judged()), (1, 2, 3));
        assert!(failed().is_err());
        let mut guard = spans::llm().start();
        guard.item(&Explosive);
        guard.fail(&Explosive);
        guard.end();
        let call = cekura::current_conversation().unwrap_or_default();
        call.metadata(Explosive);
    });
    assert_eq!(trace.spans().len(), 5, "{trace}");
}

#[test]
fn a_value_that_panics_halfway_takes_only_itself_away() {
    #[derive(Serialize)]
    struct Half {
        written: &'static str,
        #[serde(serialize_with = "explode")]
        rest: u8,
    }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn explode<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
        panic!("halfway")
    }
    #[cekura::span]
    fn stage(before: u8, half: Half, after: u8) -> u8 {
        before + half.rest + after
    }
    let trace = capture(|| stage(1, Half { written: "some of it", rest: 2 }, 3));
    let attributes: Vec<_> = only(&trace).attributes().map(|(key, value)| format!("{key}={value}")).collect();
    let name = "code.function.name=values::stage";
    assert_eq!(attributes, [name, "input.before=1", "input.after=3", "output=6"]);
}

#[test]
fn metadata_keeps_names_sizes_and_tokens_only() {
    #[cekura::llm(provider = "openai", output = |_| "explicit content", record(kept = "by name"))]
    fn ask(prompt: &str, audio: &[u8]) -> serde_json::Value {
        let _ = (prompt, audio);
        serde_json::json!({
            "id": "x", "object": "chat.completion", "model": "gpt",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "secret"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        })
    }
    #[cekura::tts]
    fn speak(text: &str) -> Result<(), String> {
        Err(format!("secret {text}"))
    }
    #[cekura::tool_call]
    fn tool(name: &str) -> String {
        format!("secret {name}")
    }
    #[cekura::stt]
    fn hear() -> String {
        "secret".into()
    }
    let trace = capture_with(CaptureContent::Metadata, || {
        ask("secret", &[1]);
        speak("secret").unwrap_err();
        tool("secret");
        hear();
        let panicked = std::panic::catch_unwind(|| {
            #[cekura::span]
            fn explode() {
                panic!("secret");
            }
            explode();
        });
        panicked.unwrap_err();
    });
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
    let [ask, speak, tool, _, explode] = trace.spans() else { panic!("{trace}") };
    assert_eq!(ask.attribute("gen_ai.usage.input_tokens"), Some(&Value::I64(3)));
    assert_eq!(ask.attribute("input.audio.len"), Some(&Value::I64(1)));
    assert_eq!(ask.text("kept"), Some("by name"));
    assert_eq!(ask.attribute("output"), None);
    assert_eq!(speak.attribute("tts.characters"), Some(&Value::I64(6)));
    assert_eq!(speak.text("error.type"), Some("alloc::string::String"));
    assert!(speak.is_error() && speak.error().is_empty());
    assert_eq!(tool.text("function.name"), Some("tool"));
    assert_eq!((explode.is_error(), explode.text("error.type")), (true, Some("panic")));
}

#[test]
fn off_evaluates_nothing() {
    fn never() -> u8 {
        panic!("evaluated")
    }
    #[cekura::span(record(x = never(), y = |_| never()))]
    fn stage() -> u8 {
        4
    }
    assert_eq!(stage(), 4);
}

#[test]
fn by_hand_the_policy_may_come_last() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let trace = capture(|| {
        let call = spans::conversation().input("caller", "Anna").capture(CaptureContent::Metadata);
        let call = call.client(&handle).input("asks", "Anna").start();
        let place = call.context();
        spans::llm().input("asks", "Anna").record("my.key", "mine").parent(&place).start().end();
        spans::tts().text("Anna").parent(&place).start().end();
        let tool = spans::tool_call("find").arguments(&json!({ "who": "Anna" })).input("who", "Anna");
        tool.parent(&place).start().end();
        call.end();
        let full = Conversation::start("call-2");
        let inner = spans::conversation().capture(CaptureContent::Metadata).parent(&full.context()).start();
        inner.in_scope(|| spans::llm().input("asks", "Anna").start().end());
    });
    assert_eq!(trace.named("llm").count(), 1);
    handle.flush_blocking(LONG);
    let spans = backend.spans();
    assert_eq!(spans.len(), 4);
    assert!(!format!("{trace:?} {spans:?}").contains("Anna"), "{trace:?} {spans:?}");
    let llm = named(&spans, "llm");
    assert_eq!(text(&llm.attributes, "my.key"), Some("mine"));
    assert!(named(&spans, "tts").attributes.iter().any(|attribute| attribute.key == "tts.characters"));
}
