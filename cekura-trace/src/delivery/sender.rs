//! Drained records come in, requests fly, and what their answers mean is done. This file does not know sockets,
//! files or what a status means.
//!
//! With a spool, a request that has not arrived after a moment is put on disk as well; one that must wait is then kept
//! there alone. A backend that answers at once never waits for the disk.

mod eviction;

use super::complaint::{tell_failure, tell_others};
use super::config::Settings;
use super::encode::{Encoder, Request};
use super::gate::{Gate, at_the_latest};
use super::landing::{Answered, FAILED, launch};
use super::ledger::{Counts, Ledger, Reason};
use super::outlet::Outlet;
use super::parcel::Parcel;
use super::queue::{Begun, Room};
use super::spool::{Depot, Event};
use super::timings::Timings;
use super::transport::{Answer, Failure, Transport};
use super::verdict::{Verdict, verdict};
use super::voice::Voice;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Sends what one handle records to one endpoint.
pub(crate) struct Sender {
    transport: Arc<dyn Transport>,
    encoder: Encoder,
    gate: Gate,
    timings: Timings,
    ledger: Arc<Ledger>,
    voice: Voice,
    answered: Answered<Answer>,
    /// Where there is a spool.
    depot: Option<Depot>,
    ready: VecDeque<Parcel>,
    flying: HashMap<u64, Flight>,
    launches: u64,
    births: u64,
    /// The last reason for a loss that an event has told of.
    told: Option<Reason>,
}

struct Flight {
    parcel: Parcel,
    launched: Instant,
}

impl Sender {
    pub(crate) fn new(
        settings: &Settings,
        transport: Arc<dyn Transport>,
        ledger: Arc<Ledger>,
        voice: Voice,
        answered: Answered<Answer>,
    ) -> Self {
        Self {
            transport,
            encoder: Encoder::new(&settings.resource).within(settings.memory_limit),
            gate: Gate::new(settings.timings),
            timings: settings.timings,
            ledger,
            voice,
            answered,
            depot: None,
            ready: VecDeque::new(),
            flying: HashMap::new(),
            launches: 0,
            births: 0,
            told: None,
        }
    }

    pub(crate) fn with_depot(self, depot: Option<Depot>) -> Self {
        Self { depot, ..self }
    }
}

impl Outlet for Sender {
    fn take(&mut self, records: &[u8], room: Room, epoch: u64) {
        if let Some(depot) = &mut self.depot {
            depot.look(records);
        }
        let patience = self.depot.as_ref().map(Depot::patience).unwrap_or_default();
        let (ready, births, encoder) = (&mut self.ready, &mut self.births, &self.encoder);
        let deposit_at = Instant::now() + patience;
        let space = encoder.space(ready.back().filter(|last| last.is_new).map(|last| &last.request));
        encoder.requests(records, room, space, |request| match ready.back_mut() {
            Some(last) if last.is_new && encoder.space(Some(&last.request)).takes(&request) => {
                last.grow(request);
            }
            _ => {
                *births += 1;
                let parcel = Parcel::new(request, epoch, deposit_at);
                ready.push_back(Parcel { birth: *births, is_new: true, ..parcel });
            }
        });
    }

    fn relieve(&mut self, bytes: usize, now: Instant) {
        self.give_back(bytes, now);
    }

    /// Launches what may fly, and gives up what has waited too long for an endpoint that fails.
    fn proceed(&mut self, now: Instant) {
        if let Some(depot) = &mut self.depot {
            depot.trim();
        }
        while self.gate.admits(self.flying.len(), now) {
            let is_due = |parcel: &Parcel| parcel.not_before.is_none_or(|at| now >= at);
            let Some(parcel) = self.ready.iter().position(is_due).and_then(|at| self.ready.remove(at)) else {
                break;
            };
            self.launch(parcel, now);
        }
        while let Some(depot) = &mut self.depot
            && self.gate.admits(self.flying.len() + depot.loading(), now)
            && depot.load_next()
        {}
        self.deposit(now);
        // The one that flies decides for those that wait.
        if let Some(reason) = self.gate.reason().filter(|_| self.flying.is_empty()) {
            let limit = now + self.timings.give_up;
            for mut parcel in std::mem::take(&mut self.ready) {
                parcel.give_up.get_or_insert(limit);
                self.keep(parcel, reason, now);
            }
        }
    }

    fn hurry(&mut self, by: Instant, now: Instant) {
        self.gate.hurry(by, now);
        for at in self.ready.iter_mut().filter_map(|parcel| parcel.not_before.as_mut()) {
            *at = at_the_latest(*at, by, now);
        }
    }

    fn due(&self) -> Option<Instant> {
        let deposit = self.depot.as_ref().and_then(|_| {
            let undeposited = self.parcels().filter(|parcel| parcel.slip.is_none());
            undeposited.map(|parcel| parcel.deposit_at).min()
        });
        let waits = !self.ready.is_empty() || self.depot.as_ref().is_some_and(Depot::is_waiting);
        let is_busy = !self.flying.is_empty() || self.depot.as_ref().is_some_and(|depot| depot.loading() > 0);
        if !waits || is_busy {
            return deposit;
        }
        let earliest = self.ready.iter().map(|parcel| parcel.not_before).min().flatten();
        self.gate.until().max(earliest).into_iter().chain(deposit).min()
    }

    fn oldest(&self) -> Option<u64> {
        self.parcels().filter(|parcel| !parcel.is_safe()).map(|parcel| parcel.epoch).min()
    }

    fn is_at_rest(&self) -> bool {
        let is_shut = self.gate.reason().is_some();
        let is_waiting = |depot: &Depot| depot.loading() > 0 || depot.is_waiting() && !is_shut;
        let is_done = self.flying.is_empty() && (self.ready.is_empty() || is_shut);
        is_done && self.oldest().is_none() && !self.depot.as_ref().is_some_and(is_waiting)
    }

    fn begin(&mut self, begun: Vec<Begun>) {
        if let Some(depot) = &mut self.depot {
            depot.begin(begun, &self.encoder);
        }
    }

    fn spooled(&mut self, event: Event, now: Instant) {
        let Some(depot) = &mut self.depot else { return };
        match event {
            Event::Found { .. } => {
                // It is as old as what it stands beside: no flush waits for it.
                let found = depot.found(event, &self.encoder);
                self.ready.extend(found.map(|returned| Parcel::again(returned, now)));
            }
            Event::Kept { name, result } => {
                let flying = self.flying.values_mut().map(|flight| &mut flight.parcel);
                let is_it = |parcel: &&mut Parcel| parcel.slip.as_ref().is_some_and(|slip| slip.name == name);
                if let Some(parcel) = self.ready.iter_mut().chain(flying).find(is_it) {
                    parcel.deposit_at = now + self.timings.slow_retry;
                    parcel.slip.take_if(|slip| !depot.kept(slip, &parcel.request, result));
                }
            }
            Event::Others(others) => self.voice.say(|| tell_others(&others)),
            Event::Loaded { name, body } => {
                let loaded = depot.loaded(name, body);
                self.ready.extend(loaded.map(|returned| Parcel::again(returned, now)));
            }
        }
    }

    /// Tries once more at once, unless the server has asked for a wait.
    fn finish(&mut self, now: Instant) {
        self.gate.hurry_now(now);
        for parcel in &mut self.ready {
            parcel.not_before = None;
            parcel.deposit_at = now;
        }
        for flight in self.flying.values_mut() {
            flight.parcel.deposit_at = now;
        }
    }

    fn abandon(&mut self, reason: Reason) {
        for parcel in self.take_parcels() {
            if let Some(parcel) = self.rest(parcel) {
                self.lose(parcel, reason);
            }
        }
    }

    fn clear(&mut self) {
        for parcel in self.take_parcels() {
            self.rest(parcel).iter_mut().for_each(|parcel| self.settle(parcel));
        }
    }

    fn answered(&mut self, number: u64, answer: &Answer, now: Instant) {
        let Some(Flight { parcel, launched }) = self.flying.remove(&number) else { return };
        let verdict = verdict(answer, parcel.request.frame.len());
        let failed = matches!(verdict, Verdict::Retry { .. } | Verdict::Stop);
        if !failed && self.gate.open(launched) {
            self.voice.say(|| tracing::info!(target: "cekura", "spans are delivered again"));
        }
        match verdict {
            Verdict::Delivered { rejected } => self.delivered(parcel, rejected, answer),
            Verdict::Drop(reason) => self.lost(parcel, reason, answer),
            Verdict::Isolate => self.divide(parcel, Reason::Rejected, answer, now),
            Verdict::Retry { reason, wait } => {
                self.note_failure(reason, wait, answer, launched, now);
                self.keep(parcel, reason, now);
            }
            Verdict::RetryOnce if parcel.repeated => self.lost(parcel, Reason::ServerError, answer),
            Verdict::RetryOnce => {
                let not_before = Some(now + self.timings.slow_retry);
                self.ready.push_back(Parcel { repeated: true, not_before, ..parcel });
            }
            Verdict::Shrink => self.divide(parcel, Reason::TooLarge, answer, now),
            Verdict::Stop => {
                self.note_failure(Reason::Refused, None, answer, launched, now);
                self.keep(parcel, Reason::Refused, now);
            }
        }
    }
}

impl Sender {
    fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.ready.iter().chain(self.flying.values().map(|flight| &flight.parcel))
    }

    fn take_parcels(&mut self) -> Vec<Parcel> {
        let flying = self.flying.drain().map(|(_, flight)| flight.parcel);
        self.ready.drain(..).chain(flying).collect()
    }

    fn launch(&mut self, mut parcel: Parcel, now: Instant) {
        parcel.give_up.get_or_insert(now + self.timings.give_up);
        parcel.is_new = false;
        self.launches += 1;
        let frame = parcel.request.frame.clone();
        let transport = self.transport.clone();
        self.flying.insert(self.launches, Flight { parcel, launched: now });
        let failed = Answer::None { failure: Failure::Connection, message: FAILED.to_owned() };
        let request = async move { transport.send(frame).await };
        launch(self.launches, request, failed, self.answered.clone());
    }

    fn note_failure(
        &mut self,
        reason: Reason,
        wait: Option<Duration>,
        answer: &Answer,
        launched: Instant,
        now: Instant,
    ) {
        if self.gate.fail(reason, wait, launched, now) {
            self.voice.say(|| tell_failure(reason, answer));
        }
    }

    fn keep(&mut self, parcel: Parcel, reason: Reason, now: Instant) {
        let Some(parcel) = self.rest(parcel) else { return };
        // What is being written may be safe in a moment.
        let is_over = parcel.slip.is_none() && parcel.give_up.is_some_and(|limit| now >= limit);
        if is_over && self.gate.gives_up(now) {
            self.lose(parcel, reason);
        } else {
            self.ready.push_back(parcel);
        }
    }

    fn delivered(&mut self, mut parcel: Parcel, rejected: u64, answer: &Answer) {
        self.settle(&mut parcel);
        let mut counts = parcel.request.counts;
        if rejected > 0 {
            self.ledger.doubt(&counts);
        }
        let rejected = take_from(&mut counts, rejected);
        self.ledger.deliver(&counts);
        self.ledger.lose(&rejected, Reason::Rejected);
        if !rejected.is_empty() || answer.has_message() {
            let rejected: u64 = rejected.values().sum();
            self.voice.say(|| tracing::warn!(target: "cekura", rejected, "the backend says: {answer}"));
        }
    }

    /// Each reason is told once, and again after another; the worker tells of the numbers.
    fn lost(&mut self, parcel: Parcel, reason: Reason, answer: &Answer) {
        let spans = parcel.request.spans();
        self.lose(parcel, reason);
        if self.told.replace(reason) == Some(reason) {
            return;
        }
        let reason = reason.name();
        self.voice.say(|| tracing::error!(target: "cekura", spans, reason, "spans are lost: {answer}"));
    }

    /// Sends it in smaller parts before all others, or drops it when there are none.
    fn divide(&mut self, parcel: Parcel, reason: Reason, answer: &Answer, now: Instant) {
        let Parcel { request, slip, epoch, birth, .. } = parcel;
        let counts = request.counts.clone();
        match self.encoder.smaller(request, reason == Reason::TooLarge) {
            Ok(parts) => {
                for part in parts.into_iter().rev() {
                    // On disk before the whole is not any more.
                    let depot = self.depot.as_ref().filter(|_| slip.is_some());
                    let slip = depot.and_then(|depot| depot.ask(&part));
                    self.ready.push_front(Parcel { birth, slip, ..Parcel::new(part, epoch, now) });
                }
                if let Some((depot, slip)) = self.depot.as_mut().zip(slip) {
                    depot.release(slip, &counts);
                }
            }
            Err(request) => self.lost(Parcel { slip, ..Parcel::new(request, epoch, now) }, reason, answer),
        }
    }

    /// Puts on disk what has not arrived after a moment.
    fn deposit(&mut self, now: Instant) {
        let Some(depot) = &mut self.depot else { return };
        let flying = self.flying.values_mut().map(|flight| &mut flight.parcel);
        for parcel in self.ready.iter_mut().chain(flying) {
            if parcel.slip.is_none() && now >= parcel.deposit_at {
                parcel.deposit(depot, now);
            }
        }
    }

    /// Gives a parcel back, unless it is safe on disk and can wait there.
    fn rest(&mut self, mut parcel: Parcel) -> Option<Parcel> {
        let slip = parcel.slip.take_if(|slip| slip.is_safe);
        match (&mut self.depot, slip) {
            (Some(depot), Some(slip)) => depot.rest(slip, parcel.request, parcel.repeated),
            _ => return Some(parcel),
        }
        None
    }

    /// Nothing of it is needed on disk any more.
    fn settle(&mut self, parcel: &mut Parcel) {
        let Some(depot) = &mut self.depot else { return };
        let Request { counts, roots, .. } = &parcel.request;
        depot.close(counts, roots);
        if let Some(slip) = parcel.slip.take() {
            depot.release(slip, counts);
        }
    }

    fn lose(&mut self, mut parcel: Parcel, reason: Reason) {
        self.settle(&mut parcel);
        self.ledger.lose(&parcel.request.counts, reason);
    }
}

/// Moves `count` spans out of `counts`; a backend that rejects some does not say which.
fn take_from(counts: &mut Counts, mut count: u64) -> Counts {
    let mut taken = Counts::new();
    for (trace, of_trace) in counts.iter_mut() {
        let part = count.min(*of_trace);
        if part > 0 {
            *of_trace -= part;
            count -= part;
            taken.insert(*trace, part);
        }
    }
    taken
}
