//! A time as a program knows it comes in, a reading of the monotonic clock goes out. This file does not know what
//! happened then.

use std::time::{Instant, SystemTime};

/// A moment that may be past: an [`Instant`] or a [`SystemTime`].
///
/// The first is exact; the second is as exact as the wall clock, and wrong by what the clock has been set since.
#[diagnostic::on_unimplemented(
    message = "a moment is an `Instant` or a `SystemTime`, found `{Self}`",
    label = "expected a `std::time::Instant` or a `std::time::SystemTime`"
)]
pub trait Moment {
    /// The moment on the monotonic clock; now, where that clock does not reach so far.
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
