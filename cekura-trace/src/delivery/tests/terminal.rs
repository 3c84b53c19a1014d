//! When a conversation is drawn, and that what is drawn counts as delivered, or beside a delivery as nothing.

use super::{
    Arc, Bytes, Counts, DrawingTap, Drawings, Driven, Instant, Ledger, Outlet, OwnEvents, Reason,
    Reservation, SealedCallLog, Tap, Terminal, TraceId, Tree, records,
};
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::tests::end;
use crate::delivery::traces::REMEMBERED;
use std::cell::RefCell;
use std::rc::Rc;

struct Local {
    terminal: Terminal,
    ledger: Arc<Ledger>,
    queue: Arc<Queue>,
    shown: Rc<RefCell<Vec<usize>>>,
}

impl Local {
    fn new() -> Self {
        let ledger = Arc::new(Ledger::default());
        let shown = Rc::<RefCell<Vec<usize>>>::default();
        let rows = shown.clone();
        let show = move |tree: &Tree, _: Option<&[u8]>| rows.borrow_mut().push(tree.rows.len());
        let queue = Arc::new(Queue::new(1 << 20, ledger.clone(), Waker::new(|| {}), true));
        let terminal = Terminal { ledger: ledger.clone(), drawings: Drawings::new(Box::new(show)) };
        Self { terminal, ledger, queue, shown }
    }

    fn drain(&mut self) {
        let queue = self.queue.clone();
        queue.drain(|buffer, _| {
            for (record, _) in records(buffer) {
                self.ledger.take(&Counts::from([(record.head.trace_id, 1)]));
            }
            self.terminal.take(buffer, Reservation::of(&queue, buffer), 0);
        });
    }

    /// The sizes of the trees that are drawn now.
    fn look(&mut self) -> Vec<usize> {
        self.drain();
        if self.terminal.wants_more() {
            self.drain();
        }
        self.terminal.proceed(Instant::now());
        self.shown.take()
    }

    fn counts(&self) -> (u64, u64, u64) {
        let report = self.ledger.report(|| self.queue.accepted());
        (report.accepted, report.delivered, report.pending)
    }
}

#[test]
fn a_conversation_is_drawn_when_its_root_has_ended() {
    let mut local = Local::new();
    end(&local.queue, 1, 2, 1, 0);
    end(&local.queue, 2, 9, 8, 0);
    assert!(local.look().is_empty());
    assert_eq!(local.counts(), (2, 0, 2));
    end(&local.queue, 1, 3, 1, 0);
    end(&local.queue, 1, 1, 0, 0);
    assert_eq!(local.look(), [3]);
    assert_eq!(local.counts(), (4, 3, 1));
    assert!(local.look().is_empty());
}

#[test]
fn a_child_that_was_drained_after_its_root_is_in_the_drawing() {
    let mut local = Local::new();
    end(&local.queue, 1, 1, 0, 0);
    local.drain();
    end(&local.queue, 1, 2, 1, 0);
    assert_eq!(local.look(), [2]);
}

#[test]
fn a_span_that_ends_after_the_drawing_is_counted_and_forgotten() {
    let mut local = Local::new();
    end(&local.queue, 1, 1, 0, 0);
    assert_eq!(local.look(), [1]);
    end(&local.queue, 1, 2, 1, 0);
    assert!(local.look().is_empty());
    assert_eq!(local.counts(), (2, 1, 0));
    assert_eq!(local.ledger.report(|| 2).dropped["late"], 1, "nobody sees it");
    assert!(local.terminal.drawings.traces.is_empty());
}

#[test]
fn what_is_unfinished_is_drawn_at_the_end() {
    let mut local = Local::new();
    end(&local.queue, 1, 2, 1, 0);
    assert!(local.look().is_empty());
    local.terminal.finish(Instant::now());
    local.terminal.proceed(Instant::now());
    assert_eq!(local.shown.take(), [1]);
    assert_eq!(local.counts(), (1, 1, 0));
}

#[test]
fn many_conversations_leave_nothing_behind() {
    let mut local = Local::new();
    for trace in 1..=5000 {
        end(&local.queue, trace, 1, 0, 100);
        assert_eq!(local.look(), [1], "{trace}");
    }
    let traces = &local.terminal.drawings.traces;
    assert!(traces.remembered() <= REMEMBERED && traces.is_empty());
}

#[test]
fn what_is_abandoned_is_counted() {
    let mut local = Local::new();
    end(&local.queue, 7, 2, 1, 0);
    local.drain();
    local.terminal.abandon(Reason::Shutdown);
    assert_eq!(local.ledger.trace(TraceId::from(7)).2, 1);
}

#[test]
fn a_call_log_waits_for_its_conversation_but_not_forever() {
    let mut local = Local::new();
    let log = |trace: u128| SealedCallLog {
        id: "call".to_owned(),
        trace_id: Some(TraceId::from(trace)),
        owner: None,
        body: Bytes::from_static(b"{}"),
        deadline: std::time::Duration::ZERO,
    };
    local.terminal.call_log(&log(1));
    assert_eq!(local.terminal.drawings.logs.len(), 1);
    end(&local.queue, 1, 1, 0, 0);
    local.look();
    assert!(local.terminal.drawings.logs.is_empty(), "shown");
    local.terminal.call_log(&log(1));
    assert!(local.terminal.drawings.logs.is_empty(), "too late");
    (2..1000).for_each(|trace| local.terminal.call_log(&log(trace)));
    assert_eq!(local.terminal.drawings.logs.len(), super::WAITING_LOGS);
}

#[test]
fn a_tap_drops_the_oldest_conversation_when_it_has_too_much() {
    let local = Local::new();
    let shown = local.shown.clone();
    let show = move |tree: &Tree, _: Option<&[u8]>| shown.borrow_mut().push(tree.rows.len());
    let drawings = Drawings::new(Box::new(show));
    let mut tap = DrawingTap { drawings, limit: 3000, events: OwnEvents::here(), told: false };
    for (trace, id, parent) in [(1, 2, 1), (2, 2, 1), (1, 3, 1), (2, 1, 0), (1, 1, 0)] {
        end(&local.queue, trace, id, parent, 1000);
        local.queue.drain(|buffer, _| tap.take(buffer));
    }
    assert!(tap.wants_more());
    tap.proceed();
    assert_eq!(local.shown.take(), [2], "of the first, nothing is drawn");
    assert!(tap.told && tap.drawings.traces.is_empty());
    assert_eq!(local.counts(), (5, 0, 5), "it counts nothing");
}
