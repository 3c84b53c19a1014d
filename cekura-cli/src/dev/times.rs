//! How long many things took, in few bytes: how many were in each of many short ranges. Invariant: a percentile is within 1 % of the
//! exact one.

use std::collections::BTreeMap;

/// A range is a 64th of the power of two that it begins in, at most.
const BITS: u32 = 6;
/// Of fewer values, the 95th percentile is the longest one.
const ENOUGH: u64 = 20;
/// Bytes of a range and its count.
const PAIR: usize = 6;

/// Counts by range.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Times(BTreeMap<u16, u32>);

impl Times {
    /// Adds one, in nanoseconds.
    pub(super) fn add(&mut self, ns: u64) {
        let count = self.0.entry(range(ns)).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (range, more) in &other.0 {
            let count = self.0.entry(*range).or_default();
            *count = count.saturating_add(*more);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.values().map(|count| u64::from(*count)).sum()
    }

    /// The least time that half of them do not exceed, in nanoseconds.
    pub(super) fn p50(&self) -> Option<u64> {
        self.percentile(50)
    }

    /// The least time that 95 % of them do not exceed, in nanoseconds, where there are enough of them.
    pub(super) fn p95(&self) -> Option<u64> {
        self.percentile(95).filter(|_| self.count() >= ENOUGH)
    }

    fn percentile(&self, percent: u64) -> Option<u64> {
        let mut left = self.count().saturating_mul(percent).div_ceil(100).max(1);
        for (range, count) in &self.0 {
            left = left.saturating_sub((*count).into());
            if left == 0 {
                return Some(middle(*range));
            }
        }
        None
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let pair = |(range, count): (&u16, &u32)| range.to_le_bytes().into_iter().chain(count.to_le_bytes());
        self.0.iter().flat_map(pair).collect()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let (pairs, _) = bytes.as_chunks::<PAIR>();
        let pair = |[a, b, c, d, e, f]: &[u8; PAIR]| {
            (u16::from_le_bytes([*a, *b]), u32::from_le_bytes([*c, *d, *e, *f]))
        };
        Self(pairs.iter().map(pair).collect())
    }
}

/// The number of the range that a time is in: each power of two has 64 of them, but for times that are shorter than so many.
fn range(ns: u64) -> u16 {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(BITS + 1);
    // At most 57 · 64 + 127.
    u16::try_from((u64::from(shift) << BITS) + (ns >> shift)).unwrap_or(u16::MAX)
}

fn middle(range: u16) -> u64 {
    let range = u64::from(range);
    // What no time has is read as the longest.
    let shift = (range >> BITS).saturating_sub(1).min(57);
    let begin = (range - (shift << BITS)).min(127) << shift;
    begin + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_one_per_cent() {
        for seed in [1, 7, 1_000, 300_000, 900_000_000, 70_000_000_000, u64::MAX / 5000] {
            let mut all: Vec<u64> = (1..=2000_u64).map(|at| seed * (1 + at * at % 1999)).collect();
            let mut times = Times::default();
            for time in &all {
                times.add(*time);
            }
            all.sort_unstable();
            for (exact, found) in [(all[999], times.p50()), (all[1899], times.p95())] {
                assert!(found.unwrap().abs_diff(exact) <= exact / 100, "{found:?} is not {exact}");
            }
        }
    }

    #[test]
    fn every_time_has_a_range_and_ranges_follow_each_other() {
        let ends = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]).chain([u64::MAX]);
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        for pair in ends.windows(2) {
            assert!(range(pair[0]) <= range(pair[1]), "{pair:?}");
        }
        for time in ends {
            assert!(middle(range(time)).abs_diff(time) <= time / 100, "{time}");
        }
        assert_eq!(middle(u16::MAX), middle(range(u64::MAX)));
    }

    #[test]
    fn parts_together_are_the_whole_also_after_they_were_stored() {
        let (mut whole, mut one, mut other) = (Times::default(), Times::default(), Times::default());
        for time in 0..500 {
            whole.add(time * time);
            if time % 3 == 0 { one.add(time * time) } else { other.add(time * time) }
        }
        one.merge(&Times::from_bytes(&other.to_bytes()));
        assert_eq!((&one, one.count()), (&whole, 500));
    }

    #[test]
    fn few_values_have_no_95th_percentile() {
        let mut times = Times::default();
        assert_eq!((times.p50(), times.p95()), (None, None));
        for _ in 0..19 {
            times.add(100);
        }
        assert_eq!((times.p50(), times.p95()), (Some(100), None));
        times.add(100);
        assert_eq!(times.p95(), Some(100));
    }
}
