//! The flushes that wait for their report, the last of which is the shutdown. Each is answered once, at its deadline at
//! the latest.

use super::message::FlushReply;
use std::time::Duration;
use tokio::time::Instant;

/// What one more attempt takes, a connection included.
const ATTEMPT: Duration = Duration::from_secs(1);

/// Who waits for less has no attempt made for him: a program that looks often would make one each time.
const LEAST: Duration = Duration::from_millis(100);

/// So many are looked at without thought.
const FEW: usize = 64;

/// When somebody who waits for so long until `deadline` has a last attempt made for him.
pub(super) fn last_chance(deadline: Instant, wait: Duration) -> Option<Instant> {
    deadline.checked_sub(ATTEMPT.min(wait / 2)).filter(|_| wait >= LEAST)
}

/// Those that wait.
#[derive(Default)]
pub(super) struct Flushes {
    waiting: Vec<Flush>,
    /// At so many of them those are forgotten that nobody waits for any more: a program may drop the future.
    most: usize,
    /// Counts them; what is drained carries the number of the flush that waits for it.
    pub(super) epoch: u64,
}

pub(super) struct Flush {
    pub(super) epoch: u64,
    pub(super) deadline: Instant,
    last_chance: Option<Instant>,
    pub(super) is_last: bool,
    pub(super) report: FlushReply,
}

impl Flushes {
    pub(super) fn add(&mut self, deadline: Instant, is_last: bool, report: FlushReply, now: Instant) {
        if self.waiting.len() >= self.most {
            self.waiting.retain(|flush| flush.is_last || flush.report.is_awaited());
            self.most = (2 * self.waiting.len()).max(FEW);
        }
        let last_chance = last_chance(deadline, deadline.saturating_duration_since(now));
        self.waiting.push(Flush { epoch: self.epoch, deadline, last_chance, is_last, report });
        self.epoch += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|flush| flush.deadline).min()
    }

    /// When what rests is tried before the next deadline. Those whose last chance has come have had it.
    pub(super) fn last_chance(&self, now: Instant) -> Option<Instant> {
        self.waiting.iter().filter_map(|flush| flush.last_chance).filter(|by| *by > now).min()
    }

    /// Takes those that are over.
    pub(super) fn take(&mut self, is_over: impl FnMut(&mut Flush) -> bool) -> Vec<Flush> {
        self.waiting.extract_if(.., is_over).collect()
    }
}
