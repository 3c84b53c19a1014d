//! Directories that are held open, and the folder that each handle has in one. Invariant: nothing in them is followed to
//! another place, or keeps the thread that opens it.
//!
//! A folder is locked, and the system frees that when the process ends, however it ends: one that is free is an orphan. The
//! lock is that of the folder itself, which nobody can delete, and that of a file in it: where the disk is another machine's,
//! only the file says so, by an error.

use crate::delivery::spool::item::RECORDING;
use rand::Rng;
use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::fs::{flock, linkat, mkdirat, openat, renameat, statat, unlinkat};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
/// What the names of folders begin with.
const RUN: &str = "run-";
/// The ending of a file that is being written.
pub(super) const UNFINISHED: &str = ".unfinished";

/// A directory; names are those of what is in it.
#[derive(Debug)]
pub(super) struct Directory {
    handle: File,
    owner: u32,
}

impl Directory {
    /// Opens that of a spool, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// When others could write to it.
    pub(super) fn root(path: &Path) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(path)?;
        Self::existing(path)
    }

    pub(super) fn existing(path: &Path) -> io::Result<Self> {
        let handle = File::from(openat(CWD, path, directory() & !OFlags::NOFOLLOW, Mode::empty())?);
        let state = handle.metadata()?;
        if state.mode() & 0o022 != 0 {
            return Err(io::Error::other("other users can write to it"));
        }
        Ok(Self { handle, owner: state.uid() })
    }

    /// One in it, made where it is missing.
    pub(super) fn within(&self, name: &str, is_made: bool) -> io::Result<Self> {
        if is_made {
            match mkdirat(&self.handle, name, Mode::RWXU) {
                Err(rustix::io::Errno::EXIST) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let handle = File::from(openat(&self.handle, name, directory(), Mode::empty())?);
        self.checked(&handle)?;
        Ok(Self { handle, owner: self.owner })
    }

    /// A file in it.
    ///
    /// # Errors
    ///
    /// When it is something else, or somebody else's.
    pub(super) fn open(&self, name: &str, how: OFlags) -> io::Result<File> {
        let how = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.handle, name, how, Mode::RUSR | Mode::WUSR)?);
        self.checked(&file)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
    }

    /// Puts a file under a name that is new, whole or not at all.
    ///
    /// # Errors
    ///
    /// What the system says; then nothing of it is left.
    pub(super) fn put<T>(&self, name: &str, write: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let unfinished = format!("{name}{UNFINISHED}");
        let file = self.open(&unfinished, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        let written = write(&file).and_then(|written| {
            file.sync_all()?;
            self.rename(&unfinished, self, name)?;
            self.handle.sync_all()?;
            Ok(written)
        });
        if written.is_err() {
            // Where the rename was the last that succeeded, it is not known to be safe.
            drop((self.remove(&unfinished), self.remove(name)));
        }
        written
    }

    fn checked(&self, file: &File) -> io::Result<()> {
        let is_ours = file.metadata()?.uid() == self.owner;
        if is_ours { Ok(()) } else { Err(io::Error::other("it is another user's")) }
    }

    /// What is in it.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            // What has another name is not of this crate.
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    /// The names of the folders of handles.
    pub(super) fn runs(&self) -> io::Result<Vec<String>> {
        let mut runs = self.names()?;
        runs.retain(|name| is_run(name));
        Ok(runs)
    }

    /// What a file takes on disk; `None` for what is no file.
    pub(super) fn size(&self, name: &str) -> io::Result<Option<u64>> {
        const BLOCK: u64 = 512;
        let state = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_file = FileType::from_raw_mode(state.st_mode) == FileType::RegularFile;
        // An empty one counts too, or there might be any number of them.
        let bytes = (u64::try_from(state.st_blocks).unwrap_or_default() * BLOCK).max(BLOCK);
        Ok(is_file.then_some(bytes))
    }

    /// Its recordings, the oldest first, with what they take.
    pub(super) fn recordings(&self) -> io::Result<Vec<(String, u64)>> {
        let mut names = self.names()?;
        names.retain(|name| name.ends_with(RECORDING));
        let age = |name: &String| {
            statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |state| state.st_mtime)
        };
        names.sort_by_cached_key(age);
        let sized = names.into_iter().filter_map(|name| Some((self.size(&name).ok()??, name)));
        Ok(sized.map(|(bytes, name)| (name, bytes)).collect())
    }

    /// What all files in it take.
    pub(super) fn sizes(&self) -> io::Result<u64> {
        Ok(self.names()?.iter().filter_map(|name| self.size(name).ok()?).sum())
    }

    pub(super) fn rename(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        Ok(renameat(&self.handle, name, &to.handle, new)?)
    }

    /// Puts a file into another directory, which may be on another disk.
    pub(super) fn give(&self, name: &str, to: &Self) -> io::Result<()> {
        let moved = self.rename(name, to, name);
        if moved.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::CrossesDevices) {
            let mut file = self.open(name, OFlags::RDONLY)?;
            to.put(name, |mut copy| io::copy(&mut file, &mut copy))?;
            return self.remove(name);
        }
        moved
    }

    /// Gives a file a second name in another directory; false where there is no such file of ours.
    pub(super) fn link(&self, name: &str, to: &Self) -> io::Result<bool> {
        if self.open(name, OFlags::RDONLY).is_err() {
            return Ok(false);
        }
        match linkat(&self.handle, name, &to.handle, name, AtFlags::empty()) {
            Err(rustix::io::Errno::EXIST) | Ok(()) => Ok(true),
            // Some file systems have no second names.
            Err(_) => self.rename(name, to, name).map(|()| true),
        }
    }

    /// Removes a file; one that is not there is as good as removed.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Err(rustix::io::Errno::NOENT) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// What changes when something is made, renamed or removed in it.
    pub(super) fn changed(&self) -> io::Result<(i64, i64)> {
        self.handle.metadata().map(|state| (state.mtime(), state.mtime_nsec()))
    }

    fn is_at(&self, path: &Path) -> bool {
        let same = std::fs::symlink_metadata(path).ok().zip(self.handle.metadata().ok());
        same.is_some_and(|(there, here)| (there.dev(), there.ino()) == (here.dev(), here.ino()))
    }
}

/// Whether a folder of this name is one of ours: others may have their own beside them.
fn is_run(name: &str) -> bool {
    let number = name.strip_prefix(RUN).unwrap_or_default();
    number.len() == 16 && number.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A folder that this process holds, of its own or an orphan. It is removed when it is dropped empty.
#[derive(Debug)]
pub(super) struct Run {
    root: Directory,
    pub(super) name: String,
    pub(super) directory: Directory,
    _lock: File,
}

impl Run {
    /// A new one.
    ///
    /// # Errors
    ///
    /// When nothing can be written there, or others could.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        const ATTEMPTS: usize = 8;
        for _ in 0..ATTEMPTS {
            let root = Directory::root(path)?;
            let name = format!("{RUN}{:016x}", rand::rng().random::<u64>());
            mkdirat(&root.handle, &name, Mode::RWXU)?;
            if let Err(not_ours) = root.within(&name, false) {
                if not_ours.kind() == io::ErrorKind::NotFound {
                    // Somebody who starts too has removed it.
                    continue;
                }
                unlinkat(&root.handle, &name, AtFlags::REMOVEDIR)?;
                return Err(not_ours);
            }
            // Somebody who starts too may take it for an orphan until it is locked.
            match Self::claim(path, &name) {
                Ok(Some(run)) => {
                    run.root.sync()?;
                    return Ok(run);
                }
                // That somebody has removed it already.
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    // It is empty: on a full disk there is no room for its lock.
                    let _ = unlinkat(&root.handle, &name, AtFlags::REMOVEDIR);
                    return Err(error);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Locks a folder; `None` if somebody else has, or has removed it meanwhile.
    pub(super) fn claim(path: &Path, name: &str) -> io::Result<Option<Self>> {
        let (root, name) = (Directory::existing(path)?, name.to_owned());
        let directory = root.within(&name, false)?;
        if !is_locked(&directory.handle)? {
            return Ok(None);
        }
        // A file that is open for writing would keep its file system from being made read-only.
        let lock = directory.open(LOCK, OFlags::RDONLY | OFlags::CREATE)?;
        let is_ours = is_locked(&lock)? && lock.metadata()?.nlink() > 0;
        Ok(is_ours.then_some(Self { root, name, directory, _lock: lock }))
    }

    /// Whether it is still where it was made.
    pub(super) fn is_at(&self, root: &Path) -> bool {
        self.directory.is_at(&PathBuf::from(root).join(&self.name))
    }

    /// Its files by kind and age.
    pub(super) fn files(&self) -> io::Result<Vec<String>> {
        let mut files = self.directory.names()?;
        files.retain(|name| name != LOCK);
        files.sort_by_cached_key(|name| (Path::new(name).extension().map(ToOwned::to_owned), name.clone()));
        Ok(files)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.files().is_ok_and(|files| files.is_empty()) {
            drop(self.directory.remove(LOCK));
            let _ = unlinkat(&self.root.handle, &self.name, AtFlags::REMOVEDIR);
        }
    }
}

/// Locks it, unless somebody else has.
fn is_locked(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn directory() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

#[cfg(test)]
#[path = "../../tests/spool_folder.rs"]
mod tests;
