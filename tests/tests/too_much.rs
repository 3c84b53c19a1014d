//! Values that are too long, hold audio or images, or panic while they are recorded, as a program meets them.
//! Invariant: what stands beside such a value is recorded all the same.

use cekura::opentelemetry::Value as Attribute;
use cekura::spans;
use cekura::testing::{Span, capture};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;

const LIMIT: usize = 32 << 10;

fn parsed(span: &Span, key: &str) -> Value {
    let text = span.text(key).unwrap_or_else(|| panic!("no {key} in {span:?}"));
    assert!(text.len() <= LIMIT);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn is_truncated(span: &Span, key: &str) -> bool {
    span.attribute(&format!("{key}.truncated")) == Some(&Attribute::Bool(true))
}

#[derive(Serialize, Clone)]
struct Message {
    role: &'static str,
    content: String,
}

fn history(messages: usize) -> Vec<Message> {
    let said = |at| format!("{at}: {}", "and so it goes on, ".repeat(10));
    (0..messages).map(|at| Message { role: "user", content: said(at) }).collect()
}

#[test]
fn of_a_history_of_90_kilobytes_the_question_at_the_end_is_recorded() {
    #[cekura::llm]
    fn ask(system: &str, messages: Vec<Message>, question: &str) {
        let _ = (system, messages, question);
    }
    let system = format!("You are a clinic's agent.{}Never give a diagnosis.", " Be kind.".repeat(10_000));
    let trace = capture(|| ask(&system, history(450), "may I come today?"));
    let span = trace.span("llm").unwrap();
    let kept = parsed(span, "input.messages");
    let kept = kept.as_array().unwrap();
    assert!(kept[0]["content"].as_str().unwrap().starts_with("0: and so"));
    assert!(kept.last().unwrap()["content"].as_str().unwrap().starts_with("449: and so"));
    assert!(kept.iter().any(|it| it.as_str().is_some_and(|words| words.ends_with(" items missing]"))));
    let system = span.text("input.system").unwrap();
    assert!(system.starts_with("You are a clinic's agent.") && system.ends_with("Never give a diagnosis."));
    assert!(system.contains(" bytes missing] ") && system.len() <= LIMIT && system.len() > LIMIT - 100);
    assert!(is_truncated(span, "input.messages") && is_truncated(span, "input.system"));
    assert_eq!(span.text("input.question"), Some("may I come today?"));
}

#[test]
fn a_tool_keeps_its_other_arguments_beside_a_long_one() {
    #[cekura::tool_call]
    fn note(history: Vec<Message>, caller: &str, text: String) -> Vec<Message> {
        let _ = (caller, text);
        history
    }
    let trace = capture(|| note(history(900), "Anna", "so it is ".repeat(9000)));
    let span = trace.span("tool_call").unwrap();
    let input = parsed(span, "function.input");
    assert_eq!(input["caller"], "Anna");
    assert!(input["text"].as_str().unwrap().ends_with("so it is "));
    let output = parsed(span, "function.output");
    for list in [&input["history"], &output] {
        assert!(list.as_array().unwrap().last().unwrap()["content"].as_str().unwrap().starts_with("899:"));
    }
    assert!(is_truncated(span, "function.input") && is_truncated(span, "gen_ai.tool.call.result"));
}

/// As a client's request holds a recording.
#[derive(Serialize)]
struct TranscriptionRequest {
    file: Recording,
    model: &'static str,
    prompt: Option<String>,
}

#[derive(Serialize)]
struct Recording {
    filename: &'static str,
    bytes: Vec<u8>,
}

#[derive(Serialize)]
struct Frame {
    samples: Vec<i16>,
    rate: u32,
}

#[test]
fn audio_inside_a_request_is_only_its_size() {
    #[cekura::stt]
    fn transcribe(request: TranscriptionRequest, frames: &[Frame]) -> String {
        format!("{} {}", request.file.bytes.len(), frames.len())
    }
    let file = Recording { filename: "call.wav", bytes: vec![82; 1_920_044] };
    let request = TranscriptionRequest { file, model: "whisper-1", prompt: Some("names: Anna".into()) };
    let frame = || Frame { samples: vec![-7; 320], rate: 16_000 };
    let trace = capture(|| transcribe(request, &[frame(), frame()]));
    let span = trace.span("stt").unwrap();
    assert_eq!(
        span.text("input.request"),
        Some(
            r#"{"file":{"filename":"call.wav","bytes":"[1920044 numbers]"},"model":"whisper-1","prompt":"names: Anna"}"#
        )
    );
    let frame = json!({ "samples": "[320 numbers]", "rate": 16_000 });
    assert_eq!(parsed(span, "input.frames"), json!([frame, frame]));
    assert!(!is_truncated(span, "input.request"));
}

#[test]
fn an_image_does_not_push_the_question_out() {
    #[cekura::llm]
    fn look(url: &str, parts: Value, question: &str) -> Value {
        let _ = (url, question);
        json!({ "seen": parts[0]["data"] })
    }
    #[cekura::tts]
    fn speak(text: &str, sample: String) {
        let _ = (text, sample);
    }
    let image = "iVBORw0KGgoAAAANSUhEUgAA".repeat(41_667);
    let url = format!("data:image/jpeg;base64,{image}");
    let trace = capture(|| {
        look(&url, json!([{ "data": image, "type": "image" }, { "text": "it is red" }]), "what is it?");
        speak("hello there", image.clone());
    });
    let span = trace.span("llm").unwrap();
    assert_eq!(span.text("input.url"), Some("[base64, 1.0 MB]"));
    assert_eq!(
        span.text("input.parts"),
        Some(r#"[{"data":"[base64, 1.0 MB]","type":"image"},{"text":"it is red"}]"#)
    );
    assert_eq!(span.text("input.question"), Some("what is it?"));
    assert_eq!(span.text("output"), Some(r#"{"seen":"[base64, 1.0 MB]"}"#));
    assert_eq!(trace.span("tts").unwrap().text("input.sample"), Some("[base64, 1.0 MB]"));
}

/// Panics where it is looked at.
#[derive(Clone)]
struct Broken;

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("broken Serialize")
    }
}

/// The same, of what is only `Debug`.
struct Unshown;

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("some of it")?;
        panic!("broken Debug")
    }
}

#[derive(Serialize)]
struct Half {
    written: &'static str,
    list: Vec<Broken>,
}

#[test]
fn a_value_that_panics_leaves_the_values_after_it() {
    #[cekura::tool_call]
    fn find(before: u8, half: &Half, broken: Broken, unshown: Unshown, after: &str) -> Broken {
        let _ = (before, half, unshown, after);
        broken
    }
    #[cekura::llm(record("broken" = half), output = |_| "said")]
    fn ask(before: u8, half: &Half, after: &str) -> Broken {
        let _ = (before, half, after);
        Broken
    }
    let trace = capture(|| {
        let half = Half { written: "a", list: vec![Broken] };
        find(1, &half, Broken, Unshown, "x");
        ask(1, &half, "x");
        spans::llm().input("half", &half).input("after", &[1]).start().end();
    });
    let tool = trace.span("tool_call").unwrap();
    assert_eq!(tool.text("function.input"), Some(r#"{"before":1,"after":"x"}"#));
    assert!(is_truncated(tool, "function.input"));
    assert_eq!(tool.attribute("function.output"), None);
    let [first, second] = &trace.named("llm").collect::<Vec<_>>()[..] else { panic!("{trace}") };
    let keys: Vec<_> =
        first.attributes().map(|(key, _)| key).filter(|key| !key.starts_with("gen_ai")).collect();
    assert_eq!(keys, ["code.function.name", "input.before", "input.after", "output"]);
    assert_eq!(second.text("input.after"), Some("[1]"));
}

#[test]
fn options_and_numbers_beyond_the_usual_are_themselves_or_nothing() {
    #[expect(clippy::option_option, clippy::too_many_arguments, reason = "each is another case")]
    #[cekura::span]
    fn stage(
        audio: Option<Vec<u8>>,
        none: Option<&[i16]>,
        nested: Option<Option<Vec<f32>>>,
        big: u64,
        huge: i128,
        nan: f64,
        null: Option<Option<Message>>,
        newtype: Option<std::num::NonZeroU32>,
    ) {
        let _ = (audio, none, nested, big, huge, nan, null, newtype);
    }
    #[cekura::tool_call]
    fn tool(
        nan: f64,
        huge: u128,
        keys: std::collections::BTreeMap<i64, bool>,
        none: Option<Vec<u8>>,
        null: (),
    ) {
        let _ = (nan, huge, keys, none, null);
    }
    let trace = capture(|| {
        let one = std::num::NonZeroU32::new(1);
        stage(Some(vec![0; 9]), None, Some(Some(vec![0.0; 3])), u64::MAX, i128::MIN, 0.5, Some(None), one);
        tool(f64::NAN, u128::MAX, [(-1, true)].into(), None, ());
    });
    let stage = trace.span("stage").unwrap();
    let all: Vec<_> = stage.attributes().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        all,
        [
            "code.function.name=too_much::stage".to_owned(),
            "input.audio.len=9".to_owned(),
            "input.nested.len=3".to_owned(),
            format!("input.big={}", u64::MAX),
            format!("input.huge={}", i128::MIN),
            "input.nan=0.5".to_owned(),
            "input.newtype=1".to_owned(),
        ]
    );
    let input = format!(r#"{{"nan":null,"huge":{},"keys":{{"-1":true}},"null":null}}"#, u128::MAX);
    assert_eq!(trace.span("tool_call").unwrap().text("function.input"), Some(input.as_str()));
}

/// Sets something on the current span whenever it hears of one of ours.
struct Echo;

impl tracing::Subscriber for Echo {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "cekura"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, _: &tracing::Event<'_>) {
        cekura::record("heard", true);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn whoever_hears_that_a_span_is_full_may_set_something_on_it() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let trace = tracing::subscriber::with_default(Echo, || {
            capture(|| {
                spans::llm().start().in_scope(|| {
                    for number in 0..100 {
                        cekura::record(format!("part {number}"), "x".repeat(LIMIT));
                    }
                });
            })
        });
        done.send(trace).unwrap();
    });
    let trace = is_done.recv_timeout(std::time::Duration::from_secs(60)).expect("the span's lock is free");
    let span = trace.span("llm").unwrap();
    assert_eq!(span.attribute("cekura.truncated"), Some(&Attribute::Bool(true)));
    assert!(span.text("part 0").is_some() && span.text("part 99").is_none());
}
