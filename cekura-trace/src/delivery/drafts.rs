//! The call logs of calls that run, on disk as they are so far, so that a crash does not cost their text. Invariant: the draft of a
//! call is on disk until its call log has its place, or nothing of the call is to be kept.

use super::call_log::ended::EndedCall;
use super::call_log::sealed::Account;
use super::spool::{Item, Name, Recorded, Spool};
use crate::call::consent::ConsentFate;
use crate::call::{Call, Version};
use crate::room::{Budget, Room, Use};
use opentelemetry::trace::SpanId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often one is written anew, if its call has something new to say. One that is longer waits longer, so that no call takes
/// more of the disk than so many bytes in that time.
const OFTEN: Duration = Duration::from_millis(500);
const BYTES: usize = 64 << 10;

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
    /// What it says.
    version: Version,
    not_before: Instant,
    /// Its bytes, until they are on disk.
    room: Room,
    /// The call has ended, and nobody has asked for its draft since.
    is_left: bool,
}

impl Drafts {
    pub(super) fn new(spool: Arc<Spool>, budget: Arc<dyn Budget>) -> Self {
        Self { spool, budget, open: HashMap::new(), next: Instant::now() }
    }

    /// Writes those of which the calls have something new to say. `recorded` says how a call is recorded.
    pub(super) fn write(
        &mut self,
        calls: Vec<Arc<Call>>,
        account: &Account,
        recorded: impl Fn(&Call) -> Option<Recorded>,
        now: Instant,
    ) {
        self.next = now + OFTEN;
        for draft in self.open.values_mut().filter(|draft| !self.spool.is_waiting(draft.name)) {
            // It becomes smaller.
            let _ = draft.room.resize(0);
        }
        // A call log that has found no room has ended its call too.
        let left = self
            .open
            .extract_if(|_, draft| draft.call.is_over() && std::mem::replace(&mut draft.is_left, true));
        left.for_each(|(_, draft)| self.spool.remove(draft.name));
        for call in calls {
            self.write_one(&call, account, &recorded, now);
        }
    }

    fn write_one(
        &mut self,
        call: &Arc<Call>,
        account: &Account,
        recorded: &impl Fn(&Call) -> Option<Recorded>,
        now: Instant,
    ) {
        let root = call.root.span_id();
        let known = self.open.get(&root);
        if call.fate() != ConsentFate::Leaves || known.is_some_and(|draft| now < draft.not_before) {
            return;
        }
        let version = call.version();
        if known.is_none_or(|draft| draft.version != version)
            && let Some(noted) = call.noted_so_far()
            && let Ok(log) = EndedCall::new(call, noted).seal_draft(account)
        {
            let item =
                Item::CallLog { id: log.id, owner: log.owner, until: log.until, recording: recorded(call) };
            let bytes = log.body.len();
            let Some(taken) = Room::take(self.budget.clone(), Use::Open, bytes) else { return };
            let name = match known {
                Some(Draft { name, .. }) => self.spool.keep_as(*name, item, &log.body).then_some(*name),
                None if self.open.len() >= self.spool.most_drafts() => None,
                None => self.spool.keep(item, &log.body, Vec::new()),
            };
            let wait = OFTEN * u32::try_from(bytes / BYTES).unwrap_or(u32::MAX).min(1 << 10);
            if let Some(name) = name {
                let (call, not_before) = (call.clone(), now + wait);
                let draft = Draft { name, call, version, not_before, room: taken, is_left: false };
                self.open.insert(root, draft);
            }
        }
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
