//! Streams that are followed: read inside the function, or on their way out of it.

use super::*;
use axum::body::Bytes;
use cekura::{Conversation, follow, spans};
use futures::executor::block_on;
use futures::stream::{self, BoxStream, FusedStream};
use futures::{FutureExt, Stream, StreamExt};
use serde::Serialize;
use std::error::Error;
use std::io;
use std::panic::AssertUnwindSafe;

#[cekura::tool_call]
fn look_up() {}

/// Reads a stream inside an annotated function.
fn inside<S: Stream>(stream: S) -> Trace {
    #[cekura::llm(skip_all)]
    async fn read<S: Stream>(stream: S) -> usize {
        Box::pin(stream).count().await
    }
    capture(|| block_on(read(stream)))
}

#[test]
fn a_stream_that_is_read_inside_is_recorded_as_if_it_was_returned() {
    #[cekura::llm]
    async fn answer() -> String {
        let mut chunks = follow(stream::iter(chunks()));
        let mut answer = String::new();
        while let Some(chunk) = chunks.next().await {
            answer += text(&chunk);
        }
        answer
    }
    #[cekura::llm]
    async fn answer_of_results() -> Result<String, io::Error> {
        let mut chunks = follow(stream::iter(chunks()).map(Ok::<_, io::Error>));
        let mut answer = String::new();
        while let Some(chunk) = chunks.next().await {
            answer += text(&chunk?);
        }
        Ok(answer)
    }
    check_answer(only(&capture(|| block_on(answer())), "llm"));
    check_answer(only(&capture(|| block_on(answer_of_results())), "llm"));
}

/// What a stream of these items says of the span in which it is read.
macro_rules! inside {
    ($items:expr) => {
        inside(stream::once(async { follow(stream::iter($items)) }).flatten())
    };
}

#[test]
fn items_may_be_of_many_types() {
    #[derive(Serialize)]
    struct Frame {
        samples: Vec<i16>,
    }
    let items = |trace: &Trace, key| only(trace, "llm").attribute(key).cloned();
    let trace = inside!(vec!["From ", "ten."]);
    assert_eq!(only(&trace, "llm").text("output"), Some("From ten."));
    let trace = inside!(vec![Ok::<_, String>("From ".to_owned()), Ok("ten.".to_owned())]);
    assert_eq!(only(&trace, "llm").text("output"), Some("From ten."));
    let trace = inside!(vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de")]);
    assert_eq!(items(&trace, "stream.bytes"), Some(5.into()));
    let trace = inside!(vec![Ok::<_, io::Error>(Bytes::from_static(b"abc"))]);
    assert_eq!(items(&trace, "stream.bytes"), Some(3.into()));
    let trace = inside!(vec![vec![0_u8; 320], vec![1; 20]]);
    assert_eq!(items(&trace, "stream.bytes"), Some(340.into()));
    let trace = inside!(vec![vec![0_i16; 160]; 2]);
    assert_eq!(items(&trace, "output.len"), Some(320.into()));
    let trace = inside!(vec![Frame { samples: vec![1, 2] }]);
    assert_eq!(items(&trace, "stream.items"), Some(1.into()));
    let trace = inside!(Vec::<String>::new());
    assert_eq!(items(&trace, "stream.items"), Some(0.into()));
}

#[test]
fn an_error_among_the_items_makes_the_span_an_error_whatever_its_function_returns() {
    let no_line = || io::Error::other("no line");
    let check = |trace: &Trace, error_type: &str| {
        let llm = only(trace, "llm");
        assert_eq!((llm.error(), llm.text("output")), ("no line", Some("ten")));
        assert_eq!(llm.text("error.type"), Some(error_type));
        assert_eq!(
            llm.attribute("stream.items"),
            Some(&2.into()),
            "what came after the error is not recorded"
        );
    };
    check(&inside!(vec![Ok("ten"), Err(no_line()), Ok("four")]), "std::io::error::Error");
    check(&inside!(vec![Ok("ten"), Err("no line"), Ok("four")]), "&str");
    let boxed = vec![Ok("ten"), Err(Box::<dyn Error>::from("no line")), Ok("four")];
    assert_eq!(only(&inside!(boxed), "llm").error(), "no line");
    let boxed = vec![Ok("ten"), Err(Box::<dyn Error + Send + Sync>::from("no line"))];
    assert_eq!(only(&inside!(boxed), "llm").error(), "no line");
}

#[test]
fn a_span_goes_on_until_the_stream_that_left_its_function_in_a_tuple_is_over() {
    #[cekura::llm(skip_all)]
    fn answer() -> (u8, impl Stream<Item = serde_json::Value>) {
        let chunks = stream::iter(chunks()).inspect(|_| look_up());
        (7, follow(chunks))
    }
    let trace = capture(|| {
        let call = Conversation::start("call-1");
        let (_, stream) = call.in_scope(answer);
        let read = spans::span("reading").parent(&call).start();
        assert_eq!(block_on(read.run(stream.count())), 5);
        read.end();
        call.end();
    });
    let tools = "    tool_call\n".repeat(5);
    assert_eq!(trace.to_string(), format!("conversation\n  llm\n{tools}  reading\n"));
    check_answer(only(&trace, "llm"));
    let (llm, last) = (only(&trace, "llm"), trace.named("tool_call").last().unwrap());
    assert!(llm.end() >= last.end());
}

#[test]
fn a_stream_that_left_its_function_may_end_early_fail_or_panic() {
    macro_rules! speak {
        ($items:expr) => {{
            #[cekura::tts(skip_all)]
            fn speak<S: Stream>(stream: impl FnOnce() -> S) -> (S, ()) {
                (stream(), ())
            }
            speak(|| follow(stream::iter($items))).0
        }};
    }
    let trace = capture(|| {
        let mut dropped = speak!(["a", "b"]);
        assert_eq!(block_on(dropped.next()), Some("a"));
        drop(dropped);
        let failed = speak!([Ok("a"), Err(io::Error::other("no line")), Ok("b")]);
        assert_eq!(block_on(failed.count()), 3, "the stream itself goes on");
        block_on(speak!([[0_u8; 4]; 3]).count());
    });
    assert_eq!(trace.to_string(), "tts interrupted\ntts failed\ntts\n");
    let items: Vec<_> = trace.spans().iter().map(|span| span.attribute("stream.items").cloned()).collect();
    assert_eq!(items, [Some(1.into()), Some(2.into()), Some(3.into())]);
}

#[test]
fn a_panic_of_a_stream_that_left_its_function_is_the_spans() {
    #[cekura::llm(skip_all)]
    fn panics() -> (impl Stream<Item = u8>, ()) {
        (follow(stream::iter([1_u8]).map(|_| panic!("no line"))), ())
    }
    let trace = capture(|| {
        let (stream, ()) = panics();
        block_on(AssertUnwindSafe(stream.count()).catch_unwind()).unwrap_err();
    });
    let llm = only(&trace, "llm");
    assert_eq!((llm.error(), llm.text("error.type")), ("no line", Some("panic")));
}

#[test]
fn a_stream_that_is_dropped_inside_does_not_interrupt_its_function() {
    #[cekura::llm(skip_all)]
    async fn first_word() -> String {
        follow(stream::iter(["From", " ten"])).next().await.unwrap().to_owned()
    }
    let trace = capture(|| block_on(first_word()));
    assert_eq!(trace.to_string(), "llm\n");
    assert_eq!(only(&trace, "llm").text("output"), Some("From"));
}

#[test]
fn a_guard_that_is_ended_does_not_wait_for_its_stream() {
    let trace = capture(|| {
        let llm = spans::llm().start();
        let mut stream = llm.in_scope(|| follow(stream::iter(["a", "b"])));
        block_on(stream.next());
        llm.end();
        assert_eq!(block_on(stream.count()), 1);
    });
    let llm = only(&trace, "llm");
    assert_eq!((llm.text("output"), llm.is_interrupted()), (Some("a"), false));
}

#[tokio::test]
async fn a_call_that_is_finished_does_not_wait_for_a_stream_that_nobody_reads() {
    #[cekura::llm(skip_all)]
    fn answer() -> (cekura::Follow<stream::Pending<String>>, ()) {
        (follow(stream::pending()), ())
    }
    let trace = cekura::testing::capture_async(async {
        let call = Conversation::start("call-1");
        let (leaked, ()) = call.in_scope(answer);
        call.finish().await;
        drop(leaked);
    })
    .await;
    assert_eq!(trace.to_string(), "conversation\n  llm\n");
    assert_eq!(only(&trace, "llm").attribute("cekura.unfinished"), Some(&true.into()));
}

#[tokio::test]
async fn a_stream_may_be_sent_through_a_channel_and_read_in_another_task() {
    #[cekura::llm(skip_all)]
    async fn answer(out: tokio::sync::mpsc::Sender<BoxStream<'static, serde_json::Value>>) {
        out.send(follow(stream::iter(chunks())).boxed()).await.ok().unwrap();
    }
    let trace = cekura::testing::capture_async(async {
        let (out, mut queue) = tokio::sync::mpsc::channel(1);
        answer(out).await;
        let stream = queue.recv().await.unwrap();
        tokio::spawn(stream.count()).await.unwrap();
    })
    .await;
    check_answer(only(&trace, "llm"));
}

#[test]
fn a_followed_stream_is_what_it_was() {
    let trace = capture(|| {
        let mut outside = follow(stream::iter([1, 2]).fuse());
        assert_eq!(outside.size_hint(), (2, Some(2)));
        assert!(!outside.is_terminated());
        assert_eq!(block_on(outside.by_ref().collect::<Vec<i32>>()), [1, 2]);
        assert!(outside.is_terminated());
    });
    assert!(trace.spans().is_empty());
}
