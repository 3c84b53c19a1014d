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
use super::outlet::Driven;
use super::own_events::OwnEvents;
use super::spool::requests::{DiskCopy, SpooledRequests, Stored};
use super::spool::{Event, Found, Name};
use super::timings::Timings;
use answer_guard::{Answered, launch};
use delivery::{Change, Delivery, Judgement, Standing};
use gate::{Gate, at_the_latest};
use pending::PendingRequest;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use tokio::time::Instant;

/// Wakes the worker.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// Sends what one handle has for one endpoint.
pub(crate) struct Lane<D: Delivery> {
    delivery: D,
    gate: Gate,
    timings: Timings,
    events: OwnEvents,
    answered: Answered<D::Answer>,
    answers: Receiver<(u64, D::Answer)>,
    /// Where there is a spool.
    spool: Option<SpooledRequests<D::Item>>,
    waiting: VecDeque<PendingRequest<D::Item>>,
    in_flight: HashMap<u64, InFlight<D::Item>>,
    launches: u64,
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
            waiting: VecDeque::new(),
            in_flight: HashMap::new(),
            launches: 0,
            made: 0,
            finished: None,
        }
    }

    pub(crate) fn with_spool(self, spool: Option<SpooledRequests<D::Item>>) -> Self {
        Self { spool, ..self }
    }

    /// How many bytes of the memory limit its items take.
    pub(crate) fn held(&self) -> usize {
        self.pending().map(|pending| pending.item.held()).sum()
    }

    fn take_answer(&mut self, number: u64, answer: &D::Answer, now: Instant) {
        let Some(InFlight { mut pending, launched }) = self.in_flight.remove(&number) else { return };
        let judgement = self.delivery.judge(&mut pending.item, pending.repeats, answer);
        let proves_health = !matches!(judgement, Judgement::Again | Judgement::Retry { .. });
        if proves_health && self.gate.open(launched) {
            self.events.emit(|| self.delivery.tell(Change::Recovers));
        }
        match judgement {
            Judgement::Again => self.waiting.push_back(pending),
            Judgement::End(outcome) => self.settle(pending, Ok(outcome)),
            Judgement::Parts(parts) => self.replace(pending, parts, now),
            Judgement::Repeat => {
                pending.repeats += 1;
                pending.not_before = Some(now + self.timings.slow_retry);
                self.waiting.push_back(pending);
            }
            Judgement::Retry { reason, wait } => {
                if self.gate.fail(reason, wait, launched, now) {
                    self.events.emit(|| self.delivery.tell(Change::Fails(reason, answer)));
                }
                // The end promises an attempt, and this one began before it.
                if self.finished.is_some_and(|finished| launched < finished) {
                    self.gate.hurry_now(now);
                }
                self.keep(pending, reason, now);
            }
        }
    }

    fn pending(&self) -> impl Iterator<Item = &PendingRequest<D::Item>> {
        self.waiting.iter().chain(self.in_flight.values().map(|flight| &flight.pending))
    }

    fn take_pending(&mut self) -> Vec<PendingRequest<D::Item>> {
        let in_flight = self.in_flight.drain().map(|(_, flight)| flight.pending);
        self.waiting.drain(..).chain(in_flight).collect()
    }

    fn launch(&mut self, mut pending: PendingRequest<D::Item>, now: Instant) {
        pending.give_up.get_or_insert(now + self.timings.give_up);
        pending.not_before = None;
        pending.is_new = false;
        match self.delivery.request(&pending.item) {
            Ok(request) => {
                self.launches += 1;
                self.in_flight.insert(self.launches, InFlight { pending, launched: now });
                launch(self.launches, request, D::no_answer(), self.answered.clone());
            }
            Err(outcome) => self.settle(pending, Ok(outcome)),
        }
    }

    /// Keeps an item for another attempt, on disk alone where it may wait there, or gives it up when its time is over.
    fn keep(&mut self, pending: PendingRequest<D::Item>, reason: Reason, now: Instant) {
        let Some(pending) = self.rest(pending) else { return };
        // What is being written may be safe in a moment.
        let may_rest = D::RESTS_ON_DISK && pending.copy.is_some();
        let is_over = !may_rest && pending.give_up.is_some_and(|limit| now >= limit);
        if is_over && self.gate.gives_up(now) {
            self.settle(pending, Err(reason));
        } else {
            self.waiting.push_back(pending);
        }
    }

    /// Puts parts in place of an item.
    fn replace(&mut self, whole: PendingRequest<D::Item>, parts: Vec<D::Item>, now: Instant) {
        let PendingRequest { item, copy, epoch, order, .. } = whole;
        for part in parts.into_iter().rev() {
            // On disk before the whole is not any more.
            let spool = self.spool.as_mut().filter(|_| copy.is_some());
            let copy = spool.and_then(|spool| spool.write(&part, now));
            self.waiting.push_front(PendingRequest { order, copy, ..PendingRequest::new(part, epoch, now) });
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
        if !is_left {
            self.remove(&item, copy);
        }
        self.delivery.settle(item, end, is_left, &self.events);
    }

    /// Writes to disk what is not settled after a moment.
    fn write(&mut self, now: Instant) {
        let Some(spool) = &mut self.spool else { return };
        let in_flight = self.in_flight.values().map(|flight| &flight.pending);
        let waits = || self.waiting.iter().chain(in_flight).any(|pending| !pending.is_safe());
        if let Some(is_behind) = spool.falls_behind(now, waits) {
            self.delivery.fall_behind(is_behind, &self.events);
        }
        let in_flight = self.in_flight.values_mut().map(|flight| &mut flight.pending);
        for pending in self.waiting.iter_mut().chain(in_flight) {
            if pending.copy.is_none() && now >= pending.write_at {
                pending.write(spool, now);
            }
        }
    }

    /// Gives an item back, unless it is safe on disk and can wait there.
    fn rest(&mut self, mut pending: PendingRequest<D::Item>) -> Option<PendingRequest<D::Item>> {
        let copy = pending.copy.take_if(|copy| D::RESTS_ON_DISK && copy.is_safe);
        match (&mut self.spool, copy) {
            (Some(spool), Some(copy)) => spool.rest(&copy, pending.item, pending.repeats),
            _ => return Some(pending),
        }
        None
    }

    fn remove(&mut self, item: &D::Item, copy: Option<DiskCopy>) {
        let (Some(spool), Some(copy)) = (&mut self.spool, copy) else { return };
        if copy.is_safe {
            self.delivery.note(item, Standing::Removed);
        }
        spool.remove(&copy);
    }

    /// Notes what was written, or was not.
    fn note_kept(&mut self, names: &[Name], result: io::Result<()>, now: Instant) {
        let Some(spool) = &mut self.spool else { return };
        let begins_to_fail = spool.written(names, result.is_ok());
        let names: HashSet<_> = names.iter().copied().collect();
        let in_flight = self.in_flight.values_mut().map(|flight| &mut flight.pending);
        for pending in self.waiting.iter_mut().chain(in_flight) {
            // One that was written before stays as it was.
            let Some(copy) = pending.copy.as_mut().filter(|copy| !copy.is_safe && names.contains(&copy.name))
            else {
                continue;
            };
            if result.is_ok() {
                copy.is_safe = true;
                self.delivery.note(&pending.item, Standing::Written);
            } else {
                pending.copy = None;
                pending.write_at = now + self.timings.slow_retry;
            }
        }
        if let Err(error) = result
            && begins_to_fail
        {
            self.events.emit(|| self.delivery.tell(Change::SpoolFails(&error)));
        }
    }

    /// Notes what is not on disk any more: it is lost unless it is in memory.
    fn note_gone(&mut self, names: Vec<Name>, reason: Reason, now: Instant) {
        let Some(spool) = &mut self.spool else { return };
        let wait = if reason == Reason::SpoolFull { self.timings.slow_retry } else { spool.patience() };
        let resting: Vec<_> = names.iter().filter_map(|name| spool.take(*name)).collect();
        let names: HashSet<_> = names.into_iter().collect();
        let in_flight = self.in_flight.values_mut().map(|flight| &mut flight.pending);
        for pending in self.waiting.iter_mut().chain(in_flight) {
            if pending.copy.take_if(|copy| copy.is_safe && names.contains(&copy.name)).is_some() {
                self.delivery.note(&pending.item, Standing::Removed);
                pending.write_at = now + wait;
            }
        }
        for item in resting {
            self.delivery.note(&item, Standing::Removed);
            self.delivery.settle(item, Err(reason), false, &self.events);
        }
    }
}

impl<D: Delivery> Driven for Lane<D> {
    fn answered(&mut self, now: Instant) {
        while let Ok((number, answer)) = self.answers.try_recv() {
            self.take_answer(number, &answer, now);
        }
    }

    /// Sends what may go, and gives up what has waited too long for an endpoint that fails.
    fn proceed(&mut self, now: Instant) {
        while self.gate.admits(self.in_flight.len(), now) {
            let is_due = |pending: &PendingRequest<D::Item>| {
                D::is_ready(&pending.item) && pending.not_before.is_none_or(|at| now >= at)
            };
            let Some(pending) = self.waiting.iter().position(is_due).and_then(|at| self.waiting.remove(at))
            else {
                break;
            };
            self.launch(pending, now);
        }
        while let Some(spool) = &mut self.spool
            && self.gate.admits(self.in_flight.len() + spool.loading(), now)
            && spool.load_next(now)
        {}
        self.write(now);
        // The one in flight decides for those that wait.
        if let Some(reason) = self.gate.reason().filter(|_| self.in_flight.is_empty()) {
            let limit = now + self.timings.give_up;
            for mut pending in std::mem::take(&mut self.waiting) {
                if D::is_ready(&pending.item) {
                    pending.give_up.get_or_insert(limit);
                }
                self.keep(pending, reason, now);
            }
        }
    }

    fn hurry(&mut self, by: Instant, now: Instant) {
        self.gate.hurry(by, now);
        for at in self.waiting.iter_mut().filter_map(|pending| pending.not_before.as_mut()) {
            *at = at_the_latest(*at, by, now);
        }
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        let unwritten = self.pending().filter(|pending| self.spool.is_some() && pending.copy.is_none());
        let write = unwritten.map(|pending| pending.write_at).min();
        let busy = self.in_flight.len() + self.spool.as_ref().map_or(0, SpooledRequests::loading);
        if busy > 0 && !self.gate.admits(busy, now) {
            // An answer comes first.
            return write;
        }
        let ready = self.waiting.iter().filter(|pending| D::is_ready(&pending.item));
        let resting = self.spool.iter().flat_map(SpooledRequests::next_load);
        let sends = ready.map(|pending| pending.not_before).chain(resting);
        sends.filter_map(|not_before| self.gate.until().max(not_before)).chain(write).min()
    }

    fn oldest(&self) -> Option<u64> {
        self.pending().filter(|pending| !pending.is_safe()).map(|pending| pending.epoch).min()
    }

    fn is_at_rest(&self) -> bool {
        let is_shut = self.gate.reason().is_some();
        let is_waiting = |spool: &SpooledRequests<_>| spool.loading() > 0 || spool.is_waiting() && !is_shut;
        let is_done = self.waiting.is_empty() || D::RESTS_ON_DISK && is_shut && self.oldest().is_none();
        is_done && self.in_flight.is_empty() && !self.spool.as_ref().is_some_and(is_waiting)
    }

    fn spooled(&mut self, event: Event, now: Instant) {
        let Some(spool) = &mut self.spool else { return };
        match event {
            Event::Found(found) => {
                for Found { name, item, .. } in found {
                    let Some(item) = D::Item::found(&item) else { continue };
                    self.delivery.note(&item, Standing::Found);
                    spool.add(name, item);
                }
            }
            Event::Gone { names, reason } => self.note_gone(names, reason, now),
            Event::Kept { names, result } => self.note_kept(&names, result, now),
            Event::Loaded { name, body: Ok(body) } => {
                let Some((copy, mut item, repeats)) = spool.loaded(name) else { return };
                item.set_body(body);
                let pending = PendingRequest::new(item, u64::MAX, now);
                self.waiting.push_back(PendingRequest { copy: Some(copy), repeats, ..pending });
            }
            Event::Loaded { name, .. } => spool.rest_until(name, now + self.timings.slow_retry),
            Event::Notice(_) => {}
        }
    }

    fn finish(&mut self, now: Instant) {
        self.finished = Some(now);
        self.gate.hurry_now(now);
        if let Some(spool) = &mut self.spool {
            spool.hurry();
        }
        for pending in &mut self.waiting {
            pending.not_before = None;
            pending.write_at = now;
        }
        for flight in self.in_flight.values_mut() {
            flight.pending.write_at = now;
        }
    }

    fn abandon(&mut self, reason: Reason) {
        for pending in self.take_pending() {
            if let Some(pending) = self.rest(pending) {
                self.settle(pending, Err(reason));
            }
        }
    }

    fn clear(&mut self) {
        for pending in self.take_pending() {
            if let Some(PendingRequest { item, copy, .. }) = self.rest(pending) {
                self.delivery.note(&item, Standing::Settled);
                self.remove(&item, copy);
            }
        }
    }

    fn relieve(&mut self, bytes: usize, now: Instant) {
        self.give_back(bytes, now);
    }
}

#[cfg(test)]
#[path = "tests/lane.rs"]
mod tests;
