//! The wall clock beside the monotonic one. Invariant: no span ends before it starts, although the wall clock may be set.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The wall clock read once, carried on by the monotonic one, so that no span ends before it starts when the wall
/// clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: u64,
    at: Instant,
}

impl Clock {
    pub(crate) fn read() -> Self {
        Self { wall: nanoseconds(SystemTime::now()), at: Instant::now() }
    }

    /// One that was read before the wall clock was set, by more than fifty years.
    #[cfg(test)]
    pub(crate) fn outdated() -> Self {
        Self { wall: 0, ..Self::read() }
    }

    /// The same, as if it had been read at another time.
    pub(crate) fn read_at(self, at: Instant) -> Self {
        Self { wall: self.at(at), at }
    }

    /// The wall clock when it was read.
    pub(crate) fn start(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.wall)
    }

    /// When it was read, by the monotonic clock.
    #[cfg(feature = "audio")]
    pub(crate) fn begun(&self) -> Instant {
        self.at
    }

    /// The time since it was read.
    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    /// Nanoseconds since the Unix epoch at `instant`, which may be before it was read.
    #[inline]
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        match instant.checked_duration_since(self.at) {
            Some(after) => self.wall.saturating_add(count(after)),
            None => self.wall.saturating_sub(count(self.at.saturating_duration_since(instant))),
        }
    }
}

/// Nanoseconds since the Unix epoch; 0 before it.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    count(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Nanoseconds of so many seconds; 0 of what is no length of time.
pub(super) fn of_seconds(seconds: f64) -> u64 {
    count(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// The nanoseconds of a duration, of at most 584 years.
#[inline]
fn count(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::{Clock, Duration, Instant, SystemTime, nanoseconds};

    #[test]
    fn a_clock_tells_the_time_before_and_after_it_was_read() {
        let clock = Clock::read();
        for length in
            [Duration::ZERO, Duration::from_nanos(1), Duration::new(1, 999_999_999), Duration::new(7_200, 1)]
        {
            let nanoseconds = u64::try_from(length.as_nanos()).unwrap();
            assert_eq!(clock.at(clock.at + length) - clock.wall, nanoseconds);
            // A machine that has just started has no such instant.
            if let Some(before) = clock.at.checked_sub(length) {
                assert_eq!(clock.wall - clock.at(before), nanoseconds);
            }
        }
        let age = nanoseconds(SystemTime::now()).abs_diff(clock.at(Instant::now()));
        assert!(age < 60_000_000_000, "{age}");
        let outdated = Clock::outdated();
        assert_eq!(
            outdated.at.checked_sub(Duration::from_secs(1)).map_or(0, |before| outdated.at(before)),
            0
        );
    }
}
