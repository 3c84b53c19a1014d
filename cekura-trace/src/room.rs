//! Bytes of a memory limit that several share. Invariant: what is taken is given back once.

use std::fmt;
use std::sync::Arc;

/// What bytes are taken for, which decides how many there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Use {
    /// Call logs that are to be posted.
    CallLog,
    /// Spans that have ended and are to be delivered.
    #[default]
    Delivery,
    /// What is known of what is on disk. It is there already, and is counted whether or not it fits.
    Disk,
    /// What is drawn beside its delivery.
    Drawing,
    /// Spans that have ended, of calls of which it is not known yet whether they are sent.
    Held,
    /// What has not ended.
    Open,
    /// Changes of stored calls. None is given back before it is settled.
    Update,
}

/// A limit of bytes.
pub(crate) trait Budget: Send + Sync {
    /// Takes so many bytes, if they are left for this.
    fn take(&self, _what: Use, _bytes: usize) -> bool {
        true
    }

    /// Takes them also where they are not left: what they are for is there already.
    fn take_anyway(&self, _what: Use, _bytes: usize) {}

    fn give_back(&self, _what: Use, _bytes: usize) {}
}

/// Bytes of a budget; dropping it gives them back.
#[derive(Default)]
pub(crate) struct Room {
    /// `None` where nothing is limited.
    budget: Option<Arc<dyn Budget>>,
    what: Use,
    bytes: usize,
}

impl Room {
    /// No bytes yet.
    pub(crate) fn of(budget: Arc<dyn Budget>, what: Use) -> Self {
        Self { budget: Some(budget), what, bytes: 0 }
    }

    /// Bytes that were taken before.
    pub(crate) fn taken(budget: Arc<dyn Budget>, what: Use, bytes: usize) -> Self {
        Self { budget: Some(budget), what, bytes }
    }

    /// So many bytes, if they are left.
    pub(crate) fn take(budget: Arc<dyn Budget>, what: Use, bytes: usize) -> Option<Self> {
        let mut room = Self::of(budget, what);
        room.resize(bytes).then_some(room)
    }

    /// No bytes of the same budget, for the same.
    pub(crate) fn another(&self) -> Self {
        Self { budget: self.budget.clone(), what: self.what, bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it so many bytes, or leaves it as it is where they are not left.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        let Some(budget) = &self.budget else { return true };
        let more = bytes.saturating_sub(self.bytes);
        let fits = more == 0 || budget.take(self.what, more);
        if fits {
            self.shrink(bytes);
            self.bytes = bytes;
        }
        fits
    }

    /// Makes it so many bytes, also where they are not left.
    pub(crate) fn resize_anyway(&mut self, bytes: usize) {
        if let Some(budget) = self.budget.as_ref().filter(|_| bytes > self.bytes) {
            budget.take_anyway(self.what, bytes - self.bytes);
        }
        self.shrink(bytes);
        self.bytes = if self.budget.is_some() { bytes } else { 0 };
    }

    /// Moves so many bytes to another owner.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: self.budget.clone(), what: self.what, bytes }
    }

    /// Takes over the bytes of another that were taken for the same.
    pub(crate) fn join(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
        if self.budget.is_none() {
            (self.budget, self.what) = (other.budget.take(), other.what);
        }
    }

    fn shrink(&self, bytes: usize) {
        if let Some(budget) = self.budget.as_ref().filter(|_| bytes < self.bytes) {
            budget.give_back(self.what, self.bytes - bytes);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Room").field(&self.bytes).finish()
    }
}
