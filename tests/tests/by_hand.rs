//! Spans that a program begins and ends by hand: what they say, where they stand, and how they end.

use cekura::opentelemetry::Value;
use cekura::opentelemetry::trace::{FutureExt, TraceContextExt};
use cekura::spans::{self, Guard};
use cekura::testing::{Span, Trace, capture, capture_async, capture_with};
use cekura::{CaptureContent, Conversation, Protocol};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use serde_json::json;
use std::io;
use std::time::{Duration, Instant, SystemTime};

const fn is_free_to_move<T: Send + Sync + 'static>() {}
const _: () = is_free_to_move::<Guard<spans::Llm>>();
const _: () = is_free_to_move::<Guard<spans::Conversation>>();
const _: () = assert!(size_of::<Guard<spans::Llm>>() == size_of::<usize>());

fn seconds(span: &Span, key: &str) -> f64 {
    match span.attribute(key) {
        Some(Value::F64(seconds)) => *seconds,
        other => panic!("{key}: {other:?}"),
    }
}

#[cekura::tool_call(skip_all)]
fn look_up() {}

#[cekura::tool_call(skip_all)]
async fn look_up_later() {
    tokio::task::yield_now().await;
}

/// One call with a span of every name, each with all that can be said of it.
fn whole_call() {
    let call = spans::conversation().call_id("call-1").start();
    let turn = call.in_scope(|| spans::turn().number(3).start());
    turn.in_scope(whole_turn);
    turn.end();
    call.end();
}

fn whole_turn() {
    let mut stt = spans::stt().provider("deepgram").model("nova-3").start();
    stt.transcript("Do you open ");
    stt.transcript("on Sundays?");
    stt.confidence(0.9);
    stt.language("en");
    stt.is_final(true);
    stt.end();
    let llm = spans::llm().provider("openai").model("gpt-4o").temperature(0.25).max_tokens(90);
    let mut llm = llm.input("question", "Sundays?").start();
    llm.first_chunk();
    llm.output("From ten ");
    llm.output("to four.");
    llm.usage(12_u64, Some(30_u32));
    llm.finish_reason("stop");
    llm.response_model("gpt-4o-2024");
    llm.response_id("r-1");
    llm.end();
    let mut tool = spans::tool_call("find_slot").id("t-1").input("day", "sunday").start();
    tool.output(&json!({ "free": ["ten"] }));
    tool.end();
    let mut tts = spans::tts().provider("cartesia").voice("nova").text("Vón").start();
    tts.audio(320);
    tts.audio(160);
    tts.end();
    spans::s2s().provider("openai").model("gpt-realtime").start().end();
    spans::span("guardrail").record("verdict", "clean").start().end();
}

#[test]
fn every_span_name_has_a_builder_and_a_guard() {
    let trace = capture(whole_call);
    let expected = "conversation\n  turn\n    stt\n    llm\n    tool_call\n    tts\n    s2s\n    guardrail\n";
    assert_eq!(trace.to_string(), expected);
    let expected: &[(&str, &str, Value)] = &[
        ("conversation", "call_id", "call-1".into()),
        ("conversation", "conversation.type", "voice".into()),
        ("turn", "turn.number", 3.into()),
        ("stt", "stt.provider", "deepgram".into()),
        ("stt", "gen_ai.request.model", "nova-3".into()),
        ("stt", "stt.transcript", "Do you open on Sundays?".into()),
        ("stt", "stt.confidence", 0.9.into()),
        ("stt", "language", "en".into()),
        ("stt", "is_final", true.into()),
        ("llm", "gen_ai.system", "openai".into()),
        ("llm", "gen_ai.operation.name", "chat".into()),
        ("llm", "gen_ai.request.temperature", 0.25.into()),
        ("llm", "gen_ai.request.max_tokens", 90.into()),
        ("llm", "input.question", "Sundays?".into()),
        ("llm", "output", "From ten to four.".into()),
        ("llm", "gen_ai.usage.input_tokens", 12.into()),
        ("llm", "gen_ai.usage.output_tokens", 30.into()),
        ("llm", "gen_ai.response.model", "gpt-4o-2024".into()),
        ("llm", "gen_ai.response.id", "r-1".into()),
        ("tool_call", "function.name", "find_slot".into()),
        ("tool_call", "gen_ai.tool.name", "find_slot".into()),
        ("tool_call", "gen_ai.tool.call.id", "t-1".into()),
        ("tool_call", "function.input", r#"{"day":"sunday"}"#.into()),
        ("tool_call", "function.output", r#"{"free":["ten"]}"#.into()),
        ("tts", "voice_id", "nova".into()),
        ("tts", "text", "Vón".into()),
        ("tts", "tts.characters", 3.into()),
        ("tts", "output.len", 480.into()),
        ("tts", "stream.items", 2.into()),
        ("guardrail", "verdict", "clean".into()),
    ];
    for (span, key, value) in expected {
        assert_eq!(trace.span(span).unwrap().attribute(key), Some(value), "{span} {key}");
    }
    assert!(seconds(trace.span("llm").unwrap(), "metrics.ttfb") >= 0.0);
    assert!(trace.spans().iter().all(|span| !span.is_interrupted() && !span.is_error()));
}

#[test]
fn the_arguments_of_a_tool_may_be_what_the_model_wrote() {
    let trace = capture(|| {
        spans::tool_call("a").arguments(&r#"{"day": "sunday"}"#).start().end();
        spans::tool_call("b").arguments(&json!({ "day": "monday" })).start().end();
    });
    let inputs: Vec<_> = trace.spans().iter().map(|span| span.text("function.input").unwrap()).collect();
    assert_eq!(inputs, [r#"{"day": "sunday"}"#, r#"{"day":"monday"}"#]);
}

#[test]
fn how_a_guard_ends() {
    let trace = capture(|| {
        drop(spans::span("dropped").start());
        let mut failed = spans::span("failed").start();
        failed.fail(io::Error::other("no line"));
        failed.end();
        let mut failed_and_dropped = spans::span("failed and dropped").start();
        let error: &dyn std::error::Error = &io::Error::other("no line");
        failed_and_dropped.fail(error);
        drop(failed_and_dropped);
        let mut finished = spans::llm().start();
        finished.finish_reason("stop");
        drop(finished);
        spans::tts().start().interrupt();
    });
    assert_eq!(
        trace.to_string(),
        "dropped interrupted\nfailed failed\nfailed and dropped failed\nllm\ntts interrupted\n"
    );
    for (name, error_type) in [("failed", "std::io::error::Error"), ("failed and dropped", "dyn Error")] {
        let span = trace.span(name).unwrap();
        assert_eq!((span.text("error.type"), span.error()), (Some(error_type), "no line"));
    }
}

#[test]
fn start_and_end_may_lie_in_the_past() {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap();
    let trace = capture(|| {
        let call = Conversation::start("call-1");
        call.in_scope(|| {
            spans::stt().started_at(ago(9)).start().end_at(ago(4));
            spans::span("by the wall clock").started_at(wall - Duration::from_secs(60)).start().end_at(wall);
            spans::span("backwards").start().end_at(ago(100));
            let mut llm = spans::llm().started_at(ago(3)).start();
            llm.first_chunk();
            llm.end();
        });
        call.end();
    });
    assert_eq!(trace.span("stt").unwrap().duration(), Duration::from_secs(5));
    let by_wall = trace.span("by the wall clock").unwrap().duration().as_secs_f64();
    assert!((by_wall - 60.0).abs() < 0.5, "{by_wall}");
    assert_eq!(trace.span("backwards").unwrap().duration(), Duration::ZERO);
    assert!(seconds(trace.span("llm").unwrap(), "metrics.ttfb") >= 3.0);
}

#[test]
fn the_first_chunk_may_have_come_before_it_is_told_of() {
    #[cekura::llm]
    fn answer(at: Instant) {
        cekura::current().first_chunk_at(at);
    }
    let now = Instant::now();
    let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap();
    let trace = capture(|| {
        let call = Conversation::start("call-1");
        call.in_scope(|| {
            let turn = spans::turn().started_at(ago(9)).start();
            turn.user_stopped_at(ago(8));
            let mut llm = spans::llm().parent(&turn).started_at(ago(7)).start();
            llm.first_chunk_at(ago(5));
            // Too late: the first chunk is known.
            llm.first_chunk_at(ago(6));
            llm.item(&json!("At ten."));
            llm.end();
            let mut tts = spans::tts().parent(&turn).started_at(ago(5)).start();
            tts.first_chunk_at(SystemTime::now() - Duration::from_secs(4));
            tts.end_at(ago(1));
            turn.end();
        });
        answer(Instant::now());
        call.end();
    });
    let llm = trace.named("llm").next().unwrap();
    assert!((seconds(llm, "metrics.ttfb") - 2.0).abs() < 1e-6);
    assert!((seconds(llm, "gen_ai.response.time_to_first_chunk") - 2.0).abs() < 1e-6);
    // Four seconds, as far as the wall clock is exact.
    let latency = seconds(trace.span("turn").unwrap(), "turn.user_bot_latency_seconds");
    assert!((3.0..5.0).contains(&latency), "{latency}");
    assert!(trace.named("llm").nth(1).unwrap().attribute("metrics.ttfb").is_some());
}

#[test]
fn items_are_known_by_their_shape() {
    let trace = capture(|| {
        let mut s2s = spans::s2s().start();
        s2s.item(&json!({ "type": "response.created", "response": { "id": "r-1" } }));
        s2s.item(&json!({ "type": "response.output_audio_transcript.delta", "delta": "Good " }));
        s2s.item(&json!({ "type": "response.output_audio_transcript.delta", "delta": "day." }));
        s2s.item(&json!({ "type": "response.done", "response": {
            "id": "r-1", "object": "realtime.response", "status": "completed",
            "usage": { "input_tokens": 7, "output_tokens": 3, "total_tokens": 10 } } }));
        drop(s2s);
    });
    let s2s = trace.span("s2s").unwrap();
    assert!(!s2s.is_interrupted(), "the response was done");
    assert_eq!(s2s.text("output"), Some("Good day."));
    assert_eq!(s2s.attribute("gen_ai.usage.input_tokens"), Some(&7.into()));
    assert_eq!(s2s.attribute("stream.items"), Some(&4.into()));
}

#[test]
fn a_response_that_was_cancelled_is_interrupted_and_says_what_it_cost() {
    let cancelled = json!({ "type": "response.done", "response": {
        "id": "r-1", "object": "realtime.response", "status": "cancelled",
        "status_details": { "type": "cancelled", "reason": "turn_detected" },
        "usage": { "input_tokens": 7, "output_tokens": 3, "total_tokens": 10 } } });
    let trace = capture(|| {
        let mut s2s = spans::s2s().start();
        s2s.item(&cancelled);
        drop(s2s);
    });
    let s2s = trace.span("s2s").unwrap();
    assert!(s2s.is_interrupted());
    assert_eq!(s2s.attribute("gen_ai.usage.output_tokens"), Some(&3.into()));
}

#[test]
fn content_is_kept_back_where_the_policy_says_so() {
    let trace = capture_with(CaptureContent::Metadata, || {
        let mut llm = spans::llm().input("question", "who?").record("my.key", "mine").start();
        llm.output("Anna");
        llm.fail(io::Error::other("Anna"));
        llm.end();
        let mut tool = spans::tool_call("find").arguments("{}").input("who", "Anna").start();
        tool.output("Anna");
        tool.end();
    });
    for span in trace.spans() {
        assert!(span.attributes().all(|(_, value)| !value.as_str().contains("Anna")), "{span:?}");
        assert!(span.attribute("function.input").is_none());
    }
    let llm = trace.span("llm").unwrap();
    assert_eq!(
        (llm.text("my.key"), llm.text("error.type"), llm.error()),
        (Some("mine"), Some("std::io::error::Error"), "")
    );
}

/// A conversation, a turn and an `llm` in it; `within` runs something in the last.
fn nested(within: impl FnOnce(&Guard<spans::Llm>)) -> Trace {
    capture(|| {
        let call = Conversation::start("call-1");
        let turn = call.in_scope(|| spans::turn().start());
        let llm = turn.in_scope(|| spans::llm().start());
        within(&llm);
        llm.end();
        turn.end();
        call.end();
    })
}

const NESTED: &str = "conversation\n  turn\n    llm\n      tool_call\n";

#[test]
fn what_runs_in_a_guards_scope_is_its_child() {
    assert_eq!(nested(|llm| llm.in_scope(look_up)).to_string(), NESTED);
    assert_eq!(nested(|llm| futures::executor::block_on(llm.run(look_up_later()))).to_string(), NESTED);
    let by_parent = |llm: &Guard<spans::Llm>| spans::tool_call("a").parent(&llm.context()).start().end();
    assert_eq!(nested(by_parent).to_string(), NESTED);
    let by_guard = |llm: &Guard<spans::Llm>| spans::tool_call("a").parent(llm).start().end();
    assert_eq!(nested(by_guard).to_string(), NESTED);
    let by_context = |llm: &Guard<spans::Llm>| {
        futures::executor::block_on(async { look_up() }.with_context(llm.context()));
    };
    assert_eq!(nested(by_context).to_string(), NESTED);
}

#[test]
fn a_guards_context_carried_by_hand_wins_over_the_function_around() {
    #[cekura::turn]
    fn turn() {
        let llm = spans::llm().start();
        let attached = llm.context().attach();
        look_up();
        drop(attached);
        llm.end();
    }
    #[cekura::conversation]
    fn call() {
        turn();
    }
    assert_eq!(capture(call).to_string(), NESTED);
}

#[test]
fn outside_a_conversation_a_guard_is_a_root_and_has_children() {
    let trace = capture(|| {
        let llm = spans::llm().start();
        llm.in_scope(look_up);
        futures::executor::block_on(async { look_up() }.with_context(llm.context()));
        llm.end();
    });
    assert_eq!(trace.to_string(), "llm\n  tool_call\n  tool_call\n");
}

#[test]
fn a_guard_is_current_only_in_its_scope() {
    capture(|| {
        let call = Conversation::start("call-1");
        assert_eq!(cekura::trace_id(), None);
        call.in_scope(|| assert_eq!(cekura::trace_id(), Some(call.trace_id())));
        assert_eq!(cekura::trace_id(), None);
        assert_eq!((call.id(), call.context().span().span_context().trace_id()), ("call-1", call.trace_id()));
        call.in_scope(|| cekura::record("seen", true));
        call.end();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guards_move_between_tasks() {
    let trace = capture_async(async {
        let call = Conversation::start("call-1");
        let llm = call.in_scope(|| spans::llm().start());
        let llm = tokio::spawn(async move {
            llm.run(look_up_later()).await;
            llm
        });
        let llm = llm.await.unwrap();
        call.run(async { look_up_later().await }).await;
        llm.end();
        call.end();
    })
    .await;
    assert_eq!(trace.to_string(), "conversation\n  llm\n    tool_call\n  tool_call\n");
}

#[test]
fn a_turn_by_hand_measures_what_the_caller_waits() {
    let stopped = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
    let trace = capture(|| {
        let call = Conversation::start("call-1");
        let turn = call.in_scope(|| spans::turn().started_at(stopped).start());
        turn.user_stopped_at(stopped);
        let mut s2s = turn.in_scope(|| spans::s2s().start());
        s2s.output("Good day.");
        s2s.audio(480);
        drop(s2s);
        turn.first_audio_at(stopped + Duration::from_millis(750));
        turn.end_at(stopped + Duration::from_secs(5));
        call.end();
    });
    let turn = trace.span("turn").unwrap();
    assert_eq!(turn.attribute("turn.user_bot_latency_seconds"), Some(&0.75.into()));
    assert_eq!(turn.attribute("turn.duration_seconds"), Some(&5.0.into()));
    assert_eq!(turn.attribute("turn.was_interrupted"), Some(&true.into()));
}

#[test]
fn the_first_audio_of_a_guard_is_that_of_its_turn() {
    let trace = capture(|| {
        let turn = spans::turn().start();
        turn.user_stopped_at(Instant::now().checked_sub(Duration::from_secs(3)).unwrap());
        turn.in_scope(|| {
            let mut tts = spans::tts().start();
            tts.audio(320);
            tts.end();
        });
        turn.end();
    });
    assert!(seconds(trace.span("turn").unwrap(), "turn.user_bot_latency_seconds") >= 3.0);
}

#[tokio::test]
async fn finish_ends_a_conversation_and_waits_for_its_delivery() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let call = spans::conversation().call_id("call-1").client(&handle).start();
    call.run(async { look_up() }).await;
    call.finish().await;
    let mut names: Vec<_> = backend.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["conversation", "tool_call"]);
    handle.shutdown(LONG).await;
}

#[tokio::test]
async fn finish_that_is_not_awaited_ends_the_conversation_all_the_same() {
    let trace = capture_async(async {
        drop(Conversation::start("call-1").finish());
    })
    .await;
    assert_eq!(trace.to_string(), "conversation\n");
}

#[test]
fn where_nothing_records_guards_do_nothing() {
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let handle = cekura::Cekura::builder().variables(off).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    call.user("Hello?");
    assert_eq!(call.in_scope(cekura::trace_id), None);
    let mut llm = call.in_scope(|| spans::llm().provider("openai").start());
    llm.first_chunk();
    llm.item(&json!({}));
    llm.usage(1, 2);
    assert_eq!(llm.in_scope(|| 7), 7);
    llm.end();
    futures::executor::block_on(call.finish());
}
