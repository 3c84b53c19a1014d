//! What is carried may be used as what it is: a message, a stream, a callback. Each span has the conversation
//! that it should have, and the conversation ends with the last stream that is carried out of it.

use axum::body::Body;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use cekura::context::{Carried, carry, carry_fn};
use cekura::testing::{Trace, capture, capture_async};
use cekura_trace_tests::calls::{self, look_up_now, shapes};
use futures::executor::block_on;
use futures::stream::{self, FusedStream};
use futures::{Stream, StreamExt};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::sync::{Arc, mpsc};
use std::thread;

/// Whether the conversation ended after all that was in it.
#[track_caller]
fn check_root_ends_last(trace: &Trace) {
    let root = trace.span("conversation").unwrap();
    assert!(trace.spans().iter().all(|span| span.end() <= root.end()), "{trace}");
}

#[cekura::conversation(call_id = id, skip_all)]
async fn handle(id: &'static str, words: usize) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let words = stream::iter(0..words).map(move |_| {
        look_up_now(id);
        Ok(Event::default().data("word"))
    });
    Sse::new(carry(words))
}

fn body(response: Response) -> Body {
    response.into_body()
}

#[tokio::test]
async fn the_tools_of_a_web_handlers_stream_are_in_its_call_which_ends_with_the_stream() {
    let trace = capture_async(async {
        let (one, two) = (handle("call-1", 3).await, handle("call-2", 2).await);
        // Another task reads them, as a server does.
        let read =
            async { (body(one.into_response()).collect().await, body(two.into_response()).collect().await) };
        let (one, two) = tokio::spawn(read).await.unwrap();
        assert!(one.unwrap().to_bytes().starts_with(b"data: word") && two.is_ok());
    })
    .await
    .strict();
    assert_eq!(
        shapes(&trace),
        ["conversation(look_up_now look_up_now look_up_now)", "conversation(look_up_now look_up_now)"]
    );
    check_root_ends_last(&trace.conversation("call-1"));
    check_root_ends_last(&trace.conversation("call-2"));
    assert!(trace.spans().iter().all(|span| !span.is_interrupted()));
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_call_as_interrupted() {
    let trace = capture_async(async {
        let mut body = body(handle("call-1", 9).await.into_response());
        body.frame().await.unwrap().unwrap();
        drop(body);
    })
    .await
    .strict();
    assert_eq!(shapes(&trace), ["conversation!(look_up_now)"]);
    check_root_ends_last(&trace);
}

#[test]
fn a_call_does_not_wait_for_what_is_carried_and_has_arrived() {
    #[cekura::conversation(call_id = "call-1")]
    fn call(out: &mpsc::Sender<Carried<&'static str>>) {
        out.send(carry("call-1")).unwrap();
    }
    let ended = |trace: &Trace| trace.named("conversation").count();
    let (out, inbox) = mpsc::channel();
    let arrived = capture(|| {
        call(&out);
        inbox.recv().unwrap().in_scope(look_up_now);
        call(&out);
        assert_eq!(inbox.recv().unwrap().into_inner(), "call-1");
        call(&out);
        drop(inbox.recv().unwrap());
    });
    assert_eq!(ended(&arrived), 3);
    let kept = capture(|| {
        call(&out);
        let message = inbox.recv().unwrap();
        let again = message.clone();
        drop(message);
        again.in_scope(look_up_now);
    });
    assert_eq!(shapes(&kept), ["conversation(look_up_now)"]);
}

#[test]
fn a_call_that_fails_or_is_ended_by_hand_does_not_wait() {
    #[cekura::conversation(call_id = "call-1")]
    fn call(out: &mpsc::Sender<Carried<stream::Pending<()>>>) -> Result<(), &'static str> {
        out.send(carry(stream::pending())).unwrap();
        Err("no line")
    }
    let (out, inbox) = mpsc::channel();
    let trace = capture(|| call(&out));
    assert_eq!(trace.to_string(), "conversation failed\n");
    let trace = capture(|| {
        let call = cekura::Conversation::start("call-2");
        call.in_scope(|| out.send(carry(stream::pending())).unwrap());
        call.end();
    });
    assert_eq!(trace.to_string(), "conversation\n");
    drop(inbox);
}

#[test]
fn a_carried_message_is_the_message() {
    struct Frame {
        samples: Vec<i16>,
    }
    let mut carried = carry(Frame { samples: vec![1, 2] });
    carried.samples.push(3);
    assert_eq!((carried.samples.len(), carried.samples.first()), (3, Some(&1)));
    let text = carry("Hello.".to_owned());
    assert!(text.starts_with("Hell") && *text == "Hello.");
}

#[test]
fn a_carried_stream_is_a_stream_of_its_kind() {
    let mut carried = carry(stream::iter([1, 2]).fuse());
    assert_eq!((carried.size_hint(), carried.is_terminated()), ((2, Some(2)), false));
    assert_eq!(block_on(carried.by_ref().collect::<Vec<i32>>()), [1, 2]);
    assert!(carried.is_terminated());
}

#[test]
fn a_callback_runs_in_the_call_that_gave_it() {
    const fn is_free_to_move<T: Send + Sync + 'static>(_: &T) {}
    for trace in calls::interleave(|id: String| async move {
        let of_callback = id.clone();
        let on_word = carry_fn(move |word: &'static str| {
            look_up_now(&of_callback);
            word.len()
        });
        is_free_to_move(&on_word);
        let on_word: Arc<dyn Fn(&'static str) -> usize + Send + Sync> = Arc::new(on_word);
        let called = thread::spawn(move || {
            assert!(cekura::current_conversation().is_none());
            let length = on_word("ten") + on_word("four");
            assert!(cekura::current_conversation().is_none());
            length
        });
        assert_eq!(called.join().unwrap(), 7);
    }) {
        assert_eq!(shapes(&trace), vec!["conversation(look_up_now look_up_now)"; calls::CALLS]);
    }
}

#[test]
fn a_callback_may_panic_and_be_called_inside_itself() {
    #[cekura::conversation(call_id = "call-1", skip_all)]
    fn call() {
        let inner = carry_fn(|deep: u8| {
            look_up_now("call-1");
            assert!(deep < 2, "too deep");
        });
        let outer = carry_fn(|deep: u8| inner(deep));
        outer(1);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outer(2))).unwrap_err();
        assert!(cekura::current_conversation().is_some());
    }
    let trace = capture(call);
    assert_eq!(shapes(&trace), ["conversation(look_up_now look_up_now)"]);
}
