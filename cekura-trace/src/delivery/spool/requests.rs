//! What one lane has on disk: copies of what is in memory, and items that wait there alone until they can be sent.
//! Invariant: an item is in memory, resting or being read, never two of them.

use super::{Address, Item, Name, Spool};
use crate::delivery::ledger::Reason;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// An item that can wait on disk, all but its head.
pub(crate) trait Stored: Sized {
    /// What a file says of it beside its body.
    fn head(&self) -> Item;

    fn body(&self) -> &Bytes;

    /// Takes the body that the disk has, or none. It counts towards no limit.
    fn set_body(&mut self, body: Bytes);

    /// The item that a dead process has left under a head, without its body; `None` for a head of another kind.
    fn found(head: &Item) -> Option<Self>;

    /// What it takes of the memory limit.
    fn held(&self) -> usize;
}

/// What one lane has on disk.
#[derive(Debug)]
pub(crate) struct SpooledRequests<I> {
    spool: Arc<Spool>,
    address: Address,
    /// On disk, and not in memory; the oldest first.
    resting: BTreeMap<Name, Resting<I>>,
    /// Those of them that are being read.
    loading: HashMap<Name, Resting<I>>,
    /// Bytes that the files take on disk.
    held: u64,
    /// Whether the last item that was asked for could not be written.
    is_failing: bool,
}

/// An item of which only the head is in memory.
#[derive(Debug)]
struct Resting<I> {
    item: I,
    bytes: u64,
    repeats: u32,
}

/// What an item that is in memory has on disk.
#[derive(Debug)]
pub(crate) struct DiskCopy {
    pub(crate) name: Name,
    /// What it takes on disk.
    bytes: u64,
    /// It is written; until then it is only asked for.
    pub(crate) is_safe: bool,
}

impl<I: Stored> SpooledRequests<I> {
    pub(crate) fn new(spool: Arc<Spool>, address: Address) -> Self {
        let (resting, loading) = (BTreeMap::new(), HashMap::new());
        Self { spool, address, resting, loading, held: 0, is_failing: false }
    }

    /// How long an item may be on its way before it is written.
    pub(crate) fn patience(&self) -> Duration {
        self.spool.limits.deposit
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Asks for an item to be written; `None` while the disk has too much to do.
    pub(crate) fn write(&self, item: &I) -> Option<DiskCopy> {
        let name = self.spool.keep(&self.address, item.head(), item.body())?;
        Some(DiskCopy { name, bytes: on_disk(item.body().len() as u64), is_safe: false })
    }

    /// Asks for an item to be written as it is now, in place of its copy.
    pub(crate) fn write_again(&self, copy: &DiskCopy, item: &I) {
        self.spool.keep_as(&copy.name, &self.address, item.head(), item.body());
    }

    /// Notes whether a copy was written; true for the first that was not. One that was written before stays as it was.
    pub(crate) fn written(&mut self, copy: &mut Option<DiskCopy>, is_ok: bool) -> bool {
        let was_failing = std::mem::replace(&mut self.is_failing, !is_ok);
        match copy {
            Some(copy) if is_ok && !copy.is_safe => {
                copy.is_safe = true;
                self.held += copy.bytes;
            }
            Some(written) if !is_ok && !written.is_safe => *copy = None,
            _ => {}
        }
        self.is_failing && !was_failing
    }

    /// Its item is settled.
    pub(crate) fn remove(&mut self, copy: DiskCopy) {
        if copy.is_safe {
            self.held = self.held.saturating_sub(copy.bytes);
        }
        self.spool.remove(copy.name);
    }

    /// Leaves a copy for the next process.
    pub(crate) fn leave(&self, copy: DiskCopy) {
        self.spool.leave(copy.name);
    }

    /// Gives the memory of an item free that is safe on disk.
    pub(crate) fn rest(&mut self, copy: DiskCopy, mut item: I, repeats: u32) {
        item.set_body(Bytes::new());
        self.resting.insert(copy.name, Resting { item, bytes: copy.bytes, repeats });
    }

    /// Takes over what a dead process has left.
    pub(crate) fn add(&mut self, name: Name, item: I, size: u64) {
        let bytes = on_disk(size);
        self.held += bytes;
        self.resting.insert(name, Resting { item, bytes, repeats: 0 });
    }

    /// Has the oldest item read again; false when there is none.
    pub(crate) fn load_next(&mut self) -> bool {
        let Some((name, resting)) = self.resting.pop_first() else { return false };
        self.loading.insert(name.clone(), resting);
        self.spool.load(name);
        true
    }

    /// How many are being read.
    pub(crate) fn loading(&self) -> usize {
        self.loading.len()
    }

    /// Whether something is on disk only.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.resting.is_empty() || !self.loading.is_empty()
    }

    /// The item that was being read under a name, still without its body; and its repeats.
    pub(crate) fn loaded(&mut self, name: &Name) -> Option<(DiskCopy, I, u32)> {
        let (name, Resting { item, bytes, repeats }) = self.loading.remove_entry(name)?;
        Some((DiskCopy { name, bytes, is_safe: true }, item, repeats))
    }

    /// Takes out what is too old, or the oldest of what is too much.
    pub(crate) fn trim(&mut self) -> Option<(DiskCopy, I, Reason)> {
        let entry = self.resting.first_entry()?;
        let reason = match () {
            () if entry.key().age() > self.spool.limits.age => Reason::SpoolExpired,
            () if self.held > self.spool.limits.bytes => Reason::SpoolFull,
            () => return None,
        };
        let (name, Resting { item, bytes, .. }) = entry.remove_entry();
        Some((DiskCopy { name, bytes, is_safe: true }, item, reason))
    }
}

/// What so many bytes take on disk: small files take a block.
fn on_disk(bytes: u64) -> u64 {
    const BLOCK: u64 = 4 << 10;
    bytes.next_multiple_of(BLOCK)
}
