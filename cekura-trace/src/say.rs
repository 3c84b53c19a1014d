//! Runs the program's `tracing` subscriber, or other code of the program's that only hears. Invariant: its panic ends here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Says something; true unless whoever hears it panics.
pub(crate) fn say(event: impl FnOnce()) -> bool {
    let said = catch_unwind(AssertUnwindSafe(event));
    // What a panic holds may panic when it is dropped.
    said.map_err(std::mem::forget).is_ok()
}
