//! One walk over a value: each step goes to the [`Sink`] that writes its JSON, and to the [`Shapes`] that look for a known
//! response. Invariant: what one of them does not take, the other may still see.

use super::blob::blob;
use super::sink::{Sink, write_plain};
use super::{Root, Scalar, Shapes, Walk, caught};
use crate::clip::Stack;
use serde::ser::{self, Serialize};
use std::fmt;

mod gaps;
mod serializer;

/// Nodes that are visited without being written.
const FURTHER_NODES: u32 = 10_000;

/// How many numbers of a list without a known length are counted one by one.
const FURTHER_NUMBERS: u32 = 1 << 20;

/// Levels below the root that are visited; one more value there opens up to two containers, as a struct variant does.
const LEVELS: u32 = Sink::DEEPEST - 2;

/// The state of one walk, and the serde serializer that does it.
pub struct Walker<'w> {
    pub(super) sink: Sink,
    shapes: Option<&'w mut Shapes>,
    kind: Kind,
    /// Set while no container has been opened: a scalar here is the whole value.
    bare: bool,
    pub(super) root: Root,
    depth: u32,
    further: u32,
    further_numbers: u32,
    /// The value that was visited last is a number.
    is_number: bool,
    pub(super) incomplete: bool,
    stack: Stack,
}

/// What is made of the value that comes next. All but a value has to be one string, or is the error that it is in
/// `serde_json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of a map; numbers and flags may be one too.
    Key,
    /// The digits of a number.
    Number,
    /// JSON text.
    Raw,
    Value,
}

impl<'w> Walker<'w> {
    /// `bare` says that a scalar is the whole value.
    pub(super) fn new(sink: Sink, shapes: Option<&'w mut Shapes>, bare: bool) -> Self {
        Self {
            depth: sink.open,
            sink,
            shapes,
            kind: Kind::Value,
            bare,
            root: Root::Null,
            further: FURTHER_NODES,
            further_numbers: FURTHER_NUMBERS,
            is_number: false,
            incomplete: false,
            stack: Stack::here(),
        }
    }

    /// Visits the whole value; false where its own code has panicked.
    pub(super) fn visit(&mut self, value: &dyn Walk) -> bool {
        caught(|| value.walk(self)).is_some()
    }

    /// Counts a node that is not kept; an error where there have been too many.
    fn spend(&mut self) -> Result<(), Stop> {
        self.further = self.further.checked_sub(1).ok_or(Stop)?;
        Ok(())
    }

    /// Whether anybody takes the value that comes next; an error when nothing can come of the rest of the walk.
    fn is_wanted(&mut self) -> Result<bool, Stop> {
        // Through newtypes and `Some` the whole value is still to come.
        if self.bare || !self.sink.is_cut || self.kind != Kind::Value {
            return Ok(true);
        }
        if self.shapes.is_none() && !self.sink.with_gaps {
            return Err(Stop);
        }
        self.spend()?;
        Ok(self.shapes.as_ref().is_some_and(|shapes| shapes.is_watching()))
    }

    /// Visits a value inside another one.
    fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if !self.is_wanted()? {
            return Ok(());
        }
        if self.depth >= LEVELS || self.stack.is_deep() {
            self.incomplete = true;
            self.expect_value()?;
            self.plain(Scalar::Null, |out| out.extend_from_slice(b"null"));
            return Ok(());
        }
        let depth = self.depth;
        self.depth += 1;
        let visited = value.serialize(&mut *self);
        self.depth = depth;
        visited
    }

    /// Visits what has to be one string.
    fn word<T: Serialize + ?Sized>(&mut self, kind: Kind, value: &T) -> Result<(), Stop> {
        self.kind = kind;
        let visited = value.serialize(&mut *self);
        self.kind = Kind::Value;
        visited
    }

    /// Nothing comes next that has to be one string.
    fn expect_value(&self) -> Result<(), Stop> {
        if self.kind == Kind::Value { Ok(()) } else { Err(Stop) }
    }

    /// A scalar that is no text, as a value or a key.
    fn scalar(&mut self, scalar: Scalar<'_>) -> Result<(), Stop> {
        self.digits(scalar, |out| write_plain(out, scalar))
    }

    /// The same, with what writes its JSON.
    fn digits(&mut self, scalar: Scalar<'_>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Stop> {
        self.is_number = matches!(scalar, Scalar::F64(_) | Scalar::I64(_));
        match (self.kind, scalar) {
            (Kind::Key, Scalar::F64(value)) if !value.is_finite() => return Err(Stop),
            (Kind::Key, Scalar::Bool(_) | Scalar::F64(_) | Scalar::I64(_)) => {
                let mut key = Vec::new();
                write(&mut key);
                self.key(str::from_utf8(&key).unwrap_or_default());
            }
            (Kind::Value, _) => self.plain(scalar, write),
            _ => return Err(Stop),
        }
        Ok(())
    }

    fn plain(&mut self, scalar: Scalar<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(shapes) = &mut self.shapes {
            shapes.scalar(scalar);
        }
        if self.bare {
            self.root = match scalar {
                Scalar::Bool(value) => Root::Bool(value),
                Scalar::F64(value) => Root::F64(value),
                Scalar::I64(value) => Root::I64(value),
                Scalar::Null => Root::Null,
                Scalar::Text(_) => Root::Text,
            };
        } else {
            self.sink.whole(write);
        }
    }

    /// An integer that `i64` does not hold.
    fn big_integer(&mut self, digits: &str) -> Result<(), Stop> {
        match self.kind {
            Kind::Key => self.key(digits),
            Kind::Value => self.number(digits),
            Kind::Number | Kind::Raw => return Err(Stop),
        }
        Ok(())
    }

    /// A number that is digits already, of any precision.
    fn number(&mut self, digits: &str) {
        self.is_number = true;
        let float = || digits.parse().ok().filter(|_| digits.contains(['.', 'e', 'E']));
        let as_it_is = |out: &mut Vec<u8>| out.extend_from_slice(digits.as_bytes());
        if let Ok(value) = digits.parse() {
            let scalar = Scalar::I64(value);
            self.plain(scalar, |out| write_plain(out, scalar));
        } else if let Some(value) = float() {
            self.plain(Scalar::F64(value), as_it_is);
        } else if self.bare {
            self.string(digits);
        } else {
            self.sink.whole(as_it_is);
        }
    }

    /// A value that is JSON already.
    fn verbatim(&mut self, json: &str) {
        self.bare = false;
        // A byte more than fits shows that it does not.
        let some = json.len().min(self.sink.room() + 1);
        self.sink.whole(|out| out.extend_from_slice(&json.as_bytes()[..some]));
        if !self.sink.is_cut && self.sink.open == 0 {
            self.root = Root::Json;
        }
    }

    fn text(&mut self, text: &str) {
        match self.kind {
            Kind::Key => self.key(text),
            Kind::Number => self.number(text),
            Kind::Raw => self.verbatim(text),
            Kind::Value => self.string(text),
        }
    }

    fn string(&mut self, text: &str) {
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
            self.sink.raw(text);
        } else {
            self.sink.string(text);
        }
    }

    fn open(&mut self, opener: u8, tuple: bool) {
        if let Some(shapes) = &mut self.shapes {
            shapes.enter(opener, tuple);
        }
        // Before anything was written that means that nothing ever is.
        let writes_nothing = self.sink.is_cut;
        let fitted = self.sink.open(opener);
        if self.bare {
            self.bare = false;
            self.root = if fitted || writes_nothing { Root::Json } else { Root::Null };
        }
    }

    /// How many containers are open: those written, and those the shapes have seen.
    fn place(&self) -> Place {
        Place { written: self.sink.open, seen: self.shapes.as_ref().map_or(0, |shapes| shapes.level()) }
    }

    /// Leaves everything opened since `place`; a value that swallows an error of an inner one leaves some open.
    fn back_to(&mut self, place: Place) {
        self.sink.close_to(place.written);
        if let Some(shapes) = &mut self.shapes {
            shapes.back_to(place.seen);
        }
    }

    fn key(&mut self, key: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.key(key);
        }
        self.sink.key(key);
    }

    fn element(&mut self) {
        if let Some(shapes) = &mut self.shapes {
            shapes.element();
        }
        self.sink.element();
    }

    pub(super) fn stopped(&mut self) {
        self.incomplete = true;
        self.sink.drop_unfinished();
    }
}

#[derive(Clone, Copy, Debug)]
struct Place {
    written: u32,
    seen: u32,
}

/// An open array or object.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself, at every entry")]
pub struct Compound<'a, 'w> {
    walker: &'a mut Walker<'w>,
    outer: Place,
    inner: Place,
    /// What its only field is, where it stands for a text that is JSON already.
    kind: Kind,
    /// More is to be done than to write one entry behind the other (`gaps`).
    is_unusual: bool,
    /// It is the whole value.
    is_root: bool,
    /// All items so far are numbers; then how many.
    are_numbers: bool,
    count: usize,
    /// Of the numbers only their count will be written.
    is_counting: bool,
    /// Nothing more fits.
    is_full: bool,
    /// Entries that are still to come, where that is known.
    left: Option<usize>,
    /// The length of the JSON before it.
    start: usize,
    /// Where what surrounds an entry has to end.
    end: usize,
    list: Option<Box<List>>,
}

/// How a list is written whose items do not all fit.
struct List {
    /// Where the items begin, and the bytes that those at the head may take.
    start: usize,
    head: usize,
    seen: usize,
    tail: Option<Tail>,
}

struct Tail {
    /// Where it begins.
    at: usize,
    /// Where its items begin, each with the comma before it.
    items: Vec<usize>,
    missing: usize,
    /// The bytes that it may take.
    room: usize,
    /// The bytes and items that were ever written.
    bytes: usize,
    written: usize,
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

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
