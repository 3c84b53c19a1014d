//! The first item that says something: what a caller waits for. The first item of all may be a greeting of the server.

use cekura::testing::{Span, Trace, capture};
use cekura_trace_tests::vendors::items;
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(60);

/// Items that come one behind the other, each after a pause.
fn paced<T: Send + 'static>(items: Vec<T>) -> BoxStream<'static, T> {
    stream::iter(items).inspect(|_| std::thread::sleep(PAUSE)).boxed()
}

macro_rules! read {
    ($($attribute:ident)*) => {$(
        fn $attribute<T: Serialize + Send + 'static>(items: Vec<T>) -> Trace {
            #[cekura::$attribute(skip(items))]
            fn call<T: Serialize + Send + 'static>(items: Vec<T>) -> BoxStream<'static, T> {
                paced(items)
            }
            capture(|| block_on_stream(call(items)).for_each(drop))
        }
    )*};
}

read!(llm s2s stt tts);

fn seconds(span: &Span, key: &str) -> Option<f64> {
    match span.attribute(key)? {
        cekura::opentelemetry::Value::F64(seconds) => Some(*seconds),
        other => panic!("{key} is {other:?}"),
    }
}

/// Which item was the first that said something, counted from 1; 0 where none did.
#[track_caller]
fn first(trace: &Trace) -> usize {
    let span = &trace.spans()[0];
    let (ttfb, chunk) =
        (seconds(span, "metrics.ttfb"), seconds(span, "gen_ai.response.time_to_first_chunk").unwrap());
    assert!(chunk >= PAUSE.as_secs_f64(), "{trace}");
    if span.name() == "llm" {
        let token = seconds(span, "llm.first_token_ms");
        assert_eq!(token.is_some(), ttfb.is_some(), "{trace}");
        assert!((token.unwrap_or_default() - ttfb.unwrap_or_default() * 1000.0).abs() < 1e-6, "{trace}");
    }
    let pauses = ttfb.unwrap_or_default() / PAUSE.as_secs_f64();
    // Every one of its pauses has passed; more where the machine was busy.
    let most = (1..1000).take_while(|count| f64::from(*count) <= pauses).count();
    assert!(ttfb.is_none() || ttfb >= Some(chunk), "{trace}");
    most
}

fn chat(delta: &Value) -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta }] })
}

#[test]
fn what_says_nothing_is_no_first_token() {
    let silent = [
        vec![chat(&json!({ "role": "assistant", "content": "" }))],
        vec![
            json!({ "choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}] }),
        ],
        vec![
            json!({ "id": "", "choices": [{ "content_filter_results": {}, "finish_reason": null, "index": 0 }] }),
        ],
        items("anthropic-stream")[..2].to_vec(),
        items("openai-responses-stream")[..2].to_vec(),
        vec![json!({ "type": "ping" }), json!({ "usage": { "prompt_tokens": 3, "completion_tokens": 0 } })],
        vec![json!("")],
        vec![json!(null)],
    ];
    for before in silent {
        let index = before.len() + 1;
        let words = [&before[..], &[chat(&json!({ "content": "Hi." }))]].concat();
        let trace = llm(words);
        assert!(first(&trace) >= index, "{before:?}: {trace}");
        // And without a word there is no such time.
        let trace = llm(before.clone());
        assert_eq!(first(&trace), 0, "{before:?}: {trace}");
    }
}

#[test]
fn a_thought_a_tool_and_audio_say_something() {
    let spoken = [
        chat(&json!({ "content": "Hi." })),
        chat(&json!({ "content": null, "reasoning_content": "Hm." })),
        chat(&json!({ "tool_calls": [{ "index": 0, "function": { "name": "f", "arguments": "" } }] })),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "Hm." } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "tool_use", "name": "f", "input": {} } }),
        json!({ "candidates": [{ "content": { "parts": [{ "text": "Hm.", "thought": true }] } }] }),
        json!({ "type": "response.reasoning_summary_text.delta", "delta": "Hm." }),
        json!({ "type": "response.function_call_arguments.delta", "delta": "{" }),
        json!({ "answer": "Hi." }),
        json!(1),
        json!("Hi."),
    ];
    for item in spoken {
        let trace =
            llm(vec![chat(&json!({ "role": "assistant" })), item.clone(), chat(&json!({ "content": "x" }))]);
        let span = &trace.spans()[0];
        let ttfb = seconds(span, "metrics.ttfb").unwrap();
        let rest = span.duration().as_secs_f64() - ttfb;
        // One more item comes behind it.
        assert!(first(&trace) >= 2 && rest >= PAUSE.as_secs_f64(), "{item}: {trace}");
    }
}

#[test]
fn a_session_is_not_answered_by_its_own_begin() {
    let events: Vec<Value> = items("openai-realtime");
    // The twelfth event is the first word of the answer.
    assert!(first(&s2s(events[..13].to_vec())) >= 12);
    assert_eq!(first(&s2s(events[..11].to_vec())), 0);
    let events: Vec<Value> = items("gemini-live");
    assert!(first(&s2s(events[..5].to_vec())) >= 4);
    assert_eq!(first(&s2s(events[..3].to_vec())), 0);
}

#[test]
fn a_recogniser_says_its_first_word() {
    let events: Vec<Value> = items("assemblyai");
    assert!(first(&stt(events[..3].to_vec())) >= 3);
    assert_eq!(first(&stt(events[..2].to_vec())), 0);
    let events: Vec<Value> = items("speechmatics");
    assert!(first(&stt(events[..4].to_vec())) >= 3);
}

#[test]
fn of_bytes_and_samples_the_first_that_is_not_empty() {
    #[cekura::tts]
    fn bytes() -> BoxStream<'static, Vec<u8>> {
        paced(vec![vec![], vec![0; 8]])
    }
    #[cekura::s2s]
    fn samples() -> BoxStream<'static, Vec<i16>> {
        paced(vec![vec![], vec![], vec![0; 8]])
    }
    #[cekura::span]
    fn nothing() -> BoxStream<'static, Vec<u8>> {
        paced(vec![vec![], vec![]])
    }
    #[cekura::tool_call]
    fn words() -> BoxStream<'static, &'static str> {
        paced(vec!["", "hit"])
    }
    assert!(first(&capture(|| block_on_stream(bytes()).for_each(drop))) >= 2);
    assert!(first(&capture(|| block_on_stream(samples()).for_each(drop))) >= 3);
    assert_eq!(first(&capture(|| block_on_stream(nothing()).for_each(drop))), 0);
    assert!(first(&capture(|| block_on_stream(words()).for_each(drop))) >= 2);
    // A voice that sends its audio in events of its own.
    let event = |audio: Value| json!({ "audio": audio, "isFinal": null });
    let none =
        [event(json!("")), event(json!(null)), json!({ "type": "timestamps", "word": 1 }), event(json!([]))];
    assert!(first(&tts([&none[..], &[event(json!("UklGRg=="))]].concat())) >= 5);
    assert_eq!(first(&tts(none.to_vec())), 0);
}

#[test]
fn an_error_is_no_first_token() {
    #[cekura::llm]
    fn ask() -> BoxStream<'static, Result<&'static str, String>> {
        paced(vec![Err("closed".to_owned())])
    }
    let trace = capture(|| assert!(block_on_stream(ask()).all(|item| item.is_err())));
    assert_eq!(first(&trace), 0);
    assert_eq!(first(&llm(vec![json!({ "error": { "message": "Overloaded" } })])), 0);
}

#[test]
fn an_item_that_is_absent_says_nothing_where_others_do() {
    #[cekura::llm]
    fn words(words: Vec<Option<&'static str>>) -> BoxStream<'static, Option<&'static str>> {
        paced(words)
    }
    struct Own;
    #[cekura::llm]
    fn own() -> BoxStream<'static, Own> {
        paced(vec![Own, Own])
    }
    let read = |items| capture(|| block_on_stream(words(items)).for_each(drop));
    assert!(first(&read(vec![None, Some(""), Some("Hi.")])) >= 3);
    assert_eq!(first(&read(vec![None, Some("")])), 0);
    // Of what nobody can see into the first counts.
    assert!(first(&capture(|| block_on_stream(own()).for_each(drop))) >= 1);
}
