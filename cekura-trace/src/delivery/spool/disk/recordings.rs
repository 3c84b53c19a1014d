//! Recordings in folders of the spool, each named by a call log beside it. Invariant: of a call log and its recording both are
//! taken over or none, whenever the process is killed.

use super::folder::{Directory, Run};
use super::{Disk, Event, Kind};
use crate::delivery::spool::item::{Item, recording};
use std::io;

/// What recordings get of the bytes of the spool.
const SHARE: u64 = 2;

impl Disk {
    /// Removes the oldest of what is too much. A call that still runs, or is being posted, has its file open and keeps it so.
    pub(super) fn trim_recordings(&mut self) {
        let directory = &self.run.directory;
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

/// Names of the recordings of items.
pub(super) fn named<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<String> {
    let number = |item: &Item| match item {
        Item::CallLog { recording, .. } => recording.map(|recorded| recorded.number),
        Item::Spans { .. } | Item::Start => None,
    };
    items.filter_map(number).map(recording).collect()
}
