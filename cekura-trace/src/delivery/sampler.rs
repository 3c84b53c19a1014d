//! Decides which calls are sent, and holds those back of which it is not known yet. Invariant: of each call all spans are sent or
//! none, and each span leaves here once or is counted with a reason.
//!
//! It stands before the lane of spans. What counts or draws spans sees all of them.

mod copies;
mod held;
mod own_copies;

use super::config::{Sampling, Settings};
use super::ledger::{Counts, DropReason, Ledger};
use super::queue::Queue;
use super::spool::requests::DiskCopy;
use super::spool::{Event, Spool};
use super::tally::Tally;
use crate::call::OpenCalls;
use crate::finished::{self, write};
use crate::room::{Room, Use};
use crate::semconv;
use copies::Copies;
use held::HeldCall;
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long nothing of a call may come whose root is not of this process, until it is over.
const QUIET: Duration = Duration::from_secs(60);
/// How many verdicts are remembered, the newest: as many as the ledger remembers traces.
const REMEMBERED: usize = 16_384;
/// How many of the oldest verdicts are looked at to forget one.
const TRIES: usize = 4;

pub(super) struct Sampler {
    sampling: Sampling,
    /// How long a call is held at most, and how long its late spans are waited for.
    patience: [Duration; 2],
    ledger: Arc<Ledger>,
    queue: Arc<Queue>,
    calls: Arc<OpenCalls>,
    held: HashMap<TraceId, HeldCall>,
    /// How many spans they have.
    spans: u64,
    /// The bytes of those that are here.
    room: Room,
    verdicts: HashMap<TraceId, Verdict>,
    /// Those with a verdict, oldest first.
    order: VecDeque<TraceId>,
    /// Calls that are to be sent, from their beginning.
    leaving: VecDeque<(TraceId, HeldCall)>,
    /// Starts of conversations that are to be sent.
    begun: Vec<Start>,
    /// Calls that were over when they were looked for.
    over: Vec<TraceId>,
    /// Where held calls are to survive the process.
    copies: Option<Copies>,
}

/// The root of a conversation that has begun, as a record.
type Start = (Vec<u8>, Room);

#[derive(Clone, Copy)]
enum Verdict {
    /// It is sent in any case.
    Sent,
    Dropped(DropReason),
}

impl Sampler {
    /// Where not all calls are sent.
    pub(super) fn of(
        settings: &Settings,
        ledger: Arc<Ledger>,
        queue: Arc<Queue>,
        calls: Arc<OpenCalls>,
        spool: Option<Arc<Spool>>,
    ) -> Option<Self> {
        let sampling = settings.sampling.clone()?;
        let patience = [settings.timings.held, settings.timings.late];
        let room = Room::of(queue.clone(), Use::Held);
        let spool = spool.filter(|_| settings.spool.as_ref().is_some_and(|to| to.keeps_held));
        let copies = spool.map(|spool| Copies::new(settings, spool, queue.clone()));
        Some(Self {
            sampling,
            patience,
            ledger,
            queue,
            calls,
            held: HashMap::new(),
            spans: 0,
            room,
            verdicts: HashMap::new(),
            order: VecDeque::new(),
            leaving: VecDeque::new(),
            begun: Vec::new(),
            over: Vec::new(),
            copies,
        })
    }

    /// Takes records that the ledger has taken; gives those that are sent now. What they release comes with [`next`](Self::next).
    pub(super) fn take(&mut self, records: &[u8], now: Instant) -> Vec<u8> {
        let (mut leaving, mut dropped) = (Vec::new(), HashMap::<DropReason, Tally>::new());
        for (record, bytes) in finished::raw_records(records) {
            let trace = record.head.trace_id;
            let rate = match self.verdicts.get(&trace) {
                Some(Verdict::Dropped(reason)) => {
                    dropped.entry(*reason).or_default().add(trace);
                    continue;
                }
                Some(Verdict::Sent) => 1.0,
                None if self.sampling.is_bad(&record) => {
                    self.send(trace);
                    1.0
                }
                None if self.sampling.is_lucky(trace) => self.sampling.rate(),
                None => {
                    let is_root = record.head.parent_id == SpanId::INVALID;
                    let call = held(&mut self.held, &mut self.room, trace, now);
                    let before = call.bytes();
                    call.push(bytes, is_root, now);
                    self.room.resize_anyway(self.room.bytes() + call.bytes() - before);
                    self.spans += 1;
                    continue;
                }
            };
            rated(bytes, rate, &mut leaving);
        }
        for (reason, mut tally) in dropped {
            self.ledger.lose(&tally.take(), reason);
        }
        self.relieve();
        self.count();
        leaving
    }

    /// Whether the start of a conversation is to be known now, which was heard of now; otherwise it is kept.
    pub(super) fn begin(&mut self, (record, room): Start, now: Instant) -> Option<Start> {
        let trace = finished::raw_records(&record).next().map(|(record, _)| record.head.trace_id)?;
        match self.verdicts.get(&trace) {
            Some(Verdict::Dropped(_)) => None,
            None if !self.sampling.is_lucky(trace) => {
                let (call, start) = (held(&mut self.held, &mut self.room, trace, now), (record, room));
                if self.copies.is_some() {
                    Copies::begin(call, &start);
                    return Some(start);
                }
                call.starts.push(start);
                None
            }
            _ => Some((record, room)),
        }
    }

    /// Whether held calls are to survive the process.
    pub(super) fn is_spooled(&self) -> bool {
        self.copies.is_some()
    }

    /// Writes to disk what is held and to survive the process. Whether not all of it can be, where that has changed.
    pub(super) fn write(&mut self, now: Instant) -> Option<bool> {
        let copies = self.copies.as_mut()?;
        let before: usize = self.held.values().map(|call| call.copies.memory()).sum();
        let is_behind = copies.write(&mut self.held, now);
        let after: usize = self.held.values().map(|call| call.copies.memory()).sum();
        self.room.resize_anyway(self.room.bytes() + after - before);
        is_behind
    }

    /// What the disk has to say of spans, perhaps of others.
    pub(super) fn spooled(&mut self, event: &Event, now: Instant) {
        if let Some(copies) = &mut self.copies {
            let freed = copies.spooled(event, &mut self.held, now);
            self.room.resize_anyway(self.room.bytes() - freed);
        }
    }

    /// The next records of calls that are sent from their beginning, and their copy on disk if they have one.
    pub(super) fn next(&mut self) -> Option<(Vec<u8>, Option<DiskCopy>)> {
        loop {
            let (_, call) = self.leaving.front_mut()?;
            let before = call.bytes();
            if let Some(records) = call.next() {
                let copy = self.copies.as_mut().and_then(|copies| copies.take_first(&mut call.copies));
                let mut rated_records = Vec::with_capacity(records.len() + records.len() / 4);
                for (_, bytes) in finished::raw_records(&records) {
                    rated(bytes, 1.0, &mut rated_records);
                    call.count = call.count.saturating_sub(1);
                }
                let after = call.bytes();
                self.room.resize_anyway(self.room.bytes() + after - before);
                return Some((rated_records, copy));
            }
            self.room.resize_anyway(self.room.bytes() - before);
            self.leaving.pop_front();
        }
    }

    /// The starts of conversations that are sent although they were kept before.
    pub(super) fn begun(&mut self) -> Vec<Start> {
        std::mem::take(&mut self.begun)
    }

    /// Conversations whose starts are on disk, of calls that are not sent.
    pub(super) fn forgotten(&mut self) -> Vec<(TraceId, SpanId)> {
        self.copies.as_mut().map(|copies| std::mem::take(&mut copies.forgotten)).unwrap_or_default()
    }

    /// Looks for calls that are over; true where the queue must be drained once more before they can be decided.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let [held, late] = self.patience;
        let too_long = self.held.iter().filter(|(_, call)| now >= call.since + held).map(|(trace, _)| *trace);
        for trace in too_long.collect::<Vec<_>>() {
            self.send(trace);
        }
        let is_over = |(trace, call): &(&TraceId, &HeldCall)| {
            let is_open = || self.calls.is_open(**trace);
            let is_known = match call.ended {
                Some(ended) => now >= ended + late || !is_open(),
                // Its root is another process's, or was lost.
                None => now >= call.last + QUIET && !is_open(),
            };
            is_known && call.waits_until.is_none_or(|until| now >= until)
        };
        self.over = self.held.iter().filter(is_over).map(|(trace, _)| *trace).collect();
        !self.over.is_empty()
    }

    /// Decides the calls that were over.
    pub(super) fn decide(&mut self) {
        for trace in std::mem::take(&mut self.over) {
            self.drop_call(trace, DropReason::SampledOut);
        }
        self.count();
    }

    /// The scores of a call may come until then, or until it is released.
    pub(super) fn wait(&mut self, trace: TraceId, until: Instant) {
        if let Some(call) = self.held.get_mut(&trace) {
            call.waits_until = Some(until);
            self.over.retain(|over| *over != trace);
        }
    }

    pub(super) fn release(&mut self, trace: TraceId) {
        if let Some(call) = self.held.get_mut(&trace) {
            call.waits_until = None;
        }
    }

    /// A call has a score that is not on its root.
    pub(super) fn score(&mut self, trace: TraceId, name: &str, value: f64) {
        if self.held.contains_key(&trace) && self.sampling.is_low(name.as_bytes(), value) {
            self.send(trace);
        }
    }

    /// Nothing is kept of a call, nor sent.
    pub(super) fn abort(&mut self, trace: TraceId) {
        // What leaves is in the lane by now, which is asked too.
        if let Some(call) = self.take_out(trace) {
            self.lose(trace, call, DropReason::Aborted);
        }
        self.count();
    }

    /// A conversation that has begun leaves nothing.
    pub(super) fn forget(&mut self, trace: TraceId) {
        if let Some(call) = self.held.get_mut(&trace) {
            call.starts.clear();
        }
    }

    /// Nothing more will come: decides all. A call that still runs has not ended well, and is sent.
    pub(super) fn finish(&mut self) {
        for (trace, has_ended) in
            self.held.iter().map(|(trace, call)| (*trace, call.ended.is_some())).collect::<Vec<_>>()
        {
            if has_ended {
                self.drop_call(trace, DropReason::SampledOut);
            } else {
                self.send(trace);
            }
        }
        self.count();
    }

    /// Gives up everything that is here.
    pub(super) fn abandon(&mut self, reason: DropReason) {
        for trace in self.held.keys().copied().collect::<Vec<_>>() {
            self.drop_call(trace, reason);
        }
        for (trace, call) in std::mem::take(&mut self.leaving) {
            self.lose(trace, call, reason);
        }
        self.count();
    }

    /// How many spans of which traces are here.
    pub(super) fn counts(&self) -> impl Iterator<Item = (TraceId, u64)> {
        let leaving = self.leaving.iter().map(|(trace, call)| (*trace, call.count));
        self.held.iter().map(|(trace, call)| (*trace, call.count)).chain(leaving)
    }

    /// A call is sent from now on, with what is held of it.
    fn send(&mut self, trace: TraceId) {
        self.decided(trace, Verdict::Sent);
        if let Some(mut call) = self.take_out(trace) {
            self.begun.append(&mut call.starts);
            self.leaving.push_back((trace, call));
        }
    }

    fn drop_call(&mut self, trace: TraceId, reason: DropReason) {
        let Some(call) = self.take_out(trace) else { return };
        self.lose(trace, call, reason);
        self.decided(trace, Verdict::Dropped(reason));
    }

    fn take_out(&mut self, trace: TraceId) -> Option<HeldCall> {
        let call = self.held.remove(&trace)?;
        self.spans -= call.count;
        Some(call)
    }

    fn lose(&mut self, trace: TraceId, mut call: HeldCall, reason: DropReason) {
        self.room.resize_anyway(self.room.bytes() - call.bytes());
        if let Some(copies) = &mut self.copies {
            copies.remove(trace, &mut call.copies);
        }
        if call.count > 0 {
            self.ledger.lose(&Counts::from([(trace, call.count)]), reason);
        }
    }

    /// Remembers a verdict for what comes of the call later. That of a call that runs is not forgotten.
    fn decided(&mut self, trace: TraceId, verdict: Verdict) {
        for _ in 0..TRIES {
            if self.order.len() < REMEMBERED {
                break;
            }
            let Some(oldest) = self.order.pop_front() else { break };
            if self.calls.is_open(oldest) {
                self.order.push_back(oldest);
            } else {
                self.verdicts.remove(&oldest);
            }
        }
        if self.verdicts.insert(trace, verdict).is_none() {
            self.order.push_back(trace);
        }
    }

    /// Whether calls are still to be sent that were held.
    pub(super) fn is_sending(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Makes what is held smaller until it is within its share: what repeats itself first, then the content of the largest
    /// call, then the largest call; those that are to be sent go last.
    fn relieve(&mut self) {
        let mut excess = self.queue.held_excess();
        if excess == 0 {
            return;
        }
        // So that the next record does not find it full again.
        excess += self.queue.held_spare();
        while excess > 0 {
            let before = self.room.bytes();
            if !self.shrink(HeldCall::loose, HeldCall::deflate)
                && !self.shrink(HeldCall::scattered, HeldCall::unite)
                && !self.shrink(content, HeldCall::shed)
            {
                let largest = self.held.iter().max_by_key(|(_, call)| call.bytes());
                if let Some((trace, _)) = largest {
                    self.drop_call(*trace, DropReason::SamplingMemory);
                } else if let Some((trace, call)) = self.leaving.pop_back() {
                    // The last one, of which least was sent.
                    self.lose(trace, call, DropReason::SamplingMemory);
                    self.decided(trace, Verdict::Dropped(DropReason::SamplingMemory));
                } else {
                    return;
                }
            }
            excess = excess.saturating_sub(before.saturating_sub(self.room.bytes()));
        }
    }

    /// Makes the call smaller that has most of something; false where none has any.
    fn shrink(&mut self, amount: fn(&HeldCall) -> usize, shrink: fn(&mut HeldCall)) -> bool {
        let calls = self.held.values_mut().chain(self.leaving.iter_mut().map(|(_, call)| call));
        let most = calls.max_by_key(|call| amount(call)).filter(|call| amount(call) > 0);
        let Some(call) = most else { return false };
        let before = call.bytes();
        shrink(call);
        self.room.resize_anyway(self.room.bytes() + call.bytes() - before);
        true
    }

    fn count(&self) {
        self.ledger.hold(self.spans);
    }
}

/// The call of a trace.
fn held<'a>(
    calls: &'a mut HashMap<TraceId, HeldCall>,
    room: &mut Room,
    trace: TraceId,
    now: Instant,
) -> &'a mut HeldCall {
    calls.entry(trace).or_insert_with(|| {
        let call = HeldCall::new(now);
        room.resize_anyway(room.bytes() + call.bytes());
        call
    })
}

/// What a call can lose with its content, or next to nothing.
fn content(call: &HeldCall) -> usize {
    if call.has_shed { 0 } else { call.bytes() }
}

/// Copies a record with the part of calls that one like it stands for.
fn rated(record: &[u8], rate: f64, out: &mut Vec<u8>) {
    finished::append(record, out, |out| write::float(out, semconv::CEKURA_SAMPLE_RATE, rate));
}

#[cfg(test)]
#[path = "tests/sampler.rs"]
mod tests;
