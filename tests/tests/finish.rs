//! Conversations that are finished while something of them is still open: what arrives, what it says, and how long
//! anybody waits.

use cekura::testing::{Trace, capture_async};
use cekura::{Cekura, Conversation, Protocol, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, adds_up, observing, to};
use cekura_trace_tests::host::{Beside, names, value};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::HashMap;
use std::future::pending;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

#[path = "finish/told.rs"]
mod told;

#[cekura::tool_call]
async fn never() {
    pending::<()>().await;
}

#[cekura::tool_call]
async fn until(go: oneshot::Receiver<()>) {
    go.await.ok();
    cekura::record("too.late", true);
}

#[cekura::llm]
async fn answer(question: &str) -> String {
    question.to_uppercase()
}

fn is_unfinished(trace: &Trace, name: &str) -> bool {
    let span = trace.span(name).unwrap_or_else(|| panic!("no `{name}` in\n{trace}"));
    assert!(!span.is_interrupted() && !span.is_error());
    span.attribute("cekura.unfinished") == Some(&true.into())
}

#[tokio::test]
async fn a_leaked_guard_ends_with_its_conversation() {
    let trace = capture_async(async {
        let call = Conversation::start("call-1");
        let mut llm = call.in_scope(|| spans::llm().provider("openai").start());
        llm.record("in.the.guard", true);
        llm.in_scope(|| cekura::record("on.the.span", true));
        std::mem::forget(llm);
        std::mem::forget(call.in_scope(|| spans::turn().start()));
        call.run(answer("Hello?")).await;
        call.finish().await;
    })
    .await;
    // The leaked turn is open as long as the call is, and what comes later stands in it.
    assert_eq!(trace.to_string(), "conversation\n  llm\n  turn\n    llm\n");
    assert!(is_unfinished(&trace, "llm") && is_unfinished(&trace, "turn"));
    assert!(!is_unfinished(&trace, "conversation"));
    let leaked = trace.span("llm").unwrap();
    assert_eq!(leaked.text("gen_ai.provider.name"), Some("openai"));
    assert_eq!(leaked.attribute("on.the.span"), Some(&true.into()));
    let answered = trace.spans().iter().rfind(|span| span.name() == "llm").unwrap();
    assert_eq!((answered.text("output"), answered.attribute("cekura.unfinished")), (Some("HELLO?"), None));
    trace.strict();
}

#[tokio::test]
async fn a_task_that_nobody_waits_for_does_not_hold_the_trace_open() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let call = spans::conversation().call_id("call-1").client(&handle).start();
    let task = call.in_scope(|| cekura::spawn(never()));
    let stage = call.run(async { spans::span("stage").start() }).await;
    let inner = stage.in_scope(|| cekura::spawn(never()));
    tokio::task::yield_now().await;
    call.finish().await;
    let spans = backend.spans();
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names.pop(), Some("conversation"), "the last to end");
    names.sort_unstable();
    assert_eq!(names, ["stage", "tool_call", "tool_call"]);
    let end = spans.iter().find(|span| span.name == "conversation").unwrap().end_time_unix_nano;
    assert!(spans.iter().all(|span| span.end_time_unix_nano == end));

    task.abort();
    inner.abort();
    drop(stage);
    let _ = (task.await, inner.await);
    assert_eq!(handle.shutdown(LONG).await.to_string(), "4 accepted, 4 delivered");
}

#[tokio::test]
async fn what_a_function_does_after_its_span_was_ended_changes_nothing() {
    let (go, gone) = oneshot::channel();
    let trace = capture_async(async {
        let call = Conversation::start("call-1");
        let task = call.in_scope(|| cekura::spawn(until(gone)));
        let mut llm = call.in_scope(|| spans::llm().start());
        tokio::task::yield_now().await;
        call.finish().await;
        go.send(()).unwrap();
        task.await.unwrap();
        llm.output("too late");
        llm.fail("too late");
        llm.in_scope(|| cekura::record("too.late", true));
        llm.end();
    })
    .await;
    assert_eq!(trace.to_string(), "conversation\n  llm\n  tool_call\n");
    assert!(is_unfinished(&trace, "tool_call") && is_unfinished(&trace, "llm"));
    for span in trace.spans() {
        assert_eq!((span.attribute("too.late"), span.attribute("output")), (None, None));
    }
}

#[tokio::test]
async fn a_conversation_inside_another_ends_only_itself() {
    let trace = capture_async(async {
        let outer = Conversation::start("outer");
        let turn = outer.in_scope(|| spans::turn().start());
        turn.in_scope(|| Conversation::start("inner")).finish().await;
        turn.end();
        outer.end();
    })
    .await;
    assert_eq!(trace.to_string(), "conversation\n  turn\n    conversation\n");
    assert!(!is_unfinished(&trace, "turn"));
}

#[tokio::test]
async fn the_call_log_of_a_call_with_a_leak_names_its_whole_trace_at_once() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let call = spans::conversation().call_id("call-1").observe().client(&handle).start();
    call.user("Hello?");
    std::mem::forget(call.in_scope(|| spans::llm().start()));
    let (trace_id, start) = (call.trace_id(), Instant::now());
    call.finish().await;
    assert_eq!(handle.shutdown(LONG).await.to_string(), "2 accepted, 2 delivered");
    assert_eq!(api.posted()["trace_id"], trace_id.to_string());
    assert!(start.elapsed() < Duration::from_secs(4), "it waited for the deadline");
}

#[tokio::test]
async fn the_programs_own_exporter_gets_what_was_ended_too() {
    let beside = Beside::new(|builder| builder);
    beside.handle.attach(&beside.provider).unwrap();
    let call = Conversation::start("call-1");
    std::mem::forget(call.in_scope(|| spans::llm().start()));
    call.finish().await;
    assert_eq!(names(&beside.delivered()), ["conversation", "llm"]);
    assert_eq!(value(&beside.exported.span("llm"), "cekura.unfinished"), Some(&true.into()));
    assert_eq!(value(&beside.exported.span("conversation"), "cekura.unfinished"), None);
}

fn by_trace(spans: Vec<Span>) -> HashMap<Vec<u8>, Vec<String>> {
    let mut traces: HashMap<_, Vec<_>> = HashMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span.name);
    }
    traces
}

async fn leaky(handle: Cekura, calls: usize) -> (Cekura, Duration) {
    let guards: Vec<_> = (0..calls)
        .map(|number| {
            let call = spans::conversation().call_id(number.to_string()).client(&handle).start();
            std::mem::forget(call.in_scope(|| spans::llm().start()));
            call
        })
        .collect();
    let start = Instant::now();
    let mut finishing = JoinSet::new();
    for call in guards {
        finishing.spawn(async move { call.finish().await });
    }
    finishing.join_all().await;
    (handle, start.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_finish_at_once_and_all_of_it_arrives() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let (handle, _) = leaky(to(&backend, protocol).build().unwrap(), 1000).await;
        assert_eq!(handle.ledger().to_string(), "2000 accepted, 2000 delivered");
        let traces = by_trace(backend.spans());
        assert_eq!(traces.len(), 1000);
        for mut names in traces.into_values() {
            names.sort_unstable();
            assert_eq!(names, ["conversation", "llm"]);
        }
        handle.shutdown(LONG).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_finish_against_silence_wait_as_long_as_one() {
    let backend = Backend::scripted(|_, _| Reply::Silence);
    let (handle, waited) = leaky(to(&backend, Protocol::Grpc).build().unwrap(), 1000).await;
    assert!((Duration::from_secs(4)..Duration::from_secs(15)).contains(&waited), "{waited:?}");
    assert_eq!(handle.ledger().pending, 2000);
    assert!(adds_up(&handle.shutdown(SHORT).await));
}

/// Polls a future so many times, unless it is ready before, and drops it.
fn drop_after<F: Future>(polls: usize, future: F) {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    let pending = |_: &usize| matches!(future.as_mut().poll(&mut task), Poll::Pending);
    let _ = (0..polls).take_while(pending).count();
}

#[tokio::test]
async fn futures_that_are_dropped_while_they_wait_leave_nothing_behind() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        for polls in 0..50 {
            let call = spans::conversation().client(&handle).start();
            std::mem::forget(call.in_scope(|| spans::turn().start()));
            drop_after(polls % 5, call.finish());
            drop_after(polls % 4, handle.flush(LONG));
        }
        assert_eq!(handle.flush(LONG).await.to_string(), "100 accepted, 100 delivered");
        drop_after(0, handle.shutdown(LONG));
        drop_after(1, handle.shutdown(LONG));
        assert!(adds_up(&handle.shutdown(LONG).await));
        assert_eq!(backend.spans().len(), 100);
    }
}
