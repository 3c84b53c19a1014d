//! The open turn of a conversation, for spans whose context has no turn.

use super::*;
use cekura::context::carry;
use cekura::opentelemetry::Context;
use cekura::opentelemetry::trace::FutureExt;
use cekura::{Conversation, current_conversation, spans};
use futures::executor::block_on_stream;
use futures::stream::{self, Stream};

#[cekura::llm(skip_all)]
fn think() {
    look_up();
}

#[cekura::tool_call]
fn look_up() {}

/// Runs `stages` in a context that knows the call only, while a turn is open.
fn beside_a_turn(stages: impl FnOnce(&Turn)) -> String {
    let trace = capture(|| {
        call(|| {
            let task = carry(stages);
            turn(|turn| task.in_scope(|stages| stages(turn)));
        });
    });
    trace.to_string()
}

#[test]
fn a_stage_of_an_older_task_begins_in_the_open_turn_with_what_is_in_it() {
    let tree = beside_a_turn(|_| {
        hear();
        think();
        say("Hello.");
    });
    assert_eq!(tree, "conversation\n  turn\n    stt\n    llm\n      tool_call\n    tts\n");
}

#[test]
fn the_times_of_such_stages_are_the_turns() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            let task = carry(());
            turn(|_| {
                task.in_scope(|()| {
                    stopped = Some(ending(hear));
                    heard = Some(ending(|| say("Hello.")));
                });
            });
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn an_answer_that_is_cut_off_there_is_the_turns() {
    let trace = capture(|| {
        call(|| {
            let task = carry(());
            turn(|_| task.in_scope(|()| drop(spans::tts().start())));
            turn(|_| ());
        });
    });
    let interrupted: Vec<_> = trace.named("turn").map(|turn| turn.attribute(INTERRUPTED).cloned()).collect();
    assert_eq!(interrupted, [true, false].map(|each| Some(Value::Bool(each))));
}

#[test]
fn a_named_parent_wins_over_the_open_turn() {
    #[cekura::llm(parent = parent, skip_all)]
    fn beside(parent: Option<&Conversation>) {
        look_up();
    }
    #[cekura::tool_call(parent = turn, skip_all)]
    fn within(turn: &Turn) {}
    let tree = beside_a_turn(|_| {
        beside(current_conversation().as_ref());
        spans::stt().parent(&current_conversation().unwrap()).start().end();
        spans::tts().parent(&Context::current()).start().end();
        // Names nothing.
        spans::s2s().parent(&None::<Turn>).start().end();
    });
    assert_eq!(tree, "conversation\n  turn\n    s2s\n  llm\n    tool_call\n  stt\n  tts\n");
    let trace = capture(|| {
        call(|| {
            turn(|first| {
                turn(|_| {
                    within(first);
                    spans::llm().parent(first).start().end();
                });
            });
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  turn\n    turn\n    tool_call\n    llm\n");
}

#[test]
fn a_turn_that_returns_its_answer_as_a_stream_is_open_until_that_is_over() {
    #[cekura::turn]
    fn answer() -> impl Stream<Item = &'static str> {
        stream::iter(["Hello.", "Goodbye."])
    }
    let trace = capture(|| {
        call(|| {
            let task = carry(());
            let mut words = block_on_stream(answer());
            task.in_scope(|()| {
                look_up();
                assert_eq!(words.next(), Some("Hello."));
                look_up();
                assert_eq!((words.next(), words.next()), (Some("Goodbye."), None));
                look_up();
            });
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  turn\n    tool_call\n    tool_call\n  tool_call\n");
}

#[test]
fn of_two_open_turns_neither_is_meant() {
    let tree = beside_a_turn(|_| {
        let second = spans::turn().start();
        look_up();
        assert!(current_turn().is_none());
        second.end();
        look_up();
        assert_eq!(current_turn().unwrap().number(), 1);
    });
    assert_eq!(tree, "conversation\n  turn\n    tool_call\n  turn\n  tool_call\n");
}

#[test]
fn a_turn_or_a_handoff_does_not_begin_in_the_open_turn() {
    #[cekura::conversation]
    fn second_agent() {}
    let tree = beside_a_turn(|_| {
        second_agent();
        turn(|_| ());
    });
    assert_eq!(tree, "conversation\n  turn\n  conversation\n  turn\n");
}

#[test]
fn the_tools_of_an_answer_that_began_before_the_turn_stay_with_it() {
    let trace = capture(|| {
        call(|| {
            let greeting = spans::llm().start();
            let task = greeting.in_scope(|| carry(()));
            turn(|_| task.in_scope(|()| look_up()));
            greeting.end();
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  llm\n    tool_call\n  turn\n");
}

#[test]
fn a_loop_that_is_a_span_itself_has_its_stages_in_the_turns() {
    #[cekura::span(skip_all)]
    fn work(stages: impl FnOnce() -> String) -> String {
        stages()
    }
    let mut tree = String::new();
    let trace = capture(|| {
        call(|| {
            tree = work(|| {
                let task = carry(());
                let by_hand = spans::turn().parent(&current_conversation().unwrap()).start();
                task.in_scope(|()| look_up());
                by_hand.end();
                look_up();
                String::new()
            });
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  work\n    tool_call\n  turn\n    tool_call\n");
}

#[test]
fn a_turn_that_is_dropped_or_ended_by_hand_is_no_longer_open() {
    let trace = capture(|| {
        let call = Conversation::start("call-1");
        call.in_scope(|| {
            let first = spans::turn().start();
            look_up();
            first.end();
            drop(spans::turn().start());
            look_up();
        });
        futures::executor::block_on(async { look_up() }.with_context(call.context()));
        call.end();
    });
    let expected = "conversation\n  turn\n    tool_call\n  turn interrupted\n  tool_call\n  tool_call\n";
    assert_eq!(trace.to_string(), expected);
}
