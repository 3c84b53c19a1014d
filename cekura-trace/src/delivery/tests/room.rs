//! The memory limit, by what its bytes are taken for.

use super::{Arc, Queue, TraceId, Waker};
use crate::delivery::tests::record;
use crate::destination::Sink;
use crate::room::{Room, Use};
use opentelemetry::trace::SpanId;

fn queue(limit: usize) -> Arc<Queue> {
    Arc::new(Queue::new(limit, Arc::default(), Waker::new(|| {}), false).with_beginnings())
}

#[test]
fn what_is_open_and_what_is_on_disk_is_not_asked_of_spans() {
    let queue = queue(16 << 10);
    let room = |what| Room::of(queue.clone(), what);
    let (mut open, mut disk, mut ended) = (room(Use::Open), room(Use::Disk), room(Use::Delivery));
    assert!(open.resize(8 << 10) && !open.resize((8 << 10) + 1), "half is for what has ended");
    disk.resize_anyway(2 << 10);
    assert!(ended.resize(5 << 10));
    // Spans share the four KiB that these leave of fourteen.
    assert_eq!(queue.excess(), (5 << 10) - (3 << 10));
    disk.resize_anyway(20 << 10);
    assert!(!ended.resize(6 << 10) && open.resize(1 << 10), "less is always possible");
    drop((open, disk));
    assert_eq!((queue.excess(), queue.held()), (0, 5 << 10));
}

#[test]
fn rooms_are_split_and_joined_without_loss() {
    let queue = queue(1000);
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
    let queue = queue(64 << 10);
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
