//! Ended spans that are used again for new ones, with their buffers. Invariant: each thread has its own pool.

#![expect(clippy::inline_always, reason = "each span passes here, and benches/gates.sh counts what it costs")]

use super::live::Live;
use std::cell::RefCell;
use std::sync::Arc;

/// Spans kept by a thread.
const KEPT: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Arc<Live>>> = const { RefCell::new(Vec::new()) };
}

#[inline(always)]
pub(super) fn take() -> Arc<Live> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(Live::idle)
}

/// Keeps a span that stands nowhere.
#[inline]
pub(super) fn give(live: Arc<Live>) {
    // On a thread that is ending there is none.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < KEPT {
            pool.push(live);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::POOL;
    use crate::spans;
    use crate::testing::capture;
    use opentelemetry::trace::{SpanContext, Status, TraceContextExt};
    use opentelemetry::{Context, KeyValue};

    #[test]
    fn a_span_keeps_nothing_of_the_one_before() {
        let trace = capture(|| {
            let before = spans::llm().start();
            before.in_scope(|| {
                Context::map_current(|context| {
                    let span = context.span();
                    span.set_attribute(KeyValue::new("mine", "yes"));
                    span.add_event("halfway", Vec::new());
                    span.add_link(SpanContext::NONE, Vec::new());
                    span.set_status(Status::error("soft failure"));
                    span.update_name("renamed");
                });
            });
            drop(before);
            assert_eq!(POOL.with_borrow(Vec::len), 1);
            spans::tts().start().end();
            assert_eq!(POOL.with_borrow(Vec::len), 1, "the second one was the first one again");
        });
        assert!(trace.span("renamed").is_some_and(|span| span.is_error() && span.is_interrupted()));
        let span = trace.span("tts").unwrap();
        assert_eq!((span.is_error(), span.error(), span.is_interrupted()), (false, "", false));
        assert_eq!((span.attributes().count(), span.events().count(), span.links()), (0, 0, 0));
    }
}
