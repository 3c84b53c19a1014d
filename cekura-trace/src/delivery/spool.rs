//! Keeps on disk what is to survive the process, one file each, and takes over what dead processes
//! have left. Invariant: no caller waits for the disk, but for a moment at the end.
//!
//! The disk has a thread of its own, so that one that is slow or hangs holds up neither requests nor their answers.

mod address;
mod disk;
mod file;
#[cfg_attr(not(unix), path = "spool/absent.rs")]
mod folder;
mod others;
mod requests;
mod starts;

pub(crate) use address::Address;
pub(crate) use file::Item;
pub(crate) use others::Others;
pub(crate) use requests::{DiskCopy, SpooledRequests, Stored};
pub(crate) use starts::Starts;

use super::config::{Settings, Spooling};
use super::error::{Error, Problem};
use super::timings::SpoolLimits;
use disk::{Disk, Job};
use folder::Folder;
use prost::bytes::Bytes;
use rand::Rng;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most bytes that wait for the disk: one that hangs must not fill the memory.
const MOST_WAITING: usize = 8 << 20;
/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// The name of a file, older ones first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(Arc<str>);

impl Name {
    fn new(item: &Item) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(format!("{:013}-{:016x}.{}", now.as_millis(), rand::rng().random::<u64>(), item.kind()).into())
    }

    /// How long ago it was made; nothing for a name of the future.
    pub(crate) fn age(&self) -> Duration {
        let made = self.0.split('-').next().and_then(|digits| digits.parse().ok()).map(Duration::from_millis);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        made.map(|made| now.saturating_sub(made)).unwrap_or_default()
    }
}

/// What the disk has to say.
#[derive(Debug)]
pub(crate) enum Event {
    /// Left by a dead process, and ours now. Only the body of a start is read at once.
    Found { name: Name, item: Item, body: Bytes, size: u64, last_seen: SystemTime },
    /// Written, or not.
    Kept { name: Name, result: io::Result<()> },
    /// Left by dead processes for others, who have not come for it. Told once.
    Others(Others),
    /// Read again, if it still can be.
    Loaded { name: Name, body: Option<Bytes> },
}

/// Takes what the disk has to say.
pub(crate) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// The files of one handle.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) limits: SpoolLimits,
    jobs: Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Spool {
    /// Makes the handle's folder, and starts to look for what others have left.
    ///
    /// # Errors
    ///
    /// When the directory cannot be used.
    pub(crate) fn open(settings: &Settings, to: &Spooling, tell: Tell) -> Result<Arc<Self>, Error> {
        let rule = "must be a directory that only this user can write to";
        let unusable = |_| Error::configuration(vec![Problem { setting: to.setting, rule }]);
        let folder = Folder::open(&to.directory).map_err(unusable)?;
        let addresses = vec![Address::of_spans(settings), Address::of_call_logs(settings)];
        let (jobs, todo) = mpsc::channel();
        let waiting = Arc::<AtomicUsize>::default();
        let disk = Disk { folder, addresses, age: to.limits.age, tell, waiting: waiting.clone() };
        let name = "cekura-spool".to_owned();
        thread::Builder::new().name(name).spawn(move || disk.run(&todo)).map_err(Error::start)?;
        Ok(Arc::new(Self { limits: to.limits, jobs, waiting }))
    }

    /// Has something written under a new name; `None` while too much waits to be written. It is not written if the name
    /// is dropped before.
    pub(crate) fn keep(&self, address: &Address, item: Item, body: &Bytes) -> Option<Name> {
        let name = Name::new(&item);
        self.keep_as(&name, address, item, body).then_some(name)
    }

    /// As [`keep`](Self::keep), in place of what has the name.
    pub(crate) fn keep_as(&self, name: &Name, address: &Address, item: Item, body: &Bytes) -> bool {
        if self.waiting.fetch_add(body.len(), Ordering::Relaxed) > MOST_WAITING {
            self.waiting.fetch_sub(body.len(), Ordering::Relaxed);
            return false;
        }
        let (name, address, body) = (Arc::downgrade(&name.0), address.clone(), body.clone());
        self.jobs.send(Job::Keep { name, address, item, body }).is_ok()
    }

    /// Has a file read again.
    pub(crate) fn load(&self, name: Name) {
        self.tell(Job::Load(name));
    }

    /// Says of the root of a conversation when something of it was last seen.
    pub(crate) fn mark(&self, name: Name, at: SystemTime) {
        self.tell(Job::Mark(name, at));
    }

    /// Leaves a file for the next process.
    pub(crate) fn leave(&self, name: Name) {
        self.tell(Job::Leave(name));
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
