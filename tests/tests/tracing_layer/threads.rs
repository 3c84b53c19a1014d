//! Spans that are entered on several threads, more than once, or left in another order.

use crate::{call, captured, stage};
use std::sync::Barrier;
use std::thread;
use tracing::dispatcher::{get_default, with_default};
use tracing::span::EnteredSpan;
use tracing::{Dispatch, info_span};

/// Runs something on a thread of its own, under the subscriber of this one.
fn elsewhere(run: impl FnOnce() + Send) {
    let subscriber = get_default(Dispatch::clone);
    thread::scope(|scope| {
        scope.spawn(move || with_default(&subscriber, run));
    });
}

#[test]
fn a_span_is_entered_on_several_threads_at_once() {
    const THREADS: usize = 4;
    let trace = captured(|| {
        call(|| {
            let (shared, barrier) = (info_span!("shared"), Barrier::new(THREADS));
            let subscriber = get_default(Dispatch::clone);
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        with_default(&subscriber, || {
                            let _inside = shared.enter();
                            barrier.wait();
                            info_span!("part").in_scope(|| stage(|| {}));
                            barrier.wait();
                        });
                    });
                }
            });
        });
    });
    assert_eq!(trace.to_string().matches("    part\n      stage\n").count(), THREADS);
    assert_eq!(trace.spans().len(), 2 + 2 * THREADS);
    assert_eq!(trace.children(trace.span("shared").unwrap()).count(), THREADS);
}

#[test]
fn a_span_is_entered_again() {
    let trace = captured(|| {
        call(|| {
            let span = info_span!("again");
            span.in_scope(|| {
                drop(info_span!("once"));
                span.in_scope(|| drop(info_span!("twice")));
                drop(info_span!("still"));
            });
            elsewhere(|| span.in_scope(|| drop(info_span!("elsewhere"))));
            drop(info_span!("after"));
        });
    });
    let expected = "\
conversation
  again
    once
    twice
    still
    elsewhere
  after
";
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn spans_are_left_in_another_order_than_they_were_entered() {
    let trace = captured(|| {
        call(|| {
            let (first, second) = (info_span!("first").entered(), info_span!("second").entered());
            let third = info_span!("third").entered();
            drop(first);
            drop(info_span!("in_third"));
            drop(second);
            drop(info_span!("in_third_too"));
            stage(|| {});
            drop(third);
            drop(info_span!("after"));
            stage(|| {});
        });
        stage(|| {});
    });
    let expected = "\
conversation
  first
    second
      third
        in_third
        in_third_too
        stage
  after
  stage
stage
";
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn a_span_is_left_inside_an_annotated_function() {
    #[cekura::span(skip_all)]
    fn takes(entered: EnteredSpan) {
        drop(info_span!("before"));
        drop(entered);
        drop(info_span!("then"));
    }
    let trace = captured(|| {
        call(|| {
            takes(info_span!("given").entered());
            drop(info_span!("after"));
            stage(|| {});
        });
        drop(info_span!("outside"));
        call(|| stage(|| {}));
    });
    let expected = "\
conversation
  given
    takes
      before
      then
  after
  stage
conversation
  stage
";
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn a_thread_ends_inside_a_span() {
    let trace = captured(|| {
        call(|| {
            let span = info_span!("left_open");
            elsewhere(|| {
                // It is never left.
                std::mem::forget(span.enter());
                drop(info_span!("inner"));
            });
            drop(info_span!("after"));
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  left_open\n    inner\n  after\n");
}
