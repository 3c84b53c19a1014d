//! What tests of instrumentation get: captures of every kind of code, trees with span attributes, times, and strict mode,
//! which names what is wrong.

use cekura::CaptureContent::Metadata;
use cekura::opentelemetry::Context;
use cekura::testing::{Trace, capture, capture_async, capture_async_with};
use cekura_trace_tests::calls::{call, hear, look_up, look_up_now, runtimes, speak, think, turn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{self, Waker};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// What strict mode says of a trace.
fn report(trace: Trace) -> String {
    let strict = catch_unwind(AssertUnwindSafe(|| trace.strict()));
    strict.map_or_else(|panic| *panic.downcast::<String>().unwrap(), |_| String::new())
}

/// Its faults, without places.
fn faults(trace: Trace) -> Vec<String> {
    let report = report(trace);
    let faults = report.lines().filter_map(|line| line.strip_prefix("* "));
    faults
        .map(|line| format!("{}{}", &line[..line.find(" (").unwrap()], &line[line.find(')').unwrap() + 1..]))
        .collect()
}

fn speak_now(id: &str) {
    futures::executor::block_on(speak(id));
}

const LOST: &str =
    "is in no conversation, and not in the capture: its task, thread or message was started without them";
const OPEN: &str = "was still open when the capture ended";

#[tokio::test]
async fn a_whole_call_is_strict() {
    let trace = capture_async(call("call-1".to_owned(), async {
        turn("call-1", async { speak(&hear("call-1").await).await }).await;
        cekura::spawn(async { look_up("call-1").await }).await.unwrap();
    }))
    .await
    .strict();
    let tree = "conversation\n  turn\n    stt\n    tts\n  tool_call\n    look_up_now\n";
    assert_eq!(trace.to_string(), tree);
}

#[test]
fn a_span_outside_a_conversation_is_named_with_its_place() {
    #[cekura::llm]
    fn guess() {}
    let at = format!("{}:{}:5", file!(), line!() - 2);
    let trace = capture(|| {
        look_up_now("a span may stand alone");
        for _ in 0..3 {
            guess();
        }
    });
    let expected = format!(
        "spans are lost or left open:\n* the `llm` of `guess` ({at}) is in no conversation (3 times)\n\
         of this capture:\nlook_up_now\nllm\nllm\nllm\n"
    );
    assert_eq!(report(trace), expected);
}

#[tokio::test]
async fn a_message_that_is_not_carried_is_named() {
    async fn serve(mut inbox: mpsc::Receiver<&'static str>) {
        while let Some(id) = inbox.recv().await {
            hear(id).await;
        }
    }
    let trace = capture_async(async {
        let (ears, inbox) = mpsc::channel(1);
        let actor = cekura::spawn(serve(inbox));
        call("call-1".to_owned(), async { ears.send("call-1").await.unwrap() }).await;
        drop(ears);
        actor.await.unwrap();
    });
    assert_eq!(faults(trace.await), ["the `stt` of `hear` is in no conversation"]);
}

#[test]
fn a_task_that_is_not_carried_is_named_although_it_left_the_capture() {
    for runtime in runtimes() {
        let trace = runtime.block_on(capture_async(call("call-1".to_owned(), async {
            tokio::spawn(async { look_up("call-1").await }).await.unwrap();
            tokio::task::spawn_blocking(|| speak_now("call-1")).await.unwrap();
        })));
        assert_eq!(trace.to_string(), "conversation\n");
        let lost =
            ["the `tool_call` of `look_up`", "the `tts` of `speak`"].map(|span| format!("{span} {LOST}"));
        assert_eq!(faults(trace), lost);
    }
}

#[test]
fn a_runtime_that_is_made_in_a_capture_belongs_to_it() {
    for runtime in runtimes() {
        let trace = capture(|| {
            runtime.block_on(call("call-1".to_owned(), async { drop(tokio::spawn(hear("call-1")).await) }));
        });
        // A runtime of one thread has its tasks where the capture is.
        let is_inside = trace.span("stt").is_some();
        let fault = if is_inside { "is in no conversation" } else { LOST };
        assert_eq!(faults(trace), [format!("the `stt` of `hear` {fault}")]);
    }
}

#[test]
fn what_others_lose_meanwhile_is_not_ours() {
    for runtime in runtimes() {
        let trace = capture(|| {
            let other = thread::spawn(move || {
                speak_now("another test");
                runtime.block_on(async { tokio::spawn(speak("another runtime")).await.unwrap() });
            });
            other.join().unwrap();
        });
        trace.strict();
    }
    let before = capture(|| ());
    speak_now("when it is over");
    before.strict();
}

#[test]
fn a_span_that_is_still_open_is_named() {
    #[cekura::turn(skip_all)]
    async fn wait(begun: oneshot::Sender<()>, over: oneshot::Receiver<()>) {
        begun.send(()).unwrap();
        over.await.ok();
    }
    for runtime in runtimes() {
        let (end, over) = oneshot::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let trace = runtime.block_on(capture_async(call("call-1".to_owned(), async {
            cekura::spawn(wait(begun, over));
            has_begun.await.unwrap();
        })));
        assert_eq!(trace.to_string(), "conversation\n");
        assert_eq!(faults(trace), [format!("the `turn` of `wait` {OPEN}")]);
        drop(end);
    }
}

#[test]
fn a_span_by_hand_is_named_by_the_place_where_it_begins() {
    let (mut kept, at) = (Vec::new(), format!("{}:{}:", file!(), line!() + 3));
    let trace = capture(|| {
        for _ in 0..2 {
            kept.push(cekura::spans::llm().start());
        }
        cekura::spans::span("playback").start().end();
        drop(cekura::spans::stt().parent(&Context::current()));
    });
    assert_eq!(trace.to_string(), "playback\n");
    let report = report(trace);
    for fault in ["is in no conversation (2 times)".to_owned(), format!("{OPEN} (2 times)")] {
        let line = report.lines().find(|line| line.ends_with(&fault)).unwrap();
        assert!(line.starts_with(&format!("* the `llm` of `spans::llm` ({at}")), "{line}");
    }
}

#[test]
fn a_future_that_is_dropped_has_ended_and_one_that_is_never_polled_has_not_begun() {
    #[cekura::tool_call]
    fn later() -> impl Future<Output = ()> {
        std::future::pending()
    }
    let mut outside = None;
    let trace = capture(|| {
        let mut dropped = pin!(call("call-1".to_owned(), async { later().await }));
        assert!(dropped.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_pending());
        drop(later());
        outside = Some(later());
    });
    let tree = "conversation interrupted\n  tool_call interrupted\n";
    assert_eq!(trace.to_string(), tree);
    let later = "the `tool_call` of `later`";
    assert_eq!(faults(trace), [format!("{later} is in no conversation"), format!("{later} {OPEN}")]);
}

#[test]
fn a_capture_inside_another_has_its_own_spans() {
    let mut inner = None;
    let outer = capture(|| {
        look_up_now("outside");
        inner = Some(capture(|| speak_now("inside")));
    });
    assert_eq!((outer.to_string(), inner.unwrap().to_string()), ("look_up_now\n".into(), "tts\n".into()));
}

#[tokio::test]
async fn a_tree_shows_the_span_attributes_that_are_asked_for() {
    #[cekura::llm(model = "small", temperature = 0.5, finish_reason = "stop")]
    async fn answer(question: &str) -> Result<String, std::io::Error> {
        Err(std::io::Error::other(format!("no idea: {question}")))
    }
    let say = async || _ = answer("a \"quoted\"\nquestion").await;
    let keys =
        ["gen_ai.request.model", "input.question", "gen_ai.request.temperature", "turn.was_interrupted"];
    let of_llm = "llm failed gen_ai.request.model=\"small\"";
    let trace = capture_async(turn("call-1", say())).await;
    assert_eq!(
        trace.draw(&keys),
        format!(
            "turn turn.was_interrupted=false\n  {of_llm} input.question=\"a \\\"quoted\\\"\\nquestion\" \
             gen_ai.request.temperature=0.5\n"
        )
    );
    assert_eq!(trace.draw(&[]), trace.to_string());
    let trace = capture_async_with(Metadata, say()).await;
    assert_eq!(trace.draw(&keys), format!("{of_llm} gen_ai.request.temperature=0.5\n"));
}

#[tokio::test]
async fn one_call_of_several_is_a_trace() {
    let one = |id: &str| call(id.to_owned(), speak("call-1"));
    let lost = capture_async(speak("nobody")).await;
    let trace = capture_async(futures::future::join(one("call-1"), one("call-2"))).await;
    let [first, second] = ["call-1", "call-2"].map(|id| trace.conversation(id));
    assert_eq!(first.to_string(), "conversation\n  tts\n");
    assert_eq!(second.spans()[0].text("call_id"), Some("call-2"));
    assert!(trace.conversation("call-3").spans().is_empty());
    assert_eq!(faults(lost.conversation("call-1")), ["the `tts` of `speak` is in no conversation"]);
}

#[tokio::test]
async fn times_say_what_ran_beside_what() {
    let trace = capture_async(call("call-1".to_owned(), async {
        tokio::join!(think("call-1"), speak("call-1"));
        hear("call-1").await;
    }))
    .await;
    let [root, llm, tts, stt] = ["conversation", "llm", "tts", "stt"].map(|name| trace.span(name).unwrap());
    assert!(llm.start() <= tts.start() && tts.start() <= llm.end(), "side by side");
    assert!(stt.start() >= llm.end().max(tts.end()), "one after the other");
    assert!(root.start() <= llm.start() && stt.end() <= root.end());
    assert_eq!(stt.end().duration_since(stt.start()).unwrap(), stt.duration());
}
