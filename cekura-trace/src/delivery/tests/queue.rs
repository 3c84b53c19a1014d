//! That the queue is bounded, counts, wakes and closes.

use super::{Arc, Queue, TraceId, Waker, crowded};
use crate::delivery::tests::{end, record};
use crate::destination::Sink;
use crate::finished::records;
use crate::room::{Room, Use};
use opentelemetry::trace::SpanId;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    let reservation = Room::take(queue.clone(), Use::Delivery, 1000);
    assert!(reservation.is_some() && Room::take(queue.clone(), Use::Delivery, 1000).is_none());
    end(&queue, 1, 1, 0, 100);
    assert_eq!(queue.ledger.trace(TraceId::from(1)).2, 101 - drained(&queue).len() as u64);
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
fn what_is_wanted_back_makes_room_for_new_spans_and_is_not_asked_of_call_logs() {
    let (queue, _) = queue(16 << 10, false);
    let (share, hold) = (14 << 10, |bytes| queue.held.store(bytes, Ordering::Relaxed));
    hold(crowded(share));
    assert_eq!(queue.excess(|| 0), 0);
    hold(crowded(share) + 1);
    assert_eq!(queue.excess(|| 0), crowded(share) + 1 - share * 3 / 4);
    hold(share);
    assert_eq!(queue.excess(|| share - 1000), 1000 - 750, "spans share what call logs leave");
    hold(share + 1000);
    assert_eq!(queue.excess(|| share), 0, "no span would fit");
    hold(share / 2);
    assert_eq!(queue.excess(|| 0), 0);
    end(&queue, 1, 1, 0, share - 1000);
    assert!(queue.excess(|| 0) > share / 2 - 1000, "a large one did not fit");
    assert_eq!(queue.excess(|| 0), 0, "told once");
    end(&queue, 1, 1, 0, share);
    assert_eq!(queue.excess(|| 0), 0, "it never will");
}

#[test]
fn what_is_open_and_what_is_on_disk_is_not_asked_of_spans() {
    let (queue, _) = queue(16 << 10, false);
    let room = |what| Room::of(queue.clone(), what);
    let (mut open, mut disk, mut ended) = (room(Use::Open), room(Use::Disk), room(Use::Delivery));
    assert!(open.resize(8 << 10) && !open.resize((8 << 10) + 1), "half is for what has ended");
    disk.resize_anyway(2 << 10);
    assert!(ended.resize(5 << 10));
    // Spans share the four KiB that these leave of fourteen.
    assert_eq!(queue.excess(|| 0), (5 << 10) - (3 << 10));
    disk.resize_anyway(20 << 10);
    assert!(!ended.resize(6 << 10) && open.resize(1 << 10), "less is always possible");
    drop((open, disk));
    assert_eq!((queue.excess(|| 0), queue.held()), (0, 5 << 10));
}

#[test]
fn rooms_are_split_and_joined_without_loss() {
    let (queue, _) = queue(1000, false);
    let mut whole = Room::take(queue.clone(), Use::Delivery, 900).unwrap();
    assert!(Room::take(queue.clone(), Use::Delivery, 101).is_none());
    let part = whole.split(2000);
    assert_eq!((whole.bytes(), part.bytes(), queue.held()), (0, 900, 900));
    let mut none = Room::default();
    none.resize_anyway(500);
    assert_eq!(
        (none.bytes(), none.resize(500), queue.held()),
        (0, true, 900),
        "what has no limit counts nothing"
    );
    none.join(part);
    none.resize_anyway(1200);
    assert_eq!((none.bytes(), queue.held()), (1200, 1200));
    drop((none, whole));
    assert_eq!(queue.held(), 0);
}

#[test]
fn a_conversation_that_is_forgotten_at_once_takes_nothing() {
    let (queue, _) = queue(64 << 10, false);
    let queue = Arc::new(Arc::into_inner(queue).unwrap().with_beginnings());
    let root = |span| record(1, span, 0, 10);
    let id = |span: u64| SpanId::from(span);
    queue.begin(root(1));
    queue.begin(root(2));
    queue.forget(TraceId::from(1), id(1));
    let begun = queue.drain_begun();
    assert_eq!((begun.roots.len(), begun.forgotten.len()), (1, 0));
    assert_eq!(queue.held(), begun.roots[0].1.bytes());
    queue.forget(TraceId::from(1), id(2));
    assert!(queue.held() > begun.roots[0].1.bytes(), "who must be told of it counts");
    assert_eq!(queue.drain_begun().forgotten, [(TraceId::from(1), id(2))]);
    drop(begun);
    assert_eq!(queue.held(), 0);
    // Without end, and nobody looks.
    (3..10_000).for_each(|span| queue.begin(root(span)));
    assert!(queue.held() <= 32 << 10);
}
