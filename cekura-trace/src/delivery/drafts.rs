//! The call logs of calls that run, on disk as they are so far, so that a crash does not cost their text. Invariant: the draft of a
//! call is on disk until its call log has its place, or nothing of the call is to be kept.

use super::call_log::ended::EndedCall;
use super::call_log::sealed::Account;
use super::spool::{Event, Item, Name, Recorded, Spool};
use crate::call::consent::ConsentFate;
use crate::call::{Call, Version};
use crate::room::{Budget, Room, Use};
use opentelemetry::trace::SpanId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often one is written anew, if its call has something new to say. One that is longer waits longer, so that no call takes
/// more of the disk than so many bytes in that time.
const OFTEN: Duration = Duration::from_millis(500);
const BYTES: usize = 64 << 10;
/// How long one rests that the disk could not write, or does not have any more.
const REST: Duration = Duration::from_secs(5);

/// The drafts of one handle.
pub(super) struct Drafts {
    spool: Arc<Spool>,
    budget: Arc<dyn Budget>,
    /// By the spans of their conversations.
    open: HashMap<SpanId, Draft>,
    pub(super) next: Instant,
}

struct Draft {
    name: Name,
    call: Arc<Call>,
    /// What it says on disk, unless it has to be written again in any case.
    version: Option<Version>,
    not_before: Instant,
    /// Its bytes, until they are on disk.
    room: Room,
    /// The call has ended, and nobody has asked for its draft since.
    is_left: bool,
}

impl Draft {
    /// Gives its memory back unless it has yet to be written.
    fn give_back(&mut self, spool: &Spool) {
        if !spool.is_waiting(self.name) {
            self.room.resize_anyway(0);
        }
    }
}

impl Drafts {
    pub(super) fn new(spool: Arc<Spool>, budget: Arc<dyn Budget>) -> Self {
        Self { spool, budget, open: HashMap::new(), next: Instant::now() }
    }

    /// Writes those of which the calls have something new to say. `recorded` says how a call is recorded.
    pub(super) fn write(
        &mut self,
        mut calls: Vec<Arc<Call>>,
        account: &Account,
        recorded: impl Fn(&Call) -> Option<Recorded>,
        now: Instant,
    ) {
        self.next = now + OFTEN;
        self.open.values_mut().for_each(|draft| draft.give_back(&self.spool));
        // A call log that has found no room has ended its call too.
        let left = self
            .open
            .extract_if(|_, draft| draft.call.is_over() && std::mem::replace(&mut draft.is_left, true));
        left.for_each(|(_, draft)| self.spool.remove(draft.name));
        // Those first that were not written for the longest time: there may not be room for all.
        calls.sort_by_cached_key(|call| self.open.get(&call.root.span_id()).map(|draft| draft.not_before));
        let mut on_the_way = self.open.values().map(|draft| draft.room.bytes()).sum();
        for call in calls {
            self.write_one(&call, account, &recorded, &mut on_the_way, now);
        }
    }

    /// What the disk has to say of call logs, perhaps of others. A draft that is not there is written again.
    pub(super) fn spooled(&mut self, event: &Event, now: Instant) {
        let (names, is_there) = match event {
            Event::Gone { names, .. } => (names, false),
            Event::Kept { names, result } => (names, result.is_ok()),
            _ => return,
        };
        let names: HashSet<_> = names.iter().collect();
        for draft in self.open.values_mut().filter(|draft| names.contains(&draft.name)) {
            if !is_there {
                (draft.version, draft.not_before) = (None, now + REST);
            }
            draft.give_back(&self.spool);
        }
    }

    fn write_one(
        &mut self,
        call: &Arc<Call>,
        account: &Account,
        recorded: &impl Fn(&Call) -> Option<Recorded>,
        on_the_way: &mut usize,
        now: Instant,
    ) {
        let conversation = call.root.span_id();
        let known = self.open.get(&conversation);
        if call.fate() != ConsentFate::Leaves || known.is_some_and(|draft| now < draft.not_before) {
            return;
        }
        let version = call.version();
        if known.is_none_or(|draft| draft.version != Some(version))
            && let Some(noted) = call.noted_so_far()
            && let Ok(log) = EndedCall::new(call, noted).seal_draft(account)
        {
            let item =
                Item::CallLog { id: log.id, owner: log.owner, until: log.until, recording: recorded(call) };
            let bytes = log.body.len();
            // The one before is replaced.
            let others = on_the_way.saturating_sub(known.map_or(0, |draft| draft.room.bytes()));
            let Some(room) = self.room(bytes, others) else { return };
            let name = match known {
                Some(Draft { name, .. }) => self.spool.keep_as(*name, item, &log.body).then_some(*name),
                None if self.open.len() >= self.spool.most_drafts() => None,
                None => self.spool.keep(item, &log.body, Vec::new()),
            };
            let wait = OFTEN * u32::try_from(bytes / BYTES).unwrap_or(u32::MAX).min(1 << 10);
            if let Some(name) = name {
                *on_the_way = others + bytes;
                let (call, not_before) = (call.clone(), now + wait);
                let draft = Draft { name, call, version: Some(version), not_before, room, is_left: false };
                self.open.insert(conversation, draft);
            }
        }
    }

    /// Memory for a draft until it is on disk; none while `others` take too much. It is not of what open calls may take, so that no
    /// draft keeps a call from noting what is said.
    fn room(&self, bytes: usize, others: usize) -> Option<Room> {
        // One that is larger than all may take goes alone.
        (others == 0 || others + bytes <= self.spool.most_in_drafts()).then(|| {
            let mut room = Room::of(self.budget.clone(), Use::Disk);
            room.resize_anyway(bytes);
            room
        })
    }

    /// The name under which the draft of an ended call is, for its call log.
    pub(super) fn give(&mut self, root: SpanId) -> Option<Name> {
        self.open.remove(&root).map(|draft| draft.name)
    }

    /// Nothing of a call is to be kept, or its draft cannot become its call log.
    pub(super) fn remove(&mut self, root: SpanId) {
        if let Some(name) = self.give(root) {
            self.spool.remove(name);
        }
    }
}

#[cfg(test)]
#[path = "tests/drafts.rs"]
mod tests;
