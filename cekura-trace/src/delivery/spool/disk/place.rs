//! Follows a directory that is moved or removed while the program runs. Invariant: what counts as safe is where the next
//! process looks for it.

use super::folder::Run;
use super::{Disk, DropReason, Group, is_full};
use crate::lock::locked;
use std::io::{self, ErrorKind};
use std::sync::Arc;

impl Disk {
    /// Whether our files are where they are looked for, as far as the folder says.
    pub(super) fn is_in_place(&self) -> bool {
        let is_here = |group: &Group| Arc::ptr_eq(&group.run, &self.run);
        self.run.is_at(&self.root) && self.groups.values().all(is_here)
    }

    /// Makes a folder where ours is not any more, and puts there what the old one still has.
    pub(super) fn renew(&mut self) -> io::Result<()> {
        self.miss();
        let is_here = self.run.is_at(&self.root);
        let run = if is_here { Ok(self.run.clone()) } else { Run::new(&self.root).map(Arc::new) };
        let mut lost = Vec::new();
        for (number, group) in &mut self.groups {
            let put = match &run {
                Ok(run) if Arc::ptr_eq(run, &group.run) => Ok(()),
                Ok(run) => group.run.directory.give(&group.name.to_string(), &run.directory),
                Err(error) => Err(error.kind().into()),
            };
            match (put, &run) {
                (Ok(()), Ok(run)) => group.run = run.clone(),
                (Err(error), _) if !is_full(&error) => lost.push(*number),
                // There may be room later.
                _ => {}
            }
        }
        for number in lost {
            self.give_up(number, DropReason::SpoolDamaged);
            // It stays where it is: what nobody vouches for may still be of use.
            self.groups.remove(&number);
        }
        let run = run?;
        if !is_here {
            self.give_recordings(&run);
        }
        self.run = run;
        *locked(&self.shared.folder) = Some(self.root.join(&self.run.name));
        self.run.directory.sync()
    }

    /// Gives up what somebody else has removed.
    pub(super) fn miss(&mut self) {
        let is_gone = |group: &Group| {
            let size = group.run.directory.size(&group.name.to_string());
            size.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        for number in self.numbers(is_gone) {
            self.lose(number, DropReason::SpoolDamaged);
        }
    }
}
