//! Looks at what others have in the directory: takes over what dead processes have left for us, and keeps the rest within
//! age and size. Invariant: of what is for others only names and lines are read, and it goes nowhere.

use super::folder::{Directory, Run, UNFINISHED};
use super::name::FileName;
use super::recordings::named;
use super::{Address, Disk, Event, Found, Group, Kind, group};
use crate::delivery::spool::item::RECORDING;
use crate::delivery::spool::others::Others;
use crate::delivery::timings::SpoolLimits;
use prost::bytes::Bytes;
use rustix::fs::OFlags;
use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The shortest time from one look to the next one, when something could not be looked at, and the longest. Processes end
/// and files grow old; at first another handle may be looking at what is ours.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(60)];

const ASIDE: &str = "aside";

/// One look after the other, file by file, so that no job waits for long.
#[derive(Default)]
pub(super) struct Look {
    /// When the next one begins; at once if unset.
    next: Option<Instant>,
    pause: Duration,
    is_on: bool,
    folders: Vec<String>,
    /// An orphan, and its files that were not looked at.
    current: Option<(Arc<Run>, Vec<String>)>,
    has_failed: bool,
    /// Bytes of those who live.
    living: u64,
    left: Vec<Left>,
    others: Others,
    /// Bytes of all that is not ours, when it was last looked at.
    elsewhere: u64,
    /// Who was told of.
    told: BTreeSet<String>,
    /// Files that nobody was told of.
    aside: u64,
    deleted: u64,
    /// Recordings of calls that ended with their process.
    cut_off: u64,
    /// Bytes of recordings that are left.
    recordings: u64,
}

/// A file that waits for somebody else.
struct Left {
    folder: String,
    name: String,
    age: Duration,
    bytes: u64,
}

impl Look {
    pub(super) fn note_aside(&mut self) {
        self.aside += 1;
    }

    pub(super) fn note_cut_off(&mut self) {
        self.cut_off += 1;
    }

    /// Leaves a recording for others, where there is room.
    pub(super) fn fits(&mut self, bytes: u64, limits: &SpoolLimits) -> bool {
        let fits = self.recordings + bytes <= limits.bytes / 4;
        self.recordings += if fits { bytes } else { 0 };
        fits
    }

    /// The bytes that are for our own files: what others have is taken off, as far as something is left.
    pub(super) fn room(&self, limits: &SpoolLimits) -> u64 {
        limits.bytes.saturating_sub(self.elsewhere).max(limits.bytes / 4)
    }
}

impl Disk {
    /// Takes the next step; false if there is none.
    pub(super) fn look_on(&mut self) -> bool {
        let Look { is_on, next, .. } = self.look;
        if let Some((run, mut files)) = self.look.current.take() {
            if let Some(name) = files.pop() {
                self.look.has_failed |= self.examine(&run, &name).is_err();
                self.look.current = Some((run, files));
            }
        } else if let Some(folder) = self.look.folders.pop() {
            self.look.has_failed |= self.enter(&folder).is_err();
        } else if is_on {
            self.finish();
        } else if next.is_none_or(|next| next <= Instant::now()) {
            let folders = Directory::existing(&self.root).and_then(|root| root.runs());
            let Look { pause, told, elsewhere, aside, .. } = std::mem::take(&mut self.look);
            let has_failed = folders.is_err();
            let folders = folders.unwrap_or_default();
            self.look =
                Look { is_on: true, pause, has_failed, folders, told, elsewhere, aside, ..Look::default() };
        } else {
            return false;
        }
        true
    }

    fn enter(&mut self, folder: &str) -> io::Result<()> {
        if folder == self.run.name {
            let known: HashSet<_> = self.groups.values().map(|group| group.name.to_string()).collect();
            let run = self.run.clone();
            let is_known = |name: &String| known.contains(name) || name.ends_with(RECORDING);
            for name in run.files()?.iter().filter(|name| !is_known(name)) {
                if run.directory.size(name)?.is_some() {
                    self.examine_stray(&run.directory, name)?;
                }
            }
        } else if let Some(run) = Run::claim(&self.root, folder)? {
            let mut files = run.files()?;
            files.reverse();
            self.look.current = Some((Arc::new(run), files));
        } else {
            self.look.living += Directory::existing(&self.root)?.within(folder, false)?.sizes()?;
        }
        Ok(())
    }

    /// Takes a file over, or leaves it for others.
    fn examine(&mut self, run: &Run, text: &str) -> io::Result<()> {
        let directory = &run.directory;
        if text.ends_with(RECORDING) {
            return self.examine_recording(directory, text);
        }
        let Some(bytes) = directory.size(text)? else { return Ok(()) };
        let name = FileName::parse(text);
        let Some((name, (receiver, kind))) = name.as_ref().and_then(|name| Some((name, name.meaning()?)))
        else {
            return self.examine_stray(directory, text);
        };
        let age = name.age();
        if receiver == self.address(kind).receiver {
            return self.adopt(directory, text, name, kind, bytes);
        }
        if age > self.limits.age {
            self.look.deleted += 1;
            return directory.remove(text);
        }
        let Some((whom, count)) = count(directory, text)? else { return self.put_aside(directory, text) };
        self.look.others.add(whom, kind, count, SystemTime::now() + self.limits.age.saturating_sub(age));
        let name = renewed(directory, text, name)?;
        self.look.left.push(Left { folder: run.name.clone(), name, age, bytes });
        Ok(())
    }

    /// Puts a file aside that is none of this crate's.
    fn examine_stray(&mut self, from: &Directory, text: &str) -> io::Result<()> {
        // Of what is not finished nobody was promised anything.
        if text.ends_with(UNFINISHED) { from.remove(text) } else { self.put_aside(from, text) }
    }

    fn adopt(
        &mut self,
        from: &Directory,
        text: &str,
        name: &FileName,
        kind: Kind,
        bytes: u64,
    ) -> io::Result<()> {
        let file = from.open(text, OFlags::RDONLY)?;
        let Some((_, entries)) = group::entries(&file)? else { return self.put_aside(from, text) };
        let (mut found, mut items, mut is_damaged) = (Vec::new(), Vec::new(), false);
        for entry in entries.into_iter().filter(|entry| !entry.is_settled()) {
            match group::read(&file, &entry, &self.address(kind).receiver, kind)? {
                None => is_damaged = true,
                Some((item, body)) => {
                    let name = self.shared.name();
                    // What is sent is read again when it is.
                    let body = if kind == Kind::Start { body } else { Bytes::new() };
                    found.push(Found { name, item, body, last_seen: entry.last_seen() });
                    items.push((name, entry));
                }
            }
        }
        if items.is_empty() {
            return if is_damaged { self.put_aside(from, text) } else { from.remove(text) };
        }
        let (age, ours) = (name.age(), self.run.clone());
        let renewed = name.renewed(age);
        // Both have them until both have the call logs: whoever comes next removes what no call log names.
        let recordings = named(found.iter().map(|found| &found.item));
        for recording in &recordings {
            from.link(recording, &ours.directory)?;
        }
        from.rename(text, &ours.directory, &renewed.to_string())?;
        for recording in &recordings {
            drop(from.remove(recording));
        }
        // Where that fails, it is in one of the two folders after a power cut.
        drop(ours.directory.sync());
        let group = Group { is_damaged, ..Group::new(ours, renewed, kind, bytes, age) };
        self.add(group, items);
        self.events.push((kind, Event::Found(found)));
        self.trim();
        self.note_changes();
        Ok(())
    }

    fn put_aside(&mut self, from: &Directory, name: &str) -> io::Result<()> {
        set_aside(&self.root, from, name)?;
        self.look.note_aside();
        Ok(())
    }

    /// Keeps what is left for others within age and size, and tells of it.
    fn finish(&mut self) {
        self.look.has_failed |= self.list_aside().is_err();
        let mut left = std::mem::take(&mut self.look.left);
        left.sort_by_key(|left| left.age);
        // What waits for us must not find the directory full.
        let [shortest, longest] = PAUSES;
        let (mut room, mut bytes, mut pause) = (self.limits.bytes / 2, 0, self.look.pause * 2);
        for file in left {
            room = room.saturating_sub(file.bytes);
            let stays = room > 0 && file.age <= self.limits.age;
            if stays || self.delete_left(&file).is_err() {
                bytes += file.bytes;
                pause = pause.min(self.limits.age.saturating_sub(file.age));
            }
        }
        self.look.elsewhere = self.look.living + self.look.recordings + bytes;
        self.look.is_on = false;
        self.look.pause = if self.look.has_failed { shortest } else { pause.clamp(shortest, longest) };
        self.look.next = Some(Instant::now() + self.look.pause);
        self.tell_of_others();
        self.trim();
    }

    fn delete_left(&mut self, file: &Left) -> io::Result<()> {
        // Somebody who has started meanwhile may have taken it over.
        let run = if file.folder == ASIDE { None } else { Run::claim(&self.root, &file.folder)? };
        let aside = || Directory::existing(&self.root)?.within(ASIDE, false);
        match (run, file.folder.as_str()) {
            (Some(run), _) => run.directory.remove(&file.name)?,
            (None, ASIDE) => aside()?.remove(&file.name)?,
            (None, _) => return Ok(()),
        }
        self.look.deleted += 1;
        Ok(())
    }

    fn list_aside(&mut self) -> io::Result<()> {
        let root = Directory::existing(&self.root)?;
        if !root.names()?.iter().any(|name| name == ASIDE) {
            return Ok(());
        }
        let aside = root.within(ASIDE, false)?;
        for text in aside.names()? {
            let Some(bytes) = aside.size(&text)? else { continue };
            let name = FileName::parse(&text).unwrap_or_else(|| FileName::of(text.clone()));
            let (age, name) = (name.age(), renewed(&aside, &text, &name)?);
            self.look.left.push(Left { folder: ASIDE.to_owned(), name, age, bytes });
        }
        Ok(())
    }

    fn tell_of_others(&mut self) {
        let mut notices = Vec::new();
        let others = std::mem::take(&mut self.look.others);
        if !others.whom().all(|whom| self.look.told.contains(whom)) {
            self.look.told.extend(others.whom().cloned());
            let then = "a handle with that endpoint, account and key sends it; after that time it is deleted";
            notices.push(format!("the spool holds data for another endpoint or account: {others}; {then}"));
        }
        let (aside, deleted) = (std::mem::take(&mut self.look.aside), std::mem::take(&mut self.look.deleted));
        if aside > 0 {
            let place = self.root.join(ASIDE);
            let why = "they are damaged or of another version of cekura-trace";
            notices.push(format!("{aside} files of the spool were moved to {}: {why}", place.display()));
        }
        if deleted > 0 {
            let why = "nobody has sent them in time, or they were among the oldest of too much";
            let place = self.root.display();
            notices.push(format!("{deleted} files of others were deleted from the spool {place}: {why}"));
        }
        let cut_off = std::mem::take(&mut self.look.cut_off);
        if cut_off > 0 {
            let why = "their processes died before their call logs were written";
            notices.push(format!("{cut_off} recordings of calls were removed from the spool: {why}"));
        }
        self.events.extend(notices.into_iter().map(|notice| (Kind::Spans, Event::Notice(notice))));
    }
}

/// The name under which a file's age is counted on; it gets that where the clock is too far from the one it has.
fn renewed(directory: &Directory, text: &str, name: &FileName) -> io::Result<String> {
    let renewed = if name.is_to_be_renewed() { name.renewed(name.age()) } else { name.clone() }.to_string();
    if renewed != text {
        directory.rename(text, directory, &renewed)?;
    }
    Ok(renewed)
}

/// For whom a file is, and how much in it is not settled; `None` for what is none of ours.
fn count(directory: &Directory, name: &str) -> io::Result<Option<(String, u64)>> {
    let entries = group::entries(&directory.open(name, OFlags::RDONLY)?)?;
    Ok(entries.map(|(whom, entries)| {
        let counts = entries.iter().filter(|entry| !entry.is_settled()).map(group::Entry::count);
        (whom, counts.fold(0, u64::saturating_add))
    }))
}

/// Puts a file out of the way that cannot be read. Where that fails it stays where it is.
pub(super) fn set_aside(root: &Path, from: &Directory, name: &str) -> io::Result<()> {
    let aside = Directory::existing(root)?.within(ASIDE, true)?;
    from.rename(name, &aside, &FileName::of(name.to_owned()).to_string())
}

/// What waits in a directory for others; leaves it as it is.
pub(super) fn others(root: &Path, ours: &[Address; 2], limits: &SpoolLimits) -> Others {
    let mut others = Others::default();
    let folders = Directory::existing(root).and_then(|root| root.runs()).unwrap_or_default();
    for folder in folders {
        // One whose process lives is not left. The lock is given back at once, for a start may want it.
        let Ok(Some(run)) = Run::claim(root, &folder) else { continue };
        for text in run.files().unwrap_or_default() {
            let Some(name) = FileName::parse(&text) else { continue };
            let Some((receiver, kind)) = name.meaning() else { continue };
            if ours.iter().all(|address| address.receiver != receiver)
                && let Ok(Some((whom, count))) = count(&run.directory, &text)
            {
                others.add(whom, kind, count, SystemTime::now() + limits.age.saturating_sub(name.age()));
            }
        }
    }
    others
}
