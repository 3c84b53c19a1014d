//! JSON of limited length, written piece by piece. Invariant: it can be closed at any time, and is then valid.

use crate::clip::{clip, parts};
use std::fmt;
use std::io::Write as _;

/// JSON text at the end of a buffer.
///
/// One byte is kept for the closer of each open container, so that closing always fits. What does not fit is taken
/// back to the last place at which closing gives valid JSON, and from there on nothing is written but the closers.
/// Where gaps are wanted, a string that is too long loses its middle instead, and who opened a container goes on behind
/// what did not fit (`gaps`).
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself, at every piece")]
pub(super) struct Bounded<'o> {
    out: &'o mut Vec<u8>,
    /// The length that `out` may reach.
    end: usize,
    /// The open containers, the innermost in the lowest bit: 1 for an object, 0 for an array.
    nest: u128,
    open: u32,
    /// The length of `out` after the last whole piece.
    safe: usize,
    cut: bool,
    /// Values are looked at and not written.
    mute: bool,
    with_gaps: bool,
    /// Something was shortened or left out since somebody asked.
    pub(super) lost: bool,
}

impl<'o> Bounded<'o> {
    /// The most containers that may be open at a time; that many are also what JSON parsers accept.
    pub(super) const DEEPEST: u32 = 127;

    /// Goes on behind `out` until that has `end` bytes, inside an object that is open there or in nothing.
    pub(super) fn new(out: &'o mut Vec<u8>, end: usize, is_in_object: bool, with_gaps: bool) -> Self {
        let (safe, open) = (out.len(), u32::from(is_in_object));
        Self { out, end, nest: open.into(), open, safe, cut: false, mute: false, with_gaps, lost: false }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(super) fn with_gaps(&self) -> bool {
        self.with_gaps
    }

    /// Forgets that something did not fit, and says whether it was so.
    pub(super) fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.cut)
    }

    pub(super) fn mute(&mut self, mute: bool) {
        self.mute = mute;
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// The bytes that the value which comes next may take; what is given back is for [`restore`](Self::restore).
    pub(super) fn allow(&mut self, bytes: usize) -> usize {
        let end = self.out.len() + self.open as usize + bytes;
        std::mem::replace(&mut self.end, end)
    }

    pub(super) fn restore(&mut self, end: usize) {
        self.end = end;
    }

    /// Takes back everything since `length`, which was inside the innermost container.
    pub(super) fn roll_back(&mut self, length: usize) {
        self.out.truncate(length);
        self.safe = length;
    }

    /// Takes out a part that is whole values of the innermost container, and puts `words` in its place.
    pub(super) fn replace(&mut self, part: std::ops::Range<usize>, words: &str) {
        self.out.splice(part, words.bytes());
        self.safe = self.out.len();
    }

    /// Whether what was written is within the limit.
    pub(super) fn fits(&self) -> bool {
        !self.over()
    }

    pub(super) fn has_comma_at(&self, length: usize) -> bool {
        self.out.get(length) == Some(&b',')
    }

    pub(super) fn is_first_at(&self, length: usize) -> bool {
        length.checked_sub(1).is_none_or(|before| matches!(self.out.get(before), Some(b'[' | b'{')))
    }

    /// Puts `words` in the place of the innermost container, which begins at `start`: a string, or the whole value.
    pub(super) fn instead_of_container(&mut self, start: usize, words: &str, is_bare: bool) {
        self.out.truncate(start);
        self.open -= 1;
        self.nest >>= 1;
        self.safe = start;
        if is_bare {
            self.raw(words);
        } else if words.len() + 2 <= self.room() {
            self.string(words);
        } else {
            // There was room for its brackets.
            self.whole(b"[]");
            self.cut = true;
        }
    }

    /// The number of open containers.
    pub(super) fn open_containers(&self) -> u32 {
        self.open
    }

    /// Opens an array or an object, and says whether it fitted.
    pub(super) fn open(&mut self, opener: u8) -> bool {
        if self.is_silent() {
            return false;
        }
        if self.room() < 2 || self.open == Self::DEEPEST {
            self.take_back();
            return false;
        }
        self.out.push(opener);
        self.nest = self.nest << 1 | u128::from(opener == b'{');
        self.open += 1;
        self.safe = self.out.len();
        true
    }

    /// Closes containers until `open` of them are left.
    pub(super) fn close_to(&mut self, open: u32) {
        while self.open > open {
            self.drop_unfinished();
            self.out.push(if self.nest & 1 == 1 { b'}' } else { b']' });
            self.nest >>= 1;
            self.open -= 1;
            self.safe = self.out.len();
        }
    }

    /// Begins an element of the innermost array.
    pub(super) fn element(&mut self) {
        if self.is_silent() {
            return;
        }
        self.drop_unfinished();
        // A whole value never ends in an opener, so that nobody has to remember which element is the first.
        if !matches!(self.out.last(), Some(b'[' | b'{')) {
            self.out.push(b',');
        }
    }

    /// Begins an entry of the innermost object.
    pub(super) fn key(&mut self, key: &str) {
        self.key_with(|json| json.escape(key));
    }

    /// As [`key`](Self::key), of a key that `fill` writes and says whether it fitted.
    pub(super) fn key_with(&mut self, fill: impl FnOnce(&mut Self) -> bool) {
        self.element();
        if self.is_silent() {
            return;
        }
        self.out.push(b'"');
        let whole = fill(self);
        self.out.extend_from_slice(b"\":");
        if !whole || self.over() {
            self.take_back();
        }
    }

    /// A value that is written whole or not at all.
    pub(super) fn token(&mut self, token: fmt::Arguments<'_>) {
        if self.is_silent() {
            return;
        }
        if self.write(token) { self.settle() } else { self.take_back() }
    }

    /// The same for an integer, without the formatter.
    pub(super) fn integer(&mut self, value: i64) {
        if self.mute {
            return;
        }
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        for digit in digits.iter_mut().rev() {
            at -= 1;
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            at -= 1;
            digits[at] = b'-';
        }
        self.whole(&digits[at..]);
    }

    /// A value that is JSON text already, written whole or not at all.
    pub(super) fn whole(&mut self, json: &[u8]) {
        if self.is_silent() {
            return;
        }
        if json.len() > self.room() {
            self.take_back();
            return;
        }
        self.out.extend_from_slice(json);
        self.settle();
    }

    /// A string; one that is too long is cut on a char boundary, or loses its middle where gaps are wanted.
    pub(super) fn string(&mut self, text: &str) {
        let (start, safe, was_cut) = (self.out.len(), self.safe, self.cut);
        self.string_with(|json| json.escape(text));
        if self.cut && !was_cut && self.with_gaps && self.out.len() > start {
            self.out.truncate(start);
            (self.safe, self.cut) = (safe, false);
            self.shortened(text);
        }
    }

    #[cold]
    fn shortened(&mut self, text: &str) {
        let size = |byte| if needs_escape(byte) { escape_sequence(byte).1 } else { 1 };
        let room = self.room().saturating_sub(2);
        if room < LEAST {
            return self.take_back();
        }
        let kept = parts(text, room, size);
        // They fit.
        let end = std::mem::replace(&mut self.end, usize::MAX);
        self.out.push(b'"');
        for part in [kept.first, &kept.words, kept.last] {
            self.escape(part);
        }
        self.out.push(b'"');
        self.end = end;
        self.lost = true;
        self.settle();
    }

    /// What `display` shows as a string, without a copy of it.
    pub(super) fn display(&mut self, display: &(impl fmt::Display + ?Sized)) {
        self.string_with(|json| fmt::write(&mut Escaping(json), format_args!("{display}")).is_ok());
    }

    fn string_with(&mut self, fill: impl FnOnce(&mut Self) -> bool) {
        if self.is_silent() {
            return;
        }
        if self.room() < 2 {
            self.take_back();
            return;
        }
        self.out.push(b'"');
        self.open += 1;
        let whole = fill(self);
        self.open -= 1;
        self.out.push(b'"');
        self.settle();
        self.cut = !whole;
    }

    /// Text that is not JSON, cut as a string; it takes the place of all JSON.
    pub(super) fn raw(&mut self, text: &str) {
        if self.with_gaps && text.len() > self.room() {
            let kept = parts(text, self.room(), |_| 1);
            for part in [kept.first, &kept.words, kept.last] {
                self.out.extend_from_slice(part.as_bytes());
            }
            return self.settle();
        }
        let fitting = clip(text, self.room());
        self.out.extend_from_slice(fitting.as_bytes());
        self.settle();
        self.cut = fitting.len() < text.len();
    }

    /// Writes a piece and says whether it fitted.
    pub(super) fn write(&mut self, piece: fmt::Arguments<'_>) -> bool {
        self.out.write_fmt(piece).is_ok() && !self.over()
    }

    /// Escapes as much of the text as fits, reading no more than that, and says whether it was all.
    fn escape(&mut self, text: &str) -> bool {
        let mut rest = clip(text, self.room());
        let whole = rest.len() == text.len();
        loop {
            let plain = plain_length(rest.as_bytes());
            let (run, escaped) = rest.split_at(plain);
            let fitting = clip(run, self.room());
            self.out.extend_from_slice(fitting.as_bytes());
            let Some(byte) = escaped.bytes().next() else { return whole && fitting.len() == run.len() };
            let (sequence, length) = escape_sequence(byte);
            if fitting.len() < run.len() || self.room() < length {
                return false;
            }
            self.out.extend_from_slice(&sequence[..length]);
            rest = &escaped[1..];
        }
    }

    fn is_silent(&self) -> bool {
        self.cut | self.mute
    }

    pub(super) fn room(&self) -> usize {
        self.end.saturating_sub(self.out.len() + self.open as usize)
    }

    fn over(&self) -> bool {
        self.out.len() + self.open as usize > self.end
    }

    fn settle(&mut self) {
        self.safe = self.out.len();
    }

    /// Takes back a separator or a key whose value has not come.
    pub(super) fn drop_unfinished(&mut self) {
        self.out.truncate(self.safe);
    }

    fn take_back(&mut self) {
        self.drop_unfinished();
        self.cut = true;
    }
}

/// With less room than this a string is left out rather than shortened.
const LEAST: usize = 16;

struct Escaping<'a, 'o>(&'a mut Bounded<'o>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.escape(text) { Ok(()) } else { Err(fmt::Error) }
    }
}

/// How many bytes come before the first that needs an escape.
fn plain_length(text: &[u8]) -> usize {
    // Without an exit inside a chunk the compiler looks at its bytes all at once.
    let is_plain = |chunk: &&[u8]| !chunk.iter().fold(false, |any, byte| any | needs_escape(*byte));
    let chunks = text.chunks_exact(16).take_while(is_plain).count() * 16;
    chunks + text[chunks..].iter().take_while(|byte| !needs_escape(**byte)).count()
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape_sequence(byte: u8) -> ([u8; 6], usize) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
            return ([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)], 6);
        }
    };
    ([b'\\', short, 0, 0, 0, 0], 2)
}
