//! Empty strings count as absent, whoever gives them. Invariant: two calls without an id never share one.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, Trace, capture};
use cekura::{Cekura, Conversation, current_conversation, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, SHORT, observing};
use futures::executor::block_on_stream;
use futures::stream::{self, Stream};

const NONE: [&str; 3] = ["", " ", "\t\n"];

/// Each conversation is of a trace of its own, and has its id from that.
#[track_caller]
fn check_own(trace: &Trace, count: usize) {
    let roots: Vec<_> = trace.named("conversation").collect();
    assert_eq!(roots.len(), count, "{trace}");
    for (at, root) in roots.iter().enumerate() {
        let own = root.trace_id().to_string();
        assert!(!own.starts_with("e3b0c44298fc1c14"), "the hash of nothing");
        assert_eq!(root.text("conversation.id"), Some(&*own));
        assert_eq!(root.attribute("call_id"), None);
        assert!(roots[..at].iter().all(|other| other.trace_id() != root.trace_id()));
    }
}

#[test]
fn calls_without_a_sid_are_not_one_call() {
    #[cekura::conversation(call_id = sid, trace_id_from = sid)]
    fn call(sid: &str) {
        assert_eq!(current_conversation().unwrap().id(), cekura::trace_id().unwrap().to_string());
    }
    #[cekura::conversation(call_id = sid.clone(), trace_id_from = sid.clone(), skip_all)]
    fn perhaps(sid: Option<String>) {}
    let trace = capture(|| {
        for sid in NONE {
            call(sid);
            call(sid);
            perhaps(Some(sid.to_owned()));
        }
    });
    check_own(&trace, 9);
    let trace = capture(|| {
        for sid in NONE {
            spans::conversation().call_id(sid).trace_id_from(sid).start().end();
            let call = Conversation::start(sid);
            assert_eq!(call.id(), call.trace_id().to_string());
            call.set_call_id(sid);
        }
    });
    check_own(&trace, 6);
}

#[test]
fn an_empty_id_takes_no_other_one_away() {
    let trace = capture(|| {
        let call = spans::conversation().call_id("CA1").call_id("").start();
        call.set_call_id(" ");
        assert_eq!(call.id(), "CA1");
        call.set_call_id("CA2");
        call.set_call_id("");
    });
    assert_eq!(trace.spans()[0].text("call_id"), Some("CA2"));
}

#[test]
fn the_call_log_of_a_call_without_a_sid_is_posted_under_its_trace_id() {
    #[cekura::conversation(client = handle, call_id = sid, trace_id_from = sid, observe, skip_all)]
    fn call(handle: &Cekura, sid: &str) {
        let call = current_conversation().unwrap();
        call.user("Hello?");
        call.set_call_id(sid);
    }
    for sid in ["", "  "] {
        let (backend, api) = (Backend::new(), Api::new());
        let handle = observing(&backend, &api).build().unwrap();
        call(&handle, sid);
        handle.shutdown_blocking(LONG);
        let body = api.posted();
        assert_eq!(body["call_id"], body["trace_id"], "{body}");
        assert_eq!(body["call_id"].as_str().unwrap().len(), 32);
    }
}

#[test]
fn the_default_conversation_does_nothing_and_says_nothing() {
    #[cekura::conversation(client = handle, call_id = id, observe, skip_all)]
    fn call(handle: &Cekura, id: &str) -> String {
        let call = current_conversation().unwrap_or_default();
        note(&call);
        call.id().to_owned()
    }
    fn note(call: &Conversation) {
        call.user("x");
        call.agent("y");
        call.entry(cekura::Entry::user("z").at(2.0, 1.0));
        call.metadata("no object");
        call.ended("user-hangup");
        call.agent_id(7);
        call.set_call_id("CA1");
    }
    let none = "0".repeat(32);
    listen();
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    assert_eq!(call(&Cekura::builder().variables(off).build().unwrap(), "CA1"), none);
    let default = Conversation::default();
    note(&default);
    assert_eq!(default.id(), none);
    assert!(heard("the call log lacks").is_empty(), "{:?}", heard("the call log lacks"));
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    handle.shutdown_blocking(SHORT);
    // While another handle is open, this is a conversation, which is counted as lost.
    call(&handle, "CA1");
    assert!(api.requests().is_empty());
}

/// None of these keys is there.
#[track_caller]
fn check_without(span: &Span, keys: &[&str]) {
    for key in keys {
        assert_eq!(span.attribute(key), None, "{key} of {}", span.name());
    }
}

const LLM: [&str; 8] = [
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
    "output",
    "cekura.interrupted",
];
const STT: [&str; 3] = ["stt.transcript", "language", "stt.provider"];

#[test]
fn an_empty_name_or_text_is_no_value_of_an_argument() {
    #[cekura::llm(provider = e, model = e, response_model = e, response_id = e, finish_reason = e, output = e, skip_all)]
    fn answer(e: &str) {}
    #[cekura::llm(finish_reason = vec![String::new()], response_id = Some(String::new()), output = Box::<str>::default())]
    fn owned() {}
    #[cekura::stt(provider = e, language = e, transcript = e, skip_all)]
    fn hear(e: &str) {}
    #[cekura::tts(voice = e, skip_all)]
    fn speak(e: &str) {}
    #[cekura::tool_call(id = e, skip_all)]
    fn tool(e: &str) {}
    let trace = capture(|| {
        answer("");
        owned();
        hear("");
        speak("");
        tool("");
    });
    trace.named("llm").for_each(|llm| check_without(llm, &LLM));
    check_without(trace.span("stt").unwrap(), &STT);
    check_without(trace.span("tts").unwrap(), &["voice_id"]);
    check_without(trace.span("tool_call").unwrap(), &["gen_ai.tool.call.id"]);
}

#[test]
fn an_empty_name_or_text_is_no_value_of_a_guard() {
    let trace = capture(|| {
        let mut llm = spans::llm().provider("").model("").start();
        llm.output("");
        llm.finish_reason("");
        llm.response_model("");
        llm.response_id(" ");
        llm.end();
        let mut stt = spans::stt().provider("").start();
        stt.transcript("");
        stt.language("");
        stt.end();
        spans::tts().voice("").start().end();
        spans::tool_call("look_up").id("").start().end();
    });
    check_without(trace.span("llm").unwrap(), &LLM);
    check_without(trace.span("stt").unwrap(), &STT);
    check_without(trace.span("tts").unwrap(), &["voice_id"]);
    check_without(trace.span("tool_call").unwrap(), &["gen_ai.tool.call.id"]);
}

#[test]
fn what_was_found_stands_where_the_argument_is_empty() {
    #[cekura::stt(transcript = "")]
    fn hear() -> &'static str {
        "Do you open on Sundays?"
    }
    #[cekura::llm(output = "")]
    fn answer() -> &'static str {
        "From ten to four."
    }
    let trace = capture(|| (hear(), answer()));
    assert_eq!(trace.span("stt").unwrap().text("stt.transcript"), Some("Do you open on Sundays?"));
    assert_eq!(trace.span("llm").unwrap().text("output"), Some("From ten to four."));
}

/// A part of an answer, and why it stops there.
#[derive(Clone)]
struct Chunk {
    text: &'static str,
    f: &'static str,
}

#[cekura::llm(output = |c| c.text, finish_reason = |c| c.f, skip_all)]
fn answer(finish: &'static str) -> impl Stream<Item = Chunk> + Unpin {
    stream::iter([
        Chunk { text: "From ", f: "" },
        Chunk { text: "", f: finish },
        Chunk { text: "ten", f: "" },
    ])
}

#[cekura::llm(skip_all)]
fn completion() -> impl Stream<Item = serde_json::Value> + Unpin {
    let chunk = |text: &str| {
        serde_json::json!({ "id": "c-1", "object": "chat.completion.chunk", "model": "m",
            "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": "" }] })
    };
    stream::iter(["From ", "ten ", "to four."].map(chunk))
}

#[test]
fn an_empty_finish_reason_does_not_end_the_answer() {
    const REASONS: &str = "gen_ai.response.finish_reasons";
    for blank in NONE {
        let trace = capture(|| block_on_stream(answer(blank)).take(2).count());
        let llm = trace.span("llm").unwrap();
        assert_eq!(llm.attribute("cekura.interrupted"), Some(&Value::Bool(true)), "{blank:?}");
        assert_eq!((llm.attribute(REASONS), llm.text("output")), (None, Some("From ")), "{blank:?}");
    }
    let trace = capture(|| block_on_stream(completion()).take(2).count());
    let llm = trace.span("llm").unwrap();
    assert_eq!(llm.attribute("cekura.interrupted"), Some(&Value::Bool(true)), "of a known shape");
    assert_eq!((llm.attribute(REASONS), llm.text("output")), (None, Some("From ten ")));
    let trace = capture(|| block_on_stream(answer("stop")).take(2).count());
    let llm = trace.span("llm").unwrap();
    assert_eq!(llm.attribute("cekura.interrupted"), None);
    assert_eq!(llm.attribute(REASONS).unwrap().as_str(), r#"["stop"]"#);
}

#[test]
fn of_several_finish_reasons_the_empty_ones_are_none() {
    #[cekura::llm(finish_reason = vec![Some(""), None, Some("stop")])]
    fn several() {}
    #[cekura::llm(finish_reason = Vec::<String>::new())]
    fn nothing() {}
    let trace = capture(|| (several(), nothing()));
    let reasons = trace.named("llm").map(|llm| llm.attribute("gen_ai.response.finish_reasons"));
    let reasons: Vec<_> =
        reasons.map(|reasons| reasons.map(|reasons| reasons.as_str().into_owned())).collect();
    assert_eq!(reasons, [Some(r#"["stop"]"#.to_owned()), None]);
}
