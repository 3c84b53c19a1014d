//! Draws each finished conversation on a thread of its own: as local mode, or beside the delivery. Invariant: a conversation is
//! drawn at most once, and one that is not drawn in time costs no other anything.

use super::call_log::sealed::SealedCallLog;
use super::ledger::{Counts, DropReason, Ledger};
use super::own_events::OwnEvents;
use super::queue::{Begun, Queue};
use super::side::Side;
use super::tap::{Drawn, Seen, Tap};
use super::traces::{Trace, Traces};
use super::warnings::tell_undrawn;
use crate::finished::records;
use crate::local::SoundFile;
use crate::room::{Room, Use};
use crate::say::caught;
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many call logs wait for their conversations, of which they come just before the end.
const WAITING_LOGS: usize = 64;

/// How long a conversation waits for its recording.
const PREPARED: Duration = Duration::from_secs(60);

/// Shows the records of a conversation, with its call log as it would be posted, and its recording, or why there is none, where
/// one was to be expected. Where adding the recording takes a while, it tells of the rest before.
pub(super) type Show = dyn Fn(&[u8], Option<&[u8]>, Option<Recorded>, &dyn Fn(Drawn)) -> Drawn + Send + Sync;

type Recorded = Result<SoundFile, &'static str>;

/// Hears the number of a conversation, and what became of it.
pub(super) type Shown = Box<dyn Fn(u64, Drawn) + Send + Sync>;

/// Shows conversations when they are complete.
pub(super) struct Terminal {
    /// In local mode, where what is drawn is delivered.
    ledger: Option<Arc<Ledger>>,
    queue: Arc<Queue>,
    events: OwnEvents,
    side: Side<Drawing>,
    traces: Traces,
    /// Call logs of conversations that are not drawn yet, oldest first.
    logs: VecDeque<WaitingLog>,
    /// What is complete but for its recording, oldest first, and how long that is waited for.
    unheard: VecDeque<(Drawing, Instant)>,
    /// What was handed to the thread, and is not drawn yet.
    handed: BTreeMap<u64, Handed>,
    number: u64,
    /// How many conversations are not drawn because the thread was behind.
    undrawn: u64,
}

/// A whole conversation on its way to be drawn.
struct Drawing {
    number: u64,
    trace: Trace,
    log: Option<WaitingLog>,
}

struct WaitingLog {
    trace: TraceId,
    body: Bytes,
    /// Held until it is drawn.
    #[cfg_attr(not(feature = "audio"), expect(dead_code, reason = "it is given back when it is dropped"))]
    held: Room,
    awaits_sound: bool,
    sound: Option<Recorded>,
}

struct Handed {
    id: TraceId,
    /// Those of which nobody knows yet whether they are shown.
    spans: u64,
    has_sound: bool,
    /// The flush that waits for it.
    epoch: u64,
}

impl Terminal {
    pub(super) fn new(queue: Arc<Queue>, events: OwnEvents, show: Box<Show>, shown: Shown) -> Self {
        let draw = move |Drawing { number, trace, mut log }| {
            let sound = log.as_mut().and_then(|log| log.sound.take());
            let log = log.as_ref().map(|log| &*log.body);
            let tell = |drawn| shown(number, drawn);
            let drawn = caught(|| show(&trace.records, log, sound, &tell));
            shown(number, drawn.unwrap_or(Err(DropReason::Panicked)));
        };
        Self {
            ledger: None,
            queue,
            events,
            side: Side::new("cekura-trace-terminal", draw),
            traces: Traces::default(),
            logs: VecDeque::new(),
            unheard: VecDeque::new(),
            handed: BTreeMap::new(),
            number: 0,
            undrawn: 0,
        }
    }

    /// Local mode: what is drawn is delivered.
    pub(super) fn delivers_to(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    fn give_up(&mut self, number: u64, reason: DropReason) {
        if let Some(Handed { id, spans, has_sound, .. }) = self.handed.remove(&number)
            && let Some(ledger) = &self.ledger
        {
            ledger.lose(&Counts::from([(id, spans)]), reason);
            ledger.count_recording(|count| count.dropped += u64::from(has_sound));
        }
    }

    /// Has a conversation drawn that waits for nothing any more.
    fn draw(&mut self, drawing: Drawing) {
        if let Some(handed) = self.handed.get_mut(&drawing.number) {
            handed.has_sound = drawing.log.as_ref().is_some_and(WaitingLog::has_sound);
        }
        self.side.push(drawing, usize::MAX);
    }

    /// Takes the oldest conversation back that is not being drawn.
    fn take_back(&mut self) -> Option<Drawing> {
        self.side.take_back().or_else(|| self.unheard.pop_front().map(|(drawing, _)| drawing))
    }

    /// A call log will not be shown.
    fn forget(&self, log: &WaitingLog) {
        if let Some(ledger) = self.ledger.as_ref().filter(|_| log.has_sound()) {
            ledger.count_recording(|count| count.dropped += 1);
        }
    }

    /// A conversation will not be drawn, which is said once, and at the end.
    fn miss(&mut self) {
        self.undrawn += 1;
        if self.undrawn == 1 {
            self.events.emit(|| tell_undrawn(1));
        }
    }

    /// Takes bytes of the memory limit that the delivery does not need, from the oldest conversations where none are left.
    fn reserve(&mut self, bytes: usize) -> Option<Room> {
        loop {
            let taken = Room::take(self.queue.clone(), Use::Drawing, bytes);
            if taken.is_some() || self.relieve(bytes) == 0 {
                return taken;
            }
        }
    }
}

impl WaitingLog {
    fn has_sound(&self) -> bool {
        matches!(self.sound, Some(Ok(_)))
    }

    #[cfg(feature = "audio")]
    fn hear(&mut self, log: Option<SealedCallLog>, sound: Recorded) {
        (self.awaits_sound, self.sound) = (false, Some(sound));
        if let Some(log) = log.filter(|log| self.held.resize(log.body.len())) {
            self.body = log.body;
        }
    }
}

impl Tap for Terminal {
    fn begun(&mut self, begun: &Begun) {
        let heads = begun.roots.iter().flat_map(|(root, _)| records(root)).map(|(root, _)| root.head);
        heads.for_each(|root| self.traces.begin(root.trace_id, root.span_id));
        begun.forgotten.iter().for_each(|(trace, root)| self.traces.forget(*trace, *root));
    }

    fn take(&mut self, buffer: &[u8], mut reservation: Option<Room>) {
        let mut rest = buffer;
        for (record, bytes) in records(buffer) {
            let (span, after) = rest.split_at(bytes);
            rest = after;
            let id = record.head.trace_id;
            if self.traces.is_over(id) {
                if let Some(ledger) = &self.ledger {
                    ledger.lose(&Counts::from([(id, 1)]), DropReason::Late);
                }
                continue;
            }
            let held = match &mut reservation {
                Some(reservation) => Some(reservation.split(bytes)),
                None => self.reserve(bytes),
            };
            if let Some(held) = held {
                self.traces.add(&record.head, span, held);
            } else {
                // What is left of it would be drawn as if it were whole.
                drop(self.traces.take(id));
                self.miss();
            }
        }
    }

    fn wants_more(&mut self) -> bool {
        self.traces.wants_more()
    }

    fn call_log(&mut self, log: &SealedCallLog, awaits_sound: bool) {
        let Some(trace) = log.trace_id.filter(|trace| !self.traces.is_over(*trace)) else { return };
        let Some(held) = Room::take(self.queue.clone(), Use::Drawing, log.body.len()) else { return };
        if self.logs.len() == WAITING_LOGS
            && let Some(oldest) = self.logs.pop_front()
        {
            self.forget(&oldest);
        }
        self.logs.push_back(WaitingLog { trace, body: log.body.clone(), held, awaits_sound, sound: None });
    }

    #[cfg(feature = "audio")]
    fn recorded(&mut self, trace: TraceId, log: Option<SealedCallLog>, sound: Recorded) -> bool {
        let is_it = |known: &WaitingLog| known.trace == trace && known.awaits_sound;
        if let Some(known) = self.logs.iter_mut().find(|known| is_it(known)) {
            known.hear(log, sound);
            return true;
        }
        let is_it = |(drawing, _): &(Drawing, _)| drawing.log.as_ref().is_some_and(is_it);
        let Some(at) = self.unheard.iter().position(is_it) else { return false };
        let Some((mut drawing, _)) = self.unheard.remove(at) else { return false };
        if let Some(known) = &mut drawing.log {
            known.hear(log, sound);
        }
        self.draw(drawing);
        true
    }

    fn abort(&mut self, trace: TraceId, root: SpanId) {
        while let Some(at) = self.logs.iter().position(|log| log.trace == trace) {
            if let Some(log) = self.logs.remove(at) {
                self.forget(&log);
            }
        }
        let is_it = |(drawing, _): &(Drawing, _)| drawing.log.as_ref().is_some_and(|log| log.trace == trace);
        while let Some(at) = self.unheard.iter().position(is_it) {
            if let Some((drawing, _)) = self.unheard.remove(at) {
                self.give_up(drawing.number, DropReason::Aborted);
            }
        }
        let taken = self.traces.take_call(trace, root).map_or(0, |taken| taken.spans);
        if let Some(ledger) = self.ledger.as_ref().filter(|_| taken > 0) {
            ledger.lose(&Counts::from([(trace, taken)]), DropReason::Aborted);
        }
    }

    fn proceed(&mut self, epoch: u64) {
        for (id, trace) in self.traces.take_complete() {
            let log = self.logs.iter().position(|log| log.trace == id).and_then(|at| self.logs.remove(at));
            self.number += 1;
            let number = self.number;
            self.handed.insert(number, Handed { id, spans: trace.spans, has_sound: false, epoch });
            let (awaits_sound, drawing) =
                (log.as_ref().is_some_and(|log| log.awaits_sound), Drawing { number, trace, log });
            if awaits_sound {
                self.unheard.push_back((drawing, Instant::now() + PREPARED));
            } else {
                self.draw(drawing);
            }
        }
        while self.unheard.front().is_some_and(|(_, until)| *until <= Instant::now())
            && let Some((drawing, _)) = self.unheard.pop_front()
        {
            self.draw(drawing);
        }
    }

    fn drawn(&mut self, number: u64, drawn: Drawn) {
        let Seen { missing, is_heard } = match drawn {
            Ok(seen) => seen,
            Err(reason) => return self.give_up(number, reason),
        };
        let Some(handed) = self.handed.get_mut(&number) else { return };
        let (id, spans, has_sound) = (handed.id, std::mem::take(&mut handed.spans), handed.has_sound);
        if is_heard.is_some() {
            self.handed.remove(&number);
        }
        let Some(ledger) = &self.ledger else { return };
        if let (Some(is_heard), true) = (is_heard, has_sound) {
            ledger.count_recording(|count| {
                *(if is_heard { &mut count.delivered } else { &mut count.dropped }) += 1;
            });
        }
        if spans > 0 {
            ledger.deliver(&Counts::from([(id, spans - missing)]));
            if missing > 0 {
                ledger.lose(&Counts::from([(id, missing)]), DropReason::QueueFull);
            }
        }
    }

    fn oldest(&self) -> Option<u64> {
        self.handed.first_key_value().map(|(_, handed)| handed.epoch)
    }

    // The oldest conversations that are not drawn yet; beside a delivery those that are not over too.
    fn relieve(&mut self, bytes: usize) -> usize {
        let mut given = 0;
        // In local mode nothing else has the last one, and new spans are refused in its place.
        while given < bytes && (self.ledger.is_none() || self.handed.len() > 1) {
            let trace = if let Some(Drawing { number, trace, .. }) = self.take_back() {
                self.give_up(number, DropReason::QueueFull);
                trace
            } else if let Some(trace) = self.ledger.is_none().then(|| self.traces.take_oldest()).flatten() {
                trace
            } else {
                break;
            };
            given += trace.reservation.bytes();
            self.miss();
        }
        given
    }

    fn finish(&mut self, epoch: u64) {
        self.traces.finish();
        self.proceed(epoch);
    }

    fn abandon(&mut self, reason: DropReason) {
        while self.take_back().is_some() {}
        while let Some(number) = self.handed.keys().next().copied() {
            self.give_up(number, reason);
            self.undrawn += 1;
        }
        for (id, trace) in self.traces.take_open() {
            if let Some(ledger) = &self.ledger {
                ledger.lose(&Counts::from([(id, trace.spans)]), reason);
            }
        }
        self.logs.drain(..).collect::<Vec<_>>().iter().for_each(|log| self.forget(log));
        if self.undrawn > 0 {
            let undrawn = self.undrawn;
            self.events.emit(move || tell_undrawn(undrawn));
        }
    }

    fn pending(&self) -> Vec<(TraceId, u64)> {
        self.traces.open().chain(self.handed.values().map(|handed| (handed.id, handed.spans))).collect()
    }
}

#[cfg(test)]
#[path = "tests/terminal.rs"]
mod tests;
