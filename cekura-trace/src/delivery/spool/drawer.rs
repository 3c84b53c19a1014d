//! Call logs come in and are kept on disk until it is settled what became of them. This file does not know when they
//! are posted.

use super::{Address, Item, Name, Spool};
use crate::delivery::call_log::Letter;
use std::sync::Arc;

/// What one handle has on disk of its call logs.
#[derive(Debug)]
pub(crate) struct Drawer {
    spool: Arc<Spool>,
    address: Address,
}

impl Drawer {
    pub(crate) fn new(spool: Arc<Spool>, address: Address) -> Self {
        Self { spool, address }
    }

    /// Keeps a call log; `None` while the disk has too much to do.
    pub(crate) fn keep(&self, letter: &Letter) -> Option<Name> {
        self.spool.keep(&self.address, item(letter), &letter.body)
    }

    /// Keeps it as it is now.
    pub(crate) fn keep_again(&self, name: &Name, letter: &Letter) {
        self.spool.keep_as(name, &self.address, item(letter), &letter.body);
    }

    /// Whether a call log has been here for too long.
    pub(crate) fn is_over(&self, name: &Name) -> bool {
        name.age() > self.spool.limits.age
    }

    /// Leaves it for the next process.
    pub(crate) fn leave(&self, name: Name) {
        self.spool.leave(name);
    }

    pub(crate) fn remove(&self, name: Name) {
        self.spool.remove(name);
    }
}

fn item(letter: &Letter) -> Item {
    Item::CallLog { id: letter.id.clone(), owner: letter.owner.clone() }
}
