//! What a span may hold while it is open: a little for nothing, and the rest is taken from the memory limit. Invariant: what
//! finds no room is not set, and the span says so.

use super::{Live, Stage, State};
use crate::finished::{remove_content, remove_overwritten, write};
use crate::recording::attributes::Attributes;
use crate::semconv;

/// What nobody counts: most spans never hold as much.
pub(in crate::recording::span) const FREE: usize = 2 << 10;
/// What may be added to a span. Collectors take little more.
const MOST: usize = 2 << 20;

impl Live {
    /// Adds to what is said of it, while it is open.
    pub(super) fn add(&self, add: impl FnOnce(&mut Attributes)) {
        let mut is_filled = false;
        self.while_open(|State { said, stage, .. }| {
            let before = said.entries.len();
            if before < FREE || !said.growth().is_full {
                add(said);
                // What is set during its end is not behind the begin of its record yet.
                if said.entries.len() > FREE && *stage == Stage::Open {
                    is_filled = self.grow(said, Some(before));
                }
            }
        });
        // Not under the lock, for whoever hears it may set something on this span.
        if is_filled {
            self.tell_truncation();
        }
    }

    /// Counts what was recorded before its begin, where that is more than what nobody counts.
    #[cold]
    pub(in crate::recording::span) fn outgrow(&self) {
        let mut is_filled = false;
        self.while_open(|State { said, .. }| is_filled = self.grow(said, None));
        if is_filled {
            self.tell_truncation();
        }
    }

    fn tell_truncation(&self) {
        if let Some(home) = self.home() {
            let trace_id = self.trace_id();
            home.destination.tell(move || {
                let what = "a span has no room for more; what is set on it until its end is lost";
                tracing::warn!(target: "cekura", %trace_id, "{what}; raise .memory_limit(…) unless it holds 2 MiB");
            });
        }
    }

    /// Takes room for what was just added behind `before` bytes, or takes that away; true if it did. Of what a span begins
    /// with, content goes.
    #[cold]
    fn grow(&self, said: &mut Attributes, before: Option<usize>) -> bool {
        let Some(home) = self.home() else { return false };
        let mut growth = std::mem::take(said.growth());
        if said.entries.len() > growth.limit {
            let length = said.entries.len();
            remove_overwritten(&mut said.entries);
            if growth.limit == 0 {
                growth.room = home.destination.room();
            }
            // What it takes until it is looked at again.
            growth.limit = said.entries.capacity().max(2 * FREE);
            // What it begins with has the content limit.
            let is_too_much = before.is_some() && said.entries.len() > MOST;
            growth.is_full = is_too_much || !growth.room.resize(growth.limit);
            if growth.is_full {
                match before {
                    None => remove_content(&mut said.entries),
                    Some(before) if said.entries.len() == length => said.entries.truncate(before),
                    // What was overwritten has made room, and nothing stands where it did.
                    Some(_) => {}
                }
                said.entries.shrink_to_fit();
                write::flag(&mut said.entries, semconv::CEKURA_TRUNCATED, true);
            }
        }
        let is_filled = growth.is_full;
        *said.growth() = growth;
        is_filled
    }
}
