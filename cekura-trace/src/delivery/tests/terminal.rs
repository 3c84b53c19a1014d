//! When a conversation is drawn, that what is drawn counts as delivered, or beside a delivery as nothing, and what a
//! terminal costs that nobody reads.

use super::{
    Arc, Bytes, Counts, Drawn, DropReason, Ledger, OwnEvents, Recorded, SealedCallLog, Seen, Tap, Terminal,
    TraceId, records,
};
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::tests::{end, record};
use crate::delivery::traces::REMEMBERED;
use crate::destination::Sink as _;
use crate::room::{Room, Use};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

struct Local {
    terminal: Terminal,
    ledger: Arc<Ledger>,
    queue: Arc<Queue>,
    /// How many spans were shown, before the number that goes with it.
    rows: Receiver<usize>,
    shown: Receiver<(u64, Drawn)>,
    /// One for each conversation that may be shown.
    may: std::sync::mpsc::Sender<()>,
}

impl Local {
    /// Where so many conversations are shown before somebody has to read.
    fn new(limit: usize, room: usize) -> Self {
        let ledger = Arc::new(Ledger::default());
        let (row, rows) = channel();
        let (tell, shown) = channel();
        let (may, allowed) = channel();
        (0..room).for_each(|_| may.send(()).unwrap());
        let allowed = std::sync::Mutex::new(allowed);
        let show = move |spans: &[u8], _: Option<&[u8]>, sound: Option<Recorded>, _: &dyn Fn(Drawn)| {
            let _ = allowed.lock().unwrap().recv();
            let _ = row.send(records(spans).count());
            let is_heard =
                sound.is_some_and(|sound| sound.is_ok_and(|sound| sound.media_type != "unreadable"));
            Ok(Seen { missing: 0, is_heard: Some(is_heard) })
        };
        let queue = Queue::new(limit, ledger.clone(), Waker::new(|| {}), true);
        let queue = Arc::new(queue.with_beginnings());
        let told = Box::new(move |number, drawn| tell.send((number, drawn)).unwrap_or_default());
        let terminal = Terminal::new(queue.clone(), OwnEvents::here(), Box::new(show), told);
        Self { terminal: terminal.delivers_to(ledger.clone()), ledger, queue, rows, shown, may }
    }

    fn drain(&mut self) {
        let queue = self.queue.clone();
        queue.drain(|buffer, _| {
            self.terminal.begun(&queue.drain_begun());
            for (record, _) in records(buffer) {
                self.ledger.take(&Counts::from([(record.head.trace_id, 1)]));
            }
            self.terminal.take(buffer, Some(Room::taken(queue.clone(), Use::Delivery, buffer.len())));
        });
    }

    /// A conversation begins.
    fn begin(&self, trace: u64, root: u64) {
        self.queue.begin(record(trace, root, 0, 0));
    }

    /// Has what is complete drawn.
    fn draw(&mut self) {
        self.drain();
        if self.terminal.wants_more() {
            self.drain();
        }
        self.terminal.proceed(0);
    }

    /// The sizes of the conversations that are drawn now.
    fn look(&mut self) -> Vec<usize> {
        self.draw();
        self.wait()
    }

    fn wait(&mut self) -> Vec<usize> {
        while self.terminal.oldest().is_some() {
            let (number, drawn) = self.shown.recv_timeout(Duration::from_secs(20)).unwrap();
            self.terminal.drawn(number, drawn);
        }
        self.rows.try_iter().collect()
    }

    fn counts(&self) -> (u64, u64, u64) {
        let report = self.ledger.report(|| self.queue.accepted());
        (report.accepted, report.delivered, report.pending)
    }
}

const ROOM: usize = 10_000;

#[test]
fn a_conversation_is_drawn_when_its_root_has_ended() {
    let mut local = Local::new(1 << 20, ROOM);
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
    let mut local = Local::new(1 << 20, ROOM);
    end(&local.queue, 1, 1, 0, 0);
    local.drain();
    end(&local.queue, 1, 2, 1, 0);
    assert_eq!(local.look(), [2]);
}

#[test]
fn a_span_that_ends_after_the_drawing_is_counted_and_forgotten() {
    let mut local = Local::new(1 << 20, ROOM);
    end(&local.queue, 1, 1, 0, 0);
    assert_eq!(local.look(), [1]);
    end(&local.queue, 1, 2, 1, 0);
    assert!(local.look().is_empty());
    assert_eq!(local.counts(), (2, 1, 0));
    assert_eq!(local.ledger.report(|| 2).dropped["late"], 1, "nobody sees it");
    assert!(local.terminal.traces.is_empty());
}

#[test]
fn two_calls_with_one_trace_id_are_drawn_one_after_the_other() {
    let mut local = Local::new(1 << 20, ROOM);
    for round in 0..3 {
        let root = 10 * round + 1;
        local.begin(1, root);
        end(&local.queue, 1, root + 1, root, 0);
        assert!(local.look().is_empty());
        end(&local.queue, 1, root, 0, 0);
        assert_eq!(local.look(), [2], "{round}");
        end(&local.queue, 1, root + 2, root, 0);
        assert!(local.look().is_empty());
        let (accepted, delivered, pending) = local.counts();
        assert_eq!((accepted, delivered, pending), (3 * (round + 1), 2 * (round + 1), 0), "one is late");
    }
    assert!(local.terminal.traces.is_empty());
    assert_eq!(local.terminal.traces.remembered(), 1);
}

#[test]
fn two_calls_with_one_trace_id_at_the_same_time_have_each_its_own_spans() {
    let mut local = Local::new(1 << 20, ROOM);
    local.begin(1, 10);
    local.begin(1, 20);
    // The first has two below each other.
    end(&local.queue, 1, 12, 11, 0);
    end(&local.queue, 1, 21, 20, 0);
    end(&local.queue, 1, 11, 10, 0);
    end(&local.queue, 1, 10, 0, 0);
    assert_eq!(local.look(), [3]);
    assert_eq!(local.counts(), (4, 3, 1));
    end(&local.queue, 1, 22, 20, 0);
    end(&local.queue, 1, 20, 0, 0);
    assert_eq!(local.look(), [3]);
    assert_eq!(local.counts(), (6, 6, 0));
    assert!(local.terminal.traces.is_empty() && local.terminal.side.wait(Duration::from_secs(20)));
    assert_eq!(local.queue.held(), 0);
}

#[test]
fn two_calls_with_one_trace_id_that_end_before_anybody_looks_are_two_drawings() {
    let mut local = Local::new(1 << 20, ROOM);
    for root in [10, 20] {
        local.begin(1, root);
        end(&local.queue, 1, root + 1, root, 0);
        end(&local.queue, 1, root, 0, 0);
    }
    assert_eq!(local.look(), [2, 2]);
    assert_eq!(local.counts(), (4, 4, 0));
}

#[test]
fn a_call_that_never_began_after_all_keeps_none_of_its_trace_open() {
    let mut local = Local::new(1 << 20, ROOM);
    local.begin(1, 10);
    local.begin(1, 20);
    local.queue.forget(TraceId::from(1), opentelemetry::trace::SpanId::from(20));
    end(&local.queue, 1, 10, 0, 0);
    assert_eq!(local.look(), [1]);
    local.begin(1, 30);
    end(&local.queue, 1, 31, 30, 0);
    assert!(local.look().is_empty());
    local.queue.forget(TraceId::from(1), opentelemetry::trace::SpanId::from(30));
    local.terminal.finish(0);
    assert_eq!(local.wait(), [1], "what there is of it");
    assert!(local.terminal.traces.is_empty());
}

#[test]
fn what_is_unfinished_is_drawn_at_the_end() {
    let mut local = Local::new(1 << 20, ROOM);
    end(&local.queue, 1, 2, 1, 0);
    assert!(local.look().is_empty());
    local.terminal.finish(0);
    assert_eq!(local.wait(), [1]);
    assert_eq!(local.counts(), (1, 1, 0));
}

#[test]
fn many_conversations_leave_nothing_behind() {
    let mut local = Local::new(1 << 20, ROOM);
    for trace in 1..=5000 {
        end(&local.queue, trace, 1, 0, 100);
        assert_eq!(local.look(), [1], "{trace}");
    }
    let traces = &local.terminal.traces;
    assert!(traces.remembered() <= REMEMBERED && traces.is_empty());
}

#[test]
fn what_is_abandoned_is_counted() {
    let mut local = Local::new(1 << 20, ROOM);
    end(&local.queue, 7, 2, 1, 0);
    local.drain();
    local.terminal.abandon(DropReason::Shutdown);
    assert_eq!(local.ledger.trace(TraceId::from(7)).2, 1);
}

fn log(trace: u128) -> SealedCallLog {
    SealedCallLog {
        id: "call".to_owned(),
        trace_id: Some(TraceId::from(trace)),
        owner: None,
        until: None,
        body: Bytes::from_static(b"{}"),
        deadline: Duration::ZERO,
    }
}

#[test]
fn a_call_log_waits_for_its_conversation_but_not_forever() {
    let mut local = Local::new(1 << 20, ROOM);
    local.terminal.call_log(&log(1), false);
    assert_eq!(local.terminal.logs.len(), 1);
    end(&local.queue, 1, 1, 0, 0);
    local.look();
    assert!(local.terminal.logs.is_empty(), "shown");
    local.terminal.call_log(&log(1), false);
    assert!(local.terminal.logs.is_empty(), "too late");
    (2..1000).for_each(|trace| local.terminal.call_log(&log(trace), false));
    assert_eq!(local.terminal.logs.len(), super::WAITING_LOGS);
}

#[test]
fn beside_a_delivery_the_oldest_conversation_goes_when_memory_is_short() {
    let mut local = Local::new(4600, ROOM);
    local.terminal.ledger = None;
    for (trace, id, parent) in [(1, 2, 1), (2, 2, 1), (1, 3, 1), (2, 1, 0), (1, 1, 0)] {
        end(&local.queue, trace, id, parent, 1000);
        let queue = local.queue.clone();
        queue.drain(|buffer, _| {
            // What was delivered meanwhile.
            drop(Room::taken(queue.clone(), Use::Delivery, buffer.len()));
            local.terminal.take(buffer, None);
        });
    }
    assert!(local.terminal.wants_more());
    local.terminal.proceed(0);
    assert_eq!(local.wait(), [2], "of the first, nothing is drawn");
    assert!(local.terminal.undrawn > 0 && local.terminal.traces.is_empty());
    assert_eq!(local.counts(), (5, 0, 5), "it counts nothing");
}

#[test]
fn a_terminal_that_nobody_reads_costs_the_oldest_drawings_and_they_are_counted() {
    let mut local = Local::new(1 << 20, 1);
    for trace in 1..=5 {
        end(&local.queue, trace, 1, 0, 1000);
        local.draw();
    }
    // The first was shown, the second cannot be.
    while local.terminal.oldest().is_some() && local.counts().1 == 0 {
        let (number, drawn) = local.shown.recv_timeout(Duration::from_secs(20)).unwrap();
        local.terminal.drawn(number, drawn);
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(local.terminal.relieve(1500) >= 1500);
    let report = local.ledger.report(|| local.queue.accepted());
    assert_eq!(report.to_string(), "5 accepted, 1 delivered, 2 pending, 2 dropped (queue_full 2)");
    (0..5).for_each(|_| local.may.send(()).unwrap());
    assert_eq!(local.wait().len(), 3, "one before, and two that were left");
    local.terminal.abandon(DropReason::Shutdown);
    assert_eq!(local.counts(), (5, 3, 0));
}

#[test]
fn what_a_drawing_leaves_out_and_what_nobody_can_see_is_not_delivered() {
    let mut local = Local::new(1 << 20, ROOM);
    let (tell, shown) = channel();
    let show = |spans: &[u8], _: Option<&[u8]>, _: Option<Recorded>, _: &dyn Fn(Drawn)| match records(spans)
        .count()
    {
        1 => Err(DropReason::Unreachable),
        spans => Ok(Seen { missing: u64::try_from(spans).unwrap() - 2, is_heard: Some(false) }),
    };
    let told = Box::new(move |number, drawn| tell.send((number, drawn)).unwrap_or_default());
    let terminal = Terminal::new(local.queue.clone(), OwnEvents::here(), Box::new(show), told);
    (local.terminal, local.shown) = (terminal.delivers_to(local.ledger.clone()), shown);
    for (trace, spans) in [(1, 1), (2, 2), (3, 5)] {
        (2..=spans).for_each(|id| end(&local.queue, trace, id, 1, 0));
        end(&local.queue, trace, 1, 0, 0);
        local.look();
    }
    let report = local.ledger.report(|| local.queue.accepted());
    assert_eq!(report.to_string(), "8 accepted, 4 delivered, 4 dropped (queue_full 3, unreachable 1)");
    assert_eq!([2, 3].map(|trace| local.ledger.trace(TraceId::from(trace))), [(2, 0, 0), (2, 0, 3)]);
}

#[test]
fn a_conversation_whose_drawing_panics_is_counted_and_the_next_is_drawn() {
    let mut local = Local::new(1 << 20, ROOM);
    let (tell, shown) = channel();
    let show = |spans: &[u8], _: Option<&[u8]>, _: Option<Recorded>, _: &dyn Fn(Drawn)| {
        assert_ne!(records(spans).count(), 1, "as the test says");
        Ok(Seen { missing: 0, is_heard: Some(false) })
    };
    let told = Box::new(move |number, drawn| tell.send((number, drawn)).unwrap_or_default());
    let terminal = Terminal::new(local.queue.clone(), OwnEvents::here(), Box::new(show), told);
    (local.terminal, local.shown) = (terminal.delivers_to(local.ledger.clone()), shown);
    end(&local.queue, 1, 1, 0, 0);
    local.look();
    end(&local.queue, 2, 2, 1, 0);
    end(&local.queue, 2, 1, 0, 0);
    local.look();
    let report = local.ledger.report(|| local.queue.accepted());
    assert_eq!(report.to_string(), "3 accepted, 2 delivered, 1 dropped (panicked 1)");
}

/// A recording of which nothing is read.
#[cfg(feature = "audio")]
fn sound(media_type: &'static str) -> crate::local::SoundFile {
    crate::local::SoundFile { media_type, parts: Box::new(std::iter::empty()) }
}

#[cfg(feature = "audio")]
fn recordings(local: &Local) -> (u64, u64) {
    let recordings = local.ledger.report(|| 0).recordings;
    (recordings.delivered, recordings.dropped)
}

#[test]
#[cfg(feature = "audio")]
fn a_conversation_waits_for_its_recording_whichever_comes_first() {
    let mut local = Local::new(1 << 20, ROOM);
    for (trace, media_type) in [(1, "audio/wav"), (2, "audio/wav"), (3, "unreadable")] {
        local.terminal.call_log(&log(trace), true);
        if trace == 2 {
            assert!(local.terminal.recorded(TraceId::from(trace), None, Ok(sound(media_type))));
        }
        end(&local.queue, u64::try_from(trace).unwrap(), 1, 0, 0);
        local.draw();
        if trace != 2 {
            assert!(
                local.rows.try_recv().is_err() && local.terminal.oldest().is_some(),
                "a flush waits for it"
            );
            assert!(local.terminal.recorded(TraceId::from(trace), None, Ok(sound(media_type))));
        }
        assert_eq!(local.wait(), [1], "{trace}");
    }
    assert!(
        !local.terminal.recorded(TraceId::from(1), None, Ok(sound("audio/wav"))),
        "nobody waits for it any more"
    );
    assert_eq!(recordings(&local), (2, 1));
}

#[test]
#[cfg(feature = "audio")]
fn a_recording_that_is_not_shown_is_counted() {
    let mut local = Local::new(1 << 20, 0);
    for trace in 1..=3 {
        local.terminal.call_log(&log(trace), true);
        assert!(local.terminal.recorded(TraceId::from(trace), None, Ok(sound("audio/wav"))));
    }
    for trace in 1..=2 {
        end(&local.queue, trace, 1, 0, 1000);
        local.draw();
    }
    local.terminal.relieve(1);
    assert_eq!(recordings(&local).0, 0);
    local.terminal.abandon(DropReason::Shutdown);
    assert_eq!(
        recordings(&local),
        (0, 3),
        "one for memory, one that waits, one whose conversation has not ended"
    );
}

#[test]
#[cfg(feature = "audio")]
fn a_conversation_that_waits_for_its_recording_goes_when_memory_is_short() {
    let mut local = Local::new(1 << 20, ROOM);
    for trace in 1..=2_u32 {
        local.terminal.call_log(&log(trace.into()), true);
        end(&local.queue, trace.into(), 1, 0, 1000);
        local.draw();
    }
    assert!(local.terminal.relieve(1) > 1000, "the older one");
    assert!(!local.terminal.recorded(TraceId::from(1), None, Ok(sound("audio/wav"))));
    assert!(local.terminal.recorded(TraceId::from(2), None, Ok(sound("audio/wav"))));
    assert_eq!(local.wait(), [1]);
}

#[test]
#[cfg(feature = "audio")]
fn what_is_shown_counts_while_its_recording_is_being_added() {
    let mut local = Local::new(1 << 20, ROOM);
    let (tell, shown) = channel();
    let (go_on, wait) = channel();
    let wait = std::sync::Mutex::new(wait);
    let show = move |_: &[u8], _: Option<&[u8]>, _: Option<Recorded>, tell: &dyn Fn(Drawn)| {
        tell(Ok(Seen { missing: 0, is_heard: None }));
        let _: Result<(), _> = wait.lock().unwrap().recv();
        Ok(Seen { missing: 0, is_heard: Some(true) })
    };
    let told = Box::new(move |number, drawn| tell.send((number, drawn)).unwrap_or_default());
    let terminal = Terminal::new(local.queue.clone(), OwnEvents::here(), Box::new(show), told);
    (local.terminal, local.shown) = (terminal.delivers_to(local.ledger.clone()), shown);
    for trace in 1..=2_u32 {
        local.terminal.call_log(&log(trace.into()), true);
        local.terminal.recorded(TraceId::from(u128::from(trace)), None, Ok(sound("audio/wav")));
        end(&local.queue, trace.into(), 1, 0, 0);
        local.draw();
        let (number, drawn) = local.shown.recv_timeout(Duration::from_secs(20)).unwrap();
        local.terminal.drawn(number, drawn);
        assert_eq!(local.counts().1, u64::from(trace), "the spans are shown");
        assert!(local.terminal.oldest().is_some(), "a flush waits for the recording");
        if trace == 1 {
            go_on.send(()).unwrap();
            local.wait();
        }
    }
    local.terminal.abandon(DropReason::Shutdown);
    assert_eq!(local.counts(), (2, 2, 0));
    assert_eq!(recordings(&local), (1, 1), "one that there was time for, and one that was late");
}
