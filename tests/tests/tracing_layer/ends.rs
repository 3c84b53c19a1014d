//! How spans of `tracing` end.

use crate::{call, captured, stage};
use cekura::CaptureContent;
use cekura::testing::{Span, Trace, capture_with};
use cekura_trace_tests::host::Beside;
use cekura_trace_tests::tree::tree;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tracing::subscriber::with_default;
use tracing::{error, info_span, instrument};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

fn span<'a>(trace: &'a Trace, name: &str) -> &'a Span {
    trace.span(name).unwrap_or_else(|| panic!("no {name} in {trace}"))
}

#[instrument]
fn panics() {
    inner();
    resume_unwind(Box::new("no slot"));
}

#[instrument]
fn inner() {}

/// Begins and ends a span while it is dropped.
struct Spans;

impl Drop for Spans {
    fn drop(&mut self) {
        info_span!("in_drop").in_scope(|| {});
    }
}

#[test]
fn a_panic_ends_those_that_it_leaves() {
    let trace = captured(|| {
        call(|| {
            info_span!("catches").in_scope(|| {
                let caught = catch_unwind(|| {
                    let _spans = Spans;
                    panics();
                });
                assert!(caught.is_err());
            });
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  catches\n    panics failed\n      inner\n    in_drop\n");
    let panicked = span(&trace, "panics");
    assert!(panicked.is_error());
    assert_eq!(panicked.text("error.type"), Some("panic"));
    for name in ["catches", "inner", "in_drop", "conversation"] {
        assert!(!span(&trace, name).is_error(), "{name}");
    }
}

#[derive(Debug)]
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no slot on Tuesday")
    }
}

#[instrument(err)]
fn book(is_full: bool) -> Result<(), Full> {
    if is_full { Err(Full) } else { Ok(()) }
}

#[test]
fn an_event_of_level_error_makes_a_span_of_tracing_an_error() {
    let trace = captured(|| {
        call(|| {
            let _ = book(true);
            let _ = book(false);
            info_span!("says").in_scope(|| error!("first"));
            info_span!("says_more").in_scope(|| {
                error!("first");
                error!(error = %Full, "then");
                tracing::warn!("no failure");
            });
            // An annotated function says by its return value how it ended.
            stage(|| error!("tries again"));
            let named = info_span!("named");
            stage(|| error!(parent: &named, "elsewhere"));
        });
    });
    let errors: Vec<_> =
        trace.spans().iter().map(|span| (span.name(), span.is_error(), span.error())).collect();
    let expected = [
        ("conversation", false, ""),
        ("book", true, "no slot on Tuesday"),
        ("book", false, ""),
        ("says", true, "first"),
        ("says_more", true, "no slot on Tuesday"),
        ("stage", false, ""),
        ("named", true, "elsewhere"),
        ("stage", false, ""),
    ];
    assert_eq!(errors, expected);
    let events: Vec<_> = span(&trace, "book").events().collect();
    assert_eq!(events, ["exception"]);
}

#[test]
fn without_content_it_is_an_error_without_words() {
    let body = || {
        call(|| {
            let _ = book(true);
        });
    };
    let trace = with_default(Registry::default().with(cekura::layer()), || {
        capture_with(CaptureContent::Metadata, body)
    });
    let book = span(&trace, "book");
    assert!(book.is_error());
    assert_eq!((book.error(), book.events().count(), book.attribute("is_full")), ("", 0, None));
}

#[test]
fn it_ends_where_it_was_left_last() {
    let trace = captured(|| {
        call(|| {
            let (entered, never) = (info_span!("entered"), info_span!("never_entered"));
            entered.in_scope(|| {});
            stage(|| entered.in_scope(|| drop(info_span!("inner"))));
            drop(info_span!("after"));
            drop((entered, never));
        });
    });
    let after = span(&trace, "after").start();
    assert!(span(&trace, "entered").end() >= span(&trace, "inner").end());
    assert!(span(&trace, "entered").end() <= after);
    assert!(span(&trace, "never_entered").end() >= after);
}

#[test]
fn it_is_closed_after_its_conversation_has_ended() {
    #[cekura::conversation(client = handle, skip_all)]
    fn call(handle: &cekura::Cekura) -> tracing::Span {
        let span = info_span!("outlives");
        span.in_scope(|| {});
        span
    }
    let beside = Beside::new(|builder| builder);
    with_default(Registry::default().with(cekura::layer()), || {
        let span = call(&beside.handle);
        span.record("late", 1);
        error!(parent: &span, "late");
        drop(info_span!(parent: &span, "late"));
        drop(span);
    });
    let spans = beside.delivered();
    assert_eq!(tree(&spans), "conversation\n  outlives\n    late\n");
}

#[test]
fn a_call_that_is_finished_ends_it() {
    let trace = captured(|| {
        let call = cekura::Conversation::start("call-1");
        let span = call.in_scope(|| info_span!("open", late = tracing::field::Empty));
        let entered = span.clone().entered();
        futures::executor::block_on(call.finish());
        span.record("late", 1);
        drop(info_span!("inner"));
        drop(entered);
        drop(span);
        stage(|| {});
    });
    let open = span(&trace, "open");
    assert_eq!(open.attribute("cekura.unfinished"), Some(&true.into()));
    assert_eq!(open.attribute("late"), None);
    assert!(trace.to_string().ends_with("\nstage\n"), "{trace}");
}

#[test]
fn it_follows_from_another() {
    let trace = captured(|| {
        let outside = info_span!("outside");
        call(|| {
            let (cause, effect) = (info_span!("cause"), info_span!("effect"));
            effect.follows_from(&cause);
            // Nothing of ours, so there is nothing to link to.
            effect.follows_from(&outside);
            outside.follows_from(&effect);
            effect.in_scope(|| {});
        });
    });
    assert_eq!(span(&trace, "effect").links(), 1);
    assert_eq!(span(&trace, "cause").links(), 0);
}

#[test]
fn a_handle_that_is_gone_does_not_disturb() {
    #[cekura::conversation(client = handle, skip_all)]
    fn call(handle: &cekura::Cekura) -> tracing::Span {
        info_span!("outlives")
    }
    let beside = Beside::new(|builder| builder);
    with_default(Registry::default().with(cekura::layer()), || {
        let span = call(&beside.handle);
        drop(beside);
        let left = catch_unwind(AssertUnwindSafe(|| {
            span.in_scope(|| drop(info_span!("inner")));
            drop(span);
        }));
        assert!(left.is_ok());
    });
}
