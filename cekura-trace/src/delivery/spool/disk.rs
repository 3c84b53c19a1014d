//! Does the work with files on a thread of its own, one job after the other, and between them takes
//! over what dead processes have left. Invariant: jobs are done in the order in which they were
//! given.

use super::file::{self, Item};
use super::folder::{Folder, Orphan};
use super::{Address, Event, Name, Others, Tell};
use prost::bytes::Bytes;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, SystemTime};

pub(super) enum Job {
    /// The last one; says when it is done.
    End(Sender<()>),
    /// Writes a file, unless nobody wants it any more.
    Keep {
        name: Weak<str>,
        address: Address,
        item: Item,
        body: Bytes,
    },
    /// Lets what was asked for under a name be written, though nobody else wants it any more.
    Leave(Name),
    Load(Name),
    Mark(Name, SystemTime),
    Remove(Name),
}

pub(super) struct Disk {
    pub(super) folder: Folder,
    /// Whose orphans are ours.
    pub(super) addresses: Vec<Address>,
    /// How long what nobody sends may stay.
    pub(super) age: Duration,
    pub(super) tell: Tell,
    /// Bytes that wait to be written.
    pub(super) waiting: Arc<AtomicUsize>,
}

impl Disk {
    /// Works until the last job, or until nobody is left to give one.
    pub(super) fn run(self, jobs: &Receiver<Job>) {
        let mut orphans =
            Orphans { folders: self.folder.others(), current: None, others: Some(Others::default()) };
        loop {
            let job = match jobs.try_recv() {
                Ok(job) => job,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) if orphans.adopt_next(&self) => continue,
                Err(TryRecvError::Empty) => match jobs.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                },
            };
            if let Job::End(done) = job {
                drop((orphans, self));
                // Nobody may wait for it any more.
                let _ = done.send(());
                return;
            }
            self.work(job);
        }
    }

    fn work(&self, job: Job) {
        match job {
            Job::End(_) => {}
            Job::Leave(name) => drop(name),
            Job::Keep { name, address, item, body } => {
                self.waiting.fetch_sub(body.len(), Ordering::Relaxed);
                let Some(name) = name.upgrade().map(Name) else { return };
                let result = self.folder.write(&name.0, &file::write(&address, &item, &body));
                (self.tell)(Event::Kept { name, result });
            }
            Job::Load(name) => {
                let read = self.folder.read(&name.0).ok().and_then(file::read);
                if read.is_none() {
                    self.folder.set_aside(&self.folder.path(&name.0));
                }
                (self.tell)(Event::Loaded { name, body: read.map(|(_, _, body)| body) });
            }
            Job::Mark(name, at) => self.folder.mark(&name.0, at),
            Job::Remove(name) => self.folder.remove(&name.0),
        }
    }
}

/// What dead processes have left.
struct Orphans {
    folders: Vec<PathBuf>,
    current: Option<(Orphan, VecDeque<(PathBuf, String)>)>,
    /// What is not ours, until it is told.
    others: Option<Others>,
}

impl Orphans {
    /// Looks at one more file; false when there is none.
    fn adopt_next(&mut self, disk: &Disk) -> bool {
        if let Some((_, files)) = &mut self.current {
            match files.pop_front() {
                Some((path, name)) => {
                    if let Some((address, item)) = adopt(disk, &path, &name)
                        && let Some(others) = &mut self.others
                    {
                        others.add(&address, &item, &Name(name.into()), disk.age);
                    }
                }
                None => self.current = None,
            }
            return true;
        }
        let Some(folder) = self.folders.pop() else {
            if let Some(others) = self.others.take().filter(|others| !others.is_empty()) {
                (disk.tell)(Event::Others(others));
            }
            return false;
        };
        if let Some(orphan) = Orphan::claim(folder) {
            let files = orphan.files().into();
            self.current = Some((orphan, files));
        }
        true
    }
}

/// Takes one file over, if it is whole and goes where ours go; says whose it is and what it holds if it does not, and has
/// time left.
fn adopt(disk: &Disk, path: &Path, name: &str) -> Option<(Address, Item)> {
    let bytes = std::fs::read(path).ok()?;
    let size = bytes.len() as u64;
    let Some((address, item, body)) = file::read(bytes) else {
        disk.folder.set_aside(path);
        return None;
    };
    if !disk.addresses.iter().any(|ours| ours.takes(&address)) {
        if Name(name.into()).age() <= disk.age {
            return Some((address, item));
        }
        // Nobody has come for it in time.
        drop(std::fs::remove_file(path));
        return None;
    }
    disk.folder.adopt(path, name).ok()?;
    let last_seen = disk.folder.marked(name).unwrap_or(SystemTime::UNIX_EPOCH);
    // What is sent is read again when it is.
    let body = if item == Item::Start { body } else { Bytes::new() };
    (disk.tell)(Event::Found { name: Name(name.into()), item, body, size, last_seen });
    None
}
