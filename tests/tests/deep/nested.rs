//! Spans that stand inside each other 60,000 deep, as those of tasks that begin their successors: dropping the last one.

use cekura::{Conversation, current_conversation, current_turn, spans};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::thread;

const DEPTH: usize = 60_000;

/// On a thread of its own, whose stack is that of any.
fn delivered(body: fn(&Conversation)) -> u64 {
    let backend = Backend::new();
    let handle = to(&backend, cekura::Protocol::Grpc).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    let conversation = call.in_scope(|| current_conversation().unwrap());
    thread::spawn(move || body(&conversation)).join().unwrap();
    call.end();
    handle.shutdown_blocking(LONG).delivered
}

#[test]
fn each_turn_may_begin_the_next() {
    let delivered = delivered(|conversation| {
        let mut turn = spans::turn().parent(conversation).start();
        for _ in 1..DEPTH {
            let next = spans::turn().parent(&turn).start();
            turn.end();
            turn = next;
        }
        let last = turn.in_scope(|| current_turn().unwrap());
        turn.end();
        last.user_stopped();
        drop(last);
    });
    assert_eq!(delivered, DEPTH as u64 + 1);
}

#[test]
fn so_may_turns_that_all_stay_open() {
    let delivered = delivered(|conversation| {
        let first = spans::turn().parent(conversation).start();
        let mut turns = vec![first];
        while let Some(last) = turns.last().filter(|_| turns.len() < DEPTH / 4) {
            let next = spans::turn().parent(last).start();
            turns.push(next);
        }
        // It holds all those around it.
        let last = turns[turns.len() - 1].in_scope(|| current_turn().unwrap());
        while let Some(turn) = turns.pop() {
            turn.end();
        }
        drop(last);
    });
    assert_eq!(delivered, DEPTH as u64 / 4 + 1);
}

#[test]
fn so_may_spans_and_conversations() {
    let delivered = delivered(|conversation| {
        let mut stage = spans::span("stage").parent(conversation).start();
        let mut inner = spans::conversation().parent(conversation).start();
        for _ in 1..DEPTH / 2 {
            let next = spans::span("stage").parent(&stage).start();
            stage.end();
            stage = next;
            let next = spans::conversation().capture(cekura::CaptureContent::Metadata).parent(&inner).start();
            inner.end();
            inner = next;
        }
        stage.end();
        inner.end();
    });
    assert_eq!(delivered, DEPTH as u64 + 1);
}

/// Has so many sources.
#[derive(Debug)]
struct Caused(Option<&'static Caused>);

impl Display for Caused {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", std::ptr::from_ref(self).addr())
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.map(|source| source as _)
    }
}

#[test]
fn an_error_may_have_as_many_sources() {
    #[cekura::llm(skip_all)]
    fn ask(error: Caused) -> Result<(), Caused> {
        Err(error)
    }
    // Never dropped, which would go as deep.
    let last = (0..DEPTH).fold(Caused(None), |source, _| Caused(Some(Box::leak(Box::new(source)))));
    let trace = cekura::testing::capture(|| drop(ask(last)));
    assert!(trace.span("llm").unwrap().error().matches(": ").count() < 100);
}
