//! The drafts of calls that run: each is on disk in the end, whatever was in the way at first.

use super::{Account, Arc, Call, Drafts, Event, Instant, OFTEN, REST, Spool};
use crate::call::Clock;
use crate::delivery::config::{Builder, Settings, Spooling, resolve};
use crate::delivery::ledger::DropReason;
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::timings::SpoolLimits;
use crate::policy::CaptureContent;
use crate::room::{Room, Use};
use crate::transcript::Entry;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
use std::io;
use std::path::Path;
use std::time::Duration;

const LIMIT: usize = 64 << 10;

/// Drafts in a spool of their own, whose directory is removed at the end.
fn world(test: &str, run: impl FnOnce(&Arc<Queue>, &mut Drafts, &Settings)) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/drafts").join(test);
    drop(std::fs::remove_dir_all(&directory));
    let queue = Arc::new(Queue::new(LIMIT, Arc::default(), Waker::new(|| {}), false));
    let to = Spooling {
        directory: directory.clone(),
        setting: "",
        limits: SpoolLimits::default(),
        keeps_held: false,
    };
    let builder = Builder::default().variables(|_| None).api_key("canary").agent(5).memory_limit(LIMIT);
    let settings = resolve(builder).unwrap().unwrap();
    let spool = Spool::open(&settings, &to, queue.clone(), Arc::new(|_| {})).unwrap();
    run(&queue, &mut Drafts::new(spool.clone(), queue.clone()), &settings);
    spool.end();
    drop(std::fs::remove_dir_all(&directory));
}

/// A call whose notes take a seventh of the limit.
fn call(queue: &Arc<Queue>, number: u64) -> Arc<Call> {
    let root = SpanContext::new(1.into(), SpanId::from(number), TraceFlags::SAMPLED, false, TraceState::NONE);
    let call = Call::new(root, None, CaptureContent::Full, Clock::read());
    call.want(Room::of(queue.clone(), Use::Open), false);
    call.notes.entry(Entry::user("x".repeat(LIMIT / 7)), None, || Duration::ZERO);
    assert!(!call.notes.is_cut());
    Arc::new(call)
}

#[test]
fn a_draft_that_the_disk_could_not_write_or_has_lost_is_written_again() {
    world("again", |queue, drafts, settings| {
        let (account, call) = (Account::of(settings), call(queue, 1));
        let mut now = Instant::now();
        let mut is_asked = |drafts: &mut Drafts, pause| {
            now += pause;
            let root = call.root.span_id();
            let before = drafts.open.get(&root).map(|draft| draft.not_before);
            drafts.write(vec![call.clone()], &account, |_| None, now);
            drafts.open.get(&root).map(|draft| draft.not_before) != before
        };
        assert!(is_asked(drafts, OFTEN));
        assert!(!is_asked(drafts, 100 * OFTEN), "it says nothing new");
        let names = || vec![drafts.open.values().next().unwrap().name];
        let failed = Event::Kept { names: names(), result: Err(io::ErrorKind::StorageFull.into()) };
        let gone = Event::Gone { names: names(), reason: DropReason::SpoolFull };
        for event in [failed, gone] {
            drafts.spooled(&event, Instant::now());
            assert!(is_asked(drafts, 100 * OFTEN + REST));
            assert!(!is_asked(drafts, 100 * OFTEN));
        }
    });
}

/// Three calls take all that may be open, and none of them ends.
#[test]
fn calls_that_fill_what_is_open_have_their_drafts_one_after_the_other() {
    world("full", |queue, drafts, settings| {
        let account = Account::of(settings);
        let calls: Vec<_> = (1..=3).map(|number| call(queue, number)).collect();
        assert!(Room::take(queue.clone(), Use::Open, LIMIT / 7).is_none());
        let limit = std::time::Instant::now() + Duration::from_secs(20);
        let mut now = Instant::now();
        while drafts.open.len() < calls.len()
            || drafts.open.values().any(|draft| drafts.spool.is_waiting(draft.name))
        {
            drafts.write(calls.clone(), &account, |_| None, now);
            now += OFTEN;
            assert!(std::time::Instant::now() < limit, "{} of 3", drafts.open.len());
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
