//! Stands in for a folder on systems without file locks. No value of it can exist.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// None that exists.
#[derive(Debug)]
pub(super) enum Folder {}

/// None that exists.
pub(super) enum Orphan {}

impl Folder {
    pub(super) fn open(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn write(&self, _: &str, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        match *self {}
    }

    pub(super) fn remove(&self, _: &str) {
        match *self {}
    }

    pub(super) fn mark(&self, _: &str, _: SystemTime) {
        match *self {}
    }

    pub(super) fn marked(&self, _: &str) -> io::Result<SystemTime> {
        match *self {}
    }

    pub(super) fn set_aside(&self, _: &Path) {
        match *self {}
    }

    pub(super) fn path(&self, _: &str) -> PathBuf {
        match *self {}
    }

    pub(super) fn others(&self) -> Vec<PathBuf> {
        match *self {}
    }

    pub(super) fn adopt(&self, _: &Path, _: &str) -> io::Result<()> {
        match *self {}
    }
}

impl Orphan {
    pub(super) fn claim(_: PathBuf) -> Option<Self> {
        None
    }

    pub(super) fn files(&self) -> Vec<(PathBuf, String)> {
        match *self {}
    }
}

pub(super) fn folders(_: &Path) -> Vec<PathBuf> {
    Vec::new()
}
