//! Spans that are over come in and go out again as new ones, with their buffers, per thread. This file does not know
//! what is in them.

use super::live::Live;
use std::cell::RefCell;
use std::sync::Arc;

/// Spans kept by a thread.
const KEPT: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Arc<Live>>> = const { RefCell::new(Vec::new()) };
}

/// A span that stands nowhere yet.
pub(super) fn take() -> Arc<Live> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(Live::idle)
}

/// Keeps a span with the buffer of its record, unless somebody still has it.
pub(super) fn give(mut live: Arc<Live>, record: Vec<u8>) {
    if Live::rest(&mut live, record) {
        // On a thread that is ending there is none.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT {
                pool.push(live);
            }
        });
    }
}
