//! Cuts text that is too long: at its end, between its first and last part, or while it is written. Invariant: what
//! stays is whole characters, and fits.

use std::{fmt, io};

/// The longest start of `text` that has at most `length` bytes and ends on a char boundary.
pub(crate) fn clip(text: &str, length: usize) -> &str {
    if length >= text.len() {
        return text;
    }
    let end = (0..=length).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// The bytes that a byte of a text takes in a string of JSON.
pub(crate) fn in_json(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0c | b'\r' => 2,
        0x00..0x20 => 6,
        _ => 1,
    }
}

/// Appends as much as shows that the limit was passed.
pub(crate) fn append(text: &mut Option<String>, piece: &str, limit: usize) {
    let text = text.get_or_insert_default();
    if text.len() <= limit {
        // One more char, of at most four bytes, shows that there was more, and that no other piece follows.
        text.push_str(clip(piece, limit.saturating_add(4) - text.len()));
    }
}

/// With less room than this the first part is all that stays.
const LEAST: usize = 120;

/// The parts of a text that stay.
pub(crate) struct Parts<'a> {
    pub(crate) first: &'a str,
    /// What is said between them; empty where there is no room for it.
    pub(crate) words: String,
    pub(crate) last: &'a str,
}

/// The parts of a text that is longer than `room`, where each byte takes as much room as `size` says.
pub(crate) fn parts(text: &str, room: usize, size: impl Fn(u8) -> usize) -> Parts<'_> {
    let is_short = room < LEAST;
    let words = |missing| format!(" [{missing} bytes missing] ");
    let half = if is_short { room } else { (room - words(text.len()).len()) / 2 };
    let fitting = |bytes: &mut dyn Iterator<Item = u8>| {
        let mut left = half;
        let taken = bytes.take_while(|byte| {
            let size = size(*byte);
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        taken.count()
    };
    let first = clip(text, fitting(&mut text.bytes()));
    if is_short {
        return Parts { first, words: String::new(), last: "" };
    }
    let start = (text.len() - fitting(&mut text.bytes().rev())).max(first.len());
    let start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let last = &text[start..];
    let missing = start - first.len();
    let words = if missing == 0 { String::new() } else { words(missing) };
    Parts { first, words, last }
}

/// What the program's own code writes of a value: up to a number of bytes, and no deeper than it may go. What is not
/// taken is an error to that code, which ends it.
pub(crate) struct Text {
    out: Vec<u8>,
    limit: usize,
    /// Something was not taken.
    pub(crate) is_cut: bool,
    stack: Stack,
}

impl Text {
    /// The usual limit: more than is kept of a value, so that its last part may stay too.
    pub(crate) const MOST: usize = 128 << 10;

    pub(crate) fn new(limit: usize) -> Self {
        Self { out: Vec::new(), limit, is_cut: false, stack: Stack::here() }
    }

    pub(crate) fn of(text: fmt::Arguments<'_>, limit: usize) -> Self {
        let mut out = Self::new(limit);
        // A formatter that fails has written what it could.
        let _ = fmt::write(&mut out, text);
        out
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.out).unwrap_or_default()
    }

    /// Takes as much of a piece as fits, and says whether that is all of it.
    fn take(&mut self, piece: &[u8], fitting: usize) -> bool {
        let fitting = if self.is_cut || self.stack.is_deep() { 0 } else { fitting };
        self.out.extend_from_slice(&piece[..fitting]);
        self.is_cut |= fitting < piece.len();
        !self.is_cut
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fitting = clip(text, self.limit - self.out.len()).len();
        if self.take(text.as_bytes(), fitting) { Ok(()) } else { Err(fmt::Error) }
    }
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fitting = bytes.len().min(self.limit - self.out.len());
        if self.take(bytes, fitting) { Ok(bytes.len()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the stack was when code of the program's began to look at a value, which may hold itself many times over: that
/// code is stopped long before it has used up the stack.
#[derive(Clone, Copy)]
pub(crate) struct Stack(usize);

impl Stack {
    /// A thread has 2 MiB, unless the program says otherwise.
    const MOST: usize = 192 << 10;

    #[inline]
    pub(crate) fn here() -> Self {
        let here = 0_u8;
        Self(std::ptr::from_ref(&here).addr())
    }

    #[inline]
    pub(crate) fn is_deep(self) -> bool {
        Self::here().0.abs_diff(self.0) > Self::MOST
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn the_first_and_the_last_part_stay() {
        let text = format!("system{}question", "é".repeat(500));
        for room in 0..300 {
            let kept = parts(&text, room, |_| 1);
            let whole = format!("{}{}{}", kept.first, kept.words, kept.last);
            assert!(whole.len() <= room && text.starts_with(kept.first) && text.ends_with(kept.last));
            if room >= 120 {
                let missing = text.len() - kept.first.len() - kept.last.len();
                assert_eq!(kept.words, format!(" [{missing} bytes missing] "));
                assert!(kept.first.starts_with("system") && kept.last.ends_with("question"));
                assert!(whole.len() + 10 > room);
            }
        }
    }

    #[test]
    fn a_byte_may_take_more_than_its_own_room() {
        let quotes = "\"".repeat(1000);
        let kept = parts(&quotes, 240, |_| 2);
        assert_eq!((kept.first.len(), kept.last.len()), (54, 54));
        let same = parts("short", 200, |_| 1);
        assert_eq!((same.first, same.words.as_str(), same.last), ("short", "", ""));
    }
}
