//! That the queue is bounded, counts, wakes and closes.

use super::{Arc, Queue, TraceId, Waker, crowded};
use crate::call::{Call, Clock, Noted};
use crate::delivery::tests::end;
use crate::destination::Sink;
use crate::finished::records;
use crate::policy::CaptureContent;
use crate::room::{Room, Use};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

fn queue(limit: usize, announces_roots: bool) -> (Arc<Queue>, Arc<AtomicUsize>) {
    let rung = Arc::new(AtomicUsize::new(0));
    let ringing = rung.clone();
    let waker = Waker::new(move || {
        ringing.fetch_add(1, Ordering::Relaxed);
    });
    (Arc::new(Queue::new(limit, Arc::default(), waker, announces_roots)), rung)
}

fn drained(queue: &Queue) -> Vec<u64> {
    let mut spans = Vec::new();
    queue.drain(|buffer, count| {
        let read: Vec<_> = records(buffer).map(|(record, _)| record.head.start).collect();
        assert_eq!(read.len() as u64, count);
        spans.extend(read);
    });
    spans.sort_unstable();
    spans
}

#[test]
fn what_goes_in_comes_out_once() {
    let (queue, _) = queue(1 << 20, false);
    std::thread::scope(|scope| {
        for part in 0..8 {
            let queue = &queue;
            scope.spawn(move || (0..100).for_each(|span| end(queue, 1, part * 100 + span, 0, 5)));
        }
    });
    assert_eq!(drained(&queue), (0..800).collect::<Vec<_>>());
    assert!(drained(&queue).is_empty());
    assert_eq!(queue.accepted(), 800);
}

#[test]
fn the_limit_counts_until_the_room_is_given_back() {
    let (queue, _) = queue(1000, false);
    for span in 0..100 {
        end(&queue, 1, span, 0, 100);
    }
    let full = queue.ledger.trace(TraceId::from(1)).2;
    assert_eq!(drained(&queue).len() as u64 + full, 100);
    // Drained is not delivered.
    end(&queue, 1, 1, 0, 100);
    assert!(drained(&queue).is_empty());
    let mut reservation = Room::taken(queue.clone(), Use::Delivery, queue.held.load(Ordering::Relaxed));
    let part = reservation.split(300);
    drop(part);
    end(&queue, 1, 2, 0, 100);
    assert_eq!(drained(&queue), [2]);
    drop(reservation);
    end(&queue, 1, 3, 0, 600);
    assert_eq!(drained(&queue), [3]);
    assert_eq!(queue.accepted(), 103);
}

#[test]
fn a_record_above_the_whole_limit_is_refused() {
    let (queue, _) = queue(1000, false);
    end(&queue, 1, 1, 0, 2000);
    end(&queue, 1, 2, 0, 10);
    assert_eq!(drained(&queue), [2]);
}

#[test]
fn a_hundred_fat_spans_stay_below_the_limit() {
    let (queue, _) = queue(32 << 20, false);
    for span in 0..100 {
        end(&queue, 1, span, 0, 5 << 20);
        assert!(queue.held.load(Ordering::Relaxed) <= 28 << 20);
    }
    assert_eq!(drained(&queue).len(), 5);
    assert_eq!(queue.ledger.trace(TraceId::from(1)).2, 95);
}

#[test]
fn spans_leave_room_for_call_logs() {
    let (queue, _) = queue(8000, false);
    for span in 0..100 {
        end(&queue, 1, span, 0, 100);
    }
    let reservation = Room::take(queue.clone(), Use::CallLog, 1000);
    assert!(reservation.is_some() && Room::take(queue.clone(), Use::CallLog, 1000).is_none());
    end(&queue, 1, 1, 0, 100);
    assert_eq!(queue.ledger.trace(TraceId::from(1)).2, 101 - drained(&queue).len() as u64);
}

#[test]
fn requests_that_take_more_than_their_records_do_not_take_the_room_of_call_logs() {
    let (queue, _) = queue(8000, false);
    let mut requests = Room::of(queue.clone(), Use::Delivery);
    requests.resize_anyway(9000);
    let log = Room::take(queue.clone(), Use::CallLog, 1000);
    assert!(log.is_some(), "an eighth is theirs");
    assert!(Room::take(queue.clone(), Use::CallLog, 1).is_none());
    drop((requests, log));
    assert_eq!(queue.held.load(Ordering::Relaxed), 0);
}

#[test]
fn the_bell_rings_once_until_somebody_looks() {
    let (queue, rung) = queue(1 << 30, false);
    end(&queue, 1, 1, 0, 10);
    assert_eq!(rung.load(Ordering::Relaxed), 0);
    for _ in 0..3 {
        end(&queue, 1, 1, 0, queue.full);
    }
    assert_eq!(rung.load(Ordering::Relaxed), 1);
    drained(&queue);
    end(&queue, 1, 1, 0, queue.full);
    assert_eq!(rung.load(Ordering::Relaxed), 2);
}

#[test]
fn a_root_rings_where_it_is_wanted() {
    for (announces, rings) in [(true, 1), (false, 0)] {
        let (queue, rung) = queue(1 << 20, announces);
        end(&queue, 1, 2, 1, 10);
        assert_eq!(rung.load(Ordering::Relaxed), 0);
        end(&queue, 1, 1, 0, 10);
        assert_eq!(rung.load(Ordering::Relaxed), rings);
    }
}

#[test]
fn a_closed_queue_counts_and_keeps_nothing() {
    let (queue, _) = queue(1000, false);
    end(&queue, 1, 1, 0, 10);
    queue.close(|_, _| {});
    end(&queue, 1, 2, 0, 10);
    assert!(drained(&queue).is_empty());
    assert_eq!(queue.ledger.trace(TraceId::from(1)).2, 1);
    assert_eq!(queue.accepted(), 2);
}

#[test]
fn a_poisoned_shard_still_works() {
    let (queue, _) = queue(1000, false);
    end(&queue, 1, 1, 0, 10);
    let broken = queue.clone();
    let locked = std::thread::spawn(move || {
        let _all: Vec<_> = broken.shards.iter().map(super::Shard::lock).collect();
        panic!("as the test says");
    });
    assert!(locked.join().is_err());
    end(&queue, 1, 2, 0, 10);
    assert_eq!(drained(&queue), [1, 2]);
}

#[test]
fn the_bell_rings_when_it_becomes_crowded_and_when_nothing_more_fits() {
    let (queue, rung) = queue(16 << 10, false);
    let rings = || rung.load(Ordering::Relaxed);
    let share = queue.share();
    while queue.held.load(Ordering::Relaxed) < crowded(share) - 300 {
        end(&queue, 1, 1, 0, 100);
    }
    assert_eq!(rings(), 0);
    for _ in 0..3 {
        end(&queue, 1, 1, 0, 100);
    }
    assert_eq!(rings(), 1);
    drained(&queue);
    end(&queue, 1, 1, 0, 100);
    assert_eq!(rings(), 1, "it was crowded before");
    end(&queue, 1, 1, 0, 1000);
    assert_eq!(rings(), 2, "what does not fit is refused");
    assert_eq!(queue.ledger.trace(TraceId::from(1)).2, 1);
}

#[test]
fn what_is_wanted_back_makes_room_for_new_spans_and_is_asked_of_call_logs_above_their_share() {
    let (queue, _) = queue(16 << 10, false);
    let (share, hold) = (14 << 10, |bytes| queue.held.store(bytes, Ordering::Relaxed));
    hold(crowded(share));
    assert_eq!(queue.excess(), 0);
    hold(crowded(share) + 1);
    assert_eq!(queue.excess(), crowded(share) + 1 - share * 3 / 4);
    hold(share);
    let logs = |bytes| queue.logs.store(bytes, Ordering::Relaxed);
    logs(share - 1000);
    assert_eq!(queue.excess(), 1000 - 750, "spans share what call logs leave");
    hold(share + 1000);
    logs(share);
    assert_eq!(queue.excess(), 0, "no span would fit");
    let low = share * 3 / 4;
    hold(low);
    assert_eq!(queue.wanted_back(), (0, false));
    hold(low + 1);
    assert_eq!(queue.wanted_back(), (low / 8 + 1, false), "before spans need it");
    logs((4 << 10) + 100);
    hold(share);
    assert_eq!(queue.wanted_back(), (100, true));
    hold(share / 2);
    logs(0);
    hold(share / 2);
    assert_eq!(queue.excess(), 0);
    end(&queue, 1, 1, 0, share - 1000);
    assert!(queue.excess() > share / 2 - 1000, "a large one did not fit");
    assert_eq!(queue.excess(), 0, "told once");
    end(&queue, 1, 1, 0, share);
    assert_eq!(queue.excess(), 0, "it never will");
}

/// Hears nothing until it is told to, and says when it has.
struct Slow(Mutex<Receiver<()>>, Sender<()>);

impl Subscriber for Slow {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        let _ = self.0.lock().unwrap().recv();
        self.1.send(()).unwrap();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_slow_subscriber_does_not_hold_up_whose_call_log_is_refused() {
    const LONG: Duration = Duration::from_secs(20);
    let ((go_on, wait), (hear, heard), (end, ended)) = (channel(), channel(), channel());
    let hang_up = move || {
        let (queue, _) = queue(1 << 20, false);
        queue.close_calls(|_, _| {});
        let root = SpanContext::new(1.into(), SpanId::from(1), TraceFlags::SAMPLED, false, TraceState::NONE);
        let call = Arc::new(Call::new(root, None, CaptureContent::Full, Clock::read()));
        (0..3).for_each(|_| queue.observe(&call, Noted::default()));
        end.send(queue.ledger.report(|| 0).call_logs.dropped).unwrap();
    };
    let slow = Slow(Mutex::new(wait), hear);
    std::thread::spawn(|| tracing::subscriber::with_default(slow, hang_up));
    assert_eq!(ended.recv_timeout(LONG), Ok(3));
    assert!(heard.try_recv().is_err());
    (0..3).for_each(|_| go_on.send(()).unwrap());
    assert!((0..3).all(|_| heard.recv_timeout(LONG).is_ok()));
}
