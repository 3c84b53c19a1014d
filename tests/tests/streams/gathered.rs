//! What the items of a stream say together, by view, type and policy; and what a stream keeps of itself.

use cekura::CaptureContent;
use cekura::testing::{Span, Trace, capture, capture_with};
use cekura_trace_tests::polls::{Polled, poll};
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use serde_json::{Value, json};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

fn read<T: 'static>(make: impl FnOnce() -> BoxStream<'static, T>) -> Trace {
    capture(|| block_on_stream(make()).for_each(drop))
}

fn only(trace: &Trace) -> &Span {
    assert_eq!(trace.spans().len(), 1, "{trace}");
    &trace.spans()[0]
}

#[cekura::llm]
fn tokens(tokens: &[&'static str]) -> BoxStream<'static, String> {
    stream::iter(tokens.to_vec()).map(str::to_owned).boxed()
}

#[test]
fn text_is_put_together() {
    let trace = read(|| tokens(&["Hel", "lo", "."]));
    assert_eq!(only(&trace).text("output"), Some("Hello."));
    assert_eq!(only(&trace).attribute("stream.bytes"), None);
    assert_eq!(only(&trace).attribute("output.len"), None);
}

#[test]
fn text_is_cut_at_the_content_limit() {
    let word = "0123456789abcdef";
    let trace = read(|| tokens(&vec![word; 4096]));
    let llm = only(&trace);
    assert_eq!(llm.text("output").map(str::len), Some(32 << 10));
    assert_eq!(llm.attribute("output.truncated"), Some(&true.into()));
    assert_eq!(llm.attribute("stream.items"), Some(&4096.into()));
}

#[test]
fn without_content_sizes_and_times_stay() {
    let trace =
        capture_with(CaptureContent::Metadata, || block_on_stream(tokens(&["a", "b"])).for_each(drop));
    let llm = only(&trace);
    assert_eq!((llm.attribute("output"), llm.attribute("input.tokens")), (None, None));
    assert_eq!(llm.attribute("stream.items"), Some(&2.into()));
    assert!(llm.attribute("metrics.ttfb").is_some());
}

#[cekura::llm(skip_all, skip_output)]
fn chunks(chunks: &[Value]) -> BoxStream<'static, Value> {
    stream::iter(chunks.to_vec()).boxed()
}

#[test]
fn tokens_come_from_the_item_that_has_them() {
    #[cekura::llm]
    fn ask(chunks: Vec<Value>) -> impl Stream<Item = Value> + Send + 'static {
        stream::iter(chunks)
    }
    let chunk = |delta: Value, finish: Value| {
        json!({ "id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024",
                "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
    };
    let usage = json!({ "id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024", "choices": [],
                        "usage": { "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12 } });
    let answer = vec![
        chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
        chunk(json!({ "content": "Hel" }), Value::Null),
        chunk(json!({ "content": "lo." }), Value::Null),
        chunk(json!({}), json!("stop")),
        usage,
    ];
    let trace = read(|| ask(answer).boxed());
    let llm = only(&trace);
    assert_eq!(llm.text("output"), Some("Hello."));
    assert_eq!(llm.attribute("gen_ai.usage.input_tokens"), Some(&9.into()));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&3.into()));
    assert_eq!(llm.text("gen_ai.response.model"), Some("gpt-4o-2024"));
    assert_eq!(llm.attribute("gen_ai.response.finish_reasons").unwrap().as_str(), r#"["stop"]"#);
}

#[test]
fn skip_output_leaves_how_it_came() {
    let trace = read(|| chunks(&[json!({ "choices": [{ "delta": { "content": "a" } }] })]));
    let llm = only(&trace);
    assert_eq!((llm.attribute("output"), llm.attribute("stream.items")), (None, Some(&1.into())));
}

#[test]
fn the_last_word_of_a_closure_stays() {
    #[cekura::llm(
        output_tokens = |count: &u32| (*count < 4000).then_some(*count),
        record("my.count" = |count| *count, "my.text" = |count| format!("item number {count}"))
    )]
    fn count() -> BoxStream<'static, u32> {
        stream::iter(0..5000).boxed()
    }
    let trace = read(count);
    let llm = only(&trace);
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&3999.into()));
    assert_eq!(llm.attribute("my.count"), Some(&4999.into()));
    assert_eq!(llm.text("my.text"), Some("item number 4999"));
}

#[test]
fn what_a_closure_gives_wins_over_what_is_found() {
    #[cekura::llm(output = |chunk: &Value| chunk["mine"].as_str().map(str::to_owned))]
    fn ask() -> BoxStream<'static, Value> {
        let chunk = |text| json!({ "mine": text, "choices": [{ "delta": { "content": "theirs" } }] });
        stream::iter([chunk("a"), chunk("b")]).boxed()
    }
    assert_eq!(only(&read(ask)).text("output"), Some("ab"));
}

#[test]
fn audio_is_counted() {
    #[cekura::tts]
    fn speak(text: &str) -> BoxStream<'static, Result<Vec<u8>, String>> {
        let _ = text;
        stream::iter([Ok(vec![0; 320]), Ok(vec![0; 160])]).boxed()
    }
    #[cekura::tts(skip_all)]
    fn sing() -> BoxStream<'static, Vec<i16>> {
        stream::iter([vec![0; 320], vec![0; 160]]).boxed()
    }
    let trace = read(|| speak("Hello."));
    let tts = only(&trace);
    assert_eq!(tts.attribute("stream.bytes"), Some(&480.into()));
    assert_eq!(tts.attribute("output.len"), Some(&480.into()));
    assert_eq!((tts.text("text"), tts.attribute("tts.characters")), (Some("Hello."), Some(&6.into())));
    assert_eq!(tts.attribute("llm.first_token_ms"), None);
    assert_eq!(only(&read(sing)).attribute("stream.bytes"), None);
}

#[test]
fn transcripts_are_sentences_and_interim_ones_give_way() {
    #[cekura::stt]
    fn hear(results: Vec<Value>) -> BoxStream<'static, Value> {
        stream::iter(results).boxed()
    }
    let result = |text, is_final| {
        json!({ "type": "Results", "is_final": is_final, "speech_final": false, "start": 0.0, "duration": 1.0,
                "channel": { "alternatives": [{ "transcript": text, "confidence": 0.5, "words": [] }] } })
    };
    let results = [
        ("do", false),
        ("do you open", false),
        ("Do you open", true),
        ("on", false),
        ("on Sundays?", true),
        ("", true),
    ];
    let trace = read(|| hear(results.map(|(text, is_final)| result(text, is_final)).to_vec()));
    assert_eq!(only(&trace).text("stt.transcript"), Some("Do you open on Sundays?"));
    let cut_off = [("Do you open", true), ("on Sun", false)];
    let trace = read(|| hear(cut_off.map(|(text, is_final)| result(text, is_final)).to_vec()));
    assert_eq!(only(&trace).text("stt.transcript"), Some("Do you open on Sun"));
}

#[test]
fn a_tool_and_a_stage_say_only_how_it_came() {
    #[cekura::tool_call]
    fn search(query: &str) -> BoxStream<'static, String> {
        let _ = query;
        stream::iter(["hit".to_owned()]).boxed()
    }
    #[cekura::span]
    fn network_in() -> BoxStream<'static, Vec<u8>> {
        stream::iter([vec![1, 2]]).boxed()
    }
    let trace = read(|| search("slots"));
    let tool = only(&trace);
    assert_eq!(tool.text("function.input"), Some(r#"{"query":"slots"}"#));
    assert_eq!((tool.attribute("function.output"), tool.attribute("stream.items")), (None, Some(&1.into())));
    let trace = read(network_in);
    let keys: Vec<_> = only(&trace).attributes().map(|(key, _)| key.to_owned()).collect();
    let times = ["metrics.ttfb", "gen_ai.response.time_to_first_chunk"];
    assert_eq!(keys, ["code.function.name", times[0], times[1], "stream.items", "stream.bytes"]);
}

#[test]
fn the_function_that_gives_no_stream_ends_at_once() {
    #[cekura::llm]
    fn refuse(found: Option<bool>) -> Result<Option<BoxStream<'static, String>>, std::num::ParseIntError> {
        match found {
            None => "x".parse::<u8>().map(|_| None),
            Some(_) => Ok(None),
        }
    }
    let trace = capture(|| refuse(None).is_err());
    assert!(only(&trace).is_error());
    assert_eq!(only(&trace).text("error.type"), Some("core::num::error::ParseIntError"));
    let trace = capture(|| refuse(Some(false)).unwrap().is_none());
    assert!(!only(&trace).is_error() && !only(&trace).is_interrupted());
}

#[test]
fn the_span_is_current_only_while_it_is_polled() {
    #[cekura::span(skip_all)]
    fn ask() -> impl Stream<Item = Option<cekura::TraceId>> {
        stream::iter(0..2).map(|_| cekura::trace_id())
    }
    type Ids = Pin<Box<dyn Stream<Item = Option<cekura::TraceId>>>>;
    #[cekura::conversation]
    fn call() -> (cekura::TraceId, Vec<Ids>) {
        (cekura::trace_id().unwrap(), vec![Box::pin(ask())])
    }
    let trace = capture(|| {
        let (id, mut streams) = call();
        assert!(matches!(poll(&mut streams[0]), Polled::Item(Some(here)) if here == id));
        assert_eq!(cekura::trace_id(), None);
        assert!(matches!(poll(&mut streams[0]), Polled::Item(Some(here)) if here == id));
    });
    // All of it was read, which the stream says itself.
    assert_eq!(trace.to_string(), "conversation\n  ask\n");
}

#[test]
fn what_a_stream_drops_is_still_inside_its_span() {
    struct Hangs;
    impl Drop for Hangs {
        fn drop(&mut self) {
            hang_up();
        }
    }
    #[cekura::span]
    fn hang_up() {}
    impl Stream for Hangs {
        type Item = u32;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
            Poll::Pending
        }
    }
    #[cekura::llm]
    fn ask() -> impl Stream<Item = u32> {
        Hangs
    }
    let trace = capture(|| drop(ask()));
    assert_eq!(trace.to_string(), "llm interrupted\n  hang_up\n");
}

#[test]
fn after_its_first_error_a_stream_goes_on_without_its_span() {
    #[cekura::llm]
    fn ask() -> BoxStream<'static, Result<u32, String>> {
        stream::iter([Ok(1), Err("lost".to_owned()), Ok(2)]).boxed()
    }
    let trace = capture(|| assert_eq!(block_on_stream(ask()).count(), 3));
    let llm = only(&trace);
    assert_eq!((llm.error(), llm.attribute("stream.items")), ("lost", Some(&2.into())));
}

#[test]
fn a_stream_keeps_what_it_is() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    #[cekura::llm]
    fn ask() -> impl futures::stream::FusedStream<Item = u32> + ExactlyThree {
        stream::iter([1, 2, 3]).fuse()
    }
    trait ExactlyThree {}
    impl<S: Stream> ExactlyThree for S {}
    let trace = capture(|| {
        let mut stream = ask();
        is_send_and_sync(&stream);
        assert_eq!(stream.size_hint(), (3, Some(3)));
        poll(&mut stream);
        assert_eq!(stream.size_hint(), (2, Some(2)));
        poll(&mut stream);
        poll(&mut stream);
        poll(&mut stream);
        assert!(futures::stream::FusedStream::is_terminated(&stream));
    });
    assert_eq!(only(&trace).attribute("stream.items"), Some(&3.into()));
}

#[test]
fn times_are_those_that_a_reader_measures() {
    const PAUSE: Duration = Duration::from_millis(120);
    #[cekura::llm(skip_all)]
    fn ask() -> impl Stream<Item = String> {
        stream::iter([PAUSE, 2 * PAUSE, Duration::ZERO]).map(|pause| {
            std::thread::sleep(pause);
            "word ".to_owned()
        })
    }
    let mut first = None;
    let trace = capture(|| {
        let start = Instant::now();
        for _ in block_on_stream(Box::pin(ask())) {
            first.get_or_insert_with(|| start.elapsed());
        }
    });
    let llm = only(&trace);
    let seconds = |key| match llm.attribute(key) {
        Some(cekura::opentelemetry::Value::F64(seconds)) => *seconds,
        other => panic!("{key}: {other:?}"),
    };
    let (ttfb, gap) = (seconds("metrics.ttfb"), seconds("stream.longest_gap_seconds"));
    let measured = first.unwrap().as_secs_f64();
    // Measured from before the call until after the item.
    assert!((PAUSE.as_secs_f64()..=measured).contains(&ttfb), "{measured} measured, {ttfb} recorded");
    assert!(gap >= 2.0 * PAUSE.as_secs_f64() && gap < llm.duration().as_secs_f64(), "longest gap {gap}");
    assert_eq!(llm.attribute("gen_ai.response.time_to_first_chunk"), llm.attribute("metrics.ttfb"));
    assert!((seconds("llm.first_token_ms") - ttfb * 1000.0).abs() < 1e-6);
}

#[test]
fn an_item_whose_recording_panics_is_passed_on() {
    struct Odd;
    impl serde::Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("cannot be serialised")
        }
    }
    #[cekura::llm]
    fn ask() -> BoxStream<'static, Odd> {
        stream::iter([Odd, Odd]).boxed()
    }
    let trace = capture(|| assert_eq!(block_on_stream(ask()).count(), 2));
    assert_eq!(only(&trace).attribute("stream.items"), Some(&2.into()));
}

#[test]
fn a_stream_that_can_do_more_stays_what_it_is() {
    #[cekura::span(skip_all)]
    fn replay() -> impl Stream<Item = u8> + Clone + std::fmt::Debug {
        stream::iter([1, 2])
    }
    let trace = capture(|| {
        let stream = replay();
        assert_eq!(block_on_stream(stream.clone()).chain(block_on_stream(stream)).count(), 4);
    });
    assert_eq!(only(&trace).attribute("stream.items"), None);
}
