//! Converts a time as a program knows it to the monotonic clock. Invariant: a time that the monotonic clock
//! cannot express counts as now.

use std::time::{Instant, SystemTime};

/// A moment, now or in the past: an [`Instant`] or a [`SystemTime`].
///
/// An `Instant` is exact. A `SystemTime` is as exact as the wall clock: if the clock was set since, the moment
/// is wrong by that difference.
#[diagnostic::on_unimplemented(
    message = "a moment is an `Instant` or a `SystemTime`, found `{Self}`",
    label = "expected a `std::time::Instant` or a `std::time::SystemTime`"
)]
pub trait Moment {
    /// The moment on the monotonic clock, or now if that clock does not reach so far.
    fn instant(self) -> Instant;
}

impl Moment for Instant {
    fn instant(self) -> Instant {
        self
    }
}

impl Moment for SystemTime {
    fn instant(self) -> Instant {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let instant = match wall.duration_since(self) {
            Ok(passed) => now.checked_sub(passed),
            Err(ahead) => now.checked_add(ahead.duration()),
        };
        instant.unwrap_or(now)
    }
}
