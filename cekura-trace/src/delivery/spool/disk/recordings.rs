//! Recordings in folders of the spool, each named by a call log beside it. Invariant: of a call log and its recording both are
//! taken over or none, whenever the process is killed.

use super::folder::{Directory, Run};
use super::{Disk, Event, Kind};
use crate::delivery::spool::item::{Item, recording};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What recordings get of the bytes of the spool.
const SHARE: u64 = 2;

impl Disk {
    /// Removes the oldest of what is too much. A call that still runs, or is being posted, has its file open and keeps it so.
    pub(super) fn trim_recordings(&mut self) {
        let directory = &self.run.directory;
        // Those that are there grow. A folder changes with what is made in it, but not twice within a moment.
        let state = directory.changed().ok();
        if self.recorded == 0 && state.is_some() && state == self.listed {
            return;
        }
        let is_recent = state.is_none_or(|(seconds, _)| SystemTime::now() < later(seconds));
        self.listed = state.filter(|_| !is_recent);
        let found = directory.recordings().unwrap_or_default();
        self.recorded = found.iter().map(|(_, bytes)| bytes).sum();
        let (most, mut removed) = (self.look.room(&self.limits) / SHARE, 0);
        for (name, bytes) in found {
            if self.recorded > most && directory.remove(&name).is_ok() {
                self.recorded -= bytes;
                removed += 1;
            }
        }
        if removed > 0 {
            let why = "recordings take half of its bytes at most";
            let notice = format!("{removed} recordings of calls were removed from the spool: {why}");
            self.events.push((Kind::Spans, Event::Notice(notice)));
        }
    }

    /// Puts recordings into the folder that is ours from now on.
    pub(super) fn give_recordings(&self, to: &Run) {
        for (name, _) in self.run.directory.recordings().unwrap_or_default() {
            drop(self.run.directory.give(&name, &to.directory));
        }
    }

    /// Looks at a recording in a folder of a dead process, after its call logs: those that could be taken over were. It stays
    /// for as long as a call log is there, which is for somebody else.
    pub(super) fn examine_recording(&mut self, from: &Directory, text: &str) -> io::Result<()> {
        let Ok(Some(bytes)) = from.size(text) else { return Ok(()) };
        let is_named = from.names()?.iter().any(|name| name.ends_with(Kind::CallLog.ending()));
        if is_named && self.look.fits(bytes, &self.limits) {
            return Ok(());
        }
        from.remove(text)?;
        self.look.note_cut_off();
        Ok(())
    }
}

/// When what changes a folder in this second of the wall clock, or has, gives it another state.
fn later(seconds: i64) -> SystemTime {
    let seconds = u64::try_from(seconds).unwrap_or_default().saturating_add(2);
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// Names of the recordings of items.
pub(super) fn named<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<String> {
    let number = |item: &Item| match item {
        Item::CallLog { recording, .. } => recording.map(|recorded| recorded.number),
        Item::Spans { .. } | Item::Start => None,
    };
    items.filter_map(number).map(recording).collect()
}
