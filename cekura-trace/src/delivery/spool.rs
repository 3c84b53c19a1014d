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
pub(crate) use item::{Item, Kind};
pub(crate) use others::Others;

use super::config::{Settings, Spooling};
use super::error::{Error, Problem};
use super::ledger::DropReason;
use super::timings::SpoolLimits;
use prost::bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, SystemTime};

/// The most bytes that wait for the disk: one that hangs must not fill the memory.
const MOST_WAITING: usize = 8 << 20;
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
    Loaded { name: Name, body: io::Result<Bytes> },
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

/// What the disk is asked for.
enum Job {
    /// The last one; says when it is done.
    End(Sender<()>),
    Keep(Keep),
    Load(Name),
    Mark(Name, SystemTime),
    Remove(Name),
}

/// An item that is to be written, in place of what has its name.
struct Keep {
    name: Name,
    item: Item,
    body: Bytes,
}

/// What those who give jobs share with the thread that does them.
#[derive(Clone, Debug, Default)]
struct Shared {
    /// Bytes that wait to be written.
    waiting: Arc<AtomicUsize>,
    /// The next name.
    numbers: Arc<AtomicU64>,
}

/// The files of one handle.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) limits: SpoolLimits,
    jobs: Sender<Job>,
    shared: Shared,
}

impl Spool {
    /// Makes the handle's folder, and starts to look for what others have left.
    ///
    /// # Errors
    ///
    /// When the directory cannot be used.
    pub(crate) fn open(settings: &Settings, to: &Spooling, tell: Tell) -> Result<Arc<Self>, Error> {
        let (jobs, todo) = mpsc::channel();
        let (limits, shared) = (to.limits, Shared::default());
        // The program may go to another directory later.
        let root = std::path::absolute(&to.directory);
        let started =
            root.and_then(|root| disk::start(root, addresses(settings), limits, shared.clone(), todo, tell));
        started.map_err(|error| {
            let rule = match error.kind() {
                io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => {
                    "needs room on its disk: free some, or name another directory"
                }
                io::ErrorKind::ReadOnlyFilesystem => "must not be on a read-only file system",
                _ => "must be a directory that only this user can write to",
            };
            Error::configuration(vec![Problem { setting: to.setting, rule }])
        })?;
        Ok(Arc::new(Self { limits, jobs, shared }))
    }

    /// Has an item written under a new name; `None` while too much waits to be written.
    pub(crate) fn keep(&self, item: Item, body: &Bytes) -> Option<Name> {
        let name = Name(self.shared.numbers.fetch_add(1, Ordering::Relaxed));
        self.keep_as(name, item, body).then_some(name)
    }

    /// As [`keep`](Self::keep), in place of what has the name.
    pub(crate) fn keep_as(&self, name: Name, item: Item, body: &Bytes) -> bool {
        // Spans must find room beside the starts of conversations.
        let most = if item == Item::Start { MOST_WAITING / 4 } else { MOST_WAITING };
        let before = self.shared.waiting.fetch_add(body.len(), Ordering::Relaxed);
        let fits = before <= most && body.len() <= disk::LARGEST_ITEM;
        if !fits {
            self.shared.waiting.fetch_sub(body.len(), Ordering::Relaxed);
        }
        fits && self.jobs.send(Job::Keep(Keep { name, item, body: body.clone() })).is_ok()
    }

    /// Has an item read again.
    pub(crate) fn load(&self, name: Name) {
        self.tell(Job::Load(name));
    }

    /// Says of the root of a conversation when something of it was last seen.
    pub(crate) fn mark(&self, name: Name, at: SystemTime) {
        self.tell(Job::Mark(name, at));
    }

    pub(crate) fn remove(&self, name: Name) {
        self.tell(Job::Remove(name));
    }

    /// Waits until all is done, but not for ever, and lets others have what is left.
    pub(crate) fn end(&self) {
        let (done, is_done) = mpsc::channel();
        self.tell(Job::End(done));
        // A disk that hangs holds nobody up for longer.
        let _ = is_done.recv_timeout(PATIENCE);
    }

    fn tell(&self, job: Job) {
        // The thread ends with the handle.
        drop(self.jobs.send(job));
    }
}

/// What waits in a spool for others; leaves it as it is.
pub(crate) fn look(settings: &Settings, to: &Spooling) -> Others {
    disk::look(&to.directory, &addresses(settings), &to.limits)
}

fn addresses(settings: &Settings) -> [Address; 2] {
    [Address::of_spans(settings), Address::of_call_logs(settings)]
}
