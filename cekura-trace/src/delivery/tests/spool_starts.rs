//! Which starts of conversations are kept: those of conversations that are open.

use super::Starts;
use crate::delivery::config::{Builder, Spooling, resolve};
use crate::delivery::encode::Encoder;
use crate::delivery::queue::{Begun, Queue, Waker};
use crate::delivery::spool::{Event, MOST_WAITING, Spool};
use crate::delivery::tests::record;
use crate::delivery::timings::SpoolLimits;
use crate::destination::Sink;
use opentelemetry::trace::{SpanId, TraceId};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A world of starts; its directory is removed at its end.
fn world(test: &str, run: impl FnOnce(&Arc<Queue>, &mut Starts, &Encoder)) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/starts").join(test);
    drop(std::fs::remove_dir_all(&directory));
    let queue = Queue::new(1 << 20, Arc::default(), Waker::new(|| {}), false).with_beginnings();
    let queue = Arc::new(queue);
    let to = Spooling {
        directory: directory.clone(),
        setting: "",
        limits: SpoolLimits::default(),
        keeps_held: false,
    };
    let builder = Builder::default().variables(|_| None).otel_endpoint("http://127.0.0.1:1");
    let settings = resolve(builder).unwrap().unwrap();
    let spool = Spool::open(&settings, &to, queue.clone(), Arc::new(|_| {})).unwrap();
    run(&queue, &mut Starts::new(spool.clone()), &Encoder::new(&[].into()));
    spool.end();
    drop(std::fs::remove_dir_all(&directory));
}

fn open(starts: &Starts) -> usize {
    starts.open.values().map(Vec::len).sum()
}

/// Waits until so much of the limit is held: what is being written counts until that is done.
fn await_held(queue: &Queue, is_so: impl Fn(usize) -> bool) {
    let started = Instant::now();
    while !is_so(queue.held()) {
        assert!(started.elapsed() < Duration::from_secs(20), "{} bytes are held", queue.held());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_conversation_of_which_the_end_is_heard_first_is_not_kept() {
    world("end-first", |queue, starts, encoder| {
        for rounds in 0..4 {
            let (trace, root) = (rounds, rounds + 1);
            starts.look(&record(trace, root, 0, 10));
            for _ in 0..rounds {
                starts.begin(queue.drain_begun(), encoder);
            }
            queue.begin(record(trace, root, 0, 10));
            starts.begin(queue.drain_begun(), encoder);
        }
        // It was heard of in the same round or in the next one. Later nobody remembers its end, nor need be asked.
        assert_eq!(open(starts), 2);
    });
}

#[test]
fn an_open_conversation_holds_its_room_until_its_root_is_safe() {
    world("room", |queue, starts, encoder| {
        let trace = TraceId::from(7);
        for root in [1, 2] {
            queue.begin(record(7, root, 0, 10));
        }
        starts.begin(queue.drain_begun(), encoder);
        let held = queue.held();
        assert!(open(starts) == 2 && held > 0);
        starts.close(&[(trace, 1)].into(), &[SpanId::from(1)]);
        await_held(queue, |now| now < held && now > 0);
        queue.forget(trace, SpanId::from(2));
        starts.begin(queue.drain_begun(), encoder);
        assert_eq!(open(starts), 0);
        await_held(queue, |now| now == 0);
    });
}

#[test]
fn a_start_that_the_disk_has_no_time_for_or_cannot_write_is_asked_for_again() {
    world("again", |queue, starts, encoder| {
        let name = |starts: &Starts| starts.open[&TraceId::from(7)][0].name;
        let spool = starts.spool.clone();
        spool.shared.ask(|waiting| waiting.bytes += MOST_WAITING);
        queue.begin(record(7, 1, 0, 10));
        starts.begin(queue.drain_begun(), encoder);
        starts.begin(Begun::default(), encoder);
        assert_eq!(name(starts), None, "it has no time yet");
        spool.shared.ask(|waiting| waiting.bytes -= MOST_WAITING);
        starts.begin(Begun::default(), encoder);
        let first = name(starts).expect("it has");
        let kept = |result| Event::Kept { names: vec![first], result };
        starts.spooled(&kept(Err(io::ErrorKind::StorageFull.into())), tokio::time::Instant::now());
        starts.begin(Begun::default(), encoder);
        assert_eq!(name(starts), None, "not at once");
        starts.again = Some(tokio::time::Instant::now());
        starts.begin(Begun::default(), encoder);
        let second = name(starts).expect("but later");
        assert!(second > first);
        let kept = Event::Kept { names: vec![second], result: Ok(()) };
        starts.spooled(&kept, tokio::time::Instant::now());
        assert_eq!((starts.open[&TraceId::from(7)][0].record.as_ref(), starts.again), (None, None));
    });
}
