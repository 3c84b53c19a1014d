//! The thread that drains the queue, drives the lanes and answers flushes. Invariant: each flush
//! gets one report, at its deadline at the latest.

use super::call_log::CallLog;
use super::call_log::error::{ObserveError, Sent};
use super::call_log::sealed::{Account, SealedCallLog};
use super::flushes::{Flush, Flushes};
use super::lane::Lane;
use super::lane::call_logs::CallLogs;
use super::ledger::{Ledger, Reason};
use super::message::{Message, ObserveReply};
use super::outlet::{Driven, Outlet};
use super::own_events::OwnEvents;
use super::queue::{Queue, Reservation};
use super::spool::{Event, Found, Kind, Spool};
use super::tally::Tally;
use super::tap::Taps;
use super::timings::Timings;
use super::warnings::tell_losses;
use crate::finished::{self, Record};
use opentelemetry::trace::{SpanId, TraceId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

/// The shortest time between two events that tell of lost spans.
const BETWEEN_TELLING: Duration = Duration::from_secs(10);

/// Bytes of an ended call's log that are not counted: its fields beside what was noted.
const BESIDE_NOTES: usize = 1 << 10;

pub(super) struct Worker {
    queue: Arc<Queue>,
    ledger: Arc<Ledger>,
    events: OwnEvents,
    outlet: Box<dyn Outlet>,
    taps: Taps,
    account: Account,
    call_logs: Lane<CallLogs>,
    spool: Option<Arc<Spool>>,
    timings: Timings,
    flushes: Flushes,
    next_tick: Instant,
    /// Dropped spans that an event has told of, and when.
    told: (u64, Instant),
}

impl Worker {
    pub(super) fn new(
        timings: Timings,
        queue: Arc<Queue>,
        ledger: Arc<Ledger>,
        events: OwnEvents,
        outlet: Box<dyn Outlet>,
        account: Account,
        call_logs: Lane<CallLogs>,
    ) -> Self {
        let (flushes, next_tick) = (Flushes::default(), Instant::now());
        Self {
            queue,
            ledger,
            events,
            outlet,
            taps: Taps::default(),
            account,
            call_logs,
            spool: None,
            timings,
            flushes,
            next_tick,
            told: (0, next_tick),
        }
    }

    pub(super) fn with_taps(self, taps: Taps) -> Self {
        Self { taps, ..self }
    }

    /// Ends the spool when it ends, and looks into the queue as often as that needs.
    pub(super) fn with_spool(mut self, spool: Option<Arc<Spool>>) -> Self {
        if let Some(spool) = &spool {
            self.timings.tick = self.timings.tick.min(spool.limits.deposit);
        }
        Self { spool, ..self }
    }

    /// Runs until shutdown. A panic costs what was being delivered, which is counted; the worker goes on.
    pub(super) fn live(mut self, mut messages: UnboundedReceiver<Message>, runtime: &Runtime) {
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run(&mut messages)))).is_err() {
            self.outlet.clear();
            self.ledger.lose_pending(Reason::Panicked);
        }
    }

    async fn run(&mut self, messages: &mut UnboundedReceiver<Message>) {
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + self.timings.tick;
                self.collect();
                if now >= self.told.1 + BETWEEN_TELLING {
                    self.tell_losses(now);
                }
            }
            if self.call_logs.wants_spans() {
                self.collect();
            }
            self.relieve();
            self.hurry(now);
            self.outlet.proceed(now);
            self.call_logs.await_traces(now);
            self.call_logs.proceed(now);
            self.taps.proceed();
            if self.answer_flushes(now) {
                return;
            }
            let lanes = self.outlet.due(now).into_iter().chain(self.call_logs.next_due(now));
            let due = self.flushes.deadlines().chain(lanes);
            let next = due.fold(self.next_tick, Instant::min);
            if let Ok(Some(message)) = timeout_at(next, messages.recv()).await {
                self.handle(message);
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Answered => {
                self.outlet.answered(Instant::now());
                self.call_logs.answered(Instant::now());
            }
            Message::Flush { deadline, report } => {
                self.collect();
                self.flushes.add(deadline, false, report, Instant::now());
            }
            Message::Observe { log, reservation, reply } => self.observe(log, reservation, reply),
            Message::Spooled(events) => {
                for (kind, event) in events {
                    self.spooled(kind, event);
                }
            }
            Message::Shutdown { deadline, report } => {
                let queue = self.queue.clone();
                queue.close(|records, count| self.take(records, count));
                queue.close_calls(|log, reservation| self.observe_ended(log, reservation));
                self.outlet.finish(Instant::now());
                self.taps.finish();
                self.call_logs.finish_by(deadline, Instant::now());
                self.flushes.add(deadline, true, report, Instant::now());
            }
            Message::Wake => self.collect(),
        }
    }

    fn spooled(&mut self, kind: Kind, event: Event) {
        let now = Instant::now();
        match (kind, event) {
            (_, Event::Notice(notice)) => {
                self.events.emit(|| tracing::warn!(target: "cekura", "{notice}"));
            }
            (Kind::CallLog, event) => self.call_logs.spooled(event, now),
            (Kind::Spans, event) => self.outlet.spooled(event, now),
            (Kind::Start, Event::Found(found)) => {
                for Found { name, body, last_seen, .. } in found {
                    self.outlet.end_start(name, &body, last_seen, now);
                }
            }
            // Nobody waits for them.
            (Kind::Start, _) => {}
        }
    }

    /// Has what rests after a failure tried again before those give up who wait for it.
    fn hurry(&mut self, now: Instant) {
        for by in self.flushes.last_chances() {
            self.outlet.hurry(by, now);
            self.call_logs.hurry(by, now);
        }
        for by in self.call_logs.last_chances() {
            self.outlet.hurry(by, now);
        }
    }

    fn collect(&mut self) {
        let queue = self.queue.clone();
        queue.drain(|records, count| {
            // Encoding takes a while.
            self.relieve();
            self.take(records, count);
        });
        // Both are asked, for each keeps what it has seen until then.
        if self.outlet.wants_more() | self.taps.wants_more() {
            queue.drain(|records, count| self.take(records, count));
        }
        // A conversation that has begun and ended by now was in the queue.
        self.outlet.begin(queue.drain_begun());
        // A call ends before its root, so that none is missing whose root was drained.
        queue.drain_calls(|log, reservation| self.observe_ended(log, reservation));
    }

    /// Has memory given back where it is short.
    fn relieve(&mut self) {
        let excess = self.queue.excess(|| self.call_logs.held());
        if excess > 0 {
            self.outlet.relieve(excess, Instant::now());
        }
    }

    /// Posts what was noted of a call that has ended.
    fn observe_ended(&mut self, log: CallLog, mut reservation: Reservation) {
        let call_id = log.id().to_owned();
        let sealed = log.seal(&self.account).and_then(|log| {
            // Escapes may make it longer than what was noted.
            let more = log.body.len().saturating_sub(reservation.bytes() + BESIDE_NOTES);
            reservation.join(Reservation::take(&self.queue, more).ok_or_else(ObserveError::full)?);
            Ok(log)
        });
        match sealed {
            Ok(log) => self.observe(log, reservation, Box::new(Result::err)),
            Err(error) => {
                self.call_logs.count_failure();
                self.events.emit(|| tracing::error!(target: "cekura", call_id, "{error}"));
            }
        }
    }

    fn observe(&mut self, log: SealedCallLog, reservation: Reservation, reply: ObserveReply) {
        self.taps.call_log(&log);
        if self.account.is_local {
            self.outlet.call_log(&log);
            drop(reply(Ok(Sent::default())));
        } else {
            self.call_logs.take(log, reservation, reply, Instant::now());
        }
    }

    fn take(&mut self, records: &[u8], count: u64) {
        let reservation = Reservation::of(&self.queue, records);
        let (mut tally, mut roots) = (Tally::default(), Vec::new());
        for (Record { head, .. }, _) in finished::records(records) {
            tally.add(head.trace_id);
            if head.parent_id == SpanId::INVALID {
                roots.push(head.trace_id);
            }
        }
        let counts = tally.take();
        self.ledger.take(&counts);
        for trace in roots {
            self.ledger.root(trace);
        }
        for _ in counts.values().sum()..count {
            self.ledger.refuse(TraceId::INVALID, Reason::Malformed);
        }
        self.outlet.take(records, reservation, self.flushes.epoch);
        self.taps.take(records);
    }

    /// Answers the flushes that are settled or late; true when the last one is.
    fn answer_flushes(&mut self, now: Instant) -> bool {
        let oldest = self.outlet.oldest();
        let is_idle = self.call_logs.is_at_rest() && self.outlet.is_at_rest();
        let is_over = |flush: &mut Flush| {
            now >= flush.deadline
                || oldest.is_none_or(|oldest| oldest > flush.epoch) && (!flush.is_last || is_idle)
        };
        let over = self.flushes.take(is_over);
        let ends = over.iter().any(|flush| flush.is_last);
        if ends {
            self.outlet.abandon(Reason::Shutdown);
            self.call_logs.abandon(Reason::Shutdown);
            if let Some(spool) = self.spool.take() {
                spool.end();
            }
            self.tell_losses(now);
        }
        for flush in over {
            (flush.report)(self.ledger.report(|| self.queue.accepted()));
        }
        ends
    }

    fn tell_losses(&mut self, now: Instant) {
        let report = self.ledger.report(|| self.queue.accepted());
        if report.lost() > self.told.0 {
            self.told = (report.lost(), now);
            self.events.emit(|| tell_losses(&report));
        }
    }
}

#[cfg(test)]
#[path = "tests/deadlines.rs"]
mod deadline_tests;
#[cfg(test)]
#[path = "tests/eviction.rs"]
mod eviction_tests;
#[cfg(test)]
#[path = "tests/observe.rs"]
mod observe_tests;
#[cfg(test)]
#[path = "tests/refusals.rs"]
mod refusal_tests;
#[cfg(test)]
#[path = "tests/worker.rs"]
mod tests;
