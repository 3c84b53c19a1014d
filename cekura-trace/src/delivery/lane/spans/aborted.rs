//! Takes the spans of calls that were aborted out of what is not sent yet, in memory and on disk. Invariant: what is under way stays
//! as it is, and if it comes back, it is looked at before it is sent again.

use super::{Counts, DropReason, Item, Lane, Request, Spans, TraceId};
use std::collections::VecDeque;
use tokio::time::Instant;

/// How many traces are remembered, the newest: what is on disk may be read much later.
const REMEMBERED: usize = 256;

/// The traces of calls that were aborted.
#[derive(Default)]
pub(super) struct Aborted {
    traces: VecDeque<TraceId>,
    /// Something may have come that was not looked at.
    pub(super) is_news: bool,
}

impl Aborted {
    fn has(&self, counts: &Counts) -> bool {
        self.traces.iter().any(|trace| counts.contains_key(trace))
    }
}

impl Lane<Spans> {
    /// Nothing of this trace is to be sent any more.
    pub(crate) fn forget(&mut self, trace: TraceId) {
        let Aborted { traces, is_news } = &mut self.delivery.aborted;
        if traces.len() == REMEMBERED {
            traces.pop_front();
        }
        traces.push_back(trace);
        *is_news = true;
    }

    /// Takes out what is to be forgotten. Before `proceed`.
    pub(crate) fn take_out_forgotten(&mut self, now: Instant) {
        if !std::mem::take(&mut self.delivery.aborted.is_news) || self.delivery.aborted.traces.is_empty() {
            return;
        }
        let aborted = &self.delivery.aborted;
        let waiting = self.items.waiting.iter();
        let places =
            waiting.filter(|(_, pending)| aborted.has(&pending.item.counts)).map(|(place, _)| *place);
        for place in places.collect::<Vec<_>>() {
            let Some(mut pending) = self.items.take_out(place) else { continue };
            let traces = &self.delivery.aborted.traces;
            let rest = self.delivery.encoder.without(&mut pending.item, |trace| traces.contains(&trace));
            let mut lost = pending.item.counts.clone();
            lost.retain(|trace, _| traces.contains(trace));
            self.replace(pending, rest.into_iter().collect::<Vec<Request>>(), now);
            self.delivery.ledger.lose(&lost, DropReason::Aborted);
        }
        let aborted = &self.delivery.aborted;
        if let Some(spool) = &mut self.spool {
            spool.load_those(|item| matches!(item, Item::Spans { counts, .. } if aborted.has(counts)));
        }
    }
}
