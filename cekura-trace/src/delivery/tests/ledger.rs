//! That spans are counted in and out, each trace by itself, and that settled ones are forgotten.

use super::{Completeness, Counts, DropReason, FlushReport, KEPT, KEPT_UNSETTLED, Ledger};
use opentelemetry::trace::TraceId;
use std::collections::{BTreeMap, HashMap};

fn one(trace: u128) -> Counts {
    Counts::from([(TraceId::from(trace), 1)])
}

#[test]
fn a_report_reads_well() {
    let ledger = Ledger::default();
    ledger.take(&one(1));
    ledger.take(&one(2));
    ledger.deliver(&one(1));
    ledger.refuse(TraceId::from(3), DropReason::QueueFull);
    ledger.refuse(TraceId::from(3), DropReason::Shutdown);
    let report = ledger.report(|| 4);
    assert_eq!(
        report.to_string(),
        "4 accepted, 1 delivered, 1 pending, 2 dropped (queue_full 1, shutdown 1)"
    );
    assert_eq!(report.dropped["queue_full"], 1);
    assert_eq!(FlushReport::default().to_string(), "0 accepted, 0 delivered");
}

#[test]
fn a_reason_is_found_by_its_word() {
    use DropReason::*;
    let all = [
        Aborted,
        Late,
        Malformed,
        NoConsent,
        Panicked,
        QueueFull,
        Refused,
        Rejected,
        SampledOut,
        SamplingMemory,
        ServerError,
        Shutdown,
        SpoolDamaged,
        SpoolExpired,
        SpoolFull,
        Timeout,
        Tls,
        TooLarge,
        Unavailable,
        UnexpectedAnswer,
        Unreachable,
    ];
    assert!(all.is_sorted() && all.is_sorted_by_key(|reason| reason.as_str()), "both are in one order");
    let (ordered, hashed) = (BTreeMap::from(all.map(|it| (it, it))), HashMap::from(all.map(|it| (it, it))));
    for reason in all {
        let word = reason.to_string();
        assert!(reason == *word && reason == word.as_str());
        assert_eq!((ordered[&*word], hashed[&*word]), (reason, reason));
    }
    assert_eq!(all.len() - 1, Unreachable as usize, "none is left out");
}

#[test]
fn settled_traces_are_forgotten_and_pending_ones_are_not() {
    let ledger = Ledger::default();
    ledger.take(&one(u128::MAX));
    for trace in 1..=3 * KEPT as u128 {
        ledger.take(&one(trace));
        ledger.deliver(&one(trace));
    }
    assert!(ledger.books().traces.len() <= KEPT + 1);
    assert_eq!(ledger.trace(TraceId::from(u128::MAX)), (0, 1, 0));
    assert_eq!(ledger.trace(TraceId::from(1)), (0, 0, 0));
    let all = 3 * KEPT as u64 + 1;
    assert_eq!(ledger.report(|| all).pending, 1);
}

#[test]
fn a_long_call_that_lost_a_span_never_passes_for_complete() {
    let ledger = Ledger::default();
    let long = TraceId::from(u128::MAX);
    ledger.refuse(long, DropReason::QueueFull);
    for trace in 1..=3 * KEPT as u128 {
        ledger.take(&one(trace));
        ledger.deliver(&one(trace));
    }
    ledger.take(&one(u128::MAX));
    ledger.root(long);
    ledger.deliver(&one(u128::MAX));
    assert_eq!(ledger.completeness(long), Completeness::Incomplete);
}

#[test]
fn traces_that_lost_spans_are_forgotten_in_the_end() {
    let ledger = Ledger::default();
    for trace in 1..=KEPT_UNSETTLED as u128 + 1000 {
        ledger.refuse(TraceId::from(trace), DropReason::QueueFull);
    }
    assert!(ledger.books().traces.len() <= KEPT_UNSETTLED + 1);
}

#[test]
fn traces_that_wait_on_disk_are_forgotten_in_the_end_and_still_counted() {
    let ledger = Ledger::default();
    let (open, all) = (one(u128::MAX), KEPT_UNSETTLED as u64 + 1000);
    ledger.take(&open);
    ledger.lose(&open, DropReason::QueueFull);
    for trace in 1..=u128::from(all) {
        ledger.take(&one(trace));
        ledger.root(TraceId::from(trace));
        ledger.spool(&one(trace));
    }
    assert!(ledger.books().traces.len() <= KEPT_UNSETTLED + 1);
    // It may go on; those that are over went first.
    assert_eq!(ledger.completeness(TraceId::from(u128::MAX)), Completeness::Incomplete);
    let is_known = |trace: &u128| ledger.completeness(TraceId::from(*trace)) == Completeness::Complete;
    let known = (1..=u128::from(all)).filter(is_known).count();
    assert!(known <= KEPT_UNSETTLED && known > KEPT_UNSETTLED / 2, "{known}");
    for trace in 1..=u128::from(all) {
        ledger.unspool(&one(trace));
        ledger.deliver(&one(trace));
    }
    let report = ledger.report(|| all + 1);
    assert_eq!((report.delivered, report.spooled, report.pending, report.lost()), (all, 0, 0, 1), "{report}");
    assert!(ledger.books().traces.len() <= KEPT_UNSETTLED + 1);
}

#[test]
fn what_is_pending_can_be_dropped_as_a_whole() {
    let ledger = Ledger::default();
    ledger.take(&Counts::from([(TraceId::from(1), 3)]));
    ledger.deliver(&one(1));
    ledger.lose_pending(DropReason::Panicked);
    assert_eq!(ledger.trace(TraceId::from(1)), (1, 0, 2));
    let report = ledger.report(|| 3);
    assert_eq!((report.pending, report.dropped["panicked"]), (0, 2));
}
