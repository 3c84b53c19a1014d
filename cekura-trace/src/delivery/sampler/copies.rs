//! What held calls have on disk, where they are to survive the process. Invariant: a call that is dropped leaves nothing there, and
//! one that is sent hands each of its copies to the lane once.

use super::held::HeldCall;
use super::own_copies::{Copy, OwnCopies};
use super::{Start, rated};
use crate::delivery::config::Settings;
use crate::delivery::encode::{Encoder, Request};
use crate::delivery::queue::Queue;
use crate::delivery::spool::requests::{DiskCopy, SpooledRequests};
use crate::delivery::spool::{Event, Name, Spool};
use crate::finished;
use crate::room::{Room, Use};
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The most copies of one call; when there would be more, all of it is written as one. Fewer where many calls are held.
const MOST: usize = 16;

/// The copies of all calls.
pub(super) struct Copies {
    spooled: SpooledRequests<Request>,
    encoder: Encoder,
    queue: Arc<Queue>,
    /// Whose they are.
    calls: HashMap<Name, TraceId>,
    /// What they take on disk.
    bytes: u64,
    next: Instant,
    /// How long what could not be written rests.
    rest: Duration,
    is_behind: bool,
    /// Conversations whose starts are on disk, and not needed any more.
    pub(super) forgotten: Vec<(TraceId, SpanId)>,
}

impl Copies {
    pub(super) fn new(settings: &Settings, spool: Arc<Spool>, queue: Arc<Queue>) -> Self {
        Self {
            spooled: SpooledRequests::new(spool),
            encoder: Encoder::new(&settings.resource).within(settings.memory_limit),
            queue,
            calls: HashMap::new(),
            bytes: 0,
            next: Instant::now(),
            rest: settings.timings.slow_retry,
            is_behind: false,
            forgotten: Vec::new(),
        }
    }

    /// Notes that the start of a conversation goes to disk, which it must not outlive if its call is dropped.
    pub(super) fn begin(call: &mut HeldCall, start: &Start) {
        let root = finished::raw_records(&start.0).next().map(|(record, _)| record.head.span_id);
        call.copies.roots.extend(root);
    }

    /// Writes what has come since the last time. Whether not all of it can be, where that has changed.
    pub(super) fn write(&mut self, calls: &mut HashMap<TraceId, HeldCall>, now: Instant) -> Option<bool> {
        if now < self.next {
            return None;
        }
        self.next = now + self.spooled.patience();
        let (items, bytes) = self.spooled.share_of_held();
        let most = (items / calls.len().max(1)).clamp(1, MOST);
        let mut is_short = calls.len() > items;
        for (trace, call) in calls.iter_mut() {
            is_short |= call.copies.is_given_up;
            if !call.copies.is_due(call.count, now) {
                continue;
            }
            if self.bytes >= bytes || self.calls.len() >= items || self.spooled.is_busy() {
                is_short = true;
                break;
            }
            is_short |= !self.write_call(*trace, call, most, now);
        }
        let is_behind = is_short || self.spooled.is_late(now) || self.spooled.is_failing();
        let was_behind = std::mem::replace(&mut self.is_behind, is_behind);
        (is_behind != was_behind).then_some(is_behind)
    }

    /// False where the disk has too much to do.
    fn write_call(&mut self, trace: TraceId, call: &mut HeldCall, most: usize, now: Instant) -> bool {
        if call.copies.list.len() >= most {
            self.replace(&mut call.copies);
        }
        let (records, mut out) = (call.since(call.copies.spans()), Vec::new());
        for (_, bytes) in finished::raw_records(&records) {
            rated(bytes, 1.0, &mut out);
        }
        drop(records);
        let requests = self.encoder.requests(&out, Room::of(self.queue.clone(), Use::Disk), None);
        let last = requests.len().saturating_sub(1);
        for (place, request) in requests.into_iter().enumerate() {
            // Only where the last one is on disk, all are.
            let parts = if place == last { call.copies.replaced.clone() } else { Vec::new() };
            let Some(copy) = self.spooled.write_in_place(&request, parts, now) else { return false };
            let (spans, bytes) = (request.spans(), request.frame.len() as u64);
            self.calls.insert(copy.name, trace);
            self.bytes += bytes;
            call.copies.list.push_back(Copy { on_disk: copy, spans, bytes, room: request.reservation });
        }
        true
    }

    /// All of a call is to be written again, in place of what there is of it.
    fn replace(&mut self, own: &mut OwnCopies) {
        for copy in std::mem::take(&mut own.list) {
            self.let_go(&copy);
            own.replaced.push(copy.on_disk.name);
        }
    }

    fn let_go(&mut self, copy: &Copy) {
        self.spooled.let_go(&copy.on_disk);
        self.calls.remove(&copy.on_disk.name);
        self.bytes -= copy.bytes;
    }

    /// The disk has something to say of spans, perhaps of others. How many bytes less the calls take in memory then.
    pub(super) fn spooled(
        &mut self,
        event: &Event,
        calls: &mut HashMap<TraceId, HeldCall>,
        now: Instant,
    ) -> usize {
        let (names, is_kept, is_gone) = match event {
            Event::Gone { names, .. } => (names, false, true),
            Event::Kept { names, result } => (names, result.is_ok(), false),
            _ => return 0,
        };
        if !is_gone {
            self.spooled.written(names, is_kept);
        }
        let mut freed = 0;
        for name in names {
            let Some(call) = self.calls.get(name).and_then(|trace| calls.get_mut(trace)) else { continue };
            let own = &mut call.copies;
            if is_kept {
                if let Some(copy) = own.list.iter_mut().find(|copy| copy.on_disk.name == *name) {
                    (copy.on_disk.is_safe, copy.room) = (true, Room::default());
                }
                if own.list.iter().all(|copy| copy.on_disk.is_safe) {
                    let before = own.memory();
                    own.replaced.clear();
                    freed += before - own.memory();
                }
            } else {
                self.replace(own);
                (own.not_before, own.is_given_up) = (Some(now + self.rest), own.is_given_up || is_gone);
            }
        }
        freed
    }

    /// Hands over the first copy of a call that is sent.
    pub(super) fn take_first(&mut self, own: &mut OwnCopies) -> Option<DiskCopy> {
        let copy = own.list.pop_front()?;
        self.let_go(&copy);
        for name in own.replaced.drain(..) {
            self.spooled.remove_name(name);
        }
        Some(copy.on_disk)
    }

    /// A call is dropped.
    pub(super) fn remove(&mut self, trace: TraceId, own: &mut OwnCopies) {
        self.replace(own);
        for name in own.replaced.drain(..) {
            self.spooled.remove_name(name);
        }
        self.forgotten.extend(own.roots.drain(..).map(|root| (trace, root)));
    }
}
