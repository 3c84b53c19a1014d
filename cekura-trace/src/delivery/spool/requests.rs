//! What one lane has on disk: copies of what is in memory, and items that wait there alone until they can be sent.
//! Invariant: an item is in memory, resting or being read, never two of them.

use super::{Item, Kind, Name, Spool};
use crate::room::{Room, Use};
use prost::bytes::Bytes;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the disk may take before it is said to be behind: what ended a second ago was asked for by then.
const BEHIND: Duration = Duration::from_millis(500);

/// The most bytes and spans of an item that is made of several, and of how many.
const JOINED: [usize; 2] = [128 << 10, 512];
const MOST_JOINED: usize = 32;

/// An item that can wait on disk, all but its head.
pub(crate) trait Stored: Sized {
    const KIND: Kind;

    /// What is written beside its body.
    fn head(&self) -> Item;

    /// What is known of it while its body is on disk only.
    fn into_head(self) -> Item;

    fn body(&self) -> &Bytes;

    /// Takes the body that the disk has, or none.
    fn set_body(&mut self, body: Bytes);

    /// What it takes of the memory limit while its body is on disk only.
    const LIGHT: usize = 0;

    /// Frees the memory of its body, which is on disk too.
    fn lighten(&mut self) {}

    /// Whether it must be read again before it can be sent.
    fn is_light(&self) -> bool {
        false
    }

    /// The item that a dead process has left under a head, without its body; `None` for a head of another kind.
    fn found(head: &Item) -> Option<Self>;

    /// What it takes of the memory limit.
    fn held(&self) -> usize;

    /// Names the file of its recording, where it has one.
    fn recording(&self) -> Option<u64> {
        None
    }

    /// Its bytes and spans, where several can become one.
    fn size(&self) -> Option<[usize; 2]> {
        None
    }

    /// Becomes the item for both.
    fn join(&mut self, _other: Self) {}
}

/// What one lane has on disk.
pub(crate) struct SpooledRequests<I> {
    spool: Arc<Spool>,
    /// Bytes of what is known of those that are not in memory.
    known: usize,
    room: Room,
    /// On disk, and not in memory; the oldest first.
    resting: BTreeMap<Name, Resting>,
    /// Those of them that could not be read, by when that is tried again.
    unread: BTreeMap<(Instant, Name), Resting>,
    /// Those of them that are being read.
    loading: HashMap<Name, Resting>,
    /// Those that are in memory but for their bodies, which are being read.
    fetching: HashSet<Name>,
    /// Those of which the traces are known.
    traced: BTreeSet<Name>,
    /// Small ones, which are in memory too until they are joined.
    small: Vec<(Name, I, u32)>,
    /// Those that are asked for in place of several.
    joined: HashMap<Name, Joined>,
    /// What is to be written, since when; and the same in the order in which it was asked for.
    asked: HashMap<Name, Instant>,
    asked_first: VecDeque<(Name, Instant)>,
    /// Whether the last item that was asked for could not be written.
    is_failing: bool,
    is_behind: bool,
}

/// An item of which only the head is in memory.
#[derive(Debug)]
struct Resting {
    head: Item,
    repeats: u32,
}

/// An item, and those that it is made of.
struct Joined {
    resting: Resting,
    parts: Vec<(Name, Resting)>,
}

/// What an item that is in memory has on disk.
#[derive(Debug)]
pub(crate) struct DiskCopy {
    pub(crate) name: Name,
    /// It is written; until then it is only asked for.
    pub(crate) is_safe: bool,
    /// The disk was not asked for the item as it is now, or could not write that.
    pub(crate) is_old: bool,
}

impl DiskCopy {
    /// Whether the item is on disk, or the disk is about to have it.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_safe || !self.is_old
    }
}

impl<I: Stored> SpooledRequests<I> {
    pub(crate) fn new(spool: Arc<Spool>) -> Self {
        Self {
            known: 0,
            room: Room::of(spool.budget.clone(), Use::Disk),
            spool,
            resting: BTreeMap::new(),
            unread: BTreeMap::new(),
            loading: HashMap::new(),
            fetching: HashSet::new(),
            traced: BTreeSet::new(),
            small: Vec::new(),
            joined: HashMap::new(),
            asked: HashMap::new(),
            asked_first: VecDeque::new(),
            is_failing: false,
            is_behind: false,
        }
    }

    /// How long an item may be on its way before it is written.
    pub(crate) fn patience(&self) -> Duration {
        self.spool.limits.deposit
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Asks for an item to be written; `None` while the disk has too much to do.
    pub(crate) fn write(&mut self, item: &I, now: Instant) -> Option<DiskCopy> {
        self.write_in_place(item, Vec::new(), now)
    }

    /// The same in place of `parts`.
    pub(crate) fn write_in_place(&mut self, item: &I, parts: Vec<Name>, now: Instant) -> Option<DiskCopy> {
        let name = self.spool.keep(item.head(), item.body(), parts)?;
        self.ask(name, now);
        Some(DiskCopy { name, is_safe: false, is_old: false })
    }

    /// The item of a copy goes to another lane, and is not heard of here any more.
    pub(crate) fn let_go(&mut self, copy: &DiskCopy) {
        self.asked.remove(&copy.name);
    }

    /// The item of a copy comes from another lane.
    pub(crate) fn take_over(&mut self, copy: &DiskCopy, now: Instant) {
        if !copy.is_safe {
            self.ask(copy.name, now);
        }
    }

    /// Removes a copy that was let go.
    pub(crate) fn remove_name(&self, name: Name) {
        self.spool.remove(name);
    }

    /// How many copies there may be of what is held, and how many bytes they may have, so that they push nothing out that waits
    /// to be sent.
    pub(crate) fn share_of_held(&self) -> (usize, u64) {
        (self.spool.most_drafts(), self.spool.limits.bytes / 2)
    }

    /// The most bytes that are known of what is on disk.
    pub(crate) fn most_known(&self) -> usize {
        self.spool.most_known
    }

    /// Whether so much waits for the disk that only what is to be sent may be added.
    pub(crate) fn is_busy(&self) -> bool {
        self.spool.is_busy()
    }

    /// Asks for an item to be written as it is now, in place of its copy.
    pub(crate) fn write_again(&mut self, copy: &mut DiskCopy, item: &I, now: Instant) {
        copy.is_old = !self.spool.keep_as(copy.name, item.head(), item.body());
        if !copy.is_old {
            self.ask(copy.name, now);
        }
    }

    fn ask(&mut self, name: Name, now: Instant) {
        if let Entry::Vacant(entry) = self.asked.entry(name) {
            entry.insert(now);
            self.asked_first.push_back((name, now));
        }
    }

    /// Whether the disk takes longer than it may.
    pub(crate) fn is_late(&mut self, now: Instant) -> bool {
        while let Some((name, at)) = self.asked_first.front() {
            if self.asked.get(name) == Some(at) {
                return now >= *at + BEHIND;
            }
            self.asked_first.pop_front();
        }
        false
    }

    /// Notes that copies were written, or not; true for the first that were not.
    pub(crate) fn written(&mut self, names: &[Name], is_ok: bool) -> bool {
        for name in names {
            self.asked.remove(name);
            if let Some(Joined { resting, parts }) = self.joined.remove(name) {
                let kept = if is_ok { vec![(*name, resting)] } else { parts };
                for (name, resting) in kept {
                    self.rest_as(name, resting);
                }
            }
        }
        let was_failing = std::mem::replace(&mut self.is_failing, !is_ok);
        self.is_failing && !was_failing
    }

    /// Whether what is promised to be on disk is not; `None` if that is as it was when last asked. `waits` says whether
    /// anything is not on disk.
    pub(crate) fn falls_behind(&mut self, now: Instant, waits: impl FnOnce() -> bool) -> Option<bool> {
        let is_behind = self.is_late(now) || self.is_failing && waits();
        let was_behind = std::mem::replace(&mut self.is_behind, is_behind);
        (is_behind != was_behind).then_some(is_behind)
    }

    /// Its item is settled.
    pub(crate) fn remove(&mut self, copy: &DiskCopy) {
        self.asked.remove(&copy.name);
        // What is removed while it is asked for does not come.
        self.fetching.remove(&copy.name);
        self.spool.remove(copy.name);
    }

    /// The recording of an item is not needed any more.
    pub(crate) fn remove_recording(&self, item: &I) {
        item.recording().into_iter().for_each(|number| self.spool.remove_recording(number));
    }

    /// Gives the memory of an item free that is safe on disk.
    pub(crate) fn rest(&mut self, name: Name, item: I, repeats: u32) {
        // Beside others they take little of the memory until then.
        let most = [JOINED[0].min(self.spool.most_known / 4), JOINED[1]];
        let is_within = |size: [usize; 2], parts| size[0] <= most[0] / parts && size[1] <= most[1] / parts;
        let Some(size) = item.size().filter(|size| is_within(*size, 4)) else {
            return self.rest_as(name, Resting { head: item.into_head(), repeats });
        };
        let sizes = self.small.iter().filter_map(|(_, item, _)| item.size());
        let sum = sizes.fold(size, |sum, size| [sum[0] + size[0], sum[1] + size[1]]);
        if !is_within(sum, 1) || self.small.len() == MOST_JOINED {
            self.join();
        }
        self.small.push((name, item, repeats));
    }

    /// Has one item written in place of all small ones: each takes a file of its own, and memory for what is known of it.
    fn join(&mut self) {
        let (mut whole, mut repeats, mut parts) = (None::<I>, 0, Vec::new());
        for (name, item, times) in std::mem::take(&mut self.small) {
            repeats = times.max(repeats);
            parts.push((name, Resting { head: item.head(), repeats: times }));
            match &mut whole {
                Some(whole) => whole.join(item),
                whole => *whole = Some(item),
            }
        }
        let Some(whole) = whole else { return };
        let names = parts.iter().map(|(name, _)| *name).collect();
        match self.spool.keep(whole.head(), whole.body(), names) {
            Some(name) => {
                let resting = Resting { head: whole.into_head(), repeats };
                self.joined.insert(name, Joined { resting, parts });
            }
            None => {
                for (name, resting) in parts {
                    self.rest_as(name, resting);
                }
            }
        }
    }

    /// Gives the memory of small ones free; how much that was.
    pub(crate) fn rest_small(&mut self) -> usize {
        let small = std::mem::take(&mut self.small);
        let held = small.iter().map(|(_, item, _)| item.held()).sum();
        for (name, item, repeats) in small {
            self.rest_as(name, Resting { head: item.into_head(), repeats });
        }
        held
    }

    fn rest_as(&mut self, name: Name, resting: Resting) {
        self.know(self.known + resting.head.memory());
        self.resting.insert(name, resting);
        self.traced.insert(name);
        // Of the oldest only the number of spans is known while there is too much to know.
        while self.known > self.spool.most_known
            && let Some(name) = self.traced.pop_first()
        {
            let Some(Resting { head, .. }) = self.resting.get_mut(&name) else { continue };
            let before = head.memory();
            head.forget_traces();
            let after = head.memory();
            self.know(self.known + after - before);
        }
    }

    fn take_up(&mut self, name: Name, Resting { head, repeats }: Resting) -> (Item, u32) {
        self.traced.remove(&name);
        self.know(self.known - head.memory());
        (head, repeats)
    }

    fn know(&mut self, bytes: usize) {
        self.known = bytes;
        self.room.resize_anyway(bytes.min(self.spool.most_known));
    }

    /// Has the oldest item read again that can be; false when there is none.
    pub(crate) fn load_next(&mut self, now: Instant) -> bool {
        self.rest_small();
        while let Some(due) = self.unread.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, name), resting) = due.remove_entry();
            self.resting.insert(name, resting);
        }
        let Some((name, resting)) = self.resting.pop_first() else { return false };
        self.loading.insert(name, resting);
        self.spool.load(I::KIND, name);
        true
    }

    /// Has the body of an item read again that is in memory otherwise.
    pub(crate) fn fetch(&mut self, name: Name) {
        self.fetching.insert(name);
        self.spool.load(I::KIND, name);
    }

    /// Whether a body was asked for that has come, or will not.
    pub(crate) fn has_fetched(&mut self, name: Name) -> bool {
        self.fetching.remove(&name)
    }

    /// Has those read again that `are_meant`, as far as their traces are known.
    pub(crate) fn load_those(&mut self, are_meant: impl Fn(&Item) -> bool) {
        self.rest_small();
        let meant = self.resting.iter().filter(|(_, resting)| are_meant(&resting.head));
        for name in meant.map(|(name, _)| *name).collect::<Vec<_>>() {
            if let Some(resting) = self.resting.remove(&name) {
                self.loading.insert(name, resting);
                self.spool.load(I::KIND, name);
            }
        }
    }

    /// How many are being read.
    pub(crate) fn loading(&self) -> usize {
        self.loading.len() + self.fetching.len()
    }

    /// When the next of those that rest can be read; at once if that is not said.
    pub(crate) fn next_load(&self) -> impl Iterator<Item = Option<Instant>> {
        let small = self.small.iter().map(|(name, ..)| name);
        let resting = self.resting.keys().chain(small).take(1).map(|_| None);
        resting.chain(self.unread.keys().take(1).map(|(at, _)| Some(*at)))
    }

    /// Whether something is on disk only that could be read as far as is known.
    pub(crate) fn is_waiting(&self) -> bool {
        let is_resting = !self.resting.is_empty() || !self.small.is_empty() || !self.joined.is_empty();
        is_resting || self.loading() > 0
    }

    /// The copy that was being read under a name, and the repeats of its item.
    pub(crate) fn loaded(&mut self, name: Name) -> Option<(DiskCopy, u32)> {
        let resting = self.loading.remove(&name)?;
        let (_, repeats) = self.take_up(name, resting);
        Some((DiskCopy { name, is_safe: true, is_old: false }, repeats))
    }

    /// Lets an item rest until then that could not be read.
    pub(crate) fn rest_until(&mut self, name: Name, at: Instant) {
        if let Some(resting) = self.loading.remove(&name) {
            self.unread.insert((at, name), resting);
        }
    }

    /// Lets what could not be read be tried once more.
    pub(crate) fn hurry(&mut self) {
        let unread = std::mem::take(&mut self.unread);
        self.resting.extend(unread.into_iter().map(|((_, name), resting)| (name, resting)));
    }

    /// Takes out an item that was on disk only and is not any more.
    pub(crate) fn take(&mut self, name: Name) -> Option<I> {
        if let Some(at) = self.small.iter().position(|(small, ..)| *small == name) {
            return Some(self.small.swap_remove(at).1);
        }
        let resting = self.resting.remove(&name).or_else(|| self.loading.remove(&name));
        let resting = resting.or_else(|| {
            // Few could not be read.
            let place = self.unread.keys().find(|(_, other)| *other == name).copied()?;
            self.unread.remove(&place)
        });
        let (head, _) = self.take_up(name, resting?);
        I::found(&head)
    }
}
