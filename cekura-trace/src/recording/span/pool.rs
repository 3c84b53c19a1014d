//! Ended spans that are used again for new ones, with their buffers. Invariant: each thread has its own pool.

use super::live::Live;
use std::cell::RefCell;
use std::sync::Arc;

/// Spans kept by a thread, and the most bytes of each one's buffer.
const KEPT: usize = 16;
const KEPT_BYTES: usize = 16 << 10;
/// Room for the span attributes of most functions.
const NEW_BYTES: usize = 512;

/// A span that stands nowhere, and the buffer for its record.
pub(super) type Idle = (Arc<Live>, Vec<u8>);

thread_local! {
    static POOL: RefCell<Vec<Idle>> = const { RefCell::new(Vec::new()) };
}

#[inline]
pub(super) fn take() -> Idle {
    let kept = POOL.try_with(|pool| pool.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(|| (Live::idle(), Vec::with_capacity(NEW_BYTES)))
}

/// Keeps a span that stands nowhere.
#[inline]
pub(super) fn give(live: Arc<Live>, mut record: Vec<u8>) {
    if record.capacity() <= KEPT_BYTES {
        record.clear();
        // On a thread that is ending there is none.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT {
                pool.push((live, record));
            }
        });
    }
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
