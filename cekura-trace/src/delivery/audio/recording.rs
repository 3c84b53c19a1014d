//! Reads the blocks of a call's sound, from disk and memory, as one row. Invariant: of what is erased nothing more is read.

use crate::call::audio::Journal;
use crate::call::audio::block::{Form, HEAD, Head, NO_SUM, sum, sum_bytes};
use crate::call::audio::frames::expand;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// What a file begins with.
pub(super) const FIRST: &[u8; 16] = b"cekura-audio 1\n\0";
/// What is read at once.
const WINDOW: usize = 64 << 10;

/// The sound of a call that is over.
#[derive(Debug)]
pub(crate) struct Recording {
    journal: Arc<Journal>,
    file: Option<Arc<File>>,
    /// Bytes of blocks in the file; the rest is in memory.
    written: u64,
}

impl Recording {
    pub(super) fn new(journal: Arc<Journal>, file: Option<Arc<File>>, written: u64) -> Self {
        Self { journal, file, written }
    }

    /// Reads bytes of blocks; less only at the end.
    fn read(&self, from: u64, to: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        if let Some(file) = self.file.as_deref().filter(|_| from < self.written) {
            let left = usize::try_from(self.written - from).unwrap_or(usize::MAX).min(to.len());
            while done < left {
                let part = read_at(file, &mut to[done..left], FIRST.len() as u64 + from + done as u64)?;
                if part == 0 {
                    break;
                }
                done += part;
            }
        }
        // After the disk: of what was erased meanwhile nothing is given away.
        let after = (from + done as u64).checked_sub(self.written);
        let rest = match after {
            Some(from) => self.journal.copy(from, &mut to[done..]),
            None => self.journal.copy(0, &mut []),
        };
        rest.map(|rest| done + rest).ok_or_else(|| io::Error::other("the recording was erased"))
    }

    fn is_ours(&self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(true) };
        let mut first = [0; FIRST.len()];
        Ok(read_at(file, &mut first, 0)? == first.len() && first == *FIRST)
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], from: u64) -> io::Result<usize> {
    match std::os::unix::fs::FileExt::read_at(file, to, from) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => read_at(file, to, from),
        read => read,
    }
}

/// There is no file.
#[cfg(not(unix))]
fn read_at(_file: &File, _to: &mut [u8], _from: u64) -> io::Result<usize> {
    Ok(0)
}

/// Goes through blocks, and keeps no more than a window of them in memory.
#[derive(Debug)]
pub(super) struct Blocks {
    recording: Arc<Recording>,
    window: Vec<u8>,
    /// Where the window begins.
    from: u64,
}

impl Blocks {
    pub(super) fn of(recording: Arc<Recording>) -> Self {
        Self { recording, window: Vec::new(), from: 0 }
    }

    /// The head of a block that begins here; `None` at the end.
    pub(super) fn head(&mut self, at: u64) -> io::Result<Option<Head>> {
        Ok(Head::read(self.bytes(at, HEAD)?))
    }

    /// Where the block after this one begins.
    pub(super) fn after(at: u64, head: &Head) -> u64 {
        at.saturating_add(HEAD as u64).saturating_add(head.size())
    }

    /// Appends samples of a block, at most `count`, from one of them on.
    pub(super) fn samples(
        &mut self,
        at: u64,
        head: &Head,
        from: u32,
        count: usize,
        to: &mut Vec<f32>,
    ) -> io::Result<()> {
        const FULL: f32 = 32_768.0;
        let count = count.min((head.count - from) as usize);
        let first = at + HEAD as u64;
        match head.form {
            Form::Linear => {
                let bytes = self.bytes(first + 2 * u64::from(from), 2 * count)?;
                to.extend(
                    bytes.as_chunks().0.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / FULL),
                );
            }
            Form::Mulaw => {
                let bytes = self.bytes(first + u64::from(from), count)?;
                to.extend(bytes.iter().map(|sample| f32::from(expand(*sample)) / FULL));
            }
            Form::Clear | Form::Delay | Form::Silence => to.resize(to.len() + count, 0.0),
        }
        Ok(())
    }

    /// The bytes of all blocks up to the first that is torn.
    ///
    /// # Errors
    ///
    /// What the system says, or `InvalidData` where the file is of something else.
    pub(super) fn whole(&mut self) -> io::Result<u64> {
        if !self.recording.is_ours()? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no recording"));
        }
        let mut at = 0;
        while let Some(head) = self.head(at)? {
            let said = self.bytes(at, HEAD)?[..4].to_vec();
            let end = Self::after(at, &head);
            let (mut from, mut found) = (at + 4, NO_SUM);
            while from < end {
                let most = usize::try_from(end - from).unwrap_or(WINDOW).min(WINDOW);
                let bytes = self.bytes(from, most)?;
                if bytes.is_empty() {
                    return Ok(at);
                }
                found = sum(found, bytes);
                from += bytes.len() as u64;
            }
            if sum_bytes(found) != said[..] {
                return Ok(at);
            }
            at = end;
        }
        Ok(at)
    }

    /// Bytes from here on; fewer at the end.
    fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let end = self.from + self.window.len() as u64;
        if at < self.from || at.saturating_add(count as u64) > end {
            self.window.resize(count.max(WINDOW), 0);
            let read = self.recording.read(at, &mut self.window)?;
            self.window.truncate(read);
            self.from = at;
        }
        let start = usize::try_from(at - self.from).unwrap_or(usize::MAX);
        let end = self.window.len().min(start.saturating_add(count));
        Ok(self.window.get(start..end).unwrap_or_default())
    }
}
