//! How spans are sent: in requests that grow while they wait, and are divided when an endpoint does not take them.
//! Invariant: every span of a request is counted out of the ledger exactly once.

mod aborted;

use super::answer_guard::FAILED;
use super::delivery::{Change, Delivery, Judgement, Standing};
use super::pending::PendingRequest;
use super::{DropReason, Lane, Wake};
use crate::delivery::causes::{LastCause, Place};
use crate::delivery::config::Settings;
use crate::delivery::encode::{Encoder, Request, root_record};
use crate::delivery::ledger::{Counts, Ledger};
use crate::delivery::own_events::OwnEvents;
use crate::delivery::queue::Begun;
use crate::delivery::spool::requests::{DiskCopy, SpooledRequests, Stored};
use crate::delivery::spool::starts::Starts;
use crate::delivery::spool::{Event, Item, Kind, Name, Spool};
use crate::delivery::transport::{Answer, Failure, Sending, Transport};
use crate::delivery::verdict::{Verdict, verdict};
use crate::delivery::warnings::{tell_delay, tell_failure, tell_spool_failure};
use crate::room::Room;
use aborted::Aborted;
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// What the lane of spans needs beside its queue.
pub(crate) struct Spans {
    transport: Arc<dyn Transport>,
    encoder: Encoder,
    ledger: Arc<Ledger>,
    /// Where there is a spool.
    starts: Option<Starts>,
    /// Roots that dead processes have kept, so that their starts are not needed.
    arrived: HashSet<SpanId>,
    /// Calls of which nothing more is to be sent.
    aborted: Aborted,
    /// The last reason for a loss that an event has told of.
    told: Option<DropReason>,
    place: Place,
    last_cause: Arc<LastCause>,
}

/// What an answer settles.
pub(crate) enum Outcome {
    /// Taken but for so many spans; what the backend says of it.
    Delivered {
        rejected: u64,
        words: Option<String>,
    },
    Lost {
        reason: DropReason,
    },
}

impl Lane<Spans> {
    pub(crate) fn of_spans(
        settings: &Settings,
        transport: Arc<dyn Transport>,
        ledger: Arc<Ledger>,
        events: OwnEvents,
        wake: Wake,
        spool: Option<Arc<Spool>>,
    ) -> Self {
        let encoder = Encoder::new(&settings.resource).within(settings.memory_limit);
        let starts = spool.clone().map(Starts::new);
        let (arrived, aborted, told) = (HashSet::new(), Aborted::default(), None);
        let (place, last_cause) = (Place::of_spans(settings), Arc::default());
        let spans = Spans { transport, encoder, ledger, starts, arrived, aborted, told, place, last_cause };
        let spooled = spool.map(SpooledRequests::new);
        Self::new(spans, settings.timings, events, wake).with_spool(spooled)
    }
}

impl Lane<Spans> {
    /// Says in there why spans do not arrive.
    pub(crate) fn telling(mut self, last_cause: Arc<LastCause>) -> Self {
        self.delivery.last_cause = last_cause;
        self
    }

    /// Why spans were lost, or do not arrive.
    pub(crate) fn last_cause(&self) -> Option<String> {
        self.delivery.last_cause.brief()
    }

    /// How many spans of which traces are here, but for what is safe on disk.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (TraceId, u64)> {
        let held = self.items.all().filter(|pending| !pending.is_safe());
        held.flat_map(|pending| pending.item.counts.iter().map(|(trace, count)| (*trace, *count)))
    }

    /// Takes a buffer of records, which the ledger has taken already. `epoch` is the flush that waits for it.
    pub(crate) fn take(&mut self, records: &[u8], reservation: Room, epoch: u64) {
        self.look(records);
        let patience = self.spool.as_ref().map(SpooledRequests::patience).unwrap_or_default();
        let write_at = Instant::now() + patience;
        // A wait makes requests larger rather than more.
        let mut last = self.items.waiting.values_mut().next_back().filter(|last| last.is_new);
        let before = last.as_ref().map_or(0, |last| last.item.spans());
        let growing = last.as_mut().map(|last| &mut last.item);
        let requests = self.delivery.encoder.requests(records, reservation, growing);
        if let Some(last) = last.filter(|last| last.item.spans() > before) {
            last.give_up = None;
        }
        for request in requests {
            self.made += 1;
            let pending = PendingRequest::new(request, epoch, write_at);
            self.items.push(PendingRequest { order: self.made, is_new: true, ..pending });
        }
    }

    /// Looks at records for what they say of conversations whose starts are on disk.
    pub(crate) fn look(&mut self, records: &[u8]) {
        if let Some(starts) = &mut self.delivery.starts {
            starts.look(records);
        }
    }

    /// As [`take`](Self::take), of records that have a copy on disk, or will have one.
    pub(crate) fn take_copied(&mut self, records: &[u8], reservation: Room, epoch: u64, copy: DiskCopy) {
        let (now, mut copy) = (Instant::now(), Some(copy));
        self.look(records);
        let requests = self.delivery.encoder.requests(records, reservation, None);
        let is_one = requests.len() == 1;
        for request in requests {
            self.made += 1;
            // Several were made of what was one: each is written before that is removed.
            let spool = self.spool.as_mut().filter(|_| !is_one);
            let copy = copy.take_if(|_| is_one).or_else(|| spool?.write(&request, now));
            if let (Some(spool), Some(copy)) = (&mut self.spool, &copy) {
                spool.take_over(copy, now);
                if copy.is_safe {
                    self.delivery.note(&request, Standing::Written);
                }
            }
            let pending = PendingRequest::new(request, epoch, now);
            self.items.push(PendingRequest { order: self.made, copy, ..pending });
        }
        if let (Some(spool), Some(copy)) = (&mut self.spool, copy) {
            spool.remove(&copy);
        }
    }

    /// Takes the conversations that have begun.
    pub(crate) fn begin(&mut self, begun: Begun) {
        if let Some(starts) = &mut self.delivery.starts {
            starts.begin(begun, &self.delivery.encoder);
        }
    }

    /// What the disk has to say of them.
    pub(crate) fn spooled_starts(&mut self, event: &Event, now: Instant) {
        if let Some(starts) = &mut self.delivery.starts {
            starts.spooled(event, now);
        }
    }

    /// Takes the start of a conversation that a dead process has not ended; gives its root, as a record.
    pub(crate) fn end_start(
        &mut self,
        name: Name,
        body: &Bytes,
        last_seen: SystemTime,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let Spans { encoder, ledger, arrived, .. } = &self.delivery;
        let request = encoder.end_start(body, last_seen);
        let mut record = None;
        if request.spans() > 0 && !request.roots.iter().any(|root| arrived.contains(root)) {
            ledger.adopt(&request.counts, true);
            record = root_record(&request.frame);
            let copy = self.spool.as_mut().and_then(|spool| spool.write(&request, now));
            // No flush waits for it: it is as old as what it stands beside.
            let pending = PendingRequest::new(request, u64::MAX, now);
            self.items.push(PendingRequest { copy, ..pending });
        }
        // What was asked for before is written before.
        if let Some(starts) = &self.delivery.starts {
            starts.remove(name);
        }
        record
    }
}

impl Delivery for Spans {
    type Item = Request;
    type Answer = Answer;
    type Outcome = Outcome;

    const RESTS_ON_DISK: bool = true;

    fn request(&mut self, item: &Request) -> Result<Sending, Outcome> {
        let (transport, frame) = (self.transport.clone(), item.frame.clone());
        // A transport that panics does so in the task.
        Ok(Box::pin(async move { transport.send(frame).await }))
    }

    fn no_answer() -> Answer {
        Answer::None { failure: Failure::Connection, message: FAILED.to_owned() }
    }

    fn judge(&mut self, item: &mut Request, repeats: u32, answer: &Answer) -> Judgement<Request, Outcome> {
        // It may be back.
        self.aborted.is_news = true;
        let verdict = verdict(answer, item.frame.len());
        if verdict == (Verdict::Delivered { rejected: 0 }) {
            self.last_cause.recover();
        } else {
            self.last_cause.fail(self.place.spans(answer, item.frame.len(), "spans"));
        }
        let lost = |reason| Judgement::End(Outcome::Lost { reason });
        let mut divide = |reason: DropReason| {
            let parts = self.encoder.smaller(item, reason == DropReason::TooLarge);
            if parts.is_empty() { lost(reason) } else { Judgement::Parts(parts) }
        };
        match verdict {
            Verdict::Delivered { rejected } => {
                let words = (rejected > 0 || answer.has_message()).then(|| answer.to_string());
                Judgement::End(Outcome::Delivered { rejected, words })
            }
            Verdict::Drop(reason) => lost(reason),
            Verdict::Isolate => divide(DropReason::Rejected),
            Verdict::Retry { reason, wait } => Judgement::Retry { reason, wait },
            Verdict::RetryOnce(reason) if repeats > 0 => lost(reason),
            Verdict::RetryOnce(_) => Judgement::Repeat,
            Verdict::Shrink => divide(DropReason::TooLarge),
            Verdict::Stop => Judgement::Retry { reason: DropReason::Refused, wait: None },
        }
    }

    fn is_ready(&mut self, _item: &Request, _place: u64, _now: Instant) -> bool {
        self.aborted.is_news = true;
        true
    }

    fn note(&mut self, item: &Request, standing: Standing) {
        let Request { counts, roots, .. } = item;
        match standing {
            Standing::Found => {
                self.ledger.adopt(counts, !roots.is_empty());
                self.ledger.spool(counts);
                self.arrived.extend(roots);
            }
            Standing::Removed => self.ledger.unspool(counts),
            Standing::Settled | Standing::Written => {
                if standing == Standing::Written {
                    self.ledger.spool(counts);
                }
                if let Some(starts) = &mut self.starts {
                    starts.close(counts, roots);
                }
            }
        }
    }

    fn settle(
        &mut self,
        item: Request,
        end: Result<Outcome, DropReason>,
        _is_left: bool,
        events: &OwnEvents,
    ) {
        let mut counts = item.counts;
        if !matches!(end, Ok(Outcome::Delivered { rejected: 0, .. })) {
            self.last_cause.lose(None);
        }
        match end {
            Ok(Outcome::Delivered { rejected, words }) => {
                if rejected > 0 {
                    self.ledger.doubt(&counts);
                }
                let rejected = take_from(&mut counts, rejected);
                self.ledger.deliver(&counts);
                self.ledger.lose(&rejected, DropReason::Rejected);
                if let Some(words) = words {
                    let rejected: u64 = rejected.values().sum();
                    events.emit(
                        move || tracing::warn!(target: "cekura", rejected, "the backend says: {words}"),
                    );
                }
            }
            Ok(Outcome::Lost { reason }) => {
                self.ledger.lose(&counts, reason);
                // Each reason is told once, and again after another; the worker tells of the numbers.
                if self.told.replace(reason) != Some(reason) {
                    let (spans, reason) = (counts.values().sum::<u64>(), reason.as_str());
                    let cause = self.last_cause.get().unwrap_or_default();
                    let tell =
                        move || tracing::error!(target: "cekura", spans, reason, "spans are lost: {cause}");
                    events.emit(tell);
                }
            }
            Err(reason) => self.ledger.lose(&counts, reason),
        }
    }

    fn fall_behind(&mut self, is_behind: bool, events: &OwnEvents) {
        self.ledger.fall_behind(is_behind);
        events.emit(move || tell_delay(is_behind));
    }

    fn wait_in_vain(&mut self) {
        self.last_cause.wait(|| self.place.unanswered_at_the_end());
    }

    fn tell(&self, change: Change<Answer>, events: &OwnEvents) {
        let place = self.place.clone();
        events.emit(move || match change {
            Change::Fails(reason, answer) => tell_failure(reason, &place.spans(&answer, 0, "spans")),
            Change::Recovers => tracing::info!(target: "cekura", "spans are delivered again"),
            Change::SpoolFails(error) => tell_spool_failure(&error),
        });
    }
}

impl Stored for Request {
    const KIND: Kind = Kind::Spans;

    fn head(&self) -> Item {
        Item::of_spans(self.spans())
    }

    fn into_head(self) -> Item {
        // What is safe has closed the starts of its roots.
        Item::Spans { counts: self.counts, roots: Vec::new() }
    }

    fn body(&self) -> &Bytes {
        &self.frame
    }

    fn set_body(&mut self, body: Bytes) {
        self.frame = body;
    }

    fn found(head: &Item) -> Option<Self> {
        let Item::Spans { counts, roots } = head else { return None };
        let (counts, roots) = (counts.clone(), roots.clone());
        Some(Self { frame: Bytes::new(), counts, roots, reservation: Room::default() })
    }

    fn held(&self) -> usize {
        self.reservation.bytes()
    }

    fn size(&self) -> Option<[usize; 2]> {
        let spans = usize::try_from(self.spans()).ok()?;
        // Without a body there is nothing to join.
        (!self.frame.is_empty()).then_some([self.frame.len(), spans])
    }

    fn join(&mut self, other: Self) {
        Request::join(self, other);
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
