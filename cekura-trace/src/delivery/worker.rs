//! The thread that drains the queue, drives the lanes and answers flushes. Invariant: each flush
//! gets one report, at its deadline at the latest.

mod decided;
mod ended;

#[cfg(feature = "audio")]
use super::audio::recorder::Recorder;
#[cfg(all(feature = "audio", feature = "local"))]
use super::call_log::ended::EndedCall;
use super::call_log::sealed::{Account, SealedCallLog};
use super::drafts::Drafts;
use super::flushes::{Flush, Flushes};
use super::lane::Lane;
use super::lane::call_logs::{CallLogs, Rewrite};
use super::lane::spans::Spans;
use super::ledger::{Counts, DropReason, Ledger};
use super::link::GRACE;
use super::message::{Message, ObserveAnswer, ObserveReply};
use super::own_events::OwnEvents;
use super::queue::{Begun, Queue};
use super::quiet::silence;
use super::sampler::Sampler;
use super::spool::requests::DiskCopy;
use super::spool::{Event, Found, Kind, Spool};
use super::tally::Tally;
use super::tap::Tap;
use super::timings::Timings;
use super::warnings::{tell_losses, tell_unread};
use crate::call::OpenCalls;
use crate::finished::{self, Record};
use crate::room::{Room, Use};
use opentelemetry::trace::{SpanId, TraceId};
use std::borrow::Cow;
#[cfg(all(feature = "audio", feature = "local"))]
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

/// The shortest time between two events that tell of lost spans.
const BETWEEN_TELLING: Duration = Duration::from_secs(10);

/// The shortest time between two looks at all call logs that wait, where memory is not short yet.
const BETWEEN_RELIEFS: Duration = Duration::from_millis(50);

pub(super) struct Worker {
    queue: Arc<Queue>,
    ledger: Arc<Ledger>,
    events: OwnEvents,
    /// Not in local mode.
    spans: Option<Lane<Spans>>,
    /// Before them, where not all calls are sent.
    sampler: Option<Box<Sampler>>,
    /// The first flush that waits for calls that were held and are still to be sent.
    sending: Option<u64>,
    taps: Vec<Box<dyn Tap>>,
    account: Account,
    #[cfg(feature = "audio")]
    recorder: Option<Arc<Recorder>>,
    /// Ended calls that are drawn when their recordings are prepared, by the spans of their conversations.
    #[cfg(all(feature = "audio", feature = "local"))]
    unheard: HashMap<SpanId, Arc<EndedCall>>,
    call_logs: Lane<CallLogs>,
    /// What was heard of the beginnings of conversations since it was last looked.
    begun: Begun,
    spool: Option<Arc<Spool>>,
    /// Where there is a spool.
    drafts: Option<Drafts>,
    timings: Timings,
    flushes: Flushes,
    next_tick: Instant,
    /// When call logs are asked again for what nobody else needs yet.
    next_relief: Instant,
    /// The open ones, and when it is looked for those of which something is not read.
    calls: Arc<OpenCalls>,
    next_look: Instant,
    /// Dropped spans that an event has told of, and when.
    told: (u64, Instant),
    /// Whether an event has told of what may not be meant.
    has_doubted: bool,
    /// Whether it was said that nothing is heard of the callers, and of the agents.
    #[cfg(feature = "audio")]
    told_silent: [bool; 2],
    /// Whether a turn of the loop has ended since the last panic.
    is_well: bool,
}

impl Worker {
    pub(super) fn new(
        timings: Timings,
        queue: Arc<Queue>,
        ledger: Arc<Ledger>,
        events: OwnEvents,
        (spans, sampler): (Option<Lane<Spans>>, Option<Box<Sampler>>),
        account: Account,
        call_logs: Lane<CallLogs>,
    ) -> Self {
        let (flushes, next_tick, calls) = (Flushes::default(), Instant::now(), Arc::default());
        Self {
            queue,
            ledger,
            events,
            spans,
            sampler,
            sending: None,
            taps: Vec::new(),
            account,
            #[cfg(feature = "audio")]
            recorder: None,
            #[cfg(all(feature = "audio", feature = "local"))]
            unheard: HashMap::new(),
            call_logs,
            begun: Begun::default(),
            spool: None,
            drafts: None,
            timings,
            flushes,
            next_tick,
            next_relief: next_tick,
            calls,
            next_look: next_tick + timings.unread,
            told: (0, next_tick),
            has_doubted: false,
            #[cfg(feature = "audio")]
            told_silent: [false; 2],
            is_well: true,
        }
    }

    pub(super) fn with_calls(self, calls: Arc<OpenCalls>) -> Self {
        Self { calls, ..self }
    }

    #[cfg(feature = "audio")]
    pub(super) fn with_recorder(self, recorder: Option<Arc<Recorder>>) -> Self {
        Self { recorder, ..self }
    }

    pub(super) fn with_taps(self, taps: Vec<Box<dyn Tap>>) -> Self {
        Self { taps, ..self }
    }

    /// Ends the spool when it ends, and looks into the queue as often as that needs.
    pub(super) fn with_spool(mut self, spool: Option<Arc<Spool>>) -> Self {
        if let Some(spool) = &spool {
            self.timings.tick = self.timings.tick.min(spool.limits.deposit);
        }
        let drafts = spool.clone().map(|spool| Drafts::new(spool, self.queue.clone()));
        Self { spool, drafts, ..self }
    }

    /// Runs until shutdown. A panic costs what was in hand, which is counted; the worker goes on with the rest.
    pub(super) fn live(mut self, mut messages: UnboundedReceiver<Message>, runtime: &Runtime) {
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run(&mut messages)))).is_err() {
            self.recover();
        }
    }

    /// Counts what a panic has cost. Where the next turn panics too, what waits may be why, and is given up.
    fn recover(&mut self) {
        if !std::mem::take(&mut self.is_well) {
            let abandon = || self.abandon(DropReason::Panicked);
            drop(catch_unwind(AssertUnwindSafe(abandon)));
        }
        let mut held = Counts::new();
        let spans = self.spans.iter().flat_map(Lane::counts);
        let spans = spans.chain(self.sampler.iter().flat_map(|sampler| sampler.counts()));
        for (trace, count) in spans.chain(self.taps.iter().flat_map(|tap| tap.pending())) {
            *held.entry(trace).or_default() += count;
        }
        self.ledger.lose_all_but(&held, DropReason::Panicked);
    }

    async fn run(&mut self, messages: &mut UnboundedReceiver<Message>) {
        loop {
            silence();
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + self.timings.tick;
                self.collect();
                self.write_held(now);
                if self.drafts.as_ref().is_some_and(|drafts| now >= drafts.next) {
                    self.write_drafts(now);
                }
                if now >= self.told.1 + BETWEEN_TELLING {
                    self.tell_losses(now);
                }
                if now >= self.next_look {
                    self.next_look = now + self.timings.unread;
                    self.tell_unread(self.timings.unread);
                }
            }
            if self.call_logs.wants_spans(now) {
                self.collect();
            }
            self.send_held();
            self.relieve();
            self.hurry(now);
            if let Some(spans) = &mut self.spans {
                spans.take_out_forgotten(now);
                spans.proceed(now);
            }
            self.call_logs.await_traces(now);
            self.call_logs.proceed(now);
            let relief = self.relieve_of_logs(now);
            if self.answer_flushes(now) {
                return;
            }
            self.is_well = true;
            let spans = self.spans.as_ref().and_then(|spans| spans.due(now));
            let lanes = spans.into_iter().chain(self.call_logs.next_due(now)).chain(relief);
            let next = lanes.chain(self.flushes.next_deadline()).fold(self.next_tick, Instant::min);
            if let Ok(Some(message)) = timeout_at(next, messages.recv()).await {
                self.handle(message);
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Answered => {
                if let Some(spans) = &mut self.spans {
                    spans.answered(Instant::now());
                }
                self.call_logs.answered(Instant::now());
            }
            Message::Decided(call) => self.decided(&call),
            Message::Drawn { number, drawn } => {
                self.taps.iter_mut().for_each(|tap| tap.drawn(number, drawn));
            }
            Message::Flush { deadline, report } => {
                self.collect();
                self.taps.iter_mut().for_each(|tap| tap.flush(self.flushes.epoch));
                self.flushes.add(deadline, false, report, Instant::now());
            }
            Message::Observe { log, reservation, reply } => {
                self.observe(log.redacted(&self.account), None, reservation, reply);
            }
            Message::Update { reply, .. } if self.account.is_local => reply(ObserveAnswer::local()),
            Message::Update { changes, room, reply } => {
                self.call_logs.update(changes.redacted(&self.account), room, reply);
            }
            #[cfg(feature = "audio")]
            Message::Recorded { root, prepared } => self.recorded(root, *prepared),
            Message::Score { root, name, value } => {
                self.taps.iter_mut().for_each(|tap| tap.score(&root, &name, value));
                self.sampler.iter_mut().for_each(|sampler| sampler.score(root.trace_id(), &name, value));
                self.send_held();
            }
            Message::Release(root) => {
                self.sampler.iter_mut().for_each(|sampler| sampler.release(root.trace_id()));
                self.call_logs.release(root.span_id());
            }
            Message::Spooled(events) => {
                for (kind, event) in events {
                    self.spooled(kind, event);
                }
            }
            Message::Shutdown { deadline, report } => {
                self.tell_unread(Duration::ZERO);
                let (queue, now) = (self.queue.clone(), Instant::now());
                queue.close(|records, count| self.take(records, count));
                queue.drain_kept_back(true, |records, count| self.take(records, count));
                queue.close_calls(|ended, reservation| self.observe_ended(ended, reservation));
                self.sampler.iter_mut().for_each(|sampler| sampler.finish());
                self.send_held();
                self.forget_dropped();
                self.write_drafts(now);
                if let Some(spans) = &mut self.spans {
                    spans.finish(now);
                }
                self.taps.iter_mut().for_each(|tap| tap.finish(self.flushes.epoch));
                self.call_logs.finish_by(deadline, now);
                self.flushes.add(deadline, true, report, now);
            }
            Message::Wake => self.collect(),
        }
    }

    fn spooled(&mut self, kind: Kind, event: Event) {
        let now = Instant::now();
        if kind == Kind::Spans {
            self.sampler.iter_mut().for_each(|sampler| sampler.spooled(&event, now));
        }
        let Some(spans) = &mut self.spans else { return };
        match (kind, event) {
            (_, Event::Notice(notice)) => {
                self.events.emit(move || tracing::warn!(target: "cekura", "{notice}"));
            }
            (Kind::CallLog, event) => {
                self.drafts.iter_mut().for_each(|drafts| drafts.spooled(&event, now));
                self.call_logs.spooled(event, now);
            }
            (Kind::Spans, event) => spans.spooled(event, now),
            (Kind::Start, Event::Found(found)) => {
                for Found { name, body, last_seen, .. } in found {
                    if let Some(record) = spans.end_start(name, &body, last_seen, now) {
                        self.taps.iter_mut().for_each(|tap| tap.recovered(&record));
                    }
                }
            }
            (Kind::Start, event) => spans.spooled_starts(&event, now),
        }
    }

    /// Has what rests after a failure tried again before those give up who wait for it.
    fn hurry(&mut self, now: Instant) {
        let by = self.flushes.last_chance(now);
        if let Some(by) = by {
            self.call_logs.hurry(by, now);
        }
        let by = by.into_iter().chain(self.call_logs.last_chance(now)).min();
        if let (Some(spans), Some(by)) = (&mut self.spans, by) {
            spans.hurry(by, now);
        }
    }

    fn collect(&mut self) {
        let queue = self.queue.clone();
        self.hear_begun();
        self.drain();
        // Each is asked, for each keeps what it has seen until then.
        if self.taps.iter_mut().fold(false, |wants, tap| wants | tap.wants_more()) {
            self.drain();
        }
        let now = Instant::now();
        if self.sampler.as_mut().is_some_and(|sampler| sampler.look(now)) {
            self.drain();
        }
        // After the spans, so that most of those that have ended too are known to.
        let begun = std::mem::take(&mut self.begun);
        if let Some(spans) = &mut self.spans {
            spans.begin(begun);
        }
        // A call ends before its root, so that none is missing whose root was drained.
        queue.drain_calls(|ended, reservation| self.observe_ended(ended, reservation));
        self.sampler.iter_mut().for_each(|sampler| sampler.decide());
        self.send_held();
        // With the call log that has come just now.
        self.taps.iter_mut().for_each(|tap| tap.proceed(self.flushes.epoch));
    }

    /// Takes what has ended, and what was kept back and may leave now.
    fn drain(&mut self) {
        let queue = self.queue.clone();
        let mut take = |records: &[u8], count| {
            // Encoding takes a while.
            self.relieve();
            self.take(records, count);
        };
        queue.drain(&mut take);
        queue.drain_kept_back(false, take);
    }

    /// Hears which conversations have begun. Asked before each buffer, so that each root in it was heard of.
    fn hear_begun(&mut self) {
        let mut begun = self.queue.drain_begun();
        for (root, _) in &mut begun.roots {
            if let Cow::Owned(redacted) = self.account.redaction.records(root) {
                *root = redacted;
            }
        }
        self.taps.iter_mut().for_each(|tap| tap.begun(&begun));
        for root in begun.roots {
            let known = match &mut self.sampler {
                Some(sampler) => sampler.begin(root, Instant::now()),
                None => Some(root),
            };
            self.begun.roots.extend(known);
        }
        for (trace, _) in &begun.forgotten {
            self.sampler.iter_mut().for_each(|sampler| sampler.forget(*trace));
        }
        self.begun.forgotten.extend(begun.forgotten);
    }

    /// Has memory given back where it is short; what is drawn goes before what is delivered.
    fn relieve(&mut self) {
        let excess = self.queue.excess();
        if excess > 0 {
            let given = self.relieve_taps(excess);
            if let Some(spans) = &mut self.spans {
                spans.relieve(excess.saturating_sub(given), true, Instant::now());
            }
        }
    }

    /// The same for what call logs have borrowed, and do not send at once; when to ask again. Not often, unless urgent.
    fn relieve_of_logs(&mut self, now: Instant) -> Option<Instant> {
        let (borrowed, (wanted, is_urgent)) = (self.queue.borrowed(), self.queue.wanted_back());
        if borrowed == 0 {
            return None;
        }
        if !is_urgent && now < self.next_relief {
            return Some(self.next_relief);
        }
        self.next_relief = now + BETWEEN_RELIEFS;
        // The next call log finds room when it comes, or is refused.
        self.call_logs.rest_safe(borrowed);
        if wanted == 0 {
            return None;
        }
        let given = self.relieve_taps(wanted);
        self.call_logs.relieve(wanted.saturating_sub(given), is_urgent, now);
        Some(self.next_relief)
    }

    fn relieve_taps(&mut self, bytes: usize) -> usize {
        self.taps.iter_mut().map(|tap| tap.relieve(bytes)).sum()
    }

    fn observe(
        &mut self,
        log: SealedCallLog,
        rewrite: Option<Rewrite>,
        reservation: Room,
        reply: ObserveReply,
    ) {
        // What is posted of a simulated call is not what is shown.
        if log.until.is_none() {
            let awaits_sound = rewrite.as_ref().is_some_and(|rewrite| rewrite.recording.is_some());
            self.taps.iter_mut().for_each(|tap| tap.call_log(&log, awaits_sound));
        }
        if self.account.is_local {
            reply(ObserveAnswer::local());
        } else {
            let root = rewrite.as_ref().map(|rewrite| rewrite.root);
            let draft = root.zip(self.drafts.as_mut()).and_then(|(root, drafts)| drafts.give(root));
            self.call_logs.take(log, rewrite, reservation, reply, Instant::now(), draft);
        }
    }

    fn take(&mut self, records: &[u8], count: u64) {
        self.hear_begun();
        let told = self.account.messages.map_or(Cow::Borrowed(records), |messages| messages.records(records));
        let reservation = Room::taken(self.queue.clone(), Use::Delivery, told.len());
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
            self.ledger.refuse(TraceId::INVALID, DropReason::Malformed);
        }
        let redacted = self.account.redaction.records(&told);
        let mut reservation = Some(reservation);
        if let Some(sampler) = &mut self.sampler {
            if let Some(spans) = self.spans.as_mut().filter(|_| sampler.is_spooled()) {
                spans.look(&redacted);
            }
            let leaving = sampler.take(&redacted, Instant::now());
            self.send_held();
            self.send(&leaving, self.flushes.epoch, None);
        } else if let Some(spans) = &mut self.spans {
            spans.take(&redacted, reservation.take().unwrap_or_default(), self.flushes.epoch);
        }
        let is_sent = self.spans.is_some();
        for tap in &mut self.taps {
            let reservation = reservation.take().filter(|_| !is_sent);
            tap.take(if tap.takes_unredacted() { records } else { &redacted }, reservation);
        }
    }

    /// Sends calls that were held until now, as long as there is room: they take much less while they are held.
    fn send_held(&mut self) {
        let epoch = self.sending.unwrap_or(self.flushes.epoch);
        while self.queue.has_room_to_send()
            && let Some((records, copy)) = self.sampler.as_mut().and_then(|sampler| sampler.next())
        {
            self.send(&records, epoch, copy);
        }
        let is_sending = self.sampler.as_ref().is_some_and(|sampler| sampler.is_sending());
        self.sending = is_sending.then_some(epoch);
        self.begun.roots.extend(self.sampler.iter_mut().flat_map(|sampler| sampler.begun()));
        self.begun.forgotten.extend(self.sampler.iter_mut().flat_map(|sampler| sampler.forgotten()));
    }

    fn send(&mut self, records: &[u8], epoch: u64, copy: Option<DiskCopy>) {
        let Some(spans) = self.spans.as_mut().filter(|_| !records.is_empty()) else { return };
        let mut room = Room::of(self.queue.clone(), Use::Delivery);
        room.resize_anyway(records.len());
        match copy {
            Some(copy) => spans.take_copied(records, room, epoch, copy),
            None => spans.take(records, room, epoch),
        }
    }

    /// Answers the flushes that are settled or late; true when the last one is.
    fn answer_flushes(&mut self, now: Instant) -> bool {
        if self.flushes.is_empty() {
            return false;
        }
        let spans = self.spans.as_ref().and_then(Lane::oldest);
        let taps = self.taps.iter().filter_map(|tap| tap.oldest());
        let oldest = spans.into_iter().chain(taps).chain(self.sending).min();
        let is_posted = self.call_logs.is_at_rest() && self.call_logs.has_no_update();
        let is_idle = is_posted && self.spans.as_ref().is_none_or(Lane::is_at_rest);
        let is_over = |flush: &mut Flush| {
            now >= flush.deadline
                || oldest.is_none_or(|oldest| oldest > flush.epoch) && (!flush.is_last || is_idle)
        };
        let over = self.flushes.take(is_over);
        let end = over.iter().find(|flush| flush.is_last).map(|flush| flush.deadline);
        if let Some(deadline) = end {
            self.abandon(DropReason::Shutdown);
            if let Some(spool) = self.spool.take() {
                spool.end();
            }
            self.tell_losses(now);
            // The process may end with the report.
            self.events.wait(deadline.saturating_duration_since(Instant::now()) + GRACE / 2);
        } else if !over.is_empty() {
            // What was said before a report is heard before it, where the subscriber is well.
            self.events.settle();
        }
        for flush in over {
            flush.report.send(self.ledger.report(|| self.queue.accepted()));
        }
        end.is_some()
    }

    /// Gives up everything that is not settled, but for what is safe on disk.
    fn abandon(&mut self, reason: DropReason) {
        if let Some(spans) = &mut self.spans {
            spans.abandon(reason);
        }
        self.sampler.iter_mut().for_each(|sampler| sampler.abandon(reason));
        self.taps.iter_mut().for_each(|tap| tap.abandon(reason));
        self.call_logs.give_up(reason);
    }

    fn tell_unread(&self, since: Duration) {
        let calls = self.calls.unread(since);
        if !calls.is_empty() {
            self.events.emit(move || tell_unread(&calls));
        }
    }

    fn tell_losses(&mut self, now: Instant) {
        let report = self.ledger.report(|| self.queue.accepted());
        if report.lost_unmeant() > self.told.0 {
            self.told = (report.lost_unmeant(), now);
            let cause = self.spans.as_ref().and_then(Lane::last_cause);
            self.events.emit(move || tell_losses(&report, cause));
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
#[path = "tests/many.rs"]
mod many_tests;
#[cfg(test)]
#[path = "tests/observe.rs"]
mod observe_tests;
#[cfg(test)]
#[path = "tests/panics.rs"]
mod panic_tests;
#[cfg(test)]
#[path = "tests/refusals.rs"]
mod refusal_tests;
#[cfg(test)]
#[path = "tests/simulate.rs"]
mod simulate_tests;
#[cfg(test)]
#[path = "tests/worker.rs"]
mod tests;
