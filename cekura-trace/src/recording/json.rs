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
//! * Where two shortest digit strings are equally near to a float, it may be the other one.
//! * A value more than 125 levels below the root is `null`.
//! * Where `serde_json` gives an error (a map key that is no string, an error of the value's own), what was written
//!   until then is closed and kept, and the value counts as truncated.

use super::locks::is_locked;
use super::shapes::{Scalar, Shapes};
use bounded::Bounded;
use float::Float;
use serde::Serialize;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use target::Target;

mod blob;
mod bounded;
mod float;
mod gaps;
mod object;
mod serializer;
mod target;
#[cfg(test)]
mod tests;
mod word;

pub(in crate::recording) use blob::{LONG, blob};
pub(crate) use object::Object;

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
        return Target::of(out, limit, true).write(out, value, shapes);
    }
    let mut walker = Walker::new(None, shapes);
    walker.visit(value);
    Walked { root: walker.root, truncated: false }
}

/// Appends a value as JSON whatever it is, a scalar too, and says whether something is missing in it. Of a value whose
/// own code panics nothing is appended.
pub(crate) fn write_json(value: &dyn Walk, out: &mut Vec<u8>, limit: usize) -> bool {
    Target::of(out, limit, false).write(out, value, None).truncated
}

/// Nodes that are visited without being written.
const FURTHER_NODES: u32 = 10_000;

/// Numbers that are counted one by one, where a list does not know its length.
const FURTHER_NUMBERS: u32 = 1 << 20;

/// Levels below the root that are visited; one more value there opens up to two containers, as a struct variant does.
const LEVELS: u32 = Bounded::DEEPEST - 2;

/// The state of one walk, and the serde serializer that does it.
pub struct Walker<'w> {
    json: Option<Bounded<'w>>,
    shapes: Option<&'w mut Shapes>,
    /// Set while no container has been opened: a scalar here is the whole value.
    bare: bool,
    root: Root,
    depth: u32,
    further: u32,
    further_numbers: u32,
    /// The value that was visited last is a number.
    is_number: bool,
    incomplete: bool,
}

impl<'w> Walker<'w> {
    fn new(json: Option<Bounded<'w>>, shapes: Option<&'w mut Shapes>) -> Self {
        let (further, further_numbers) = (FURTHER_NODES, FURTHER_NUMBERS);
        let (bare, root, depth, is_number, incomplete) = (true, Root::Null, 0, false, false);
        Self { json, shapes, bare, root, depth, further, further_numbers, is_number, incomplete }
    }

    /// Visits the whole value; false where its own code has panicked.
    fn visit(&mut self, value: &dyn Walk) -> bool {
        let visited = catch_unwind(AssertUnwindSafe(|| value.walk(self)));
        if visited.is_err() {
            tell_panic();
        }
        visited.is_ok()
    }

    /// Counts a node that is not kept; an error where there have been too many.
    fn spend(&mut self) -> Result<(), Stop> {
        self.further = self.further.checked_sub(1).ok_or(Stop)?;
        Ok(())
    }

    /// The JSON, while it is being written.
    fn writing(&mut self) -> Option<&mut Bounded<'w>> {
        self.json.as_mut().filter(|json| !json.is_cut())
    }

    /// Whether anybody wants to know the value that comes next.
    fn is_watched(&self) -> bool {
        self.shapes.as_ref().is_some_and(|shapes| shapes.is_watching())
    }

    /// Whether the value that comes next is to be visited; an error when nothing can come of the rest of the walk.
    fn admit(&mut self) -> Result<bool, Stop> {
        // Through newtypes and `Some` the whole value is still to come.
        if !self.bare && self.writing().is_none() {
            if self.json.as_ref().is_some_and(Bounded::with_gaps) {
                return self.spend().map(|()| false);
            }
            if self.shapes.is_none() || self.further == 0 {
                return Err(Stop);
            }
            self.further -= 1;
            if !self.is_watched() {
                return Ok(false);
            }
        }
        if self.depth >= LEVELS {
            self.incomplete = true;
            self.scalar(Scalar::Null);
            return Ok(false);
        }
        Ok(true)
    }

    /// Visits a value inside another one.
    fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if !self.admit()? {
            return Ok(());
        }
        let depth = self.depth;
        self.depth += 1;
        let visited = value.serialize(&mut *self);
        self.depth = depth;
        visited
    }

    fn scalar(&mut self, scalar: Scalar<'_>) {
        match scalar {
            Scalar::Bool(value) => {
                let word: &[u8] = if value { b"true" } else { b"false" };
                self.value(scalar, Root::Bool(value), |json| json.whole(word));
            }
            Scalar::F64(value) => {
                self.is_number = true;
                self.value(scalar, Root::F64(value), |json| json.token(format_args!("{}", Float(value))));
            }
            Scalar::I64(value) => {
                self.is_number = true;
                self.value(scalar, Root::I64(value), |json| json.integer(value));
            }
            Scalar::Null => self.value(scalar, Root::Null, |json| json.whole(b"null")),
            Scalar::Text(text) => self.text(text),
        }
    }

    /// A scalar that is `root` when it is the whole value, and written by `write` in JSON.
    fn value(&mut self, scalar: Scalar<'_>, root: Root, write: impl FnOnce(&mut Bounded<'w>)) {
        if let Some(shapes) = &mut self.shapes {
            shapes.scalar(scalar);
        }
        if self.bare {
            self.root = root;
        } else if let Some(json) = &mut self.json {
            write(json);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.scalar(Scalar::Text(text));
        }
        match blob(text) {
            None => self.write_text(text),
            Some(words) => self.write_text(&words),
        }
    }

    fn write_text(&mut self, text: &str) {
        if self.bare {
            self.root = Root::Text;
        }
        let bare = self.bare;
        match self.writing() {
            Some(json) if bare => json.raw(text),
            Some(json) => json.string(text),
            None => {}
        }
    }

    /// An integer that `i64` does not hold.
    fn big_integer(&mut self, digits: fmt::Arguments<'_>) {
        self.is_number = true;
        if self.bare {
            self.text(&digits.to_string());
        } else if let Some(json) = &mut self.json {
            json.token(digits);
        }
    }

    /// A value that is JSON already.
    fn verbatim(&mut self, json: &str) {
        self.bare = false;
        let Some(out) = self.writing() else { return };
        out.whole(json.as_bytes());
        if !out.is_cut() && out.open_containers() == 0 {
            self.root = Root::Json;
        }
    }

    fn open(&mut self, opener: u8, tuple: bool) {
        if let Some(shapes) = &mut self.shapes {
            shapes.enter(opener, tuple);
        }
        let fitted = self.writing().is_some_and(|json| json.open(opener));
        if self.bare {
            self.bare = false;
            self.root = if fitted || self.json.is_none() { Root::Json } else { Root::Null };
        }
    }

    /// How many containers are open: those written, and those the shapes have seen.
    fn place(&self) -> Place {
        Place {
            written: self.json.as_ref().map_or(0, Bounded::open_containers),
            seen: self.shapes.as_ref().map_or(0, |shapes| shapes.level()),
        }
    }

    /// Leaves everything opened since `place`; a value that swallows an error of an inner one leaves some open.
    fn back_to(&mut self, place: Place) {
        if let Some(json) = &mut self.json {
            json.close_to(place.written);
        }
        if let Some(shapes) = &mut self.shapes {
            shapes.back_to(place.seen);
        }
    }

    fn key(&mut self, key: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.key(key);
        }
        if let Some(json) = self.writing() {
            json.key(key);
        }
    }

    fn element(&mut self) {
        if let Some(shapes) = &mut self.shapes {
            shapes.element();
        }
        if let Some(json) = self.writing() {
            json.element();
        }
    }

    fn stopped(&mut self) {
        self.incomplete = true;
        if let Some(json) = &mut self.json {
            json.drop_unfinished();
        }
    }
}

#[cold]
fn tell_panic() {
    tracing::error!(
        target: "cekura",
        "recording a value panicked (in its Serialize, Debug or Display): the span lacks this value, and the call goes on"
    );
}

#[derive(Clone, Copy, Debug)]
struct Place {
    written: u32,
    seen: u32,
}

/// The end of a walk before the end of its value: the budget is used up, or the value has failed.
#[derive(Debug)]
pub struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the walk stops here")
    }
}

impl std::error::Error for Stop {}

impl serde::ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
