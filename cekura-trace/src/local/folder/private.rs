//! A directory and files that only this user reads. Invariant: no name in the way leads a page to another place.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, renameat, unlinkat};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// A directory that is held open.
pub(super) struct Directory(File);

impl Directory {
    /// Makes it where it is missing, and takes from others what they may do there.
    ///
    /// # Errors
    ///
    /// When it is somewhere else, or something else.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(path)?;
        if fs::symlink_metadata(path)?.is_symlink() {
            return Err(io::Error::other("it is a symbolic link, which is not followed"));
        }
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = File::from(openat(CWD, path, how, Mode::empty())?);
        if directory.metadata()?.mode() & 0o777 != 0o700 {
            directory.set_permissions(Permissions::from_mode(0o700))?;
        }
        Ok(Self(directory))
    }

    /// A new file in it.
    ///
    /// # Errors
    ///
    /// When there is something of that name, or the directory is another user's.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&self.0, name, how, Mode::RUSR | Mode::WUSR)?);
        let is_ours = file.metadata()?.uid() == self.0.metadata()?.uid();
        if is_ours { Ok(file) } else { Err(io::Error::other("it is another user's directory")) }
    }

    pub(super) fn rename(&self, name: &str, new: &str) -> io::Result<()> {
        Ok(renameat(&self.0, name, &self.0, new)?)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }
}
