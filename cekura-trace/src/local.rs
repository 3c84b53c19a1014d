//! Local mode: draws a finished conversation on standard error and writes it as a page. Invariant: nothing here
//! uses the network.
//!
//! ```text
//! Tree → row (what one span says) ─┐
//!      → axis (where its bar lies) ├→ waterfall → print
//!      → summary (what all say)   ─┤
//!                                  └→ page → folder
//! ```

#[cfg(unix)]
use std::fs::{self, File};
use std::io::{StderrLock, Write as _};
#[cfg(unix)]
use std::os::{fd::AsFd as _, unix::fs::MetadataExt as _};

mod axis;
mod folder;
mod page;
mod row;
mod style;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod waterfall;

pub(crate) use folder::{Folder, Kept, line};
pub(crate) use page::SoundFile;
pub(crate) use style::Style;
pub(crate) use waterfall::draw;

/// Writes a whole conversation at once, so that no other thread's lines come between; false where nobody can read it,
/// which is no reason to disturb the agent.
pub(crate) fn print(text: &str) -> bool {
    let mut standard_error = std::io::stderr().lock();
    standard_error.write_all(text.as_bytes()).is_ok() && leads_anywhere(&standard_error)
}

/// What is written to a closed standard error counts as written, and one that was closed when the program began leads to the
/// null device.
#[cfg(unix)]
fn leads_anywhere(standard_error: &StderrLock<'_>) -> bool {
    let file = standard_error.as_fd().try_clone_to_owned().map(File::from);
    let null = fs::metadata("/dev/null").map(|null| null.rdev()).ok();
    file.and_then(|file| file.metadata()).is_ok_and(|about| Some(about.rdev()) != null)
}

#[cfg(not(unix))]
fn leads_anywhere(_: &StderrLock<'_>) -> bool {
    true
}
