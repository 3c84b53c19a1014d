//! Counts spans by trace. Invariant: each span is counted once.

use super::ledger::Counts;
use opentelemetry::trace::TraceId;

/// Counts spans. Neighbours are mostly of the same trace, so that few of them need to be looked up.
#[derive(Default)]
pub(super) struct Tally {
    counts: Counts,
    /// Those of the trace that came last, which are not in `counts` yet.
    last: Option<(TraceId, u64)>,
}

impl Tally {
    pub(super) fn add(&mut self, trace: TraceId) {
        match &mut self.last {
            Some((last, count)) if *last == trace => *count += 1,
            last => {
                let before = last.replace((trace, 1));
                self.settle(before);
            }
        }
    }

    /// The counts; what comes later is counted from zero.
    pub(super) fn take(&mut self) -> Counts {
        let last = self.last.take();
        self.settle(last);
        std::mem::take(&mut self.counts)
    }

    fn settle(&mut self, run: Option<(TraceId, u64)>) {
        if let Some((trace, count)) = run {
            *self.counts.entry(trace).or_default() += count;
        }
    }
}
