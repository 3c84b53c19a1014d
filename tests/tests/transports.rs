//! One call with every kind of span, over gRPC, over HTTP and into memory: the same names, kinds, parents, attributes
//! and statuses.

use cekura::opentelemetry::trace::SpanKind;
use cekura::opentelemetry::{Array, Value as ApiValue};
use cekura::{Cekura, testing};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, to};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use tokio::task::yield_now;

#[cekura::conversation(client = handle, call_id = "call-7", skip(handle))]
async fn call_to(handle: &Cekura, caller: &str) -> Result<(), String> {
    exchange(caller).await
}

#[cekura::conversation(call_id = "call-7")]
async fn call(caller: &str) -> Result<(), String> {
    exchange(caller).await
}

#[cekura::turn]
async fn exchange(caller: &str) -> Result<(), String> {
    let heard = transcribe(&[0; 160], caller).await;
    let answer = think(&heard, 0.5).await;
    let _ = find_slot(answer["choices"][0]["message"]["content"].as_str().unwrap_or_default(), 3).await;
    let mut speech = Box::pin(speak("Tuesday at nine. Does that suit?"));
    futures::future::poll_immediate(&mut speech).await;
    drop(speech);
    respond(&[1, 2]).await;
    guardrail(&[true, false]);
    Err("hung up".into())
}

#[cekura::stt(provider = "deepgram", confidence = 0.25)]
async fn transcribe(audio: &[i16], said: &str) -> String {
    yield_now().await;
    format!("{said} in {} samples", audio.len())
}

#[cekura::llm(provider = "openai", model = "gpt", temperature = temperature)]
async fn think(heard: &str, temperature: f32) -> Json {
    yield_now().await;
    json!({
        "id": "r-1", "object": "chat.completion", "model": "gpt-2026",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": heard}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    })
}

#[cekura::tool_call]
async fn find_slot(day: &str, count: u8) -> Result<Vec<String>, String> {
    (count < 3).then(|| vec![day.to_owned()]).ok_or_else(|| format!("no {count} slots “{day}”"))
}

#[cekura::tts(provider = "cartesia", voice = "ana")]
async fn speak(text: &str) -> Vec<i16> {
    let () = futures::future::pending().await;
    vec![0; text.len()]
}

#[cekura::s2s(model = "realtime")]
async fn respond(audio: &[u8]) -> String {
    cekura::record("heard.last", i64::from(audio[audio.len() - 1]));
    "spoken".into()
}

#[cekura::span(record("flags.count" = flags.len()))]
fn guardrail(flags: &[bool]) -> Option<f32> {
    flags.first().map(|flag| f32::from(u8::from(*flag)) / 2.0)
}

/// What a span says, without ids and times.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    name: String,
    parent: String,
    is_client: bool,
    error: Option<String>,
    attributes: BTreeMap<String, String>,
}

fn arrived(spans: &[Span]) -> Vec<Said> {
    let name_of = |id: &[u8]| spans.iter().find(|span| span.span_id == id).map(|span| span.name.clone());
    let said = |span: &Span| Said {
        name: span.name.clone(),
        parent: name_of(&span.parent_span_id).unwrap_or_default(),
        is_client: span.kind == 3,
        error: span.status.as_ref().map(|status| status.message.clone()),
        attributes: span.attributes.iter().map(|one| (one.key.clone(), wire(one.value.as_ref()))).collect(),
    };
    sorted(spans.iter().map(said))
}

fn wire(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{text:?}"),
        Some(Value::BoolValue(flag)) => format!("bool {flag}"),
        Some(Value::IntValue(number)) => format!("int {number}"),
        Some(Value::DoubleValue(number)) => format!("double {number}"),
        Some(Value::ArrayValue(list)) => {
            list.values.iter().map(|one| wire(Some(one))).collect::<Vec<_>>().join(",")
        }
        other => panic!("{other:?}"),
    }
}

fn captured(trace: &testing::Trace) -> Vec<Said> {
    let said = |span: &testing::Span| Said {
        name: span.name().to_owned(),
        parent: trace.parent(span).map(|parent| parent.name().to_owned()).unwrap_or_default(),
        is_client: span.kind() == SpanKind::Client,
        error: span.is_error().then(|| span.error().to_owned()),
        attributes: span.attributes().map(|(key, value)| (key.to_owned(), api(value))).collect(),
    };
    sorted(trace.spans().iter().map(said))
}

fn api(value: &ApiValue) -> String {
    match value {
        ApiValue::String(text) => format!("{:?}", text.as_str()),
        ApiValue::Bool(flag) => format!("bool {flag}"),
        ApiValue::I64(number) => format!("int {number}"),
        ApiValue::F64(number) => format!("double {number}"),
        ApiValue::Array(Array::String(list)) => {
            list.iter().map(|one| format!("{:?}", one.as_str())).collect::<Vec<_>>().join(",")
        }
        other => panic!("{other:?}"),
    }
}

fn sorted(said: impl Iterator<Item = Said>) -> Vec<Said> {
    let mut said: Vec<_> = said.collect();
    for one in &mut said {
        // It is there, and never twice the same.
        one.attributes.entry("turn.duration_seconds".to_owned()).and_modify(String::clear);
        // Two functions make the conversation.
        one.attributes.remove("code.function.name");
    }
    said.sort();
    said
}

#[tokio::test]
async fn the_same_call_is_the_same_spans_everywhere() {
    let expected = captured(&testing::capture_async(call("hello")).await);
    let names: Vec<_> = expected.iter().map(|said| said.name.as_str()).collect();
    assert_eq!(names, ["conversation", "guardrail", "llm", "s2s", "stt", "tool_call", "tts", "turn"]);
    assert!(expected.iter().skip(1).take(6).all(|said| said.parent == "turn"));
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        let _ = call_to(&handle, "hello").await;
        let report = handle.flush(LONG).await;
        assert_eq!(report.to_string(), "8 accepted, 8 delivered", "{protocol:?}");
        assert_eq!(arrived(&backend.spans()), expected, "{protocol:?}");
    }
}
