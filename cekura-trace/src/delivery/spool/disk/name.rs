//! Names of files, which say how old a file is, for whom and what it holds. Invariant: one jump of the wall clock makes no
//! file old.
//!
//! ```text
//! <milliseconds of the wall clock>-<age by then, in milliseconds>-<receiver>-<random>.spans
//! ```

use crate::delivery::spool::item::Kind;
use rand::Rng;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most that passes between two looks at a file: what the wall clock says beyond that may be its jump.
const LEAP: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    stamp: u64,
    age: u64,
    /// The receiver and the rest; of a file that was set aside its whole name.
    rest: String,
}

impl FileName {
    pub(super) fn new(receiver: &str, kind: Kind) -> Self {
        Self::of(format!("{receiver}-{:016x}.{}", rand::rng().random::<u64>(), kind.ending()))
    }

    /// That of what is set aside now.
    pub(super) fn of(rest: String) -> Self {
        Self { stamp: milliseconds(now()), age: 0, rest }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (stamp, rest) = text.split_once('-')?;
        let (age, rest) = rest.split_once('-')?;
        Some(Self { stamp: stamp.parse().ok()?, age: age.parse().ok()?, rest: rest.to_owned() })
    }

    /// For whom it is and what it holds; `None` for what is not of this format.
    pub(super) fn meaning(&self) -> Option<(&str, Kind)> {
        let (receiver, rest) = self.rest.split_once('-')?;
        Some((receiver, Kind::of(rest.split_once('.')?.1)?))
    }

    /// How old it is now.
    pub(super) fn age(&self) -> Duration {
        let since = now().saturating_sub(Duration::from_millis(self.stamp));
        Duration::from_millis(self.age) + since.min(LEAP)
    }

    /// The same file's name, of now.
    pub(super) fn renewed(&self, age: Duration) -> Self {
        Self { stamp: milliseconds(now()), age: milliseconds(age), rest: self.rest.clone() }
    }

    /// Whether the wall clock is too far from where it was for the age to be counted on from there.
    pub(super) fn is_to_be_renewed(&self) -> bool {
        let (now, then) = (now(), Duration::from_millis(self.stamp));
        now.checked_sub(then).is_none_or(|since| since > LEAP / 2)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{:010}-{}", self.stamp, self.age, self.rest)
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "../../tests/spool_name.rs"]
mod tests;
