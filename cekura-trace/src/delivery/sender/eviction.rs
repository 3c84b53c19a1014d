//! How many bytes of memory are wanted back comes in; what is safe on disk stays there alone, and where that is not
//! enough whole traces are dropped, the oldest first. This file does not know why memory is short.

use super::Sender;
use crate::delivery::ledger::Reason;
use crate::delivery::parcel::Parcel;
use opentelemetry::trace::TraceId;
use std::collections::{HashMap, HashSet};
use tokio::time::Instant;

impl Sender {
    /// Gives so many bytes back, as far as they are not in flight. What the disk is about to have is waited for.
    pub(super) fn give_back(&mut self, bytes: usize, now: Instant) {
        let missing = self.rest_safe(bytes);
        let missing = missing.saturating_sub(self.hurry(missing, now));
        if missing > 0 {
            let victims = self.oldest_traces(missing);
            self.evict(&victims, now);
        }
    }

    /// Lets what is safe wait on disk only; what is missing then.
    fn rest_safe(&mut self, bytes: usize) -> usize {
        let mut missing = bytes;
        for parcel in std::mem::take(&mut self.ready) {
            let held = if missing > 0 && parcel.is_safe() { parcel.request.held() } else { 0 };
            missing = missing.saturating_sub(held);
            let left = if held > 0 { self.rest(parcel) } else { Some(parcel) };
            self.ready.extend(left);
        }
        missing
    }

    /// Asks the disk for so many bytes at once; how many it may be expected to have in a moment.
    fn hurry(&mut self, bytes: usize, now: Instant) -> usize {
        let Some(depot) = self.depot.as_ref().filter(|depot| !depot.is_failing()) else { return 0 };
        let asked = self.ready.iter().filter(|parcel| parcel.slip.is_some() && !parcel.is_safe());
        // One that is behind gets no more to do.
        if asked.clone().any(|parcel| now >= parcel.deposit_at) {
            return 0;
        }
        let mut coming = asked.map(|parcel| parcel.request.held()).sum();
        let waiting = self.ready.iter_mut().filter(|parcel| parcel.slip.is_none());
        for parcel in waiting.filter(|parcel| parcel.request.held() > 0) {
            if coming >= bytes {
                break;
            }
            parcel.deposit(depot, now);
            if parcel.slip.is_none() {
                break;
            }
            coming += parcel.request.held();
        }
        coming
    }

    /// Traces whose waiting spans take so many bytes, and no more than needed.
    fn oldest_traces(&self, bytes: usize) -> HashSet<TraceId> {
        let mut waiting: Vec<_> = self.ready.iter().filter(|parcel| may_go(parcel)).collect();
        waiting.sort_by_key(|parcel| parcel.birth);
        let (mut traces, mut held) = (Vec::new(), HashMap::<_, usize>::new());
        for parcel in waiting {
            parcel.request.weigh(|trace, bytes| {
                *held.entry(trace).or_insert_with(|| {
                    traces.push(trace);
                    0
                }) += bytes;
            });
        }
        // What flies may arrive: of a trace it would be a part.
        let flying = self.flying.values().flat_map(|flight| flight.parcel.request.counts.keys());
        let flying: HashSet<_> = flying.collect();
        traces.sort_by_key(|trace| flying.contains(trace));
        let mut missing = bytes;
        traces.retain(|trace| {
            let goes = missing > 0;
            missing = missing.saturating_sub(held[trace]);
            goes
        });
        traces.into_iter().collect()
    }

    fn evict(&mut self, victims: &HashSet<TraceId>, now: Instant) {
        for parcel in std::mem::take(&mut self.ready) {
            let mut traces = parcel.request.counts.keys();
            if !may_go(&parcel) || !traces.any(|trace| victims.contains(trace)) {
                self.ready.push_back(parcel);
            } else if parcel.request.counts.keys().all(|trace| victims.contains(trace)) {
                self.lose(parcel, Reason::QueueFull);
            } else {
                let left = self.take_out(parcel, victims, now);
                self.ready.push_back(left);
            }
        }
    }

    fn take_out(&mut self, mut parcel: Parcel, victims: &HashSet<TraceId>, now: Instant) -> Parcel {
        let slip = parcel.slip.take();
        let (request, gone) = parcel.request.without(victims);
        let mut left = Parcel { request, ..parcel };
        if let Some(depot) = self.depot.as_ref().filter(|_| slip.is_some()) {
            // On disk before the whole is not any more.
            left.deposit(depot, now);
        }
        self.lose(Parcel { slip, ..Parcel::new(gone, left.epoch, now) }, Reason::QueueFull);
        left
    }
}

/// Whether it takes memory, and is nowhere else.
fn may_go(parcel: &Parcel) -> bool {
    parcel.request.held() > 0 && !parcel.is_safe()
}
