//! Writes the sound of a call to disk where it is too much for the memory, or is to survive the process. Invariant: what is
//! erased is on no disk after the next `spill`.

use super::recording::{Blocks, FIRST, Recording};
use crate::call::audio::Journal;
use crate::call::audio::block::seal;
use rand::Rng;
#[cfg(unix)]
use std::fs::OpenOptions;
use std::fs::{File, remove_file};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a call's sound that stay in memory.
const KEPT: usize = 4 << 20;

/// Where a call's sound is on disk.
#[derive(Debug)]
pub(crate) struct Store {
    journal: Arc<Journal>,
    path: PathBuf,
    /// Whether the file has a name, under which another process finds it.
    is_named: bool,
    file: Option<Arc<File>>,
    /// Bytes of whole blocks in the file.
    written: u64,
    is_finished: bool,
}

impl Store {
    /// One whose file vanishes with the process.
    pub(crate) fn unnamed(journal: Arc<Journal>, directory: &Path) -> Self {
        let name = format!("cekura-audio-{:016x}", rand::rng().random::<u64>());
        Self { is_named: false, ..Self::named(journal, directory.join(name)) }
    }

    /// One whose file stays until it is erased.
    pub(crate) fn named(journal: Arc<Journal>, path: PathBuf) -> Self {
        Self { journal, path, is_named: true, file: None, written: 0, is_finished: false }
    }

    /// Moves what is in a file without a name to one that has one, and survives the process.
    ///
    /// # Errors
    ///
    /// What the system says. Then it stays where it is.
    pub(crate) fn keep_as(&mut self, path: PathBuf) -> io::Result<()> {
        let mut named = Self::named(self.journal.clone(), path);
        if let Some(file) = &self.file {
            let to = named.create()?;
            (&**file).seek(SeekFrom::Start(FIRST.len() as u64))?;
            let copied = io::copy(&mut (&**file).take(self.written), &mut &*to);
            if let Err(error) = copied {
                drop(named.remove());
                return Err(error);
            }
            named.written = self.written;
        }
        *self = named;
        Ok(())
    }

    /// Opens the file that another process has left, up to its first torn block. It closes `journal`.
    ///
    /// # Errors
    ///
    /// What the system says, or `InvalidData` where the file is of something else.
    pub(crate) fn left(journal: Arc<Journal>, path: PathBuf) -> io::Result<Self> {
        journal.close();
        let file = Arc::new(open(&path)?);
        let recording = Arc::new(Recording::new(journal.clone(), Some(file.clone()), u64::MAX));
        let written = Blocks::of(recording).whole()?;
        Ok(Self { file: Some(file), written, is_finished: true, ..Self::named(journal, path) })
    }

    /// As [`spill`](Self::spill), of all where it is to survive the process and `is_due`. Where that cannot be, its file vanishes
    /// with the process, in another directory. What cannot be written stays in memory, as far as there is room.
    pub(crate) fn spill_some(&mut self, is_due: bool, directory: &Path) {
        let result = self.spill(if self.is_named && is_due { 0 } else { KEPT });
        if result.is_err() && self.is_named && self.file.is_none() {
            *self = Self::unnamed(self.journal.clone(), directory);
        }
    }

    /// Writes everything where the call has ended, so that what is to survive the process also survives a power cut.
    pub(crate) fn settle(&mut self, directory: &Path) {
        self.spill_some(true, directory);
        let written = self.spill(0).and_then(|()| if self.is_named { self.sync() } else { Ok(()) });
        // It is in memory too where the disk fails, of which the spool tells.
        drop(written);
    }

    fn sync(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.sync_data()?;
        sync_directory(&self.path)
    }

    /// Removes what is on disk where it was erased; where that fails, it is tried again.
    pub(crate) fn remove_erased(&mut self) {
        if self.journal.is_erased() {
            drop(self.remove());
        }
    }

    /// Writes what is more than `keep` bytes in memory, the oldest first; removes what was erased.
    ///
    /// # Errors
    ///
    /// What the system says. Then what was to be written is still in memory, and is tried again the next time.
    pub(crate) fn spill(&mut self, keep: usize) -> io::Result<()> {
        let mut result = Ok(());
        while !self.is_finished && result.is_ok() {
            let mut chunks = self.journal.take_out(keep);
            if chunks.is_empty() {
                break;
            }
            result = self.write(&mut chunks);
            match &result {
                Ok(()) => self.journal.wrote(&chunks),
                Err(_) => self.journal.give_back(chunks),
            }
        }
        // Maybe meanwhile.
        if self.journal.is_erased() { self.remove() } else { result }
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.journal.is_granted()
    }

    pub(crate) fn number(&self) -> u64 {
        self.journal.number
    }

    /// Whether nobody else has the call's sound any more. Of a call that has not ended its file goes then: nobody will post it.
    pub(crate) fn is_alone(&mut self) -> bool {
        let is_alone = Arc::strong_count(&self.journal) == 1;
        if is_alone && !self.is_finished {
            self.journal.erase();
            drop(self.spill(0));
        }
        is_alone
    }

    /// All of it, to be read as often as needed; nothing is added or moved any more.
    pub(crate) fn finish(&mut self) -> Recording {
        self.is_finished = true;
        self.journal.close();
        Recording::new(self.journal.clone(), self.file.clone(), self.written)
    }

    fn write(&mut self, chunks: &mut [Vec<u8>]) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.create()?,
        };
        let mut at = self.written;
        for chunk in chunks {
            seal(chunk);
            // At its place: what an attempt before this one has left there is written over.
            (&*file).seek(SeekFrom::Start(FIRST.len() as u64 + at))?;
            (&*file).write_all(chunk)?;
            at += chunk.len() as u64;
        }
        self.written = at;
        Ok(())
    }

    fn create(&mut self) -> io::Result<Arc<File>> {
        let file = create(&self.path)?;
        let written = if self.is_named { Ok(()) } else { remove_file(&self.path) };
        if let Err(error) = written.and_then(|()| (&file).write_all(FIRST)) {
            drop(remove_file(&self.path));
            return Err(error);
        }
        Ok(self.file.insert(Arc::new(file)).clone())
    }

    fn remove(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        // Somebody may still read it.
        let emptied = file.set_len(0);
        if !self.is_named {
            return emptied;
        }
        match remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                // To be tried again.
                self.file = Some(file);
                Err(error)
            }
            // It is gone for whoever looks; this is for a power cut.
            _ => sync_directory(&self.path),
        }
    }
}

/// Has it known on disk which files a directory has, for one of them.
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// A file that stands there; no link is followed.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(_path: &Path) -> io::Result<File> {
    Err(ErrorKind::Unsupported.into())
}

/// A new file that only this user reads.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Where a file cannot be without a name, everything stays in memory.
#[cfg(not(unix))]
fn create(_path: &Path) -> io::Result<File> {
    Err(ErrorKind::Unsupported.into())
}
