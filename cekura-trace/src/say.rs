//! Runs code of the program's beside its functions: values that show themselves, a `tracing` subscriber. Invariant: its panic
//! ends here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// What it gives; `None` where it panics.
#[inline]
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Option<R> {
    // What a panic holds may panic when it is dropped.
    catch_unwind(AssertUnwindSafe(run)).map_err(std::mem::forget).ok()
}

/// Says something the first time that it is asked to.
#[cfg_attr(
    not(any(feature = "audio", feature = "logs")),
    expect(dead_code, reason = "of sound and log lines only")
)]
pub(crate) fn say_once(is_said: &AtomicBool, event: impl FnOnce()) {
    if !is_said.swap(true, Ordering::Relaxed) {
        say(event);
    }
}

/// Whether an event or a span of `tracing` is this crate's own.
#[cfg(any(feature = "logs", feature = "tracing"))]
pub(crate) fn is_own(target: &str) -> bool {
    target.split("::").next() == Some("cekura")
}

/// Says something; true unless whoever hears it panics.
pub(crate) fn say(event: impl FnOnce()) -> bool {
    caught(event).is_some()
}
