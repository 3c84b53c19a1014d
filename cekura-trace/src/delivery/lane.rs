//! Retries for everything that is sent. Invariant: each item is answered exactly once.
//!
//! A lane is the queue before one endpoint. Its gate says whether a request may go, and an item stays in the lane until an
//! answer settles it, the time limit passes or the handle shuts down. With a spool, an item that is not settled after a
//! moment is written to disk as well. An endpoint that answers at once never waits for the disk.

mod answer_guard;
pub(crate) mod call_logs;
mod delivery;
mod gate;
mod memory;
mod pending;
pub(crate) mod spans;

use super::ledger::Reason;
use super::own_events::OwnEvents;
use super::spool::{DiskCopy, Event, Name, SpooledRequests, Stored};
use super::timings::Timings;
use answer_guard::{Answered, launch};
use delivery::{Change, Delivery, Judgement, Standing};
use gate::{Gate, at_the_latest};
use pending::PendingRequest;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::io;
use std::ops::Bound::{Excluded, Included};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use tokio::time::Instant;

/// The first place: parts go before all others.
const MIDDLE: u64 = 1 << 63;

/// Wakes the worker.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// Sends what one handle has for one endpoint. No turn of the worker looks at all items that wait.
pub(crate) struct Lane<D: Delivery> {
    delivery: D,
    gate: Gate,
    timings: Timings,
    events: OwnEvents,
    answered: Answered<D::Answer>,
    answers: Receiver<(u64, D::Answer)>,
    /// Where there is a spool.
    spool: Option<SpooledRequests<D::Item>>,
    /// By place, those that go first.
    waiting: BTreeMap<u64, PendingRequest<D::Item>>,
    /// The places of those that are to be sent, by the time before which they are not.
    ready: BTreeSet<(Option<Instant>, u64)>,
    in_flight: HashMap<u64, InFlight<D::Item>>,
    /// Places that nothing has been put in so far.
    places: Range<u64>,
    /// What has no copy on disk, by when it gets one. An entry whose item has one now, or is gone, is passed over.
    unwritten: BinaryHeap<Reverse<(Instant, u64)>>,
    /// What a flush waits for, by its epoch. An entry whose item is safe now, or gone, is passed over.
    awaited: BinaryHeap<Reverse<(u64, u64)>>,
    /// Where the items of these copies are.
    copies: HashMap<Name, u64>,
    /// How many items were made of what the program recorded.
    made: u64,
    /// Since when nothing more comes.
    finished: Option<Instant>,
}

struct InFlight<I> {
    pending: PendingRequest<I>,
    launched: Instant,
}

impl<D: Delivery> Lane<D> {
    /// `wake` tells the worker that there are answers.
    fn new(delivery: D, timings: Timings, events: OwnEvents, wake: Wake) -> Self {
        let (inbox, answers) = mpsc::channel();
        let answered = move |number, answer| {
            // The worker may have ended.
            drop(inbox.send((number, answer)));
            wake();
        };
        Self {
            delivery,
            gate: Gate::new(timings),
            timings,
            events,
            answered: Arc::new(answered),
            answers,
            spool: None,
            waiting: BTreeMap::new(),
            ready: BTreeSet::new(),
            in_flight: HashMap::new(),
            places: MIDDLE - 1..MIDDLE,
            unwritten: BinaryHeap::new(),
            awaited: BinaryHeap::new(),
            copies: HashMap::new(),
            made: 0,
            finished: None,
        }
    }

    pub(crate) fn with_spool(self, spool: Option<SpooledRequests<D::Item>>) -> Self {
        Self { spool, ..self }
    }

    /// Takes the answers that have come.
    pub(crate) fn answered(&mut self, now: Instant) {
        while let Ok((place, answer)) = self.answers.try_recv() {
            self.take_answer(place, answer, now);
        }
    }

    /// Sends what may go.
    pub(crate) fn proceed(&mut self, now: Instant) {
        self.trim();
        let at_once = Excluded((None, u64::MAX));
        while let Some(due) = self.ready.range((at_once, Included((Some(now), u64::MAX)))).next().copied() {
            self.ready.remove(&due);
            self.ready.insert((None, due.1));
            if let Some(pending) = self.waiting.get_mut(&due.1) {
                pending.not_before = None;
            }
        }
        while self.gate.admits(self.in_flight.len(), now)
            && let Some((None, place)) = self.ready.first().copied()
        {
            self.launch(place, now);
        }
        while let Some(spool) = &mut self.spool
            && self.gate.admits(self.in_flight.len() + spool.loading(), now)
            && spool.load_next()
        {}
        while self.next_write().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, place))) = self.unwritten.pop() {
                self.write(place, now);
            }
        }
    }

    /// Somebody waits: what rests after a failure is tried again at `by` at the latest.
    pub(crate) fn hurry(&mut self, by: Instant, now: Instant) {
        self.gate.hurry(by, now);
        while let Some((Some(at), place)) = self.ready.last().copied()
            && at_the_latest(at, by, now) < at
        {
            self.ready.pop_last();
            self.ready.insert((Some(by), place));
            if let Some(pending) = self.waiting.get_mut(&place) {
                pending.not_before = Some(by);
            }
        }
    }

    /// When to proceed although nothing has happened.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Instant> {
        let write = self.next_write();
        let busy = self.in_flight.len() + self.spool.as_ref().map_or(0, SpooledRequests::loading);
        if busy > 0 && !self.gate.admits(busy, now) {
            // An answer comes first.
            return write;
        }
        let resting = self.spool.as_ref().filter(|spool| spool.is_waiting()).map(|_| None);
        let sends = self.ready.first().map(|(not_before, _)| *not_before).into_iter().chain(resting);
        sends.filter_map(|not_before| self.gate.until().max(not_before)).chain(write).min()
    }

    /// The earliest epoch of which something is neither settled nor safe on disk.
    pub(crate) fn oldest(&mut self) -> Option<u64> {
        while let Some(Reverse((epoch, place))) = self.awaited.peek() {
            if self.at(*place).is_some_and(|pending| !pending.is_safe()) {
                return Some(*epoch);
            }
            self.awaited.pop();
        }
        None
    }

    /// Whether there is nothing to wait for at the end: all is settled, or safe on disk where it cannot be sent now.
    pub(crate) fn is_at_rest(&mut self) -> bool {
        let is_shut = self.gate.reason().is_some();
        let is_done = self.waiting.is_empty() || D::RESTS_ON_DISK && is_shut && self.oldest().is_none();
        let is_waiting = |spool: &SpooledRequests<_>| spool.loading() > 0 || spool.is_waiting() && !is_shut;
        is_done && self.in_flight.is_empty() && !self.spool.as_ref().is_some_and(is_waiting)
    }

    /// What the disk has to say; given back where it is about something else.
    pub(crate) fn spooled(&mut self, event: Event, now: Instant) -> Option<Event> {
        let Some(spool) = &mut self.spool else { return Some(event) };
        match event {
            Event::Found { ref item, .. } => {
                let Some(found) = D::Item::found(item) else { return Some(event) };
                let Event::Found { name, size, .. } = event else { return None };
                self.delivery.note(&found, Standing::Found);
                spool.add(name, found, size);
            }
            Event::Kept { name, result } => {
                let Some(place) = self.copies.get(&name).copied() else {
                    return Some(Event::Kept { name, result });
                };
                self.kept(place, result, now);
            }
            Event::Loaded { name, body } => {
                let Some((copy, mut item, repeats)) = spool.loaded(&name) else {
                    return Some(Event::Loaded { name, body });
                };
                if let Some(body) = body {
                    item.set_body(body);
                    let pending = PendingRequest::new(item, u64::MAX, now);
                    self.push(PendingRequest { copy: Some(copy), repeats, ..pending });
                } else {
                    self.remove(&item, Some(copy));
                    self.delivery.settle(item, Err(Reason::SpoolDamaged), false, &self.events);
                }
            }
            Event::Others(_) => return Some(event),
        }
        None
    }

    /// Nothing more will come: tries once more at once, unless the server has asked for a wait.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.finished = Some(now);
        self.gate.hurry_now(now);
        for (place, pending) in &mut self.waiting {
            if self.ready.remove(&(pending.not_before, *place)) {
                self.ready.insert((None, *place));
            }
            pending.not_before = None;
        }
        let in_flight = self.in_flight.iter_mut().map(|(place, flight)| (place, &mut flight.pending));
        for (place, pending) in self.waiting.iter_mut().chain(in_flight) {
            pending.write_at = now;
            self.unwritten.push(Reverse((now, *place)));
        }
    }

    /// Gives everything up, but for what is safe on disk.
    pub(crate) fn abandon(&mut self, reason: Reason) {
        self.ready.clear();
        let in_flight = self.in_flight.drain().map(|(_, flight)| flight.pending);
        let all: Vec<_> = std::mem::take(&mut self.waiting).into_values().chain(in_flight).collect();
        for pending in all {
            if let Some(pending) = self.rest(pending) {
                self.settle(pending, Err(reason));
            }
        }
    }

    fn take_answer(&mut self, place: u64, answer: D::Answer, now: Instant) {
        let Some(InFlight { mut pending, launched }) = self.in_flight.remove(&place) else { return };
        let judge = || self.delivery.judge(&mut pending.item, pending.repeats, &answer);
        let Ok(judgement) = catch_unwind(AssertUnwindSafe(judge)) else {
            return self.settle(pending, Err(Reason::Panicked));
        };
        let proves_health = !matches!(judgement, Judgement::Again | Judgement::Retry { .. });
        if proves_health && self.gate.open(launched) {
            self.delivery.tell(Change::Recovers, &self.events);
        }
        match judgement {
            Judgement::Again => self.push(pending),
            Judgement::End(outcome) => self.settle(pending, Ok(outcome)),
            Judgement::Parts(parts) => self.replace(pending, parts, now),
            Judgement::Repeat => {
                pending.repeats += 1;
                pending.not_before = Some(now + self.timings.slow_retry);
                self.push(pending);
            }
            Judgement::Retry { reason, wait } => {
                if self.gate.fail(reason, wait, launched, now) {
                    self.delivery.tell(Change::Fails(reason, answer), &self.events);
                }
                // The end promises an attempt, and this one began before it.
                if self.finished.is_some_and(|finished| launched < finished) {
                    self.gate.hurry_now(now);
                }
                self.keep(pending, reason, now);
                if self.in_flight.is_empty() {
                    self.keep_others(reason, now);
                }
            }
        }
    }

    /// Puts an item behind all others.
    fn push(&mut self, pending: PendingRequest<D::Item>) {
        let place = self.places.end;
        self.places.end += 1;
        self.put(place, pending);
    }

    fn put(&mut self, place: u64, pending: PendingRequest<D::Item>) {
        if D::is_ready(&pending.item) {
            self.ready.insert((pending.not_before, place));
        }
        if pending.copy.is_none() && self.spool.is_some() {
            self.unwritten.push(Reverse((pending.write_at, place)));
        }
        if !pending.is_safe() && pending.epoch < u64::MAX {
            self.awaited.push(Reverse((pending.epoch, place)));
        }
        if let Some(copy) = &pending.copy {
            self.copies.insert(copy.name.clone(), place);
        }
        self.waiting.insert(place, pending);
    }

    fn take_out(&mut self, place: u64) -> Option<PendingRequest<D::Item>> {
        let pending = self.waiting.remove(&place)?;
        self.ready.remove(&(pending.not_before, place));
        Some(pending)
    }

    fn at(&self, place: u64) -> Option<&PendingRequest<D::Item>> {
        let in_flight = || self.in_flight.get(&place).map(|flight| &flight.pending);
        self.waiting.get(&place).or_else(in_flight)
    }

    fn pending(&self) -> impl Iterator<Item = &PendingRequest<D::Item>> {
        self.waiting.values().chain(self.in_flight.values().map(|flight| &flight.pending))
    }

    fn launch(&mut self, place: u64, now: Instant) {
        let Some(mut pending) = self.take_out(place) else { return };
        pending.give_up.get_or_insert(now + self.timings.give_up);
        pending.is_new = false;
        match catch_unwind(AssertUnwindSafe(|| self.delivery.request(&pending.item))) {
            Ok(Ok(request)) => {
                self.in_flight.insert(place, InFlight { pending, launched: now });
                launch(place, request, D::no_answer(), self.answered.clone());
            }
            Ok(Err(outcome)) => self.settle(pending, Ok(outcome)),
            Err(_) => self.settle(pending, Err(Reason::Panicked)),
        }
    }

    /// Keeps an item for another attempt, on disk alone where it may wait there, or gives it up when its time is over.
    fn keep(&mut self, pending: PendingRequest<D::Item>, reason: Reason, now: Instant) {
        let Some(pending) = self.rest(pending) else { return };
        if is_over::<D>(&pending, now) && self.gate.gives_up(now) {
            self.settle(pending, Err(reason));
        } else {
            self.push(pending);
        }
    }

    /// The last one under way has failed, which decides for those that wait.
    fn keep_others(&mut self, reason: Reason, now: Instant) {
        let limit = now + self.timings.give_up;
        let mut places = Vec::new();
        for (place, pending) in &mut self.waiting {
            if D::is_ready(&pending.item) {
                pending.give_up.get_or_insert(limit);
            }
            if D::RESTS_ON_DISK && pending.is_safe() || is_over::<D>(pending, now) {
                places.push(*place);
            }
        }
        for place in places {
            if let Some(pending) = self.take_out(place) {
                self.keep(pending, reason, now);
            }
        }
    }

    /// Puts parts in place of an item, before all others.
    fn replace(&mut self, whole: PendingRequest<D::Item>, parts: Vec<D::Item>, now: Instant) {
        let PendingRequest { item, copy, epoch, order, .. } = whole;
        for part in parts.into_iter().rev() {
            // On disk before the whole is not any more.
            let copy = self.spool.as_ref().filter(|_| copy.is_some()).and_then(|spool| spool.write(&part));
            let place = self.places.start;
            self.places.start -= 1;
            self.put(place, PendingRequest { order, copy, ..PendingRequest::new(part, epoch, now) });
        }
        self.remove(&item, copy);
    }

    fn settle(&mut self, pending: PendingRequest<D::Item>, end: Result<D::Outcome, Reason>) {
        let PendingRequest { item, copy, .. } = pending;
        self.delivery.note(&item, Standing::Settled);
        let is_left = copy.is_some()
            && match &end {
                Ok(outcome) => D::may_pass(outcome),
                Err(_) => !D::RESTS_ON_DISK,
            };
        match (&self.spool, copy) {
            (Some(spool), Some(copy)) if is_left => {
                self.copies.remove(&copy.name);
                spool.leave(copy);
            }
            (_, copy) => self.remove(&item, copy),
        }
        self.delivery.settle(item, end, is_left, &self.events);
    }

    /// When the next item is written to disk that was not settled after a moment.
    fn next_write(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, place))) = self.unwritten.peek() {
            let is_due = |pending: &PendingRequest<_>| pending.copy.is_none() && pending.write_at == *at;
            if self.spool.is_some() && self.at(*place).is_some_and(is_due) {
                return Some(*at);
            }
            self.unwritten.pop();
        }
        None
    }

    /// Asks the disk for a copy of an item; false while it has too much to do.
    fn write(&mut self, place: u64, now: Instant) -> bool {
        let Some(spool) = &self.spool else { return false };
        let in_flight = self.in_flight.get_mut(&place).map(|flight| &mut flight.pending);
        let Some(pending) = self.waiting.get_mut(&place).or(in_flight) else { return false };
        pending.write(spool, now);
        match &pending.copy {
            Some(copy) => {
                self.copies.insert(copy.name.clone(), place);
            }
            None => self.unwritten.push(Reverse((pending.write_at, place))),
        }
        pending.copy.is_some()
    }

    /// The copy of an item was written, or not.
    fn kept(&mut self, place: u64, result: io::Result<()>, now: Instant) {
        let in_flight = self.in_flight.get_mut(&place).map(|flight| &mut flight.pending);
        let Some(pending) = self.waiting.get_mut(&place).or(in_flight) else { return };
        let Some(spool) = &mut self.spool else { return };
        let was_safe = pending.is_safe();
        let name = pending.copy.as_ref().map(|copy| copy.name.clone());
        let begins_to_fail = spool.written(&mut pending.copy, result.is_ok());
        match result {
            Ok(()) if was_safe => {}
            Ok(()) => {
                self.delivery.note(&pending.item, Standing::Written);
                if let Some(reason) = self.gate.reason()
                    && self.in_flight.is_empty()
                    && let Some(pending) = self.take_out(place)
                {
                    self.keep(pending, reason, now);
                }
            }
            Err(error) => {
                pending.write_at = now + self.timings.slow_retry;
                if pending.copy.is_none() {
                    self.unwritten.push(Reverse((pending.write_at, place)));
                    self.copies.retain(|known, _| Some(known) != name.as_ref());
                }
                if begins_to_fail {
                    self.delivery.tell(Change::SpoolFails(error), &self.events);
                }
            }
        }
    }

    /// Gives an item back, unless it is safe on disk and can wait there.
    fn rest(&mut self, mut pending: PendingRequest<D::Item>) -> Option<PendingRequest<D::Item>> {
        let copy = pending.copy.take_if(|copy| D::RESTS_ON_DISK && copy.is_safe);
        match (&mut self.spool, copy) {
            (Some(spool), Some(copy)) => {
                self.copies.remove(&copy.name);
                spool.rest(copy, pending.item, pending.repeats);
            }
            _ => return Some(pending),
        }
        None
    }

    /// Drops what rests on disk for too long, and the oldest of what is too much.
    fn trim(&mut self) {
        while let Some((copy, item, reason)) = self.spool.as_mut().and_then(SpooledRequests::trim) {
            self.remove(&item, Some(copy));
            self.delivery.settle(item, Err(reason), false, &self.events);
        }
    }

    fn remove(&mut self, item: &D::Item, copy: Option<DiskCopy>) {
        let (Some(spool), Some(copy)) = (&mut self.spool, copy) else { return };
        self.copies.remove(&copy.name);
        if copy.is_safe {
            self.delivery.note(item, Standing::Removed);
        }
        spool.remove(copy);
    }
}

/// Whether its time is over. What the disk is about to have may be safe in a moment.
fn is_over<D: Delivery>(pending: &PendingRequest<D::Item>, now: Instant) -> bool {
    let may_rest = D::RESTS_ON_DISK && pending.copy.is_some();
    !may_rest && pending.give_up.is_some_and(|limit| now >= limit)
}

#[cfg(test)]
#[path = "tests/lane.rs"]
mod tests;
