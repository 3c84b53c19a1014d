//! The memory of held calls that are on disk too.

use super::{Arc, Event, Instant, Sampler, Spool};
use crate::delivery::config::{Builder, Spooling, resolve};
use crate::delivery::ledger::DropReason;
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::timings::SpoolLimits;
use crate::finished::{Head, Status};
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use std::path::Path;

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
