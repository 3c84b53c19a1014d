//! Retries for everything that is sent. Invariant: each item is answered exactly once.
//!
//! A lane is the queue before one endpoint. Its gate says whether a request may go, and an item stays in the lane until an
//! answer settles it, the time limit passes or the handle shuts down. With a spool, an item that is not settled after a
//! moment is written to disk as well. An endpoint that answers at once never waits for the disk.

mod answer_guard;
pub(crate) mod call_logs;
mod delivery;
mod gate;
mod items;
mod memory;
mod pending;
pub(crate) mod spans;

use super::ledger::DropReason;
use super::own_events::OwnEvents;
use super::spool::requests::{DiskCopy, SpooledRequests, Stored};
use super::spool::{Event, Found, Item, Name};
use super::timings::Timings;
use answer_guard::{Answered, launch};
use delivery::{Change, Delivery, Judgement, Standing};
use gate::{Gate, at_the_latest};
use items::{InFlight, Items};
use pending::PendingRequest;
use prost::bytes::Bytes;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use tokio::time::Instant;

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
    items: Items<D::Item>,
    /// How many items were made of what the program recorded.
    made: u64,
    /// Since when nothing more comes.
    finished: Option<Instant>,
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
            items: Items::default(),
            made: 0,
            finished: None,
        }
    }

    pub(crate) fn with_spool(mut self, spool: Option<SpooledRequests<D::Item>>) -> Self {
        self.items.are_written = spool.is_some();
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
        self.items.wake(now);
        // Before it is sent, so that the copy on disk is seldom older than what a server has seen.
        while let Some((at, place)) = self.items.first_unwritten()
            && at <= now
        {
            self.write(place, now);
        }
        while self.gate.admits(self.items.in_flight(), now)
            && let Some((None, place)) = self.items.first_ready()
        {
            if !self.is_light(place) {
                self.launch(place, now);
            } else if self.gate.admits(self.items.in_flight() + self.loading(), now) {
                self.fetch(place);
            } else {
                // Those that are being read take memory too, and are sent first.
                break;
            }
        }
        while let Some(spool) = &mut self.spool
            && self.gate.admits(self.items.in_flight() + spool.loading(), now)
            && spool.load_next(now)
        {}
        if let Some(spool) = &mut self.spool
            && let Some(is_behind) = spool.falls_behind(now, || self.items.first_unsafe().is_some())
        {
            self.delivery.fall_behind(is_behind, &self.events);
        }
    }

    /// Somebody waits: what rests after a failure is tried again at `by` at the latest.
    pub(crate) fn hurry(&mut self, by: Instant, now: Instant) {
        self.gate.hurry(by, now);
        self.items.hurry(|at| at_the_latest(at, by, now));
    }

    /// When to proceed although nothing has happened.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let write = self.items.first_unwritten().map(|(at, _)| at);
        let busy = self.items.in_flight() + self.loading();
        if busy > 0 && !self.gate.admits(busy, now) {
            // An answer comes first.
            return write;
        }
        let resting = self.spool.iter().flat_map(SpooledRequests::next_load);
        let sends = self.items.first_ready().map(|(not_before, _)| not_before).into_iter().chain(resting);
        sends.filter_map(|not_before| self.gate.until().max(not_before)).chain(write).min()
    }

    /// The earliest epoch of which something is neither settled nor safe on disk.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.items.first_unsafe()
    }

    /// Whether there is nothing to wait for at the end: all is settled, or safe on disk where it cannot be sent now.
    pub(crate) fn is_at_rest(&self) -> bool {
        let is_shut = self.gate.reason().is_some();
        let is_done = self.items.waiting.is_empty() || D::RESTS_ON_DISK && is_shut && self.oldest().is_none();
        let is_waiting = |spool: &SpooledRequests<_>| spool.loading() > 0 || spool.is_waiting() && !is_shut;
        is_done && self.items.in_flight() == 0 && !self.spool.as_ref().is_some_and(is_waiting)
    }

    /// What the disk has to say.
    pub(crate) fn spooled(&mut self, event: Event, now: Instant) {
        let Some(spool) = &mut self.spool else { return };
        match event {
            Event::Found(found) => {
                for Found { name, item, .. } in found {
                    let Some(item) = D::Item::found(&item) else { continue };
                    self.delivery.note(&item, Standing::Found);
                    spool.rest(name, item, 0);
                }
            }
            Event::Gone { names, reason } => {
                for name in names {
                    self.gone(name, reason, now);
                }
            }
            Event::Kept { names, result } => {
                let begins_to_fail = spool.written(&names, result.is_ok());
                for name in names {
                    self.kept(name, result.is_ok(), now);
                }
                if let Err(error) = result
                    && begins_to_fail
                {
                    self.delivery.tell(Change::SpoolFails(error), &self.events);
                }
            }
            Event::Loaded { name, read } if spool.has_fetched(name) => self.fetched(name, read, now),
            Event::Loaded { name, read: Ok((head, body)) } => {
                let found = spool.loaded(name).zip(D::Item::found(&head));
                let Some(((copy, repeats), mut item)) = found else { return };
                item.set_body(body);
                let is_ready = self.delivery.is_ready(&item, self.items.next_place(), now);
                let pending = PendingRequest::new(item, u64::MAX, now);
                self.items.push(PendingRequest { copy: Some(copy), repeats, is_ready, ..pending });
            }
            Event::Loaded { name, .. } => spool.rest_until(name, now + self.timings.slow_retry),
            Event::Notice(_) => {}
        }
    }

    /// Nothing more will come: tries once more at once, unless the server has asked for a wait.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.finished = Some(now);
        self.gate.hurry_now(now);
        self.items.finish(now);
        if let Some(spool) = &mut self.spool {
            spool.hurry();
        }
    }

    /// Gives everything up, but for what is safe on disk.
    pub(crate) fn abandon(&mut self, reason: DropReason) {
        if self.items.in_flight() > 0 {
            self.delivery.wait_in_vain();
        }
        for pending in self.items.take_all() {
            if let Some(pending) = self.rest(pending) {
                self.settle(pending, Err(reason));
            }
        }
    }

    fn take_answer(&mut self, place: u64, answer: D::Answer, now: Instant) {
        let Some(InFlight { mut pending, launched }) = self.items.land(place) else { return };
        let judge = || self.delivery.judge(&mut pending.item, pending.repeats, &answer);
        let Ok(judgement) = catch_unwind(AssertUnwindSafe(judge)) else {
            return self.settle(pending, Err(DropReason::Panicked));
        };
        let proves_health = !matches!(judgement, Judgement::Again | Judgement::Retry { .. });
        if proves_health && self.gate.open(launched) {
            self.delivery.tell(Change::Recovers, &self.events);
        }
        match judgement {
            Judgement::Again => self.items.push(pending),
            Judgement::End(outcome) => self.settle(pending, Ok(outcome)),
            Judgement::Parts(parts) => self.replace(pending, parts, now),
            Judgement::Repeat => {
                pending.repeats += 1;
                pending.not_before = Some(now + self.timings.slow_retry);
                self.items.push(pending);
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
                if self.items.in_flight() == 0 {
                    self.keep_others(reason, now);
                }
            }
        }
    }

    /// Whether the body of an item is on disk only.
    fn is_light(&self, place: u64) -> bool {
        self.spool.is_some() && self.items.waiting.get(&place).is_some_and(|pending| pending.item.is_light())
    }

    /// How many are being read.
    fn loading(&self) -> usize {
        self.spool.as_ref().map_or(0, SpooledRequests::loading)
    }

    /// Has an item read again of which the body is on disk only.
    fn fetch(&mut self, place: u64) {
        let Some(spool) = &mut self.spool else { return };
        self.items.change(place, |pending| {
            pending.is_ready = false;
            pending.copy.iter().for_each(|copy| spool.fetch(copy.name));
        });
    }

    fn fetched(&mut self, name: Name, read: io::Result<(Item, Bytes)>, now: Instant) {
        let Some(place) = self.items.of_copy(name) else { return };
        self.items.change(place, |pending| {
            pending.is_ready = true;
            match read {
                Ok((_, body)) => pending.item.set_body(body),
                Err(_) => pending.not_before = Some(now + self.timings.slow_retry),
            }
        });
    }

    fn launch(&mut self, place: u64, now: Instant) {
        let Some(mut pending) = self.items.take_out(place) else { return };
        pending.give_up.get_or_insert(now + self.timings.give_up);
        pending.is_new = false;
        match catch_unwind(AssertUnwindSafe(|| self.delivery.request(&pending.item))) {
            Ok(Ok(request)) => {
                self.items.launch(place, pending, now);
                launch(place, request, D::no_answer(), self.answered.clone());
            }
            Ok(Err(outcome)) => self.settle(pending, Ok(outcome)),
            Err(_) => self.settle(pending, Err(DropReason::Panicked)),
        }
    }

    /// Keeps an item for another attempt, on disk alone where it may wait there, or gives it up when its time is over.
    fn keep(&mut self, pending: PendingRequest<D::Item>, reason: DropReason, now: Instant) {
        let Some(mut pending) = self.rest(pending) else { return };
        if is_over::<D>(&pending, &self.gate, now) {
            if !self.delivery.lighten(&mut pending.item) {
                return self.settle(pending, Err(reason));
            }
            // There is one more attempt.
            pending.give_up = Some(now);
            self.spool.iter_mut().for_each(|spool| spool.remove_recording(&pending.item));
        }
        self.items.push(pending);
    }

    /// The last one under way has failed, which decides for those that wait.
    fn keep_others(&mut self, reason: DropReason, now: Instant) {
        let limit = now + self.timings.give_up;
        let mut places = Vec::new();
        for (place, pending) in &mut self.items.waiting {
            if pending.is_ready {
                pending.give_up.get_or_insert(limit);
            }
            if D::RESTS_ON_DISK && pending.is_safe() || is_over::<D>(pending, &self.gate, now) {
                places.push(*place);
            }
        }
        for place in places {
            if let Some(pending) = self.items.take_out(place) {
                self.keep(pending, reason, now);
            }
        }
    }

    /// Puts parts in place of an item, before all others.
    fn replace(&mut self, whole: PendingRequest<D::Item>, parts: Vec<D::Item>, now: Instant) {
        let PendingRequest { item, copy, epoch, order, .. } = whole;
        for part in parts.into_iter().rev() {
            // On disk before the whole is not any more.
            let spool = self.spool.as_mut().filter(|_| copy.is_some());
            let copy = spool.and_then(|spool| spool.write(&part, now));
            self.items.push_first(PendingRequest { order, copy, ..PendingRequest::new(part, epoch, now) });
        }
        self.remove(&item, copy);
    }

    fn settle(&mut self, pending: PendingRequest<D::Item>, end: Result<D::Outcome, DropReason>) {
        let PendingRequest { item, copy, .. } = pending;
        self.delivery.note(&item, Standing::Settled);
        let is_left = copy.as_ref().is_some_and(DiskCopy::is_kept)
            && match &end {
                Ok(outcome) => D::may_pass(outcome),
                Err(_) => !D::RESTS_ON_DISK,
            };
        if !is_left {
            self.remove(&item, copy);
        }
        self.delivery.settle(item, end, is_left, &self.events);
    }

    /// Asks the disk for a copy of an item; false while it has too much to do.
    fn write(&mut self, place: u64, now: Instant) -> bool {
        let Some(spool) = &mut self.spool else { return false };
        let written = self.items.change(place, |pending| {
            pending.write(spool, now);
            !pending.is_unwritten()
        });
        written.unwrap_or_default()
    }

    /// The copy of an item was written, or not.
    fn kept(&mut self, name: Name, is_ok: bool, now: Instant) {
        let Some(place) = self.items.of_copy(name) else { return };
        let is_lost = self
            .items
            .waiting
            .get(&place)
            .is_some_and(|pending| pending.item.is_light() && !pending.is_safe());
        if !is_ok
            && is_lost
            && let Some(pending) = self.items.take_out(place)
        {
            return self.settle(PendingRequest { copy: None, ..pending }, Err(DropReason::QueueFull));
        }
        self.items.change(place, |PendingRequest { item, copy, write_at, .. }| {
            let Some(copy) = copy else { return };
            if !is_ok {
                // What is on disk only stays as it was written before.
                copy.is_old = !item.is_light();
                *write_at = now + self.timings.slow_retry;
            } else if !std::mem::replace(&mut copy.is_safe, true) {
                self.delivery.note(item, Standing::Written);
            }
        });
        // The last one under way has failed before.
        if let Some(reason) = self.gate.reason()
            && is_ok
            && D::RESTS_ON_DISK
            && self.items.in_flight() == 0
            && let Some(pending) = self.items.take_out(place)
        {
            self.keep(pending, reason, now);
        }
    }

    /// An item is not on disk any more, and lost unless it is in memory.
    fn gone(&mut self, name: Name, reason: DropReason, now: Instant) {
        let Some(spool) = &mut self.spool else { return };
        spool.has_fetched(name);
        if let Some(item) = spool.take(name) {
            spool.remove_recording(&item);
            self.delivery.note(&item, Standing::Removed);
            self.delivery.settle(item, Err(reason), false, &self.events);
        } else if let Some(place) = self.items.of_copy(name) {
            let is_light = self.items.waiting.get(&place).is_some_and(|pending| pending.item.is_light());
            if is_light && let Some(pending) = self.items.take_out(place) {
                return self.settle(PendingRequest { copy: None, ..pending }, Err(reason));
            }
            let wait =
                if reason == DropReason::SpoolFull { self.timings.slow_retry } else { spool.patience() };
            self.items.change(place, |pending| {
                pending.copy = None;
                pending.write_at = now + wait;
                self.delivery.note(&pending.item, Standing::Removed);
            });
        }
    }

    /// Gives an item back, unless it is safe on disk and can wait there.
    fn rest(&mut self, mut pending: PendingRequest<D::Item>) -> Option<PendingRequest<D::Item>> {
        let copy = pending.copy.take_if(|copy| D::RESTS_ON_DISK && copy.is_safe);
        match (&mut self.spool, copy) {
            (Some(spool), Some(copy)) => {
                spool.rest(copy.name, pending.item, pending.repeats);
            }
            _ => return Some(pending),
        }
        None
    }

    fn remove(&mut self, item: &D::Item, copy: Option<DiskCopy>) {
        let Some(spool) = &mut self.spool else { return };
        if let Some(copy) = copy {
            if copy.is_safe {
                self.delivery.note(item, Standing::Removed);
            }
            spool.remove(&copy);
        }
        spool.remove_recording(item);
    }
}

/// Whether its time is over. What the disk is about to have may be safe in a moment.
fn is_over<D: Delivery>(pending: &PendingRequest<D::Item>, gate: &Gate, now: Instant) -> bool {
    let may_rest = D::RESTS_ON_DISK && pending.copy.as_ref().is_some_and(DiskCopy::is_kept);
    !may_rest && pending.give_up.is_some_and(|limit| gate.gives_up(limit, now))
}

#[cfg(test)]
#[path = "tests/lane.rs"]
mod tests;
