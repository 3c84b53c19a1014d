//! What is known of an array or object that is being written.

use super::walker::{Kind, Place, Walker};

/// An open array or object.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself, at every entry")]
pub struct Compound<'a, 'w> {
    pub(super) walker: &'a mut Walker<'w>,
    pub(super) outer: Place,
    pub(super) inner: Place,
    /// What its only field is, where it stands for a text that is JSON already.
    pub(super) kind: Kind,
    /// More is to be done than to write one entry behind the other (`gaps`).
    pub(super) is_unusual: bool,
    /// It is the whole value.
    pub(super) is_root: bool,
    /// All items so far are numbers; then how many.
    pub(super) are_numbers: bool,
    pub(super) count: usize,
    /// Of the numbers only their count will be written.
    pub(super) is_counting: bool,
    /// Nothing more fits.
    pub(super) is_full: bool,
    /// Entries that are still to come, where that is known.
    pub(super) left: Option<usize>,
    /// The length of the JSON before it.
    pub(super) start: usize,
    /// Where what surrounds an entry has to end.
    pub(super) end: usize,
    pub(super) list: Option<Box<List>>,
}

/// How a list is written whose items do not all fit.
pub(super) struct List {
    /// Where the items begin, and the bytes that those at the head may take.
    pub(super) start: usize,
    pub(super) head: usize,
    pub(super) seen: usize,
    pub(super) tail: Option<Tail>,
}

pub(super) struct Tail {
    /// Where it begins.
    pub(super) at: usize,
    /// Where its items begin, each with the comma before it.
    pub(super) items: Vec<usize>,
    pub(super) missing: usize,
    /// The bytes that it may take.
    pub(super) room: usize,
    /// The bytes and items that were ever written.
    pub(super) bytes: usize,
    pub(super) written: usize,
}
