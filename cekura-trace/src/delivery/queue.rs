//! Takes ended spans and call logs from any thread, and gives them to the worker in whole buffers.
//! Invariant: what it holds stays within the memory limit.

use super::call_log::ended::EndedCall;
use super::call_log::error::ObserveError;
use super::kept_back::{Decided, KeptBack};
use super::ledger::{Counts, DropReason, Ledger};
use super::own_events::OwnEvents;
use crate::call::{Call, Noted};
use crate::destination::Sink;
use crate::finished;
use crate::lock::locked;
use crate::room::{Budget, Room, Use};
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// A shard with this many bytes of records wakes the worker before its next tick: the lowest and the highest
/// threshold. Waking the worker costs the caller's thread as much as recording hundreds of spans, so it must be
/// rare.
const FULL: [usize; 2] = [128 << 10, 512 << 10];

/// Ended spans on their way to the worker, bounded in bytes.
///
/// Threads write to different shards, so that two that end spans at the same time seldom wait for each other.
pub(crate) struct Queue {
    shards: Box<[Shard]>,
    calls: Mutex<EndedCalls>,
    kept_back: KeptBack,
    /// Where there is a spool, or what is delivered is drawn.
    begun: Option<Mutex<Beginnings>>,
    /// All bytes that are taken of the limit.
    held: AtomicUsize,
    /// Those of them that are of spans and calls which have not ended.
    open: AtomicUsize,
    /// Those of them that are of spans of which it is not known yet whether they are sent.
    held_back: AtomicUsize,
    /// Those of them that are of call logs, and of changes of stored calls.
    logs: AtomicUsize,
    /// Those of these that are of changes.
    updates: AtomicUsize,
    /// Those of them that are of what is on disk.
    on_disk: AtomicUsize,
    /// Bytes of the largest record that found no room since the worker has last looked.
    refused: AtomicUsize,
    limit: usize,
    /// Bytes in one shard at which the worker is woken.
    full: usize,
    ledger: Arc<Ledger>,
    pub(super) events: OwnEvents,
    waker: Waker,
    /// Whether the worker wants to hear of each root's end.
    announces_roots: bool,
}

// The size of two cache lines, which processors fetch as a pair.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<Buffer>);

#[derive(Default)]
struct Buffer {
    records: Vec<u8>,
    count: u64,
    /// Those that are full, with their numbers of records. Each is freed when its records have been taken, so that these
    /// never stand in memory twice, and no large buffer is copied to grow.
    filled: Vec<(Vec<u8>, u64)>,
    /// Bytes of the one that was filled last: the next begins with as much room, so that it is seldom copied to grow.
    usual: usize,
    /// Spans handed over here since the start, the refused ones included.
    accepted: u64,
    closed: bool,
}

/// What was heard of the beginnings of conversations since that was last drained.
#[derive(Default)]
pub(crate) struct Begun {
    /// The root of each, as a record that ends where it begins, with room for its start on disk.
    pub(crate) roots: Vec<(Vec<u8>, Room)>,
    /// Those that will never end and were drained before.
    pub(crate) forgotten: Vec<(TraceId, SpanId)>,
}

/// The same on its way, of which the bytes are taken.
#[derive(Default)]
struct Beginnings {
    roots: HashMap<SpanId, Vec<u8>>,
    forgotten: Vec<(TraceId, SpanId)>,
}

/// What keeping the start of a conversation on disk takes beside its record.
pub(crate) const START: usize = 1 << 10;

/// The calls that have ended and are to be posted.
#[derive(Default)]
struct EndedCalls {
    /// With the bytes that each of them holds.
    logs: Vec<(EndedCall, usize)>,
    closed: bool,
}

/// Wakes the worker, once until it has looked.
pub(crate) struct Waker {
    is_woken: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Waker {
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { is_woken: AtomicBool::new(false), wake: Box::new(wake) }
    }

    fn wake(&self) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
    }
}

impl Queue {
    pub(crate) fn new(limit: usize, ledger: Arc<Ledger>, waker: Waker, announces_roots: bool) -> Self {
        let shards = thread::available_parallelism().map_or(1, usize::from).next_power_of_two();
        let [least, most] = FULL;
        let full = (limit / 8 / shards).clamp(least, most);
        let shards = (0..shards).map(|_| Shard::default()).collect();
        let (calls, begun) = (Mutex::default(), None);
        let [held, open, held_back, logs, updates, on_disk, refused] = [0; 7].map(AtomicUsize::new);
        let events = OwnEvents::here();
        Self {
            shards,
            calls,
            kept_back: KeptBack::default(),
            begun,
            held,
            open,
            held_back,
            logs,
            updates,
            on_disk,
            refused,
            limit,
            full,
            ledger,
            events,
            waker,
            announces_roots,
        }
    }

    /// Lets it take conversations when they begin.
    pub(crate) fn with_beginnings(self) -> Self {
        Self { begun: Some(Mutex::default()), ..self }
    }

    /// What was heard of the beginnings of conversations.
    pub(crate) fn drain_begun(self: &Arc<Self>) -> Begun {
        let Some(begun) = &self.begun else { return Begun::default() };
        let Beginnings { roots, forgotten } = std::mem::take(&mut *locked(begun));
        self.give_back(Use::Open, size_of_val(&*forgotten));
        let with_room = |root: Vec<u8>| {
            let room = Room::taken(self.clone(), Use::Open, root.capacity() + START);
            (root, room)
        };
        Begun { roots: roots.into_values().map(with_room).collect(), forgotten }
    }

    /// Hands every buffer with records to `take`, with their number.
    pub(crate) fn drain(&self, take: impl FnMut(&[u8], u64)) {
        self.empty(false, take);
    }

    /// As [`drain`](Self::drain); whatever comes later is dropped.
    pub(crate) fn close(&self, take: impl FnMut(&[u8], u64)) {
        self.empty(true, take);
    }

    /// Takes one record of a call that may be kept back.
    pub(crate) fn keep_back(self: &Arc<Self>, call: &Arc<Call>, record: &[u8]) {
        if let Some(reason) = self.kept_back.take(call, record, self.clone()) {
            self.ledger.refuse(call.root.trace_id(), reason);
        }
    }

    /// Hands those records to `take` that were kept back and may leave now, with their number; drops those that may not, which
    /// are all that wait where it `is_end`.
    pub(crate) fn drain_kept_back(&self, is_end: bool, mut take: impl FnMut(&[u8], u64)) {
        self.kept_back.drain(is_end, |decided| match decided {
            Decided::Dropped { trace, count, reason } => {
                let spans = Counts::from([(trace, count)]);
                self.ledger.take(&spans);
                self.ledger.lose(&spans, reason);
            }
            Decided::Leaves { records, count } => {
                // They have been taken for what is open.
                self.take_anyway(Use::Delivery, records.len());
                take(&records, count);
            }
        });
    }

    /// Hands every ended call to `take`.
    pub(crate) fn drain_calls(self: &Arc<Self>, mut take: impl FnMut(EndedCall, Room)) {
        let logs = std::mem::take(&mut self.calls().logs);
        for (ended, bytes) in logs {
            take(ended, Room::taken(self.clone(), Use::CallLog, bytes));
        }
    }

    /// As [`drain_calls`](Self::drain_calls); whatever comes later is refused.
    pub(crate) fn close_calls(self: &Arc<Self>, take: impl FnMut(EndedCall, Room)) {
        self.calls().closed = true;
        self.drain_calls(take);
    }

    fn calls(&self) -> MutexGuard<'_, EndedCalls> {
        locked(&self.calls)
    }

    /// Spans handed over since the start.
    pub(crate) fn accepted(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().accepted).sum::<u64>() + self.kept_back.accepted()
    }

    /// Bytes that call logs have borrowed.
    pub(crate) fn borrowed(&self) -> usize {
        self.logs.load(Ordering::Relaxed).saturating_sub(2 * self.reserve())
    }

    /// Those of them that they must give back before others need them, and whether these do.
    pub(crate) fn wanted_back(&self) -> (usize, bool) {
        let (held, low) = (self.held.load(Ordering::Relaxed), low(self.share()));
        // Well before spans give some back: a call log may be large.
        let is_urgent = held > low + low / 8 || self.refused.load(Ordering::Relaxed) > 0;
        if held <= low && !is_urgent {
            return (0, false);
        }
        (self.borrowed().min(held.saturating_sub(low - low / 8)), is_urgent)
    }

    /// Bytes that spans must give back so that new ones find room; none while there is enough.
    pub(crate) fn excess(&self) -> usize {
        let refused = self.refused.swap(0, Ordering::Relaxed);
        if refused == 0 && self.held() <= crowded(self.share()) {
            return 0;
        }
        let (spans, share) = self.spans();
        if refused >= share || refused == 0 && spans <= crowded(share) {
            return 0;
        }
        spans.saturating_sub(low(share).min(share - refused))
    }

    /// Bytes that spans which are held back must give back: they may have half of the limit, and no more than five eighths
    /// together with what is open.
    pub(super) fn held_excess(&self) -> usize {
        let open = self.open.load(Ordering::Relaxed);
        let most = (self.limit / 2).min((self.limit / 8 * 5).saturating_sub(open));
        self.held_back.load(Ordering::Relaxed).saturating_sub(most)
    }

    /// What they give back more than that, so that the next ones find room.
    pub(super) fn held_spare(&self) -> usize {
        self.limit / 32
    }

    /// Whether what is sent takes so little that more of it can be made of what is held: half of what it may.
    pub(super) fn has_room_to_send(&self) -> bool {
        let (spans, share) = self.spans();
        spans <= crowded(share) / 2
    }

    /// The bytes of spans that are sent, and what they may take.
    fn spans(&self) -> (usize, usize) {
        let others = [&self.logs, &self.open, &self.held_back, &self.on_disk]
            .map(|bytes| bytes.load(Ordering::Relaxed));
        let others = others.iter().sum();
        (self.held().saturating_sub(others), self.share().saturating_sub(others))
    }

    /// Bytes of the limit that are taken.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn empty(&self, close: bool, mut take: impl FnMut(&[u8], u64)) {
        self.waker.is_woken.store(false, Ordering::Release);
        for shard in &self.shards {
            let filled = {
                let mut buffer = shard.lock();
                buffer.closed |= close;
                buffer.fill();
                std::mem::take(&mut buffer.filled)
            };
            for (records, count) in filled {
                take(&records, count);
            }
        }
    }

    /// What is held with it, if it fits.
    fn hold(&self, bytes: usize, limit: usize) -> Option<usize> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held > limit {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        Some(held)
    }

    /// What everything but call logs may take: spans that cannot be delivered must not keep out call logs, whose API may be
    /// well.
    fn share(&self) -> usize {
        self.limit - self.reserve()
    }

    /// What only call logs may take. As much again is theirs too once they have it; what they borrow beyond that they give
    /// back when others want it.
    pub(super) fn reserve(&self) -> usize {
        self.limit / 8
    }

    /// The counts of those bytes that were taken for this.
    fn parts(&self, what: Use) -> impl Iterator<Item = &AtomicUsize> {
        let parts = match what {
            Use::CallLog => [None, Some(&self.logs)],
            Use::Delivery | Use::Drawing => [None; 2],
            Use::Disk => [None, Some(&self.on_disk)],
            Use::Held => [None, Some(&self.held_back)],
            Use::Open => [None, Some(&self.open)],
            Use::Update => [Some(&self.logs), Some(&self.updates)],
        };
        parts.into_iter().flatten()
    }

    /// Whether it becomes crowded with these bytes, and was not before, or they find no room: then the worker must look.
    fn crowds(&self, held: Option<usize>, bytes: usize) -> bool {
        let crowded = crowded(self.share());
        held.is_none_or(|held| held > crowded && held - bytes <= crowded)
    }

    fn shard(&self) -> &Shard {
        &self.shards[shard_of_thread() & (self.shards.len() - 1)]
    }

    /// The id of a record that has no parent.
    fn root(record: &[u8]) -> Option<SpanId> {
        let (read, _) = finished::records(record).next()?;
        (read.head.parent_id == SpanId::INVALID).then_some(read.head.span_id)
    }
}

impl Budget for Queue {
    fn take(&self, what: Use, bytes: usize) -> bool {
        let (share, reserve) = (self.share(), self.reserve());
        let add = |part: &AtomicUsize| part.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        // The last of them is its own.
        let of_part = self.parts(what).map(add).last().unwrap_or_default();
        let (most_of_part, most) = match what {
            // Requests may take more than the records that they are made of, so that spans hold more than their share.
            Use::CallLog if of_part <= reserve => (usize::MAX, usize::MAX),
            Use::CallLog if of_part <= 2 * reserve => (usize::MAX, self.limit),
            Use::CallLog => (usize::MAX, share),
            Use::Delivery | Use::Disk | Use::Held => (usize::MAX, self.limit),
            // Only what spans and call logs leave is drawn.
            Use::Drawing => (usize::MAX, low(share)),
            // Half of the limit, so that what has ended has the other half.
            Use::Open => (self.limit / 2, share + self.logs.load(Ordering::Relaxed).min(reserve)),
            Use::Update => (reserve / 2, self.limit),
        };
        let may_have = of_part <= most_of_part;
        let held = if may_have { self.hold(bytes, most) } else { None };
        if held.is_none() {
            self.parts(what).for_each(|part| _ = part.fetch_sub(bytes, Ordering::Relaxed));
        }
        if may_have && what != Use::Drawing && self.crowds(held, bytes) {
            if held.is_none() {
                self.refused.fetch_max(bytes, Ordering::Relaxed);
            }
            self.waker.wake();
        }
        held.is_some()
    }

    fn take_anyway(&self, what: Use, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.parts(what).for_each(|part| _ = part.fetch_add(bytes, Ordering::Relaxed));
    }

    fn give_back(&self, what: Use, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.parts(what).for_each(|part| _ = part.fetch_sub(bytes, Ordering::Relaxed));
    }
}

impl Sink for Queue {
    fn accept(&self, trace_id: TraceId, record: &[u8]) {
        let bytes = record.len();
        let share = self.share();
        // Without its root no conversation is drawn.
        let may_have_all = || self.announces_roots && Self::root(record).is_some();
        let held = self.hold(bytes, share);
        let held = held.or_else(|| if may_have_all() { self.hold(bytes, self.limit) } else { None });
        let (refused, wanted) = {
            let mut buffer = self.shard().lock();
            buffer.accepted += 1;
            if held.is_none() || buffer.closed {
                (Some(if buffer.closed { DropReason::Shutdown } else { DropReason::QueueFull }), false)
            } else {
                buffer.push(record);
                let fills = buffer.records.len() >= self.full;
                if fills {
                    buffer.fill();
                }
                (None, fills || self.announces_roots && Self::root(record).is_some())
            }
        };
        if let Some(reason) = refused {
            if held.is_some() {
                self.give_back(Use::Delivery, bytes);
            } else {
                self.refused.fetch_max(bytes, Ordering::Relaxed);
            }
            self.ledger.refuse(trace_id, reason);
            if let Some(root) = Self::root(record).filter(|_| self.begun.is_some()) {
                self.forget(trace_id, root);
            }
        }
        if wanted || self.crowds(held, bytes) {
            self.waker.wake();
        }
    }

    fn observe(&self, call: &Arc<Call>, mut noted: Noted) {
        let bytes = noted.bytes.max(noted.room.bytes());
        // So that it does not stand beside itself.
        drop(std::mem::take(&mut noted.room));
        let fits = self.take(Use::CallLog, bytes);
        let ended = EndedCall::new(call, noted);
        let obstacle = {
            let mut calls = self.calls();
            if fits && !calls.closed {
                calls.logs.push((ended, bytes));
                None
            } else {
                Some(if calls.closed { ObserveError::shutdown() } else { ObserveError::full() })
            }
        };
        match obstacle {
            None => self.waker.wake(),
            Some(error) => {
                self.ledger.count_call_log(|count| count.dropped += 1);
                if fits {
                    self.give_back(Use::CallLog, bytes);
                }
                let call_id = call.id().to_owned();
                self.events.emit(move || tracing::error!(target: "cekura", call_id, "{error}"));
            }
        }
    }

    fn tell(&self, event: Box<dyn FnOnce() + Send>) {
        self.events.emit(event);
    }

    fn wants_beginnings(&self) -> bool {
        self.begun.is_some()
    }

    fn begin(&self, record: Vec<u8>) {
        if let Some(begun) = &self.begun
            && let Some(root) = Self::root(&record)
            && self.take(Use::Open, record.capacity() + START)
        {
            locked(begun).roots.insert(root, record);
        }
    }

    fn forget(&self, trace_id: TraceId, span_id: SpanId) {
        let Some(begun) = &self.begun else { return };
        let mut begun = locked(begun);
        if let Some(root) = begun.roots.remove(&span_id) {
            self.give_back(Use::Open, root.capacity() + START);
        } else {
            self.take_anyway(Use::Open, size_of::<(TraceId, SpanId)>());
            begun.forgotten.push((trace_id, span_id));
        }
    }
}

impl Buffer {
    fn push(&mut self, record: &[u8]) {
        if self.count == 0 {
            self.records.reserve_exact(self.usual.max(record.len()));
        }
        self.records.extend_from_slice(record);
        self.count += 1;
    }

    /// Begins a new one behind what is here.
    fn fill(&mut self) {
        if self.count > 0 {
            self.usual = self.records.len();
            self.filled.push((std::mem::take(&mut self.records), std::mem::take(&mut self.count)));
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        locked(&self.0)
    }
}

/// Where spans that may hold so many bytes begin to give some back.
fn crowded(share: usize) -> usize {
    share - share / 16
}

/// How much of it is left then, and what may be borrowed of it before it is asked back.
fn low(share: usize) -> usize {
    share - share / 4
}

/// A number that stays with the thread; neighbours in time get neighbouring ones.
fn shard_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A span may end in a destructor of another thread-local value, when this one is gone.
    NUMBER.try_with(|number| *number).unwrap_or_default()
}

#[cfg(test)]
#[path = "tests/room.rs"]
mod room_tests;
#[cfg(test)]
#[path = "tests/queue.rs"]
mod tests;
