//! Keeps on disk what is to survive the process, and takes over what dead processes have left.
//! Invariant: no caller waits for the disk, but for a moment at the end.
//!
//! The disk has a thread of its own, so that one that is slow or hangs holds up neither requests nor their answers.

mod address;
#[cfg(unix)]
mod disk;
#[cfg(not(unix))]
#[path = "spool/absent.rs"]
mod disk;
mod item;
mod others;
pub(crate) mod requests;
pub(crate) mod starts;

pub(crate) use address::Address;
pub(crate) use item::{Item, Kind, Recorded};
pub(crate) use others::Others;

use super::config::{Settings, Spooling};
use super::error::{Error, Problem};
use super::ledger::DropReason;
use super::timings::SpoolLimits;
use crate::lock::locked;
use crate::room::{Budget, Room, Use};
use prost::bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The most bytes that wait for the disk, for one file takes them all.
const MOST_WAITING: usize = 32 << 20;
/// What is known of what is on disk gets one of so many parts of the memory limit.
const PORTIONS: usize = 8;
/// How many items there may be on disk in any case.
const LEAST_ITEMS: usize = 1 << 10;
/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// Names an item on disk, for as long as the process lives; older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(u64);

/// What the disk has to say of items of one kind.
#[derive(Debug)]
pub(crate) enum Event {
    /// Left by a dead process, and ours now.
    Found(Vec<Found>),
    /// Not on disk any more, though nobody has removed it here.
    Gone { names: Vec<Name>, reason: DropReason },
    /// Written, or not.
    Kept { names: Vec<Name>, result: io::Result<()> },
    /// Read again, or not for now.
    Loaded { name: Name, read: io::Result<(Item, Bytes)> },
    /// Something that the program is told.
    Notice(String),
}

/// An item that a dead process has left.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: Name,
    pub(crate) item: Item,
    /// Of a start; the others are read again when they are sent.
    pub(crate) body: Bytes,
    pub(crate) last_seen: SystemTime,
}

/// Takes what the disk has to say.
pub(crate) type Tell = Arc<dyn Fn(Vec<(Kind, Event)>) + Send + Sync>;

/// What the disk is asked for. Of two things asked of one item the later one counts.
#[derive(Default)]
struct Work {
    keeps: BTreeMap<Name, Keep>,
    loads: Vec<(Kind, Name)>,
    /// When something of the root of a conversation was last seen.
    marks: HashMap<Name, SystemTime>,
    removed: HashSet<Name>,
    /// Recordings that are to go.
    recordings: Vec<u64>,
    /// It is the last; says when it is done.
    end: Option<Sender<()>>,
}

impl Work {
    fn is_empty(&self) -> bool {
        let Self { keeps, loads, marks, removed, recordings, end } = self;
        let is_empty = keeps.is_empty() && loads.is_empty() && marks.is_empty() && removed.is_empty();
        is_empty && recordings.is_empty() && end.is_none()
    }
}

/// An item that is to be written, in place of what has its name.
struct Keep {
    item: Item,
    body: Bytes,
    /// Nothing of it is on disk.
    is_new: bool,
    /// What is not needed any more when it is written.
    parts: Vec<Name>,
}

/// What those who ask for work share with the thread that does it.
#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// The next name.
    numbers: AtomicU64,
    /// The folder of this handle, while its thread lives.
    folder: Mutex<Option<PathBuf>>,
}

#[derive(Default)]
struct Waiting {
    work: Work,
    /// Bytes of what is to be kept, and of what is being written.
    bytes: usize,
    /// What is being written, with its bytes.
    written: HashMap<Name, usize>,
    /// Bytes of those of them that nobody else needs any more.
    room: Room,
    is_closed: bool,
}

impl Waiting {
    fn keep(&mut self, name: Name, mut keep: Keep) {
        if let Some(before) = self.work.keeps.remove(&name) {
            self.bytes -= before.body.len();
            keep.is_new |= before.is_new;
        }
        self.bytes += keep.body.len();
        self.work.keeps.insert(name, keep);
    }

    fn remove(&mut self, name: Name) {
        self.work.marks.remove(&name);
        let keep = self.work.keeps.remove(&name);
        self.bytes -= keep.as_ref().map_or(0, |keep| keep.body.len());
        // What is not on disk needs no removal.
        if keep.is_none_or(|keep| !keep.is_new) {
            self.work.removed.insert(name);
        }
        if let Some(bytes) = self.written.remove(&name) {
            self.room.resize_anyway(self.room.bytes() + bytes);
        }
    }
}

impl Shared {
    fn name(&self) -> Name {
        Name(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    fn ask<R>(&self, what: impl FnOnce(&mut Waiting) -> R) -> R {
        let result = what(&mut locked(&self.waiting));
        self.changed.notify_one();
        result
    }

    /// Waits so long for work; `None` when there is none and nobody is left to ask.
    fn next(&self, wait: Duration) -> Option<Work> {
        let is_idle = |waiting: &mut Waiting| waiting.work.is_empty() && !waiting.is_closed;
        let waited = self.changed.wait_timeout_while(locked(&self.waiting), wait, is_idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        if waiting.work.is_empty() && waiting.is_closed {
            return None;
        }
        let work = std::mem::take(&mut waiting.work);
        waiting.written = work.keeps.iter().map(|(name, keep)| (*name, keep.body.len())).collect();
        Some(work)
    }

    /// So many bytes were written, or could not be.
    fn written(&self, bytes: usize) {
        let mut waiting = locked(&self.waiting);
        waiting.bytes -= bytes;
        waiting.written = HashMap::new();
        waiting.room.resize_anyway(0);
    }
}

/// The files of one handle.
pub(crate) struct Spool {
    pub(crate) limits: SpoolLimits,
    /// The most bytes that are known of what is on disk.
    most_known: usize,
    most_items: usize,
    /// The most bytes that wait for the disk when a call log comes: one that waits there alone is counted nowhere else.
    most_before_call_logs: usize,
    budget: Arc<dyn Budget>,
    shared: Arc<Shared>,
}

impl Spool {
    /// Makes the handle's folder, and starts to look for what others have left.
    ///
    /// # Errors
    ///
    /// When the directory cannot be used.
    pub(crate) fn open(
        settings: &Settings,
        to: &Spooling,
        budget: Arc<dyn Budget>,
        tell: Tell,
    ) -> Result<Arc<Self>, Error> {
        let (limits, most_known) = (to.limits, settings.memory_limit / PORTIONS);
        let most_items = (most_known / item::MEMORY).max(LEAST_ITEMS);
        let waiting = Waiting { room: Room::of(budget.clone(), Use::Disk), ..Waiting::default() };
        let waiting = Mutex::new(waiting);
        let shared = Arc::new(Shared { waiting, ..Shared::default() });
        // The program may go to another directory later.
        let root = std::path::absolute(&to.directory);
        let started = root.and_then(|root| {
            disk::start(root, addresses(settings), limits, most_items, shared.clone(), tell)
        });
        started.map_err(|error| refused(to, &error))?;
        let most_before_call_logs = MOST_WAITING.min(settings.memory_limit / 2);
        Ok(Arc::new(Self { limits, most_known, most_items, most_before_call_logs, budget, shared }))
    }

    /// Has an item written under a new name, in place of `parts`; `None` while too much waits to be written.
    pub(crate) fn keep(&self, item: Item, body: &Bytes, parts: Vec<Name>) -> Option<Name> {
        let name = self.shared.name();
        self.write(name, Keep { item, body: body.clone(), is_new: true, parts }).then_some(name)
    }

    /// As [`keep`](Self::keep), in place of what has the name.
    pub(crate) fn keep_as(&self, name: Name, item: Item, body: &Bytes) -> bool {
        self.write(name, Keep { item, body: body.clone(), is_new: false, parts: Vec::new() })
    }

    fn write(&self, name: Name, keep: Keep) -> bool {
        let most = match keep.item.kind() {
            Kind::CallLog => self.most_before_call_logs,
            Kind::Spans => MOST_WAITING,
            // Spans must find room beside the starts of conversations.
            Kind::Start => MOST_WAITING / 4,
        };
        let is_too_large = keep.body.len() > disk::LARGEST_ITEM;
        self.shared.ask(|waiting| {
            let fits = waiting.bytes <= most && !is_too_large;
            if fits {
                waiting.keep(name, keep);
            }
            fits
        })
    }

    /// Whether an item is not on disk yet, as it was last asked for.
    pub(crate) fn is_waiting(&self, name: Name) -> bool {
        let waiting = locked(&self.shared.waiting);
        waiting.work.keeps.contains_key(&name) || waiting.written.contains_key(&name)
    }

    /// Whether so much waits to be written that only what is to be sent may be added.
    pub(crate) fn is_busy(&self) -> bool {
        locked(&self.shared.waiting).bytes > MOST_WAITING / 4
    }

    /// How many drafts there may be, so that they push nothing out that waits to be sent.
    pub(crate) fn most_drafts(&self) -> usize {
        self.most_items / 4
    }

    /// The most bytes of them that are on their way to the disk.
    pub(crate) fn most_in_drafts(&self) -> usize {
        self.most_known
    }

    /// Has an item of this kind read again.
    pub(crate) fn load(&self, kind: Kind, name: Name) {
        self.shared.ask(|waiting| waiting.work.loads.push((kind, name)));
    }

    /// Says of the root of a conversation when something of it was last seen.
    pub(crate) fn mark(&self, name: Name, at: SystemTime) {
        self.shared.ask(|waiting| waiting.work.marks.insert(name, at));
    }

    pub(crate) fn remove(&self, name: Name) {
        self.shared.ask(|waiting| waiting.remove(name));
    }

    /// Removes a recording after what was asked for until now.
    pub(crate) fn remove_recording(&self, number: u64) {
        self.shared.ask(|waiting| waiting.work.recordings.push(number));
    }

    /// Where recordings are that survive the process.
    #[cfg(feature = "audio")]
    pub(crate) fn recordings(&self) -> Recordings {
        Recordings(self.shared.clone())
    }

    /// Waits until all is done, but not for ever, and lets others have what is left.
    pub(crate) fn end(&self) {
        let (done, is_done) = mpsc::channel();
        self.shared.ask(|waiting| waiting.work.end = Some(done));
        // A disk that hangs holds nobody up for longer.
        let _ = is_done.recv_timeout(PATIENCE);
    }
}

/// Recordings in a spool, each in a file that the call log beside it names.
#[cfg(feature = "audio")]
#[derive(Clone)]
pub(crate) struct Recordings(Arc<Shared>);

#[cfg(feature = "audio")]
impl Recordings {
    /// Where one is; `None` where the spool has ended.
    #[cfg(unix)]
    pub(crate) fn path(&self, number: u64) -> Option<PathBuf> {
        locked(&self.0.folder).as_ref().map(|folder| folder.join(item::recording(number)))
    }

    #[cfg(not(unix))]
    pub(crate) fn path(&self, _number: u64) -> Option<PathBuf> {
        locked(&self.0.folder).clone()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.shared.ask(|waiting| waiting.is_closed = true);
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What waits in a spool for others; leaves it as it is.
///
/// # Errors
///
/// Those of [`Spool::open`].
pub(crate) fn look(settings: &Settings, to: &Spooling) -> Result<Others, Error> {
    disk::try_out(&to.directory).map_err(|error| refused(to, &error))?;
    Ok(disk::look(&to.directory, &addresses(settings), &to.limits))
}

fn refused(to: &Spooling, error: &io::Error) -> Error {
    let rule = match error.kind() {
        io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => {
            "needs room on its disk: free some, or name another directory"
        }
        io::ErrorKind::ReadOnlyFilesystem => "must not be on a read-only file system",
        _ => "must be a directory that only this user can write to",
    };
    Error::configuration(vec![Problem { setting: to.setting, rule }])
}

fn addresses(settings: &Settings) -> [Address; 2] {
    [Address::of_spans(settings), Address::of_call_logs(settings)]
}

#[cfg(test)]
#[path = "tests/spool_work.rs"]
mod tests;
