//! Writes any `Serialize` value as JSON of limited length, or returns it if it is a scalar. On the way the
//! value is shown to [`Shapes`]. Invariant: nothing that a value's own code does, not even a panic, makes the
//! JSON invalid.
//!
//! The JSON is the same, byte for byte, as `serde_json::to_vec` gives, but for these:
//!
//! * More than 64 numbers in a row are `"[16000 numbers]"`, those of `serialize_bytes` too, and a string that is a blob
//!   is `"[base64, 1.0 MB]"` (`blob`): their content says nothing to a reader.
//! * A value that is too long is walked a second time, with gaps where they hurt least (`gaps`): of a string the first
//!   and the last part stay (`clip`), of a list the first and the last items. A field gets at most half of the room,
//!   where others may follow it. The second walk visits at most 10,000 nodes that it does not keep, and skips items
//!   unvisited where a list knows its length; where that is not enough, the end of the value is cut off.
//! * A value more than 125 levels below the root, or for which 192 KiB of the stack are not enough, is `null`.
//! * Where `serde_json` gives an error (a map key that is no string, an error of the value's own), what was written
//!   until then is closed and kept, and the value counts as truncated.

use super::locks::is_locked;
use super::shapes::{Scalar, Shapes};
use crate::say;
use serde::Serialize;

mod blob;
pub(in crate::recording) mod raw;
pub(in crate::recording) mod sink;
#[cfg(test)]
mod tests;
mod walker;

pub(in crate::recording) use blob::{LONG, blob};
use sink::{Sink, is_plain, write_plain};
use walker::Walker;

/// A `Serialize` value behind a pointer, so that only the leaf code is generic.
pub trait Walk {
    fn walk(&self, walker: &mut Walker<'_>);
}

impl<T: Serialize + ?Sized> Walk for T {
    fn walk(&self, walker: &mut Walker<'_>) {
        if is_locked::<T>() {
            return;
        }
        if self.serialize(&mut *walker).is_err() {
            walker.stopped();
        }
    }
}

/// Calls code of the program's; `None` where that panics.
pub(in crate::recording) fn caught<R>(look: impl FnOnce() -> R) -> Option<R> {
    let looked = say::caught(look);
    if looked.is_none() {
        say::say(|| {
            tracing::error!(
                target: "cekura",
                "recording a value panicked (in its Serialize, Debug or Display): the span lacks this value, and the call goes on"
            );
        });
    }
    looked
}

/// What a walk found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Walked {
    pub(crate) root: Root,
    /// Part of the value should be in `out` and is not. Never without `out`.
    pub(crate) truncated: bool,
}

/// What a value is, seen through newtypes and `Some`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Root {
    Bool(bool),
    F64(f64),
    I64(i64),
    /// `out` holds valid JSON.
    Json,
    /// As `Text`, but what the string holds is only the name of a variant.
    Name,
    /// Nothing to record; also a value that failed at once or of which not even the brackets fit.
    Null,
    /// `out` holds the string as it is. An integer beyond `i64` is a string of digits.
    Text,
}

/// Walks a value. `out` grows by at most `limit` bytes; with a scalar or without `out` nothing is written.
///
/// Once the limit is reached, and without `out` from the start, the walk goes on only where `shapes` look for something
/// and for at most 10,000 nodes.
pub(crate) fn walk(
    value: &dyn Walk,
    out: Option<&mut Vec<u8>>,
    limit: usize,
    mut shapes: Option<&mut Shapes>,
) -> Walked {
    if let Some(shapes) = &mut shapes {
        shapes.limit(limit);
    }
    if let Some(out) = out {
        return Target { is_bare: true, ..Target::of(out, limit) }.write(out, value, shapes);
    }
    let mut walker = Walker::new(Sink::nowhere(), shapes, true);
    walker.visit(value);
    Walked { root: walker.root, truncated: false }
}

/// Appends a value as JSON whatever it is, a scalar too, and says whether something is missing in it. Of a value whose
/// own code panics nothing is appended.
pub(crate) fn write_json(value: &dyn Walk, out: &mut Vec<u8>, limit: usize) -> bool {
    Target::of(out, limit).write(out, value, None).truncated
}

/// The most numbers of a list that are written one by one.
pub(in crate::recording) const FEW: usize = 64;
/// Below this limit the end of a value is cut off.
const LEAST: usize = 256;
/// With less room than this a value has all of it.
const SMALL: usize = 128;

/// How much of its room a value may take that others may follow.
fn share(room: usize) -> usize {
    if room > SMALL { room / 2 } else { room }
}

/// Where a value is written: at the end of a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Target<'n> {
    /// The length that the buffer may reach, the closers included.
    end: usize,
    /// The value is a field of that name, in an object that is open at the end of the buffer.
    name: Option<&'n str>,
    /// A scalar is the whole value, and a string is not put in quotes.
    is_bare: bool,
}

impl<'n> Target<'n> {
    pub(crate) fn of(out: &[u8], limit: usize) -> Self {
        Self { end: out.len().saturating_add(limit), name: None, is_bare: false }
    }

    /// A field of an object that is open, in a buffer that may have `end` bytes when that is closed.
    pub(crate) fn field(name: &'n str, end: usize) -> Self {
        Self { end, name: Some(name), is_bare: false }
    }

    /// The bytes that the value may take.
    pub(crate) fn room(&self, out: &[u8]) -> usize {
        self.end.saturating_sub(out.len())
    }

    /// Appends a scalar without a walk, and says whether it did: where it is short, needs no escape and fits in any case.
    #[inline]
    pub(crate) fn write_scalar(&self, out: &mut Vec<u8>, scalar: Scalar<'_>) -> bool {
        let (name, text) =
            (self.name.unwrap_or_default(), if let Scalar::Text(text) = scalar { text } else { "" });
        // The longest number, a comma, a colon, four quotes, and the object's closer.
        let most = name.len() + text.len() + 32;
        let fits = text.len() <= LONG && out.len().saturating_add(most) <= self.end;
        if !(fits && is_plain(name) && is_plain(text)) {
            return false;
        }
        if self.name.is_some() {
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
        }
        write_plain(out, scalar);
        true
    }

    /// Appends a value, or what stays of it where it is too long: of a field, then half of the room is kept for those
    /// that follow. Of a value whose own code panics nothing is appended.
    pub(crate) fn write(&self, out: &mut Vec<u8>, value: &dyn Walk, shapes: Option<&mut Shapes>) -> Walked {
        let start = out.len();
        let (walked, was_cut) = self.walk(out, value, false, shapes);
        if was_cut { self.write_less(out, start, value, walked) } else { walked }
    }

    /// Writes what stays of a value that does not fit.
    #[cold]
    fn write_less(&self, out: &mut Vec<u8>, start: usize, value: &dyn Walk, cut: Walked) -> Walked {
        let room = self.end.saturating_sub(start);
        if room < LEAST {
            return cut;
        }
        let room = if self.name.is_some() { share(room) } else { room };
        let target = Target { end: start + room, ..*self };
        out.truncate(start);
        let (walked, was_cut) = target.walk(out, value, true, None);
        let closers = usize::from(self.name.is_some());
        if !was_cut && out.len() + closers <= target.end && out.len() > start {
            return Walked { truncated: true, ..walked };
        }
        out.truncate(start);
        target.walk(out, value, false, None).0
    }

    /// Also says whether the value was cut off.
    fn walk(
        &self,
        out: &mut Vec<u8>,
        value: &dyn Walk,
        with_gaps: bool,
        shapes: Option<&mut Shapes>,
    ) -> (Walked, bool) {
        let start = out.len();
        let mut sink = Sink::new(std::mem::take(out), self.end, self.name.is_some(), with_gaps);
        self.name.inspect(|name| sink.key(name));
        let outer = sink.open;
        let mut walker = Walker::new(sink, shapes, self.is_bare);
        let was_visited = walker.visit(value);
        let Walker { root, incomplete, mut sink, .. } = walker;
        if !was_visited {
            *out = sink.out;
            out.truncate(start);
            return (Walked { root: Root::Null, truncated: true }, false);
        }
        sink.close_to(outer);
        sink.drop_unfinished();
        let was_cut = sink.is_cut || with_gaps && incomplete;
        *out = sink.out;
        (Walked { root, truncated: incomplete || was_cut }, was_cut)
    }
}

/// A JSON object at the end of a buffer that grows field by field, with one limit for all of it. Whatever a value does,
/// it is valid JSON after each field and takes those that follow.
#[derive(Debug)]
pub(crate) struct Object {
    /// Where it begins.
    pub(crate) start: usize,
    limit: usize,
    /// Something is missing in it.
    pub(crate) is_truncated: bool,
}

impl Object {
    /// An object of at most `limit` bytes; below 2 there is no room for its braces and it is nothing at all.
    pub(crate) fn begin(out: &mut Vec<u8>, limit: usize) -> Self {
        let (start, is_truncated) = (out.len(), limit < 2);
        if !is_truncated {
            out.extend_from_slice(b"{}");
        }
        Self { start, limit, is_truncated }
    }

    /// Appends a field, or what stays of it: `write` writes it, and says whether something is missing in it.
    #[inline]
    pub(crate) fn field(
        &mut self,
        out: &mut Vec<u8>,
        name: &str,
        write: impl FnOnce(Target<'_>, &mut Vec<u8>) -> bool,
    ) {
        if self.limit >= 2 {
            out.pop();
            self.is_truncated |= write(Target::field(name, self.start.saturating_add(self.limit)), out);
            out.push(b'}');
        }
    }
}
