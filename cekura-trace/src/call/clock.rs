//! The wall clock beside the monotonic one. Invariant: no span ends before it starts, although the wall clock may be set.

use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The wall clock read once, carried on by the monotonic one, so that no span ends before it starts when the wall
/// clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: u64,
    at: Instant,
    /// Whether a [`Reading`] counts nanoseconds.
    is_readable: bool,
}

impl Clock {
    pub(crate) fn read() -> Self {
        let at = Instant::now();
        let is_readable =
            at.checked_add(STEP).is_some_and(|later| reading(later).wrapping_sub(reading(at)) == count(STEP));
        Self { wall: nanoseconds(SystemTime::now()), at, is_readable }
    }

    /// One that was read before the wall clock was set, by more than fifty years.
    #[cfg(test)]
    pub(crate) fn outdated() -> Self {
        Self { wall: 0, ..Self::read() }
    }

    /// The wall clock when it was read.
    pub(crate) fn start(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.wall)
    }

    /// The time since it was read.
    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    /// Nanoseconds since the Unix epoch at `instant`, which may be before it was read.
    #[inline]
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        if self.is_readable {
            let after = reading(instant).wrapping_sub(reading(self.at));
            return self.wall.saturating_add_signed(after.cast_signed());
        }
        match instant.checked_duration_since(self.at) {
            Some(after) => self.wall.saturating_add(count(after)),
            None => self.wall.saturating_sub(count(self.at.saturating_duration_since(instant))),
        }
    }
}

/// An instant as a number, from what its `Hash` shows: seconds and nanoseconds since whatever it counts from. To ask the
/// standard library for the time between two instants is more work than to read the clock, and each span does it twice.
/// What the `Hash` shows may change, so each clock tries it once.
struct Reading(u64);

const STEP: Duration = Duration::from_millis(1_500);

#[inline]
fn reading(instant: Instant) -> u64 {
    let mut reading = Reading(0);
    instant.hash(&mut reading);
    reading.0
}

impl Hasher for Reading {
    #[inline]
    fn write_i64(&mut self, seconds: i64) {
        self.0 = seconds.cast_unsigned();
    }

    #[inline]
    fn write_u64(&mut self, seconds: u64) {
        self.0 = seconds;
    }

    #[inline]
    fn write_u32(&mut self, nanoseconds: u32) {
        self.0 = self.0.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds.into());
    }

    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Nanoseconds since the Unix epoch; 0 before it.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    count(time.duration_since(UNIX_EPOCH).unwrap_or_default())
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
    fn a_clock_tells_the_same_however_it_reads_an_instant() {
        let quick = Clock::read();
        let slow = Clock { is_readable: false, ..quick };
        assert!(quick.is_readable, "if the standard library shows instants in another way, both are slow");
        for length in
            [Duration::ZERO, Duration::from_nanos(1), Duration::new(1, 999_999_999), Duration::new(7_200, 1)]
        {
            let (before, after) = (quick.at.checked_sub(length), quick.at + length);
            assert_eq!(quick.at(after), slow.at(after));
            assert_eq!(quick.at(after) - quick.wall, u64::try_from(length.as_nanos()).unwrap());
            assert_eq!(before.map(|before| quick.at(before)), before.map(|before| slow.at(before)));
        }
        let age = nanoseconds(SystemTime::now()).abs_diff(quick.at(Instant::now()));
        assert!(age < 60_000_000_000, "{age}");
        let outdated = Clock::outdated();
        assert_eq!(
            outdated.at.checked_sub(Duration::from_secs(1)).map_or(0, |before| outdated.at(before)),
            0
        );
    }
}
