//! JSON of limited length, written piece by piece; knows nothing of serde. Invariant: it can be closed at any time,
//! and is then valid.

use crate::clip::{clip, in_json, parts};
use crate::recording::shapes::Scalar;
use serde_json::ser::{CompactFormatter, Formatter};

/// JSON text at the end of a buffer.
///
/// One byte is kept for the closer of each open container, so that closing always fits. What does not fit is taken
/// back to the last place at which closing gives valid JSON, and from there on nothing is written but the closers.
/// Where gaps are wanted, a string that is too long loses its middle instead, and who opened a container goes on behind
/// what did not fit (`gaps`).
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself, at every piece")]
pub(in crate::recording) struct Sink {
    pub(in crate::recording) out: Vec<u8>,
    /// The length that `out` may reach.
    end: usize,
    /// The open containers, the innermost in the lowest bit: 1 for an object, 0 for an array.
    nest: u128,
    pub(super) open: u32,
    /// The length of `out` after the last whole piece.
    safe: usize,
    pub(super) is_cut: bool,
    /// Values are looked at and not written.
    pub(super) is_mute: bool,
    pub(super) with_gaps: bool,
    /// Something was shortened or left out since somebody asked.
    pub(super) lost: bool,
}

impl Sink {
    /// The most containers that may be open at a time; that many are also what JSON parsers accept.
    pub(super) const DEEPEST: u32 = 127;

    /// Goes on behind `out` until that has `end` bytes, inside an object that is open there or in nothing.
    pub(in crate::recording) fn new(out: Vec<u8>, end: usize, is_in_object: bool, with_gaps: bool) -> Self {
        let (safe, open) = (out.len(), u32::from(is_in_object));
        let (is_cut, is_mute, lost) = (false, false, false);
        Self { out, end, nest: open.into(), open, safe, is_cut, is_mute, with_gaps, lost }
    }

    /// Keeps nothing.
    pub(super) fn nowhere() -> Self {
        Self { is_cut: true, ..Self::new(Vec::new(), 0, false, false) }
    }

    /// Writes nothing more once there are more than so many bytes.
    pub(in crate::recording) fn stop_beyond(&mut self, bytes: usize) {
        self.is_cut |= self.out.len() > bytes;
    }

    /// Forgets that something did not fit, and says whether it was so.
    pub(super) fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.is_cut)
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
        self.settle();
    }

    /// Takes out a part that is whole values of the innermost container, and puts `words` in its place.
    pub(super) fn replace(&mut self, part: std::ops::Range<usize>, words: &str) {
        self.out.splice(part, words.bytes());
        self.settle();
    }

    /// Puts `words` in the place of the innermost container, which begins at `start`: a string, or the whole value.
    pub(super) fn instead_of_container(&mut self, start: usize, words: &str, is_bare: bool) {
        self.open -= 1;
        self.nest >>= 1;
        self.roll_back(start);
        if is_bare {
            self.raw(words);
        } else if words.len() + 2 <= self.room() {
            self.string(words);
        } else {
            // There was room for its brackets.
            self.whole(|out| out.extend_from_slice(b"[]"));
            self.is_cut = true;
        }
    }

    /// Opens an array or an object, and says whether it fitted.
    pub(in crate::recording) fn open(&mut self, opener: u8) -> bool {
        if !self.takes_value() {
            return false;
        }
        if self.room() < 2 || self.open == Self::DEEPEST {
            self.take_back();
            return false;
        }
        self.out.push(opener);
        self.nest = self.nest << 1 | u128::from(opener == b'{');
        self.open += 1;
        self.settle();
        true
    }

    /// Closes containers until `open` of them are left.
    pub(in crate::recording) fn close_to(&mut self, open: u32) {
        while self.open > open {
            self.drop_unfinished();
            self.out.push(if self.nest & 1 == 1 { b'}' } else { b']' });
            self.nest >>= 1;
            self.open -= 1;
            self.settle();
        }
    }

    /// Begins an element of the innermost array.
    pub(in crate::recording) fn element(&mut self) {
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
    pub(in crate::recording) fn key(&mut self, key: &str) {
        self.element();
        if self.is_silent() {
            return;
        }
        self.out.push(b'"');
        let is_whole = self.escape(key);
        self.out.extend_from_slice(b"\":");
        if !is_whole || self.over() {
            self.take_back();
        }
    }

    pub(in crate::recording) fn scalar(&mut self, scalar: Scalar<'_>) {
        match scalar {
            Scalar::Text(text) => self.string(text),
            other => self.whole(|out| write_plain(out, other)),
        }
    }

    /// A value that is written whole or not at all.
    pub(super) fn whole(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.takes_value() {
            write(&mut self.out);
            if self.over() { self.take_back() } else { self.settle() }
        }
    }

    /// A string; one that is too long is cut on a char boundary, or loses its middle where gaps are wanted.
    pub(super) fn string(&mut self, text: &str) {
        let (start, safe, was_cut) = (self.out.len(), self.safe, self.is_cut);
        self.quoted(text);
        if self.is_cut && !was_cut && self.with_gaps && self.out.len() > start {
            self.out.truncate(start);
            (self.safe, self.is_cut) = (safe, false);
            self.shortened(text);
        }
    }

    #[cold]
    fn shortened(&mut self, text: &str) {
        let room = self.room().saturating_sub(2);
        if room < LEAST {
            return self.take_back();
        }
        let kept = parts(text, room, in_json);
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

    fn quoted(&mut self, text: &str) {
        if !self.takes_value() {
            return;
        }
        if self.room() < 2 {
            self.take_back();
            return;
        }
        self.out.push(b'"');
        self.open += 1;
        let whole = self.escape(text);
        self.open -= 1;
        self.out.push(b'"');
        self.settle();
        self.is_cut = !whole;
    }

    /// Text that is not JSON, cut as a string; it takes the place of all JSON.
    pub(super) fn raw(&mut self, text: &str) {
        if self.is_silent() {
            return;
        }
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
        self.is_cut = fitting.len() < text.len();
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
        self.is_cut | self.is_mute
    }

    /// Whether a value may stand here: in an object only behind a key, which a value whose own code fails may not have.
    fn takes_value(&self) -> bool {
        !self.is_silent() && (self.nest & 1 == 0 || self.out.last() == Some(&b':'))
    }

    pub(super) fn room(&self) -> usize {
        self.end.saturating_sub(self.out.len() + self.open as usize)
    }

    /// What was written is beyond the limit.
    pub(super) fn over(&self) -> bool {
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
        self.is_cut = true;
    }
}

/// With less room than this a string is left out rather than shortened.
const LEAST: usize = 16;

/// Writes a scalar without a limit, and a text that needs no escape.
#[inline]
pub(super) fn write_plain(out: &mut Vec<u8>, scalar: Scalar<'_>) {
    // A vector takes all that is written.
    let _ = match scalar {
        Scalar::Bool(value) => CompactFormatter.write_bool(out, value),
        Scalar::F64(value) if value.is_finite() => CompactFormatter.write_f64(out, value),
        Scalar::F64(_) | Scalar::Null => CompactFormatter.write_null(out),
        Scalar::I64(value) => CompactFormatter.write_i64(out, value),
        Scalar::Text(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
            Ok(())
        }
    };
}

/// How many bytes come before the first that needs an escape.
fn plain_length(text: &[u8]) -> usize {
    let chunks = text.chunks_exact(16).take_while(|chunk| is_plain_chunk(chunk)).count() * 16;
    chunks + text[chunks..].iter().take_while(|byte| !NEEDS_ESCAPE[usize::from(**byte)]).count()
}

/// Whether a text stands in JSON as it is.
#[inline]
pub(super) fn is_plain(text: &str) -> bool {
    let text = text.as_bytes();
    match text.last_chunk::<16>() {
        None => !text.iter().any(|byte| NEEDS_ESCAPE[usize::from(*byte)]),
        // In place of what is left behind whole chunks, though some of it is looked at twice.
        Some(last) => text.chunks_exact(16).all(is_plain_chunk) && is_plain_chunk(last),
    }
}

fn is_plain_chunk(chunk: &[u8]) -> bool {
    // Without an exit inside a chunk the compiler looks at its bytes all at once.
    !chunk.iter().fold(false, |any, byte| any | needs_escape(*byte))
}

/// [`needs_escape`] of each byte, which takes fewer steps where bytes are looked at one by one.
static NEEDS_ESCAPE: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte = 0;
    loop {
        all[byte as usize] = needs_escape(byte);
        if byte == u8::MAX {
            break all;
        }
        byte += 1;
    }
};

const fn needs_escape(byte: u8) -> bool {
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
