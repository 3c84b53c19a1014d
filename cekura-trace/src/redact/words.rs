//! What is found in a text, and where words begin and end in it. Invariant: what an escape leaves before a word is no part of it.

use std::ops::Range;

/// Something that was found, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) kind: &'static str,
}

/// What is found from a place on, and where to look next.
pub(super) type Next = (Vec<Found>, usize);

/// Whether a byte is part of a word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a byte percent-encodes another one, as `%2B` does.
pub(super) fn is_escape(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 3).is_some_and(|code| code[0] == b'%' && code[1..].iter().all(u8::is_ascii_hexdigit))
}

/// Whether a word may begin here: behind no other one, but for what an escape leaves there.
pub(super) fn begins_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else { return true };
    let is_escaped = before.is_ascii_alphabetic() && at >= 2 && bytes[at - 2] == b'\\';
    !is_word(before) || is_escaped || at >= 3 && is_escape(bytes, at - 3)
}

pub(super) fn ends_word(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| !is_word(*byte))
}
