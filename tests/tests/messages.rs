//! `gen_ai.input.messages` and `gen_ai.output.messages`, as a backend gets them.

use cekura::{Builder, CaptureContent, Cekura, Protocol, Redact};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::host::named;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

const INPUT: &str = "gen_ai.input.messages";
const OUTPUT: &str = "gen_ai.output.messages";

#[cekura::llm(provider = "openai")]
fn think(request: &Value) -> Value {
    let message = json!({ "role": "assistant", "content": format!("{} messages", request["messages"].as_array().unwrap().len()) });
    json!({ "object": "chat.completion", "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }] })
}

#[cekura::llm(skip_all, skip_output)]
fn think_in_private(_request: &Value) -> String {
    "said to nobody".to_owned()
}

#[cekura::span]
fn stage(heard: &str) -> String {
    heard.to_owned()
}

#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura) {
    let question = "Write to jane@example.com.";
    think(&json!({ "model": "gpt-4o", "messages": [
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": [{ "type": "text", "text": question }] }
    ] }));
    cekura::spans::s2s().input("heard", question).start().end();
    stage(question);
}

#[cekura::conversation(client = handle, skip_all)]
fn private_call(handle: &Cekura) {
    think_in_private(&json!({ "messages": [{ "role": "user", "content": "Tuesday?" }] }));
}

fn delivered(change: impl FnOnce(Builder) -> Builder, call: impl FnOnce(&Cekura)) -> Vec<Span> {
    let backend = Backend::new();
    let handle = change(to(&backend, Protocol::Grpc)).build().unwrap();
    call(&handle);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!(report.delivered, report.accepted, "{report}");
    backend.spans()
}

fn messages(span: &Span, key: &str) -> Value {
    text(&span.attributes, key).map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

fn said(role: &str, content: &str) -> Value {
    json!({ "role": role, "parts": [{ "type": "text", "content": content }] })
}

#[test]
fn they_are_there_where_they_are_asked_for() {
    let spans = delivered(|builder| builder.messages(true), call);
    let question = "Write to jane@example.com.";
    let llm = named(&spans, "llm");
    assert_eq!(messages(llm, INPUT), json!([said("system", "Be brief."), said("user", question)]));
    let mut answer = said("assistant", "2 messages");
    answer["finish_reason"] = json!("stop");
    assert_eq!(messages(llm, OUTPUT), json!([answer]));
    // What they are made of stays.
    assert!(text(&llm.attributes, "input.request").is_some());
    assert_eq!(messages(named(&spans, "s2s"), INPUT), json!([said("user", question)]));
    assert_eq!(messages(named(&spans, "s2s"), OUTPUT), Value::Null);
    assert_eq!(messages(named(&spans, "stage"), INPUT), Value::Null);

    let by_variable =
        |builder: Builder| builder.variables(|name| (name == "CEKURA_MESSAGES").then(|| "true".to_owned()));
    assert!(messages(named(&delivered(by_variable, call), "llm"), INPUT).is_array());
    for without in [|builder: Builder| builder, |builder: Builder| builder.messages(false)] {
        assert!(!format!("{:?}", delivered(without, call)).contains("messages\""));
    }
}

#[test]
fn they_are_content() {
    let spans = delivered(|builder| builder.messages(true).capture(CaptureContent::Metadata), call);
    assert!(!format!("{spans:?}").contains(INPUT) && !format!("{spans:?}").contains(OUTPUT));
    // What is not recorded is in no message.
    let spans = delivered(|builder| builder.messages(true), private_call);
    assert!(!format!("{spans:?}").contains(INPUT) && !format!("{spans:?}").contains(OUTPUT));

    let spans = delivered(|builder| builder.messages(true).redact(Redact::standard()), call);
    assert!(!format!("{spans:?}").contains("jane@"), "{spans:?}");
    let redacted = messages(named(&spans, "llm"), INPUT);
    assert_eq!(redacted[0], said("system", "Be brief."));
    assert!(redacted[1]["parts"][0]["content"].as_str().unwrap().starts_with("Write to "));
}

#[test]
fn they_keep_to_the_content_limit() {
    let spans = delivered(|builder| builder.messages(true).content_limit(200), call);
    for span in spans.iter().filter(|span| span.name == "llm" || span.name == "s2s") {
        for key in [INPUT, OUTPUT] {
            assert!(text(&span.attributes, key).is_none_or(|text| text.len() <= 200));
        }
    }
    assert!(messages(named(&spans, "llm"), OUTPUT).is_array());
}
