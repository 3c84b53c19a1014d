//! Drained records come in, requests fly, and what their answers mean is done. This file does not know sockets or
//! what a status means.

use super::config::Settings;
use super::encode::{Encoder, Request};
use super::gate::Gate;
use super::landing::{Answered, FAILED, launch};
use super::ledger::{Counts, Ledger, Reason};
use super::outlet::Outlet;
use super::queue::Room;
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
    ready: VecDeque<Parcel>,
    flying: HashMap<u64, Flight>,
    launches: u64,
    /// The last reason for a loss that an event has told of.
    told: Option<Reason>,
}

/// A request and its history.
struct Parcel {
    request: Request,
    /// The flush that waits for it, and all later ones.
    epoch: u64,
    /// Dropped when the endpoint still fails then; set when it is first tried, or could not be.
    give_up: Option<Instant>,
    not_before: Option<Instant>,
    repeated: bool,
    /// Never tried, nor a part of one that was; it may still grow.
    is_new: bool,
}

impl Parcel {
    fn new(request: Request, epoch: u64) -> Self {
        Self { request, epoch, give_up: None, not_before: None, repeated: false, is_new: false }
    }

    /// Takes in what has ended later, so that a wait makes requests larger rather than more.
    fn grow(&mut self, request: Request) {
        self.request.join(request);
        self.give_up = None;
    }
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
            encoder: Encoder::new(&settings.resource),
            gate: Gate::new(settings.timings),
            timings: settings.timings,
            ledger,
            voice,
            answered,
            ready: VecDeque::new(),
            flying: HashMap::new(),
            launches: 0,
            told: None,
        }
    }
}

impl Outlet for Sender {
    fn take(&mut self, records: &[u8], room: Room, epoch: u64) {
        let ready = &mut self.ready;
        self.encoder.requests(records, room, |request| match ready.back_mut() {
            Some(last) if last.is_new && last.request.has_room_for(&request) => last.grow(request),
            _ => ready.push_back(Parcel { is_new: true, ..Parcel::new(request, epoch) }),
        });
    }

    /// Launches what may fly, and gives up what has waited too long for an endpoint that fails.
    fn proceed(&mut self, now: Instant) {
        while self.gate.admits(self.flying.len(), now) {
            let is_due = |parcel: &Parcel| parcel.not_before.is_none_or(|at| now >= at);
            let Some(parcel) = self.ready.iter().position(is_due).and_then(|at| self.ready.remove(at)) else {
                break;
            };
            self.launch(parcel, now);
        }
        // The one that flies decides for those that wait.
        if let Some(reason) = self.gate.reason().filter(|_| self.flying.is_empty()) {
            let limit = now + self.timings.give_up;
            for mut parcel in std::mem::take(&mut self.ready) {
                parcel.give_up.get_or_insert(limit);
                self.keep(parcel, reason, now);
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        if self.ready.is_empty() || !self.flying.is_empty() {
            return None;
        }
        let earliest = self.ready.iter().map(|parcel| parcel.not_before).min().flatten();
        self.gate.until().max(earliest)
    }

    fn oldest(&self) -> Option<u64> {
        let flying = self.flying.values().map(|flight| &flight.parcel);
        self.ready.iter().chain(flying).map(|parcel| parcel.epoch).min()
    }

    /// Tries once more at once, unless the server has asked for a wait.
    fn finish(&mut self, now: Instant) {
        self.gate.hurry(now);
        for parcel in &mut self.ready {
            parcel.not_before = None;
        }
    }

    fn abandon(&mut self, reason: Reason) {
        let flying = self.flying.drain().map(|(_, flight)| flight.parcel);
        for parcel in self.ready.drain(..).chain(flying) {
            self.ledger.lose(&parcel.request.counts, reason);
        }
    }

    fn clear(&mut self) {
        self.ready.clear();
        self.flying.clear();
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
            Verdict::Drop(reason) => self.lost(&parcel.request, reason, answer),
            Verdict::Isolate => self.divide(parcel, Reason::Rejected, answer),
            Verdict::Retry { reason, wait } => {
                self.note_failure(reason, wait, answer, launched, now);
                self.keep(parcel, reason, now);
            }
            Verdict::RetryOnce if parcel.repeated => self.lost(&parcel.request, Reason::ServerError, answer),
            Verdict::RetryOnce => {
                let not_before = Some(now + self.timings.slow_retry);
                self.ready.push_back(Parcel { repeated: true, not_before, ..parcel });
            }
            Verdict::Shrink => self.divide(parcel, Reason::TooLarge, answer),
            Verdict::Stop => {
                self.note_failure(Reason::Refused, None, answer, launched, now);
                self.keep(parcel, Reason::Refused, now);
            }
        }
    }
}

impl Sender {
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
        let is_over = parcel.give_up.is_some_and(|limit| now >= limit);
        if is_over && self.gate.gives_up(now) {
            self.ledger.lose(&parcel.request.counts, reason);
        } else {
            self.ready.push_back(parcel);
        }
    }

    fn delivered(&self, parcel: Parcel, rejected: u64, answer: &Answer) {
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
    fn lost(&mut self, request: &Request, reason: Reason, answer: &Answer) {
        self.ledger.lose(&request.counts, reason);
        if self.told.replace(reason) == Some(reason) {
            return;
        }
        let (spans, reason) = (request.spans(), reason.name());
        self.voice.say(|| tracing::error!(target: "cekura", spans, reason, "spans are lost: {answer}"));
    }

    /// Sends it in smaller parts before all others, or drops it when there are none.
    fn divide(&mut self, parcel: Parcel, reason: Reason, answer: &Answer) {
        match self.encoder.smaller(parcel.request, reason == Reason::TooLarge) {
            Ok(parts) => {
                for part in parts.into_iter().rev() {
                    self.ready.push_front(Parcel::new(part, parcel.epoch));
                }
            }
            Err(request) => self.lost(&request, reason, answer),
        }
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

fn tell_failure(reason: Reason, answer: &Answer) {
    if reason == Reason::Refused {
        return tell_refusal(answer);
    }
    let then = "cekura::doctor() looks for the cause";
    tracing::warn!(target: "cekura", "spans cannot be delivered for now, and are kept: {answer}; {then}");
}

/// Says which settings a person must look at when an endpoint refuses.
pub(crate) fn tell_refusal(answer: &Answer) {
    let (fault, settings) = if answer.is_refusal() {
        ("refuses to take", "CEKURA_API_KEY and CEKURA_AGENT_ID or CEKURA_PROJECT_ID")
    } else {
        ("does not take", "CEKURA_OTEL_ENDPOINT and CEKURA_PROTOCOL")
    };
    tracing::error!(target: "cekura", "the endpoint {fault} spans; check {settings}: {answer}");
}
