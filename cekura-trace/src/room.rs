//! Room in memory for what is open, taken from the limit of those who keep what has ended. Invariant: what is taken is given
//! back once.

use std::fmt;
use std::sync::Arc;

/// A limit of bytes that several share.
pub(crate) trait Budget: Send + Sync {
    /// Takes so many bytes for what is open, if they are left.
    fn reserve(&self, _bytes: usize) -> bool {
        true
    }

    /// Gives back what was reserved.
    fn release(&self, _bytes: usize) {}
}

/// Bytes of a budget; dropping it gives them back.
#[derive(Default)]
pub(crate) struct Room {
    /// `None` where nothing is limited.
    budget: Option<Arc<dyn Budget>>,
    bytes: usize,
}

impl Room {
    pub(crate) fn of(budget: Arc<dyn Budget>) -> Self {
        Self { budget: Some(budget), bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it so many bytes, or leaves it as it is where they are not left.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        let Some(budget) = &self.budget else { return true };
        let more = bytes.saturating_sub(self.bytes);
        let fits = more == 0 || budget.reserve(more);
        if fits {
            budget.release(self.bytes.saturating_sub(bytes));
            self.bytes = bytes;
        }
        fits
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.release(self.bytes);
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Room").field(&self.bytes).finish()
    }
}
