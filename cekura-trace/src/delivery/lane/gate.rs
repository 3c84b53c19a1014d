//! Decides whether the next request to one endpoint may go, after what became of those before.
//! Invariant: no request goes before the time that the server has asked for.

use crate::delivery::ledger::DropReason;
use crate::delivery::timings::Timings;
use rand::Rng;
use std::time::Duration;
use tokio::time::Instant;

/// How many requests are under way at a time at first when all is well; with an endpoint that fails it is one.
const ABREAST: usize = 4;
/// After so many answers without a failure it is twice as many: an endpoint that answers late but well is kept busy.
const PROOF: u32 = 16;
/// How often it doubles.
const DOUBLINGS: u32 = 2;

/// Open while requests succeed. Shut after a failure until its wait is over; then one request may try.
#[derive(Debug)]
pub(crate) struct Gate {
    timings: Timings,
    shut: Option<Shut>,
    /// Answers since the last failure.
    answers: u32,
}

#[derive(Debug)]
struct Shut {
    reason: DropReason,
    /// Failures since it was open.
    failures: u32,
    since: Instant,
    /// When the last one that failed was sent.
    tried: Instant,
    until: Instant,
    /// No request goes before: the server has said how long.
    asked: Instant,
    /// Until when nothing is given up, because the server has asked for a wait.
    patience: Instant,
}

impl Gate {
    pub(crate) fn new(timings: Timings) -> Self {
        Self { timings, shut: None, answers: 0 }
    }

    /// Whether one more request may go while `in_flight` are under way.
    pub(crate) fn admits(&self, in_flight: usize, now: Instant) -> bool {
        match &self.shut {
            None => in_flight < ABREAST << (self.answers / PROOF).min(DOUBLINGS),
            Some(shut) => in_flight == 0 && now >= shut.until,
        }
    }

    /// When it next admits a request, if it does not now.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.shut.as_ref().map(|shut| shut.until)
    }

    /// Why it is shut.
    pub(crate) fn reason(&self) -> Option<DropReason> {
        self.shut.as_ref().map(|shut| shut.reason)
    }

    /// Whether what has been kept up to its time limit may be given up: not before an attempt has failed that was made after
    /// it, for the process may have been frozen, and not while it waits as long as the server asked.
    pub(crate) fn gives_up(&self, limit: Instant, now: Instant) -> bool {
        self.shut.as_ref().is_some_and(|shut| shut.tried >= limit && now >= shut.patience)
    }

    /// A request that went at `launched` succeeded; true if the gate was shut. One that went before it was shut proves
    /// nothing.
    pub(crate) fn open(&mut self, launched: Instant) -> bool {
        let opens = self.shut.take_if(|shut| launched >= shut.since).is_some();
        if self.shut.is_none() {
            self.answers = self.answers.saturating_add(1);
        }
        opens
    }

    /// A request that went at `launched` failed; true if the gate was open or shut for another reason.
    pub(crate) fn fail(
        &mut self,
        reason: DropReason,
        wait: Option<Duration>,
        launched: Instant,
        now: Instant,
    ) -> bool {
        self.answers = 0;
        let wait = wait.map(|wait| wait.min(self.timings.longest_hint));
        let patience = wait.map_or(now, |wait| now + wait + self.timings.after_hint);
        let failures = match &mut self.shut {
            // Several were under way: the first of them has counted.
            Some(shut) if launched < shut.since => {
                let asked = now + wait.unwrap_or_default();
                shut.until = shut.until.max(asked);
                shut.asked = shut.asked.max(asked);
                shut.patience = shut.patience.max(patience);
                shut.tried = shut.tried.max(launched);
                return false;
            }
            // A refusal has a plan of its own.
            Some(shut) if (shut.reason == DropReason::Refused) == (reason == DropReason::Refused) => {
                shut.failures
            }
            _ => 0,
        };
        let pause = match reason {
            DropReason::Refused => {
                self.timings.probes[self.timings.probes.len().min(failures as usize + 1) - 1]
            }
            _ => self.backoff(failures).max(wait.unwrap_or_default()),
        };
        let is_new = self.reason() != Some(reason);
        let patience = self.shut.as_ref().map_or(patience, |shut| shut.patience.max(patience));
        let (until, asked) = (now + pause, now + wait.unwrap_or_default());
        let (failures, since, tried) = (failures + 1, now, launched);
        self.shut = Some(Shut { reason, failures, since, tried, until, asked, patience });
        is_new
    }

    /// Lets one request try at `by` at the latest, unless the server asked for a longer wait.
    pub(crate) fn hurry(&mut self, by: Instant, now: Instant) {
        if let Some(shut) = &mut self.shut {
            shut.until = at_the_latest(shut.until, by.max(shut.asked), now);
        }
    }

    /// Lets one request try now, unless the server asked for a longer wait.
    pub(crate) fn hurry_now(&mut self, now: Instant) {
        if let Some(shut) = &mut self.shut {
            shut.until = shut.until.min(now.max(shut.asked));
        }
    }

    fn backoff(&self, failures: u32) -> Duration {
        let doubled = self.timings.first_backoff.saturating_mul(1 << failures.min(16));
        let longest = doubled.min(self.timings.longest_backoff);
        longest.mul_f64(rand::rng().random())
    }
}

/// An attempt that was to be made at `at`, made at `by` if that is earlier. A time that has come is a chance that was
/// had: else it would be tried again without a pause.
pub(crate) fn at_the_latest(at: Instant, by: Instant, now: Instant) -> Instant {
    if by > now { at.min(by) } else { at }
}

#[cfg(test)]
mod tests {
    use super::{ABREAST, DOUBLINGS, DropReason, Duration, Gate, Instant, PROOF, Timings};

    #[test]
    fn waits_grow_to_their_limit() {
        let now = Instant::now();
        let mut gate = Gate::new(Timings::default());
        let mut longest = Duration::ZERO;
        for round in 0..1000 {
            assert_eq!(gate.fail(DropReason::Unreachable, None, now, now), round == 0);
            longest = longest.max(gate.until().unwrap() - now);
        }
        assert!(longest <= Duration::from_secs(20) && longest > Duration::from_secs(10), "{longest:?}");
    }

    #[test]
    fn probes_follow_their_plan() {
        let mut now = Instant::now();
        let mut gate = Gate::new(Timings::default());
        for wait in [5, 15, 60, 60] {
            gate.fail(DropReason::Refused, None, now, now);
            let until = gate.until().unwrap();
            assert_eq!(until - now, Duration::from_secs(wait));
            assert!(!gate.admits(0, now) && gate.admits(0, until) && !gate.admits(1, until));
            now = until;
        }
    }

    #[test]
    fn a_servers_wait_is_kept_and_capped() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut gate = Gate::new(Timings::default());
        gate.fail(DropReason::Unavailable, Some(30 * second), now, now);
        assert_eq!(gate.until(), Some(now + 30 * second));
        gate.hurry_now(now);
        gate.hurry(now + 29 * second, now);
        assert!(!gate.admits(0, now + 29 * second));
        gate.fail(DropReason::Unavailable, Some(100_000 * second), now + second, now + second);
        assert_eq!(gate.until(), Some(now + 601 * second));
    }

    #[test]
    fn a_wait_is_cut_short_for_one_who_waits_but_never_below_what_the_server_asked_for() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for (asked, by, earliest) in [(None, 4, 4), (Some(0), 4, 4), (Some(2), 4, 4), (Some(7), 4, 7)] {
            let timings = Timings { probes: [60 * second; 3], ..Timings::default() };
            let mut gate = Gate::new(timings);
            gate.fail(DropReason::Refused, asked.map(|wait| wait * second), now, now);
            // The plan of a refusal knows no wait of the server's, what it asks for is kept all the same.
            gate.hurry(now + by * second, now);
            assert_eq!(gate.until(), Some(now + earliest * second), "{asked:?}");
            gate.hurry(now + second, now + 3 * second);
            assert_eq!(gate.until(), Some(now + earliest * second), "a time that has passed");
        }
    }

    #[test]
    fn only_a_request_that_went_later_opens_it() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut gate = Gate::new(Timings::default());
        gate.fail(DropReason::Unavailable, None, now, later);
        assert!(!gate.fail(DropReason::Unavailable, None, now, later), "the second of two abreast");
        assert!(!gate.open(now) && gate.open(later));
        assert!(gate.admits(ABREAST - 1, later) && !gate.admits(ABREAST, later));
    }

    #[test]
    fn an_endpoint_that_answers_well_gets_more_at_a_time_until_it_fails() {
        let now = Instant::now();
        let mut gate = Gate::new(Timings::default());
        for answers in 0..3 * PROOF {
            let most = ABREAST << (answers / PROOF).min(DOUBLINGS);
            assert!(gate.admits(most - 1, now) && !gate.admits(most, now), "{answers}");
            gate.open(now);
        }
        gate.fail(DropReason::Unavailable, None, now, now);
        let later = now + Duration::from_secs(1);
        assert!(gate.admits(0, later) && !gate.admits(1, later));
        assert!(gate.open(later) && gate.admits(ABREAST - 1, later) && !gate.admits(ABREAST, later));
    }
}
