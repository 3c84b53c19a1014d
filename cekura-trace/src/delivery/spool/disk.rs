//! Does the work with files on a thread of its own. Invariant: what waits is written with one `fsync` for all of it, spans
//! before the starts of conversations, and nothing is deleted that was not settled, but for age and size.
//!
//! Only a file that was read in full, with a wrong checksum, is damaged. After any other error it is left, for a later try.

mod folder;
mod group;
mod look;
mod name;
mod place;
mod recordings;

pub(super) use group::LARGEST_ITEM;

use super::address::Address;
use super::item::{Kind, recording};
use super::others::Others;
use super::{Event, Found, Keep, Name, Shared, Tell, Work};
use crate::delivery::ledger::DropReason;
use crate::delivery::timings::SpoolLimits;
use crate::lock::locked;
use folder::Run;
use group::Entry;
use look::{Look, set_aside};
use name::FileName;
use rustix::fs::OFlags;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often the thread looks whether its files are still there, or too old.
const TICK: Duration = Duration::from_secs(1);

/// Makes the handle's folder, and starts the thread.
pub(super) fn start(
    root: PathBuf,
    addresses: [Address; 2],
    limits: SpoolLimits,
    most_items: usize,
    shared: Arc<Shared>,
    tell: Tell,
) -> io::Result<()> {
    let run = Arc::new(Run::new(&root)?);
    *locked(&shared.folder) = Some(root.join(&run.name));
    let changed = run.directory.changed()?;
    let disk = Disk {
        root,
        run,
        changed,
        addresses,
        limits,
        most_items,
        shared,
        tell,
        groups: BTreeMap::new(),
        places: HashMap::new(),
        events: Vec::new(),
        look: Look::default(),
        recorded: 0,
        listed: None,
        next_tick: Instant::now() + TICK,
    };
    thread::Builder::new().name("cekura-spool".to_owned()).spawn(move || disk.run())?;
    Ok(())
}

/// Makes a handle's folder as [`start`] does, and removes it, with the directories that were missing.
pub(super) fn try_out(root: &Path) -> io::Result<()> {
    let missing = root.ancestors().take_while(|path| fs::symlink_metadata(path).is_err());
    let missing: Vec<_> = missing.collect();
    let tried = Run::new(root).map(drop);
    // One in which somebody has made something meanwhile stays.
    for made in missing {
        drop(fs::remove_dir(made));
    }
    tried
}

/// What waits in a directory for others; leaves it as it is.
pub(super) fn look(root: &Path, ours: &[Address; 2], limits: &SpoolLimits) -> Others {
    look::others(root, ours, limits)
}

struct Disk {
    root: PathBuf,
    run: Arc<Run>,
    /// The state of the folder after the last change of ours.
    changed: (i64, i64),
    /// That of spans, and that of call logs.
    addresses: [Address; 2],
    limits: SpoolLimits,
    most_items: usize,
    shared: Arc<Shared>,
    tell: Tell,
    groups: BTreeMap<u64, Group>,
    /// Where items are that are not settled.
    places: HashMap<Name, Place>,
    events: Vec<(Kind, Event)>,
    look: Look,
    /// Bytes of recordings, when they were last looked at, and the state of the folder then; `None` where it may have
    /// changed since without another state.
    recorded: u64,
    listed: Option<(i64, i64)>,
    next_tick: Instant,
}

impl Drop for Disk {
    fn drop(&mut self) {
        *locked(&self.shared.folder) = None;
    }
}

/// A file of ours.
struct Group {
    run: Arc<Run>,
    name: FileName,
    kind: Kind,
    bytes: u64,
    /// How old it was at a time of this run.
    age: (Duration, Instant),
    /// What in it is not settled.
    live: HashSet<Name>,
    is_damaged: bool,
}

struct Place {
    group: u64,
    entry: Entry,
}

impl Group {
    fn new(run: Arc<Run>, name: FileName, kind: Kind, bytes: u64, age: Duration) -> Self {
        // A small file takes a block.
        const BLOCK: u64 = 4 << 10;
        let (bytes, age) = (bytes.next_multiple_of(BLOCK), (age, Instant::now()));
        Self { run, name, kind, bytes, age, live: HashSet::new(), is_damaged: false }
    }

    fn age(&self) -> Duration {
        self.age.0 + self.age.1.elapsed()
    }

    fn open(&self, how: OFlags) -> io::Result<std::fs::File> {
        self.run.directory.open(&self.name.to_string(), how)
    }
}

impl Disk {
    /// Works until the last work, or until nobody is left to ask for some.
    fn run(mut self) {
        loop {
            let is_looking = self.look_on();
            let wait = if is_looking { Duration::ZERO } else { TICK };
            let Some(work) = self.shared.next(wait) else { return };
            let end = self.work(work);
            if self.next_tick <= Instant::now() {
                self.next_tick = Instant::now() + TICK;
                self.tick();
            }
            self.say();
            if let Some(done) = end {
                drop(self);
                // Nobody may wait for it any more.
                let _ = done.send(());
                return;
            }
        }
    }

    /// Does what waits; gives back who waits for the end.
    fn work(&mut self, work: Work) -> Option<Sender<()>> {
        let Work { keeps, loads, marks, removed, recordings, end } = work;
        let bytes = keeps.values().map(|keep| keep.body.len()).sum();
        let (unwritten, written): (Vec<_>, Vec<_>) =
            loads.into_iter().partition(|(_, name)| keeps.contains_key(name));
        for (kind, name) in written {
            self.load(kind, name);
        }
        let (mut spans, mut call_logs, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for (name, keep) in keeps {
            match keep.item.kind() {
                Kind::CallLog => call_logs.push((name, keep)),
                Kind::Spans => spans.push((name, keep)),
                Kind::Start => starts.push((name, keep)),
            }
        }
        self.keep(Kind::Spans, spans);
        self.keep(Kind::CallLog, call_logs);
        for (kind, name) in unwritten {
            self.load(kind, name);
        }
        // After what is to be safe before, such as the parts of what is removed.
        self.remove(removed.iter());
        for number in recordings {
            // Where that fails, the next process removes it: no call log names it.
            drop(self.run.directory.remove(&recording(number)));
        }
        self.say();
        self.keep(Kind::Start, starts);
        self.shared.written(bytes);
        for (name, at) in marks {
            self.see(name, at);
        }
        self.trim();
        self.note_changes();
        end
    }

    /// Tells what has happened.
    fn say(&mut self) {
        if !self.events.is_empty() {
            (self.tell)(std::mem::take(&mut self.events));
        }
    }

    fn address(&self, kind: Kind) -> &Address {
        &self.addresses[usize::from(kind == Kind::CallLog)]
    }

    /// Writes items to one file, or in halves where there is no room for all.
    fn keep(&mut self, kind: Kind, mut items: Vec<(Name, Keep)>) {
        if items.is_empty() {
            return;
        }
        let is_there = if self.is_in_place() { Ok(()) } else { self.renew() };
        let result = is_there.and_then(|()| self.write(kind, &items));
        if items.len() > 1 && result.as_ref().is_err_and(is_full) {
            let rest = items.split_off(items.len() / 2);
            self.keep(kind, items);
            return self.keep(kind, rest);
        }
        let names = items.iter().map(|(name, _)| *name).collect();
        self.events.push((kind, Event::Kept { names, result }));
    }

    fn write(&mut self, kind: Kind, items: &[(Name, Keep)]) -> io::Result<()> {
        let address = self.address(kind);
        let name = FileName::new(&address.receiver, kind);
        let (entries, bytes) = self.run.directory.put(&name.to_string(), |file| {
            group::write(file, address, items.iter().map(|(_, keep)| (&keep.item, &keep.body)))
        })?;
        // Of what is written in place of an earlier version or of several, those.
        self.remove(items.iter().flat_map(|(name, keep)| once(name).chain(&keep.parts)));
        let found = items.iter().map(|(name, _)| *name).zip(entries);
        self.add(Group::new(self.run.clone(), name, kind, bytes, Duration::ZERO), found.collect());
        Ok(())
    }

    fn add(&mut self, mut group: Group, items: Vec<(Name, Entry)>) {
        let number = self.shared.numbers.fetch_add(1, Ordering::Relaxed);
        group.live = items.iter().map(|(name, _)| *name).collect();
        self.groups.insert(number, group);
        self.places.extend(items.into_iter().map(|(name, entry)| (name, Place { group: number, entry })));
    }

    fn load(&mut self, kind: Kind, name: Name) {
        let Some(Place { group: number, entry }) = self.places.get(&name) else {
            // It was lost while it was to become part of another, or could not be written.
            let gone = Event::Gone { names: vec![name], reason: DropReason::SpoolDamaged };
            return self.events.push((kind, gone));
        };
        let number = *number;
        let Some(group) = self.groups.get_mut(&number) else { return };
        let receiver = &self.addresses[usize::from(kind == Kind::CallLog)].receiver;
        let read = group.open(OFlags::RDONLY).and_then(|file| group::read(&file, entry, receiver, kind));
        let event = match read {
            Ok(Some(read)) => Event::Loaded { name, read: Ok(read) },
            Ok(None) => {
                group.is_damaged = true;
                group.live.remove(&name);
                if group.live.is_empty() {
                    self.delete(number);
                }
                self.places.remove(&name);
                Event::Gone { names: vec![name], reason: DropReason::SpoolDamaged }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.lose(number, DropReason::SpoolDamaged);
            }
            Err(error) => Event::Loaded { name, read: Err(error) },
        };
        self.events.push((kind, event));
    }

    fn see(&self, name: Name, at: SystemTime) {
        if let Some(Place { group, entry }) = self.places.get(&name)
            && let Some(group) = self.groups.get(group)
        {
            // It is only the end of a span that a crash has cut off.
            drop(group.open(OFlags::WRONLY).and_then(|file| group::see(&file, entry, at)));
        }
    }

    /// Settles items: a file goes with the last of them, and in others they are marked.
    fn remove<'a>(&mut self, names: impl Iterator<Item = &'a Name>) {
        let mut settled = BTreeMap::<u64, Vec<Entry>>::new();
        for name in names {
            let Some(Place { group, entry }) = self.places.remove(name) else { continue };
            settled.entry(group).or_default().push(entry);
            if let Some(group) = self.groups.get_mut(&group) {
                group.live.remove(name);
            }
        }
        for (number, entries) in settled {
            let Some(group) = self.groups.get(&number) else { continue };
            if group.live.is_empty() {
                self.delete(number);
            } else if let Ok(file) = group.open(OFlags::WRONLY) {
                // Where that fails, the next process sends it again.
                for entry in &entries {
                    drop(group::settle(&file, entry));
                }
            }
        }
    }

    /// Removes a file of which everything is settled, or puts it aside if something in it was not whole. After an error it
    /// is tried again.
    fn delete(&mut self, number: u64) {
        let Some(group) = self.groups.get(&number) else { return };
        let (directory, name) = (&group.run.directory, group.name.to_string());
        let result = if group.is_damaged {
            set_aside(&self.root, directory, &name).map(|()| self.look.note_aside())
        } else {
            directory.remove(&name)
        };
        if result.is_ok() || result.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            self.groups.remove(&number);
        }
    }

    /// Gives up what is in a file, and the file.
    fn lose(&mut self, number: u64, reason: DropReason) {
        self.give_up(number, reason);
        self.delete(number);
    }

    fn give_up(&mut self, number: u64, reason: DropReason) {
        let Some(group) = self.groups.get_mut(&number) else { return };
        let names: Vec<_> = std::mem::take(&mut group.live).into_iter().collect();
        for name in &names {
            self.places.remove(name);
        }
        self.events.push((group.kind, Event::Gone { names, reason }));
    }

    /// Deletes what is too old, and the oldest of what is too much.
    fn trim(&mut self) {
        let is_old = |group: &Group| !group.live.is_empty() && group.age() > self.limits.age;
        for number in self.numbers(is_old) {
            self.lose(number, DropReason::SpoolExpired);
        }
        let bytes: u64 = self.groups.values().map(|group| group.bytes).sum();
        let mut excess = (bytes + self.recorded).saturating_sub(self.look.room(&self.limits));
        // A start counts for its conversation, which is open.
        let counts = |group: &Group| if group.kind == Kind::Start { 0 } else { group.live.len() };
        let items: usize = self.groups.values().map(counts).sum();
        let mut too_many = items.saturating_sub(self.most_items);
        while excess > 0 || too_many > 0 {
            let may_go = |group: &Group| if excess > 0 { !group.live.is_empty() } else { counts(group) > 0 };
            let live = self.groups.iter().filter(|(_, group)| may_go(group));
            let Some((number, group)) = live.max_by_key(|(_, group)| group.age()) else { return };
            let (number, bytes, items) = (*number, group.bytes, counts(group));
            self.lose(number, DropReason::SpoolFull);
            excess = excess.saturating_sub(bytes);
            too_many = too_many.saturating_sub(items);
        }
    }

    /// Looks after the files: whether they are there, not too old, and their names not too far from the clock.
    fn tick(&mut self) {
        if !self.is_in_place() {
            drop(self.renew());
        } else if self.run.directory.changed().ok() != Some(self.changed) {
            self.miss();
        }
        self.trim_recordings();
        self.trim();
        for number in self.numbers(|group| group.live.is_empty()) {
            self.delete(number);
        }
        for group in self.groups.values_mut().filter(|group| group.name.is_to_be_renewed()) {
            let renewed = group.name.renewed(group.age());
            let directory = &group.run.directory;
            if directory.rename(&group.name.to_string(), directory, &renewed.to_string()).is_ok() {
                group.name = renewed;
            }
        }
        self.note_changes();
    }

    fn numbers(&self, which: impl Fn(&Group) -> bool) -> Vec<u64> {
        self.groups.iter().filter(|(_, group)| which(group)).map(|(number, _)| *number).collect()
    }

    fn note_changes(&mut self) {
        self.changed = self.run.directory.changed().unwrap_or_default();
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
