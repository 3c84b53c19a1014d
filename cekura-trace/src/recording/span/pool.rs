//! Buffers of ended spans come in and go out again to new ones, per thread. This file does not know what is in them.

use std::cell::RefCell;

/// Buffers kept by a thread, and the most bytes of each.
const KEPT: usize = 16;
const KEPT_BYTES: usize = 16 << 10;
/// Room for the span attributes of most functions.
const NEW_BYTES: usize = 512;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn take() -> Vec<u8> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(|| Vec::with_capacity(NEW_BYTES))
}

pub(super) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_BYTES {
        buffer.clear();
        // On a thread that is ending there is none.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT {
                pool.push(buffer);
            }
        });
    }
}
