//! One walk over a value: each step goes to the [`Sink`] that writes its JSON, and to the [`Shapes`] that look for a known
//! response. Invariant: what one of them does not take, the other may still see.

use super::blob::blob;
use super::sink::{Digits, Sink, write_plain};
use super::{Root, Scalar, Shapes, Walk};
use serde::ser::{self, Serialize};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Nodes that are visited without being written.
const FURTHER_NODES: u32 = 10_000;

/// How many numbers of a list without a known length are counted one by one.
const FURTHER_NUMBERS: u32 = 1 << 20;

/// Levels below the root that are visited; one more value there opens up to two containers, as a struct variant does.
const LEVELS: u32 = Sink::DEEPEST - 2;

/// The state of one walk, and the serde serializer that does it.
pub struct Walker<'w> {
    pub(super) sink: Sink,
    pub(super) shapes: Option<&'w mut Shapes>,
    pub(super) kind: Kind,
    /// Set while no container has been opened: a scalar here is the whole value.
    pub(super) bare: bool,
    pub(super) root: Root,
    pub(super) depth: u32,
    further: u32,
    pub(super) further_numbers: u32,
    /// The value that was visited last is a number.
    pub(super) is_number: bool,
    pub(super) incomplete: bool,
}

/// What is made of the value that comes next. All but a value has to be one string, or is the error that it is in
/// `serde_json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a map; numbers and flags may be one too.
    Key,
    /// The digits of a number.
    Number,
    /// JSON text.
    Raw,
    Value,
}

impl<'w> Walker<'w> {
    pub(super) fn new(sink: Sink, shapes: Option<&'w mut Shapes>) -> Self {
        Self {
            sink,
            shapes,
            kind: Kind::Value,
            bare: true,
            root: Root::Null,
            depth: 0,
            further: FURTHER_NODES,
            further_numbers: FURTHER_NUMBERS,
            is_number: false,
            incomplete: false,
        }
    }

    /// Visits the whole value; false where its own code has panicked.
    pub(super) fn visit(&mut self, value: &dyn Walk) -> bool {
        let visited = catch_unwind(AssertUnwindSafe(|| value.walk(self)));
        if visited.is_err() {
            tell_panic();
        }
        visited.is_ok()
    }

    /// Counts a node that is not kept; an error where there have been too many.
    pub(super) fn spend(&mut self) -> Result<(), Stop> {
        self.further = self.further.checked_sub(1).ok_or(Stop)?;
        Ok(())
    }

    /// Whether anybody wants to know the value that comes next.
    pub(super) fn is_watched(&self) -> bool {
        self.shapes.as_ref().is_some_and(|shapes| shapes.is_watching())
    }

    /// Whether the value that comes next is to be visited; an error when nothing can come of the rest of the walk.
    fn admit(&mut self) -> Result<bool, Stop> {
        // Through newtypes and `Some` the whole value is still to come.
        if !self.bare && self.sink.is_cut {
            if self.sink.with_gaps {
                return self.spend().map(|()| false);
            }
            if self.shapes.is_none() {
                return Err(Stop);
            }
            self.spend()?;
            if !self.is_watched() {
                return Ok(false);
            }
        }
        if self.depth >= LEVELS {
            self.incomplete = true;
            self.plain(Scalar::Null, b"null");
            return Ok(false);
        }
        Ok(true)
    }

    /// Visits a value inside another one.
    pub(super) fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if !self.admit()? {
            return Ok(());
        }
        let depth = self.depth;
        self.depth += 1;
        let visited = value.serialize(&mut *self);
        self.depth = depth;
        visited
    }

    /// Visits what is inside a newtype or `Some`.
    pub(super) fn inner<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.kind == Kind::Value { self.nested(value) } else { value.serialize(self) }
    }

    /// Visits what has to be one string.
    pub(super) fn word<T: Serialize + ?Sized>(&mut self, kind: Kind, value: &T) -> Result<(), Stop> {
        self.kind = kind;
        let visited = value.serialize(&mut *self);
        self.kind = Kind::Value;
        visited
    }

    /// Nothing comes next that has to be one string.
    pub(super) fn expect_value(&self) -> Result<(), Stop> {
        if self.kind == Kind::Value { Ok(()) } else { Err(Stop) }
    }

    /// A scalar that is no text, as a value or a key.
    pub(super) fn scalar(&mut self, scalar: Scalar<'_>) -> Result<(), Stop> {
        self.digits(scalar, &Digits::of(|out| write_plain(out, scalar)))
    }

    /// The same, with its JSON.
    pub(super) fn digits(&mut self, scalar: Scalar<'_>, digits: &Digits) -> Result<(), Stop> {
        self.is_number = matches!(scalar, Scalar::F64(_) | Scalar::I64(_));
        match (self.kind, scalar) {
            (Kind::Key, Scalar::F64(value)) if !value.is_finite() => return Err(Stop),
            (Kind::Key, Scalar::Bool(_) | Scalar::F64(_) | Scalar::I64(_)) => self.key(digits.as_str()),
            (Kind::Value, _) => self.plain(scalar, digits.as_bytes()),
            _ => return Err(Stop),
        }
        Ok(())
    }

    fn plain(&mut self, scalar: Scalar<'_>, json: &[u8]) {
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
            self.sink.whole(json);
        }
    }

    /// An integer that `i64` does not hold.
    pub(super) fn big_integer(&mut self, digits: &Digits) -> Result<(), Stop> {
        match self.kind {
            Kind::Key => self.key(digits.as_str()),
            Kind::Value => self.number(digits.as_str()),
            Kind::Number | Kind::Raw => return Err(Stop),
        }
        Ok(())
    }

    /// A number that is digits already, of any precision.
    fn number(&mut self, digits: &str) {
        self.is_number = true;
        let float = || digits.parse().ok().filter(|_| digits.contains(['.', 'e', 'E']));
        if let Ok(value) = digits.parse() {
            let scalar = Scalar::I64(value);
            self.plain(scalar, Digits::of(|out| write_plain(out, scalar)).as_bytes());
        } else if let Some(value) = float() {
            self.plain(Scalar::F64(value), digits.as_bytes());
        } else if self.bare {
            self.string(digits);
        } else {
            self.sink.whole(digits.as_bytes());
        }
    }

    /// A value that is JSON already.
    fn verbatim(&mut self, json: &str) {
        self.bare = false;
        self.sink.whole(json.as_bytes());
        if !self.sink.is_cut && self.sink.open_containers() == 0 {
            self.root = Root::Json;
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        match self.kind {
            Kind::Key => self.key(text),
            Kind::Number => self.number(text),
            Kind::Raw => self.verbatim(text),
            Kind::Value => self.string(text),
        }
    }

    pub(super) fn string(&mut self, text: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.scalar(Scalar::Text(text));
        }
        match blob(text) {
            None => self.write_text(text),
            Some(words) => self.write_text(&words),
        }
    }

    pub(super) fn write_text(&mut self, text: &str) {
        if self.bare {
            self.root = Root::Text;
            self.sink.raw(text);
        } else {
            self.sink.string(text);
        }
    }

    pub(super) fn open(&mut self, opener: u8, tuple: bool) {
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
    pub(super) fn place(&self) -> Place {
        Place {
            written: self.sink.open_containers(),
            seen: self.shapes.as_ref().map_or(0, |shapes| shapes.level()),
        }
    }

    /// Leaves everything opened since `place`; a value that swallows an error of an inner one leaves some open.
    pub(super) fn back_to(&mut self, place: Place) {
        self.sink.close_to(place.written);
        if let Some(shapes) = &mut self.shapes {
            shapes.back_to(place.seen);
        }
    }

    pub(super) fn key(&mut self, key: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.key(key);
        }
        self.sink.key(key);
    }

    pub(super) fn element(&mut self) {
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

#[cold]
fn tell_panic() {
    tracing::error!(
        target: "cekura",
        "recording a value panicked (in its Serialize, Debug or Display): the span lacks this value, and the call goes on"
    );
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
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

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
