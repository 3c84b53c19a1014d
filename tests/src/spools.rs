//! Directories for spools, and what is in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// A directory that does not exist until a handle makes it.
#[derive(Debug)]
pub struct Spool(pub PathBuf);

impl Spool {
    /// One for a test, below a directory for such things.
    pub fn new(temporary: &str, test: &str) -> Self {
        let path = Path::new(temporary).join("spool").join(test);
        drop(fs::remove_dir_all(&path));
        Self(path)
    }

    /// Every file with this ending, whosever it is.
    pub fn files(&self, ending: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ if entry.file_name().to_string_lossy().ends_with(ending) => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        files.sort();
        files
    }

    /// Waits until a file has this ending.
    pub fn await_some(&self, ending: &str) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.files(ending).is_empty() {
            assert!(Instant::now() < limit, "{:?} without {ending}", self.files(""));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until so many files have this ending.
    pub fn await_files(&self, ending: &str, count: usize) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.files(ending).len() != count {
            assert!(Instant::now() < limit, "{:?} instead of {count} {ending}", self.files(""));
            thread::sleep(Duration::from_millis(5));
        }
    }
}
