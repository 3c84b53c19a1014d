//! The memory of calls that are held, on disk too or still to be sent.

use super::{Arc, Event, Instant, Sampler, Spool, Verdict};
use crate::delivery::config::{Builder, Sampling, Spooling, resolve};
use crate::delivery::ledger::{Counts, DropReason, Ledger};
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::timings::SpoolLimits;
use crate::finished::{Head, Status, write};
use crate::room::{Room, Use};
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use rand::distr::{Alphanumeric, SampleString};
use std::path::Path;

/// Calls that are to be sent, and for which there is no room yet, go when running calls need the memory; after those that are held,
/// the last one first.
#[test]
fn calls_that_are_to_be_sent_go_last() {
    const LIMIT: usize = 1 << 20;
    let queue = Arc::new(Queue::new(LIMIT, Arc::default(), Waker::new(|| {}), false));
    let builder = Builder::default().variables(|_| None).api_key("canary").agent(5);
    let settings = resolve(builder.sampling(Sampling::keep(0.0).errors())).unwrap().unwrap();
    let ledger = Arc::<Ledger>::default();
    let mut sampler = Sampler::of(&settings, ledger.clone(), queue.clone(), Arc::default(), None).unwrap();
    let mut span = 1;
    let mut take = |sampler: &mut Sampler, trace: u64, status| {
        span += 1;
        let (kind, trace_id) = (SpanKind::Internal, TraceId::from(u128::from(trace)));
        let (span_id, parent_id) = (SpanId::from(span), SpanId::from(1));
        let head = Head { trace_id, span_id, parent_id, kind, start: 1, end: 2, status };
        ledger.take(&Counts::from([(trace_id, 1)]));
        // Nothing can be made smaller of it.
        let mut entries = Vec::new();
        write::text(&mut entries, "noise", &Alphanumeric.sample_string(&mut rand::rng(), 40_000));
        sampler.take(&head.record("span", "", &entries), Instant::now())
    };
    for trace in 1..=8 {
        take(&mut sampler, trace, Status::Unset);
    }
    for trace in 1..=6 {
        assert!(!take(&mut sampler, trace, Status::Error).is_empty());
    }
    assert_eq!((sampler.held.len(), sampler.leaving.len()), (2, 6));
    let mut open = Room::of(queue.clone(), Use::Open);
    assert!(open.resize(LIMIT / 2));
    take(&mut sampler, 7, Status::Unset);
    assert!(sampler.held.is_empty());
    let left: Vec<_> = sampler.leaving.iter().map(|(trace, _)| *trace).collect();
    assert!(!left.is_empty() && left.len() < 6, "{left:?}");
    assert_eq!(left, (1..=left.len() as u128).map(TraceId::from).collect::<Vec<_>>());
    assert!(sampler.room.bytes() <= LIMIT / 8, "{}", sampler.room.bytes());
    assert!(matches!(sampler.verdicts[&TraceId::from(6)], Verdict::Dropped(DropReason::SamplingMemory)));
    // What comes of such a call is not sent either.
    assert!(take(&mut sampler, 6, Status::Unset).is_empty());
    let report = ledger.report(|| 0);
    assert_eq!(report.lost(), 3 + (6 - left.len() as u64) + 1, "{report}");
    drop(open);
}

/// One that is written so often that its copies become one again, as for a long call, takes nothing when it is gone.
#[test]
fn a_call_that_was_on_disk_takes_no_memory_when_it_is_gone() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/sampler");
    drop(std::fs::remove_dir_all(&directory));
    let queue = Arc::new(Queue::new(8 << 20, Arc::default(), Waker::new(|| {}), false));
    let to = Spooling {
        directory: directory.clone(),
        setting: "",
        limits: SpoolLimits::default(),
        keeps_held: true,
    };
    let path = directory.to_str().unwrap().to_owned();
    let variables = move |name: &str| match name {
        "CEKURA_SAMPLE" => Some("0".to_owned()),
        "CEKURA_SPOOL_HELD" => Some("true".to_owned()),
        "CEKURA_SPOOL_DIR" => Some(path.clone()),
        _ => None,
    };
    let settings =
        resolve(Builder::default().variables(variables).api_key("canary").agent(5)).unwrap().unwrap();
    let spool = Spool::open(&settings, &to, queue.clone(), Arc::new(|_| {})).unwrap();
    let (ledger, calls) = (Arc::default(), Arc::default());
    let mut sampler = Sampler::of(&settings, ledger, queue.clone(), calls, Some(spool.clone())).unwrap();
    let (trace, mut now) = (TraceId::from(1), Instant::now());
    for number in 1..=40 {
        let (kind, status) = (SpanKind::Internal, Status::Unset);
        let (span_id, parent_id) = (SpanId::from(number + 1), SpanId::from(1));
        let head = Head { trace_id: trace, span_id, parent_id, kind, start: 1, end: 2, status };
        sampler.take(&head.record("llm", "", &[]), now);
        now += SpoolLimits::default().deposit;
        sampler.write(now);
        let list = &sampler.held[&trace].copies.list;
        let names = list.iter().map(|copy| copy.on_disk.name).collect();
        sampler.spooled(&Event::Kept { names, result: Ok(()) }, now);
        let call = &sampler.held[&trace];
        assert_eq!(
            call.copies.list.iter().filter(|copy| copy.on_disk.is_safe).count(),
            call.copies.list.len()
        );
        assert_eq!(sampler.room.bytes(), call.bytes(), "after {number} spans");
    }
    sampler.abandon(DropReason::Aborted);
    assert_eq!(sampler.room.bytes(), 0);
    spool.end();
    drop(std::fs::remove_dir_all(&directory));
}
