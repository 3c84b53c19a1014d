//! What is known of one call while it runs: its ids, its clock, its turns. This file does no I/O and does not know
//! spans.

mod notes;

pub(crate) use notes::{Noted, Notes};

use crate::destination::CaptureContent;
use opentelemetry::trace::TraceId;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One call: the trace of one conversation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) trace_id: TraceId,
    /// The caller's own id of the call, else the trace id in hex.
    pub(crate) id: String,
    pub(crate) capture: CaptureContent,
    pub(crate) clock: Clock,
    pub(crate) notes: Notes,
    turns: AtomicI64,
}

impl Call {
    pub(crate) fn new(trace_id: TraceId, id: Option<String>, capture: CaptureContent, clock: Clock) -> Self {
        let id = id.unwrap_or_else(|| trace_id.to_string());
        Self { trace_id, id, capture, clock, notes: Notes::default(), turns: AtomicI64::new(0) }
    }

    /// The number of the turn that begins: one more than the last, or the one given.
    pub(crate) fn next_turn(&self, number: Option<i64>) -> i64 {
        match number {
            None => self.turns.fetch_add(1, Ordering::Relaxed) + 1,
            Some(number) => {
                self.turns.store(number, Ordering::Relaxed);
                number
            }
        }
    }
}

/// One turn of a call.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) number: i64,
    interrupted: AtomicBool,
}

impl Turn {
    pub(crate) fn new(number: i64) -> Self {
        Self { number, interrupted: AtomicBool::new(false) }
    }

    /// Says that the turn, or an answer in it, was dropped before its end.
    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// The wall clock read once, carried on by the monotonic one, so that no span ends before it starts when the wall
/// clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: u64,
    at: Instant,
}

impl Clock {
    pub(crate) fn read() -> Self {
        let at = Instant::now();
        Self { wall: nanoseconds(SystemTime::now()), at }
    }

    /// The wall clock when it was read.
    pub(crate) fn start(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.wall)
    }

    /// The time since it was read.
    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    /// Nanoseconds since the Unix epoch at `instant`.
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        self.wall.saturating_add(count(instant.saturating_duration_since(self.at)))
    }
}

/// Nanoseconds since the Unix epoch; 0 before it.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    count(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The nanoseconds of a duration, of at most 584 years.
fn count(duration: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    duration.as_secs().saturating_mul(SECOND).saturating_add(duration.subsec_nanos().into())
}
