//! Local mode: draws a finished conversation on standard error and writes it as a page. Invariant: nothing here
//! uses the network.
//!
//! ```text
//! Tree → row (what one span says) ─┐
//!      → axis (where its bar lies) ├→ waterfall → print
//!      → turns (a line for each)  ─┤
//!      → summary (what all say)   ─┤
//!                                  └→ page → folder
//! ```

#[cfg(unix)]
use std::fs::{self, File};
use std::io::{StderrLock, Write as _};
#[cfg(unix)]
use std::os::{fd::AsFd as _, unix::fs::MetadataExt as _};
use std::thread;
use std::time::{Duration, Instant};

mod axis;
mod folder;
mod page;
mod row;
mod style;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod turns;
mod waterfall;

pub(crate) use folder::{Folder, Kept, line};
pub(crate) use page::{Around, COLOURS, FORMAT, SoundFile, json as page_data, write as write_page};
pub(crate) use style::Style;
pub(crate) use waterfall::draw;

/// How long the program's own threads may wait for standard error, beside the time for one line.
const MOMENT: Duration = Duration::from_millis(2);

/// Writes a whole conversation, at once where somebody reads it as fast; else other threads' lines come between, which must
/// not wait for all of it. False where nobody can read it, which is no reason to disturb the agent.
pub(crate) fn print(text: &str) -> bool {
    let mut lines = text.split_inclusive('\n').peekable();
    while lines.peek().is_some() {
        let (mut standard_error, begin) = (std::io::stderr().lock(), Instant::now());
        while let Some(line) = lines.next_if(|_| begin.elapsed() < MOMENT) {
            if standard_error.write_all(line.as_bytes()).is_err() {
                return false;
            }
        }
        drop(standard_error);
        if lines.peek().is_some() {
            // Who waits for it would not get it, if it were taken again at once.
            thread::sleep(MOMENT);
        }
    }
    leads_anywhere(&std::io::stderr().lock())
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
