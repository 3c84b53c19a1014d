//! Writes one value behind a buffer: whole if it fits, otherwise with gaps, otherwise cut at its end.
//! Invariant: the buffer never grows beyond the target's end, and not at all if the value's own code panics.

use super::bounded::Bounded;
use super::{Root, Walk, Walked, Walker, gaps};
use crate::recording::shapes::Shapes;

/// Where a value is written: at the end of a buffer.
pub(super) struct Target<'n> {
    /// The length that the buffer may reach, the closers included.
    pub(super) end: usize,
    /// The value is a field of that name, in an object that fills the buffer from its start.
    pub(super) name: Option<&'n str>,
    /// A scalar is the whole value, and a string is not put in quotes.
    pub(super) is_bare: bool,
}

/// How a walk went that wrote.
struct Written {
    walked: Walked,
    was_cut: bool,
}

impl Target<'_> {
    pub(super) fn of(out: &[u8], limit: usize, is_bare: bool) -> Self {
        Self { end: out.len().saturating_add(limit), name: None, is_bare }
    }

    /// Writes the value: whole where it fits.
    pub(super) fn write(&self, out: &mut Vec<u8>, value: &dyn Walk, shapes: Option<&mut Shapes>) -> Walked {
        let start = out.len();
        let Written { walked, was_cut } = self.walk(out, value, false, shapes);
        if was_cut { self.write_less(out, start, value, walked) } else { walked }
    }

    /// Writes what stays of a value that does not fit.
    #[cold]
    fn write_less(&self, out: &mut Vec<u8>, start: usize, value: &dyn Walk, cut: Walked) -> Walked {
        let room = self.end.saturating_sub(start);
        if room < gaps::LEAST {
            return cut;
        }
        let room = if self.name.is_some() { gaps::share(room) } else { room };
        let target = Target { end: start + room, ..*self };
        out.truncate(start);
        let Written { walked, was_cut } = target.walk(out, value, true, None);
        let closers = usize::from(self.name.is_some());
        if !was_cut && out.len() + closers <= target.end && out.len() > start {
            return Walked { truncated: true, ..walked };
        }
        out.truncate(start);
        target.walk(out, value, false, None).walked
    }

    fn walk(
        &self,
        out: &mut Vec<u8>,
        value: &dyn Walk,
        with_gaps: bool,
        shapes: Option<&mut Shapes>,
    ) -> Written {
        let start = out.len();
        let mut json = Bounded::new(out, self.end, self.name.is_some(), with_gaps);
        if let Some(name) = self.name {
            json.key(name);
        }
        let mut walker = Walker::new(Some(json), shapes);
        walker.bare = self.is_bare;
        walker.depth = u32::from(self.name.is_some());
        if !walker.visit(value) {
            out.truncate(start);
            return Written { walked: Walked { root: Root::Null, truncated: true }, was_cut: false };
        }
        let (root, mut truncated, mut was_cut) = (walker.root, walker.incomplete, false);
        if let Some(json) = &mut walker.json {
            json.close_to(u32::from(self.name.is_some()));
            json.drop_unfinished();
            was_cut = json.is_cut() || with_gaps && truncated;
            truncated |= was_cut;
        }
        Written { walked: Walked { root, truncated }, was_cut }
    }
}
