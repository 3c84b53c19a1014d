//! Which calls are sent: a part of all, and those that went wrong. Invariant: whether a call is among that part follows from its
//! trace id alone, so that all processes agree.

use super::reader::Reader;
use crate::finished::{Raw, Record, ValueOf};
use crate::semconv;
use opentelemetry::trace::TraceId;
use std::time::Duration;

const SAMPLE: &str = "CEKURA_SAMPLE";

/// Which calls are sent: a random part of all, and each one that went wrong in a way that is named here.
///
/// Whether a call belongs to the random part follows from its trace id, and its spans are sent while it runs. Of another call,
/// the spans are held in memory until something in it goes wrong; then it is sent from its beginning. If nothing does, its spans
/// are gone at its end, and counted as [`sampled_out`](crate::DropReason::SampledOut). So a call is sent whole or not at all.
/// `docs/operate.md` says what that costs, and what becomes of call logs and metrics, which are complete in any case.
///
/// ```
/// use cekura::Sampling;
/// use std::time::Duration;
///
/// # fn start() -> Result<(), cekura::Error> {
/// let sampling = Sampling::keep(0.10)
///     .errors()
///     .interrupted()
///     .slower_than(Duration::from_millis(1200))
///     .score_below("sentiment", 0.3);
/// let cekura = cekura::Cekura::builder().sampling(sampling).install()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "give it to the builder's `sampling`"]
pub struct Sampling {
    rate: f64,
    errors: bool,
    interrupted: bool,
    /// In seconds.
    slower_than: Option<f64>,
    /// Scores, and below which value of each a call is sent.
    scores: Vec<(String, f64)>,
}

impl Sampling {
    /// Sends this part of all calls, from 0 to 1: `keep(0.1)` one of ten on average.
    pub fn keep(part: f64) -> Self {
        Self { rate: part, errors: false, interrupted: false, slower_than: None, scores: Vec::new() }
    }

    /// Sends each call in which a span failed, whichever span that was.
    pub fn errors(mut self) -> Self {
        self.errors = true;
        self
    }

    /// Sends each call in which a span was interrupted, also where the caller only began to speak while the agent did.
    pub fn interrupted(mut self) -> Self {
        self.interrupted = true;
        self
    }

    /// Sends each call with a turn in which the caller waited longer than this for the agent's first sound
    /// (`turn.user_bot_latency_seconds`).
    pub fn slower_than(mut self, latency: Duration) -> Self {
        self.slower_than = Some(latency.as_secs_f64());
        self
    }

    /// Sends each call that got less than `value` as this [score](crate::Conversation::score), if that is known before the end of
    /// the call, or while a [`Hold`](crate::Hold) keeps its call log back.
    pub fn score_below(mut self, name: impl Into<String>, value: f64) -> Self {
        self.scores.push((name.into(), value));
        self
    }

    /// Which part of all calls is sent.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether a call of this trace belongs to the random part. The id itself may not be random: some begin with a time.
    pub(crate) fn is_lucky(&self, trace: TraceId) -> bool {
        let number = u128::from_be_bytes(trace.to_bytes());
        let [high, low] = [number >> 64, number & u128::from(u64::MAX)];
        let half = |part: u128| u64::try_from(part).unwrap_or_default();
        let hash = mixed(half(high) ^ mixed(half(low)));
        f64::from(u32::try_from(hash >> 32).unwrap_or_default()) < self.rate * f64::from(u32::MAX)
    }

    /// Whether a call with this span is sent in any case.
    pub(crate) fn is_bad(&self, record: &Record<'_>) -> bool {
        if self.errors && record.head.failed() {
            return true;
        }
        if !self.interrupted && self.slower_than.is_none() && self.scores.is_empty() {
            return false;
        }
        let (mut is_interrupted, mut latency, mut worth) = (false, None, Vec::new());
        record.pick(sign, |sign, value, _| match (sign, value) {
            (Sign::Interrupted, ValueOf::Bool(is_so)) => is_interrupted |= is_so,
            // The last one counts.
            (Sign::Latency, ValueOf::F64(seconds)) => latency = Some(seconds),
            (Sign::Score(name), value) => worth.push((name, number(&value))),
            _ => {}
        });
        let is_slow = self.slower_than.zip(latency).is_some_and(|(most, latency)| latency > most);
        let last = |at: usize| worth[at + 1..].iter().all(|(name, _)| *name != worth[at].0);
        let mut scores = worth.iter().enumerate().filter(|(at, _)| last(*at));
        self.interrupted && is_interrupted
            || is_slow
            || scores.any(|(_, (name, value))| value.is_some_and(|value| self.is_low(name, value)))
    }

    /// Whether a call with this score is sent in any case.
    pub(crate) fn is_low(&self, name: &[u8], value: f64) -> bool {
        self.scores.iter().any(|(known, least)| known.as_bytes() == name && value < *least)
    }
}

/// What a span attribute may say of its call.
enum Sign<'a> {
    Interrupted,
    Latency,
    Score(&'a [u8]),
}

fn sign(key: &[u8]) -> Option<Sign<'_>> {
    if key == semconv::CEKURA_INTERRUPTED.as_bytes() || key == semconv::TURN_WAS_INTERRUPTED.as_bytes() {
        Some(Sign::Interrupted)
    } else if key == semconv::TURN_USER_BOT_LATENCY_SECONDS.as_bytes() {
        Some(Sign::Latency)
    } else {
        key.strip_prefix(semconv::SCORE_PREFIX.as_bytes()).map(Sign::Score)
    }
}

fn number(value: &ValueOf<Raw<'_>>) -> Option<f64> {
    match value {
        ValueOf::F64(number) => Some(*number),
        _ => None,
    }
}

/// The mixing function of `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Reader<'_> {
    /// `None` where every call is sent.
    pub(super) fn sampling(&mut self, code: Option<Sampling>) -> Option<Sampling> {
        const PART: &str = "must be a number from 0 to 1, such as 0.1 for one call of ten";
        let is_part = |part: f64| (0.0..=1.0).contains(&part);
        let sampling = if let Some(sampling) = code {
            if !is_part(sampling.rate) {
                self.refuse(".sampling(Sampling::keep(…))", PART);
            }
            if sampling.scores.iter().any(|(name, value)| name.trim().is_empty() || !value.is_finite()) {
                self.refuse(".score_below(…)", "must have the name of a score and a number");
            }
            sampling
        } else {
            let text = self.variable(SAMPLE)?;
            let part = text.trim().parse().ok().filter(|part| is_part(*part));
            if part.is_none() {
                self.refuse(SAMPLE, PART);
            }
            Sampling::keep(part?).errors().interrupted()
        };
        Some(sampling).filter(|sampling| sampling.rate < 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Sampling, TraceId};

    /// Also of ids that are not random.
    #[test]
    fn the_part_that_is_kept_is_the_part_that_was_asked_for() {
        for rate in [0.0, 0.01, 0.1, 0.5, 0.999] {
            let sampling = Sampling::keep(rate);
            let ids: [fn(u128) -> u128; 3] = [
                |number| number,
                |number| number << 96,
                |number| (0x65f0_0000 + number / 100) << 96 | number,
            ];
            for id in ids {
                let trace = |number| TraceId::from_bytes(id(number).to_be_bytes());
                let lucky = (1..=20_000).filter(|number| sampling.is_lucky(trace(*number))).count();
                let share = f64::from(u32::try_from(lucky).unwrap()) / 20_000.0;
                assert!((share - rate).abs() < 0.01, "{share} of {rate}");
            }
        }
    }

    /// Other versions and other processes decide alike, and who is kept at a lower rate is kept at a higher one.
    #[test]
    fn whether_a_call_is_kept_never_changes() {
        let lucky = |rate: f64| {
            let sampling = Sampling::keep(rate);
            (1..=40_u128)
                .filter(|number| sampling.is_lucky(TraceId::from_bytes(number.to_be_bytes())))
                .collect::<Vec<_>>()
        };
        assert_eq!(lucky(0.1), KEPT);
        assert!(lucky(0.1).iter().all(|number| lucky(0.3).contains(number)));
    }

    const KEPT: [u128; 5] = [10, 19, 25, 29, 40];
}
