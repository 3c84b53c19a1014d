//! What is kept back: given out once, counted once, within the memory limit.

use super::{Decided, KeptBack};
use crate::call::consent::{Consent, ConsentEvent};
use crate::call::{Call, Clock};
use crate::delivery::ledger::DropReason;
use crate::policy::CaptureContent;
use crate::room::{Budget, Use};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Small(usize, AtomicUsize);

impl Budget for Small {
    fn take(&self, what: Use, bytes: usize) -> bool {
        assert_eq!(what, Use::Open);
        let fits = self.1.load(Ordering::Relaxed) + bytes <= self.0;
        if fits {
            self.1.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }

    fn give_back(&self, _: Use, bytes: usize) {
        self.1.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn budget(bytes: usize) -> Arc<Small> {
    Arc::new(Small(bytes, AtomicUsize::new(0)))
}

fn call(number: u64) -> Arc<Call> {
    let trace = TraceId::from(u128::from(number));
    let root = SpanContext::new(trace, SpanId::from(number), TraceFlags::SAMPLED, false, TraceState::NONE);
    Arc::new(Call::new(root, None, CaptureContent::Full, Clock::read()).asking(Consent::Everything))
}

/// Bytes and spans that leave, and spans that are dropped, with the reason.
fn drained(kept: &KeptBack, is_end: bool) -> (usize, u64, Vec<(u64, DropReason)>) {
    let (mut bytes, mut spans, mut dropped) = (0, 0, Vec::new());
    kept.drain(is_end, |decided| match decided {
        Decided::Dropped { count, reason, .. } => dropped.push((count, reason)),
        Decided::Leaves { records, count } => {
            bytes += records.len();
            spans += count;
        }
    });
    (bytes, spans, dropped)
}

#[test]
fn records_wait_until_their_own_call_is_decided_on() {
    let (kept, budget) = (KeptBack::default(), budget(1 << 20));
    let (granted, aborted, undecided) = (call(1), call(2), call(3));
    for call in [&granted, &aborted, &undecided] {
        for size in [10, 4_000, 3] {
            assert_eq!(kept.take(call, &vec![7; size], budget.clone()), None);
        }
    }
    assert_eq!(drained(&kept, false), (0, 0, vec![]));
    assert!(granted.decide(ConsentEvent::Grant) && aborted.decide(ConsentEvent::Abort));
    let (bytes, spans, dropped) = drained(&kept, false);
    assert_eq!((bytes, spans), (4_013, 3));
    assert_eq!(dropped.iter().map(|(count, _)| count).sum::<u64>(), 3);
    assert!(dropped.iter().all(|(_, reason)| *reason == DropReason::Aborted));
    assert_eq!(kept.take(&aborted, &[7], budget.clone()), Some(DropReason::Aborted));
    let (bytes, spans, dropped) = drained(&kept, true);
    assert_eq!((bytes, spans, dropped.iter().map(|(count, _)| count).sum::<u64>()), (0, 0, 3));
    assert!(dropped.iter().all(|(_, reason)| *reason == DropReason::NoConsent));
    assert_eq!(kept.take(&undecided, &[7], budget.clone()), Some(DropReason::NoConsent));
    assert_eq!((kept.accepted(), budget.1.load(Ordering::Relaxed)), (11, 0));
}

#[test]
fn what_finds_no_room_is_dropped_and_the_rest_stays_whole() {
    let (kept, budget, call) = (KeptBack::default(), budget(20_000), call(1));
    let refused: Vec<_> = (0..100).filter_map(|_| kept.take(&call, &[7; 1_000], budget.clone())).collect();
    assert!(refused.len() > 70 && refused.iter().all(|reason| *reason == DropReason::QueueFull));
    assert!(budget.1.load(Ordering::Relaxed) <= 20_000);
    call.decide(ConsentEvent::Grant);
    let (bytes, spans, _) = drained(&kept, false);
    assert_eq!(spans, 100 - refused.len() as u64);
    assert_eq!(bytes as u64, 1_000 * spans);
    assert_eq!(budget.1.load(Ordering::Relaxed), 0);
}
