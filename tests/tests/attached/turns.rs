//! The end of a turn, however it comes: a span that begins after it is not in the turn, although others may still have to
//! do with that end.

use super::*;
use cekura::{current_turn, follow};
use serde::{Serialize, Serializer};
use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread;

#[cekura::tool_call(skip_all)]
fn late() {}

/// A program's processor. While a turn ends, something else goes on in the turn's call, in another thread.
#[derive(Clone, Debug, Default)]
struct Beyond(Arc<Mutex<Option<Context>>>);

impl SpanProcessor for Beyond {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.name == "turn"
            && let Some(call) = self.0.lock().unwrap().take()
        {
            go_on(call);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn go_on(call: Context) {
    let go_on = move || {
        let _entered = call.attach();
        late();
    };
    thread::spawn(go_on).join().unwrap();
}

type Call = spans::Guard<spans::Conversation>;

/// The span that something is in which begins while the turn ends that `body` begins and ends.
fn after_the_end(body: impl FnOnce(Call)) -> Option<String> {
    let beyond = Beyond::default();
    attached(
        |builder| builder.with_span_processor(beyond.clone()),
        |beside| {
            let call = spans::conversation().client(&beside.handle).start();
            *beyond.0.lock().unwrap() = Some(call.context());
            body(call);
            assert!(beyond.0.lock().unwrap().is_none(), "no turn has ended");
            parent(&beside.delivered(), "tool_call").map(str::to_owned)
        },
    )
}

type Guard = spans::Guard<spans::Turn>;

#[test]
fn no_span_joins_a_turn_that_is_ended_by_hand() {
    let ends: [fn(Guard); 5] = [
        Guard::end,
        Guard::interrupt,
        drop,
        |turn| turn.end_with(&Err::<(), _>("refused")),
        |turn| turn.end_at(Instant::now()),
    ];
    for end in ends {
        let parent = after_the_end(|call| {
            end(call.in_scope(|| spans::turn().start()));
            call.end();
        });
        assert_eq!(parent.as_deref(), Some("conversation"));
    }
}

#[test]
fn no_span_joins_a_turn_that_ends_with_its_call() {
    let parent = after_the_end(|call| {
        std::mem::forget(call.in_scope(|| spans::turn().start()));
        let _ = call.finish().now_or_never();
    });
    assert_eq!(parent.as_deref(), Some("conversation"));
}

#[cekura::turn]
fn answer() -> impl Stream<Item = u8> {
    stream::iter([1, 2])
}

type Words = Pin<Box<dyn Stream<Item = u8>>>;

/// Its type does not show that it has a stream.
#[cekura::turn]
fn answer_and_more() -> (Words, u8) {
    (Box::pin(follow(stream::iter([1, 2]))), 7)
}

#[test]
fn no_span_joins_a_turn_whose_stream_is_over() {
    let answers: [fn() -> Words; 2] = [|| Box::pin(answer()), || answer_and_more().0];
    for answer in answers {
        for read in [0, 1, 3] {
            let parent = after_the_end(|call| {
                let mut words = call.in_scope(answer);
                let is_open = call.in_scope(|| current_turn().is_some());
                assert!(is_open, "it is not over yet");
                for _ in 0..read {
                    assert!(words.next().now_or_never().is_some());
                }
                drop(words);
                call.end();
            });
            assert_eq!(parent.as_deref(), Some("conversation"), "after {read} items");
        }
    }
}

thread_local! {
    static HERE: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// While it is told, the function of the turn returns, and then something else goes on in the call.
struct Slow(mpsc::SyncSender<()>, Mutex<mpsc::Receiver<()>>);

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.send(()).unwrap();
        self.1.lock().unwrap().recv().unwrap();
        go_on(HERE.take().unwrap());
        serializer.serialize_str("slow")
    }
}

#[test]
fn no_span_joins_a_turn_that_somebody_still_tells_something() {
    #[cekura::turn(skip_all)]
    fn turn(body: impl FnOnce()) {
        body();
    }
    attached(
        |builder| builder,
        |beside| {
            let call = spans::conversation().client(&beside.handle).start();
            let (is_here, here) = mpsc::sync_channel(1);
            let (go, gone) = mpsc::channel();
            let mut teller = None;
            call.in_scope(|| {
                turn(|| {
                    let (turn, call) = (Context::current(), call.context());
                    teller = Some(thread::spawn(move || {
                        let _entered = turn.attach();
                        HERE.set(Some(call));
                        cekura::current().item(&Slow(is_here, Mutex::new(gone)));
                    }));
                    here.recv().unwrap();
                });
            });
            go.send(()).unwrap();
            teller.unwrap().join().unwrap();
            call.end();
            assert_eq!(parent(&beside.delivered(), "tool_call"), Some("conversation"));
        },
    );
}
