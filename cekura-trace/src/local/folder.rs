//! Writes pages as files with safe names into one folder that only this user reads. Invariant: only the newest pages stay.

use super::page::{self, Program, SoundFile};
use super::{axis, summary};
use crate::finished::Tree;
use crate::semconv as key;
use private::Directory;
use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::path::{self, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fmt, fs, io};

#[cfg_attr(not(unix), path = "folder/not_private.rs")]
mod private;
#[cfg(test)]
mod tests;

/// Where the pages of conversations are kept.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// From the root: the program may go to another directory.
    path: PathBuf,
    limits: Limits,
    program: Vec<(&'static str, String)>,
}

/// What is kept of the pages in a folder.
#[derive(Clone, Copy, Debug)]
struct Limits {
    files: usize,
    bytes: u64,
}

impl Folder {
    /// Keeps the newest 200 pages, and of those as many as have 256 MiB together.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let given = path.into();
        let path = path::absolute(&given).unwrap_or(given);
        Self { path, limits: Limits { files: 200, bytes: 256 << 20 }, program: Vec::new() }
    }

    /// The same, whose pages say which program took the call.
    pub(crate) fn of_program(self, program: Vec<(&'static str, String)>) -> Self {
        Self { program, ..self }
    }

    /// Writes the page of a conversation, with its call log as it would be posted, and its recording, or why there is none; in
    /// place of the page before, if there is one. `None` for spans that belong to no conversation.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or written to.
    pub(crate) fn add(
        &self,
        tree: &Tree,
        call_log: Option<&[u8]>,
        sound: Result<SoundFile, &str>,
        before: Option<&Kept>,
    ) -> io::Result<Option<Kept>> {
        let is_call = |name: &str| matches!(name, key::span::CONVERSATION | key::span::TURN);
        if !tree.rows.iter().any(|(_, span)| is_call(&span.name)) {
            return Ok(None);
        }
        let is_new = fs::symlink_metadata(&self.path).is_err();
        let directory = Directory::open(&self.path)?;
        if is_new {
            // What callers say does not belong into a repository.
            match directory.create(".gitignore") {
                // Of another process that begins, too.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => file?.write_all(b"*\n")?,
            }
        }
        let (name, mut file) = match before {
            Some(Kept { name, .. }) => (name.clone(), directory.create(&format!("{name}{UNFINISHED}"))?),
            None => self.free(tree, &directory)?,
        };
        let unfinished = format!("{name}{UNFINISHED}");
        let written = write(&mut file, tree, call_log, sound, &self.program);
        let renamed = written.and_then(|is_heard| directory.rename(&unfinished, &name).map(|()| is_heard));
        let is_heard = renamed.inspect_err(|_| drop(directory.remove(&unfinished)))?;
        let pages = self.prune(&name, &file);
        // It is made anew with the next page.
        drop(self.list(&directory, &unfinished, pages));
        Ok(Some(Kept { path: self.path.join(&name), name, is_heard }))
    }

    /// A name that is not taken, and the file that is to have it.
    fn free(&self, tree: &Tree, directory: &Directory) -> io::Result<(String, File)> {
        for name in (1..).map(|number| name(tree, number)) {
            let unfinished = format!("{name}{UNFINISHED}");
            match directory.create(&unfinished) {
                // Of another process, or of one that is dead.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // Nobody else gives it this name from here on.
                Ok(_) if fs::symlink_metadata(self.path.join(&name)).is_ok() => {
                    directory.remove(&unfinished)?;
                }
                file => return file.map(|file| (name, file)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes the oldest pages above the limits, and nothing that is not called like a page; the one that was just written
    /// stays. Pages are as old as their order says: where the clock was ahead once, a new page is dated behind the latest.
    /// Gives the names of those that are left, the newest first.
    fn prune(&self, written: &str, file: &File) -> Vec<String> {
        let Ok(files) = fs::read_dir(&self.path) else { return vec![written.to_owned()] };
        let mut pages = Vec::new();
        let mut kept = 0;
        for page in files.flatten() {
            let (name, Ok(about)) = (page.file_name(), page.metadata()) else { continue };
            match name.to_str() {
                Some(name) if name == written => kept = about.len(),
                Some(name) if is_page(name) => {
                    let date = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    pages.push((date, page.path(), about.len()));
                }
                _ => {}
            }
        }
        pages.sort_unstable();
        let date = file.metadata().and_then(|about| about.modified());
        if let Some((latest, ..)) = pages.last()
            && date.is_ok_and(|date| date <= *latest)
            && let Some(next) = latest.checked_add(STEP)
        {
            // Some file systems do not allow it, and the next page may then take its place.
            drop(file.set_modified(next));
        }
        let mut left = vec![written.to_owned()];
        for (at, (_, path, bytes)) in pages.iter().rev().enumerate() {
            kept += bytes;
            if at + 1 >= self.limits.files || kept > self.limits.bytes {
                drop(fs::remove_file(path));
            } else {
                left.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
            }
        }
        left.retain(|name| !name.ends_with(UNFINISHED));
        left
    }

    /// Writes the list of these pages, under a name that is free until it is whole.
    fn list(&self, directory: &Directory, unfinished: &str, pages: Vec<String>) -> io::Result<()> {
        let briefs = pages.into_iter().map(|name| {
            let brief = File::open(self.path.join(&name)).ok().and_then(page::index::brief_of);
            (name, brief)
        });
        let mut list = BufWriter::new(directory.create(unfinished)?);
        let written =
            page::index::write_index(&mut list, &briefs.collect::<Vec<_>>()).and_then(|()| list.flush());
        let renamed = written.and_then(|()| directory.rename(unfinished, INDEX));
        renamed.inspect_err(|_| drop(directory.remove(unfinished)))
    }
}

/// A page that was written.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    name: String,
    /// Whether the recording is in it.
    pub(crate) is_heard: bool,
}

/// Writes a page, without its recording where that cannot be read; whether it is in it.
fn write(
    file: &mut File,
    tree: &Tree,
    call_log: Option<&[u8]>,
    sound: Result<SoundFile, &str>,
    program: &Program,
) -> io::Result<bool> {
    let has_sound = sound.is_ok();
    let page = |file: &mut File, sound| {
        let mut buffered = BufWriter::new(file);
        page::write(&mut buffered, tree, call_log, sound, program, page::Around::Folder)?;
        buffered.flush()
    };
    match page(file, sound) {
        Err(error) if has_sound => {
            file.set_len(0)?;
            file.rewind()?;
            page(file, Err(&error.to_string()))?;
            Ok(false)
        }
        written => written.map(|()| has_sound),
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

/// A line that says where a page is, or why there is none, or anything else, in the columns of the lines above it.
pub(crate) fn line(heading: &str, what: impl fmt::Display) -> String {
    format!("{heading:<9}{what}\n")
}

/// Dates of some file systems are whole seconds.
const STEP: Duration = Duration::from_secs(1);

/// The list of all pages.
const INDEX: &str = "index.html";
const PAGE: &str = ".html";
const UNFINISHED: &str = ".tmp";

/// `2026-11-21_09-31-00_clinic-0931_4bf92f35.html`: the start in UTC, the call's id as far as any file system takes
/// it, the head of the trace id.
fn name(tree: &Tree, number: u64) -> String {
    let call = summary::call_id(tree).map_or_else(String::new, |id| safe(&id));
    let again = if number == 1 { String::new() } else { format!("{number}_") };
    let (start, _) = axis::time_shown(tree);
    let trace = summary::traces(tree).pop().unwrap_or_default();
    format!("{}_{call}{again}{:.8}{PAGE}", utc(start / 1_000_000_000), trace)
}

/// Letters and digits of ASCII, at most [`CALL`] of them, with `-` for anything between, and `_` at the end.
fn safe(call_id: &str) -> String {
    let words = call_id.split(|each: char| !each.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut safe = String::new();
    for word in words {
        let dash = if safe.is_empty() { "" } else { "-" };
        safe.extend(dash.chars().chain(word.chars()).take(CALL - safe.len()));
    }
    if safe.is_empty() { safe } else { safe + "_" }
}

/// Characters of a call's id in a file's name.
const CALL: usize = 60;

fn is_page(file: &str) -> bool {
    let name = file.strip_suffix(UNFINISHED).unwrap_or(file);
    let Some((time, rest)) = name.strip_suffix(PAGE).and_then(|name| name.split_at_checked(SHAPE.len()))
    else {
        return false;
    };
    let digits = time.chars().map(|each| if each.is_ascii_digit() { '0' } else { each });
    let trace = rest.rsplit('_').next().unwrap_or_default();
    digits.eq(SHAPE.chars()) && trace.len() == 8 && trace.bytes().all(|each| each.is_ascii_hexdigit())
}

const SHAPE: &str = "0000-00-00_00-00-00_";

/// Seconds since the Unix epoch as `2026-11-21_09-31-00`.
///
/// Days are counted from 1 March of the year 0, as in Howard Hinnant's "chrono-compatible low-level date algorithms".
fn utc(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}_{hour:02}-{minute:02}-{second:02}")
}
