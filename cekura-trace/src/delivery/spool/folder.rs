//! Writes, reads and locks files in one folder. Invariant: a file is there whole or not at all.
//!
//! Below the directory of the spool each handle has a folder of its own, with a lock that the system frees when the
//! process ends, however it ends: a folder whose lock is free is an orphan.

use rand::Rng;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const LOCK: &str = "lock";
const ASIDE: &str = "aside";
/// What the names of folders begin with.
const RUN: &str = "run-";
/// The ending of a file that is being written.
const UNFINISHED: &str = ".unfinished";
/// The most files that are set aside; further ones are deleted.
const MOST_ASIDE: usize = 100;
const ATTEMPTS: usize = 8;

/// A folder of one handle.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    own: PathBuf,
    lock: Option<File>,
}

/// A folder that nobody holds any more.
pub(super) struct Orphan {
    path: PathBuf,
    lock: Option<File>,
}

impl Folder {
    /// Makes a folder, and the directory above it where it is missing.
    ///
    /// # Errors
    ///
    /// When nothing can be written there, or others could.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        directory().recursive(true).create(root)?;
        let mut error = None;
        for _ in 0..ATTEMPTS {
            let own = root.join(format!("{RUN}{:016x}", rand::rng().random::<u64>()));
            directory().recursive(false).create(&own)?;
            let (above, of_us) = (fs::metadata(root)?, fs::metadata(&own)?);
            if above.uid() != of_us.uid() || above.mode() & 0o022 != 0 {
                fs::remove_dir(&own)?;
                return Err(io::Error::other("other users can write to it"));
            }
            // Somebody who starts too may take it for an orphan until it is locked.
            match locked(&own, true) {
                Ok(lock) if own.join(LOCK).exists() => {
                    synced(root)?;
                    return Ok(Self { root: root.to_owned(), own, lock: Some(lock) });
                }
                Ok(_) => {}
                Err(failure) => error = Some(failure),
            }
        }
        Err(error.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
    }

    /// Puts a file under its name, over one of the same name.
    ///
    /// # Errors
    ///
    /// What the system says; then nothing of it is left.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.own.join(format!("{name}{UNFINISHED}"));
        let written = (|| {
            let mut file = options().create(true).truncate(true).open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.own.join(name))?;
            synced(&self.own)
        })();
        if written.is_err() {
            // Where the rename was the last that succeeded, it is not known to be safe.
            drop(fs::remove_file(&unfinished));
            drop(fs::remove_file(self.own.join(name)));
        }
        written
    }

    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.own.join(name))
    }

    pub(super) fn remove(&self, name: &str) {
        // One that was never written is as good as removed.
        drop(fs::remove_file(self.own.join(name)));
    }

    /// Sets the time of a file.
    pub(super) fn mark(&self, name: &str, at: SystemTime) {
        let file = OpenOptions::new().write(true).open(self.own.join(name));
        drop(file.and_then(|file| file.set_times(FileTimes::new().set_modified(at))));
    }

    /// When a file was marked.
    pub(super) fn marked(&self, name: &str) -> io::Result<SystemTime> {
        fs::metadata(self.own.join(name))?.modified()
    }

    /// Puts a file out of the way that cannot be read.
    pub(super) fn set_aside(&self, path: &Path) {
        let aside = self.root.join(ASIDE);
        drop(directory().recursive(true).create(&aside));
        let has_room = fs::read_dir(&aside).is_ok_and(|files| files.count() < MOST_ASIDE);
        let moved =
            has_room && path.file_name().is_some_and(|name| fs::rename(path, aside.join(name)).is_ok());
        if !moved {
            drop(fs::remove_file(path));
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }

    /// The folders that may be orphans.
    pub(super) fn others(&self) -> Vec<PathBuf> {
        let mut others = folders(&self.root);
        others.retain(|path| *path != self.own);
        others
    }

    /// Takes a file of an orphan over.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn adopt(&self, path: &Path, name: &str) -> io::Result<()> {
        fs::rename(path, self.own.join(name))?;
        synced(&self.own)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        leave(&self.own, self.lock.take());
    }
}

impl Orphan {
    /// Locks a folder, unless its process lives.
    pub(super) fn claim(path: PathBuf) -> Option<Self> {
        let lock = locked(&path, false).ok()?;
        Some(Self { path, lock: Some(lock) })
    }

    /// Its files by kind and age, with their names. What was being written is nothing that was promised, and goes.
    pub(super) fn files(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if name.ends_with(UNFINISHED) {
                drop(fs::remove_file(entry.path()));
            } else if is_file && name != LOCK {
                files.push((entry.path(), name));
            }
        }
        files.sort_by_cached_key(|(path, name)| (path.extension().map(OsString::from), name.clone()));
        files
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        leave(&self.path, self.lock.take());
    }
}

/// The folders below the directory of a spool.
pub(super) fn folders(root: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(root).into_iter().flatten().flatten();
    let is_one = |entry: &fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(RUN)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    folders.filter(is_one).map(|entry| entry.path()).collect()
}

/// Frees a folder, and removes it if it is empty.
fn leave(folder: &Path, lock: Option<File>) {
    let is_empty = fs::read_dir(folder).is_ok_and(|mut files| files.all(|file| is_lock(&file)));
    if is_empty {
        drop(fs::remove_file(folder.join(LOCK)));
        drop(fs::remove_dir(folder));
    }
    drop(lock);
}

fn is_lock(file: &io::Result<fs::DirEntry>) -> bool {
    file.as_ref().is_ok_and(|file| file.file_name() == LOCK)
}

fn directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// The lock of a folder, once nobody else holds it.
fn locked(folder: &Path, is_new: bool) -> io::Result<File> {
    let path = folder.join(LOCK);
    options().create(true).truncate(false).create_new(is_new).open(&path)?;
    // A file that is open for writing would keep its file system from being made read-only.
    let file = File::open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Makes the names in a folder safe.
fn synced(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "../tests/spool_folder.rs"]
mod tests;
