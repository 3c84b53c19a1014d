//! Guards that end as annotated functions do.

use super::*;
use cekura::{Conversation, spans};
use futures::executor::block_on;
use futures::future::{pending, poll_immediate};
use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

fn no_line() -> io::Error {
    io::Error::other("no line")
}

#[test]
fn a_traced_future_ends_as_a_function_does() {
    let trace = capture(|| {
        block_on(async {
            let answer = spans::llm().provider("openai").trace(async { "From ten.".to_owned() }).await;
            assert_eq!(answer, "From ten.");
            let message = json!({ "role": "assistant", "content": "Yes." });
            let whole = json!({ "object": "chat.completion", "usage": { "prompt_tokens": 9 },
                "choices": [{ "index": 0, "finish_reason": "stop", "message": message }] });
            spans::llm().trace(async { Ok::<_, io::Error>(whole) }).await.unwrap();
            spans::tool_call("find").trace(async { Err::<u8, _>(no_line()) }).await.unwrap_err();
            spans::span("boxed")
                .trace(async { Err::<(), Box<dyn Error>>(no_line().into()) })
                .await
                .unwrap_err();
            let sent = async { Err::<u8, Box<dyn Error + Send + Sync>>("no line".into()) };
            spans::span("sent").trace(sent).await.unwrap_err();
            spans::span("text").trace(async { Err::<u8, _>("no line") }).await.unwrap_err();
            let late = tokio_like_timeout(async { Err::<u8, _>(no_line()) });
            spans::span("inside").trace(late).await.unwrap().unwrap_err();
            spans::span("unit").trace(async {}).await;
            poll_immediate(Box::pin(spans::tts().trace(pending::<()>()))).await;
            drop(spans::stt().trace(async {}));
            let panics = AssertUnwindSafe(spans::s2s().trace(async { panic!("no line") as () }));
            futures::FutureExt::catch_unwind(panics).await.unwrap_err();
        });
    });
    let expected = "llm\nllm\ntool_call failed\nboxed failed\nsent failed\ntext failed\ninside failed\nunit\n\
                    tts interrupted\ns2s failed\n";
    assert_eq!(trace.to_string(), expected);
    let outputs: Vec<_> = trace.named("llm").map(|llm| llm.text("output")).collect();
    assert_eq!(outputs, [Some("From ten."), Some("Yes.")]);
    assert_eq!(trace.spans()[1].attribute("gen_ai.usage.input_tokens"), Some(&9.into()));
    for name in ["tool_call", "boxed", "sent", "text", "inside", "s2s"] {
        assert_eq!(trace.span(name).unwrap().error(), "no line", "{name}");
    }
    assert_eq!(only(&trace, "tool_call").text("error.type"), Some("std::io::error::Error"));
    assert_eq!(only(&trace, "text").text("error.type"), Some("&str"));
    assert_eq!(only(&trace, "s2s").text("error.type"), Some("panic"));
}

#[derive(Debug)]
struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("elapsed")
    }
}

impl Error for Elapsed {}

async fn tokio_like_timeout<T>(future: impl Future<Output = T>) -> Result<T, Elapsed> {
    Ok(future.await)
}

#[test]
fn a_traced_future_is_where_it_was_made_and_may_have_begun_before() {
    #[cekura::tool_call]
    async fn look_up() {}
    let ago = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
    let trace = capture(|| {
        let call = Conversation::start("call-1");
        let turn = spans::turn().parent(&call).start();
        let llm = turn.in_scope(|| spans::llm().started_at(ago).trace(look_up()));
        std::thread::spawn(move || block_on(llm)).join().unwrap();
        turn.end();
        call.end();
    });
    assert_eq!(trace.to_string(), "conversation\n  turn\n    llm\n      tool_call\n");
    assert!(only(&trace, "llm").duration() >= Duration::from_secs(3));
}

#[test]
fn a_guard_takes_its_outcome_from_a_result() {
    /// No `Serialize`, no `Debug`.
    struct Answer;
    let trace = capture(|| {
        let llm = spans::llm().start();
        llm.end_with(&Ok::<_, io::Error>(Answer));
        let tts = spans::tts().start();
        tts.end_with(&Err::<Answer, _>(no_line()));
        let s2s = spans::s2s().start();
        s2s.end_with(&Err::<Answer, String>("no line".to_owned()));
    });
    assert_eq!(trace.to_string(), "llm\ntts failed\ns2s failed\n");
    assert_eq!(only(&trace, "tts").text("error.type"), Some("std::io::error::Error"));
    assert_eq!(only(&trace, "s2s").error(), "no line");
}

#[test]
fn a_guard_that_a_panic_drops_has_panicked() {
    let trace = capture(|| {
        let run = || {
            let call = Conversation::start("call-1");
            let turn = call.in_scope(|| spans::turn().start());
            let _tts = turn.in_scope(|| spans::tts().start());
            let mut over = turn.in_scope(|| spans::llm().start());
            over.finish_reason("stop");
            panic!("no line");
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    });
    assert_eq!(trace.to_string(), "conversation failed\n  turn failed\n    tts failed\n    llm\n");
    for span in trace.spans().iter().filter(|span| span.name() != "llm") {
        assert_eq!(span.text("error.type"), Some("panic"));
    }
    assert_eq!(only(&trace, "turn").attribute("turn.was_interrupted"), Some(&false.into()));
}

#[test]
fn a_guard_of_code_that_cleans_up_after_a_panic_is_its_own() {
    struct CleansUp;
    impl Drop for CleansUp {
        fn drop(&mut self) {
            spans::span("cleaned").start().end();
            drop(spans::span("left").start());
        }
    }
    let trace = capture(|| {
        let run = || {
            let _cleans_up = CleansUp;
            panic!("no line");
        };
        catch_unwind(run).unwrap_err();
    });
    assert_eq!(trace.to_string(), "cleaned\nleft interrupted\n");
}

#[test]
fn a_voice_takes_its_text_in_parts() {
    let speak = || {
        let mut tts = spans::tts().provider("cartesia").start();
        for part in ["Vón ", "zehn ", "bis vier."] {
            tts.text(part);
            tts.audio(160);
        }
        tts.end();
    };
    let trace = capture(speak);
    let tts = only(&trace, "tts");
    assert_eq!(tts.text("text"), Some("Vón zehn bis vier."));
    assert_eq!(tts.attribute("tts.characters"), Some(&18.into()));
    let trace = cekura::testing::capture_with(cekura::CaptureContent::Metadata, speak);
    let tts = only(&trace, "tts");
    assert_eq!((tts.text("text"), tts.attribute("tts.characters")), (None, Some(&18.into())));
}

#[test]
fn a_guard_and_the_code_inside_it_tell_of_one_answer() {
    let trace = capture(|| {
        let mut llm = spans::llm().start();
        llm.output("From ");
        llm.in_scope(|| cekura::current().output("ten "));
        llm.output("to four.");
        llm.item_json(chunks()[4].to_string());
        llm.in_scope(|| cekura::current().finish_reason("stop"));
        // The answer was finished.
        drop(llm);
    });
    let llm = only(&trace, "llm");
    assert_eq!((llm.text("output"), llm.is_interrupted()), (Some("From ten to four."), false));
    assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&4.into()));
}

#[test]
fn where_tracing_is_off_everything_by_hand_runs_as_if_it_was_not_there() {
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let handle = cekura::Cekura::builder().variables(off).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    call.set_call_id("call-1");
    call.in_scope(|| {
        let chunks = cekura::follow(futures::stream::iter([1, 2]));
        let read = futures::StreamExt::count(cekura::context::carry(chunks));
        assert_eq!(block_on(spans::llm().parent(&call).trace(read)), 2);
        cekura::current().item(&1);
        assert_eq!(cekura::context::carry_fn(|n: u8| n + 1)(1), 2);
        spans::tts().start().end_with(&Err::<(), _>(no_line()));
        assert!(cekura::current_turn().unwrap_or_default().number() == 1);
    });
    call.end();
}
