//! Cuts text that is too long: at its end, between its first and last part, or while it is formatted. Invariant: what
//! stays is whole characters, and fits.

use std::fmt;

/// The longest start of `text` that has at most `length` bytes and ends on a char boundary.
pub(crate) fn clip(text: &str, length: usize) -> &str {
    if length >= text.len() {
        return text;
    }
    let end = (0..=length).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
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

/// Takes formatted text up to a number of bytes, and stops the formatter there.
pub(crate) struct Text {
    out: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Text {
    pub(crate) fn of(text: fmt::Arguments<'_>, limit: usize) -> String {
        let mut out = Self { out: Vec::new(), limit, truncated: false };
        // A formatter that fails has written what it could.
        let _ = fmt::write(&mut out, text);
        String::from_utf8(out.out).unwrap_or_default()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit - self.out.len();
        let kept = clip(text, room);
        self.out.extend_from_slice(kept.as_bytes());
        self.truncated = kept.len() < text.len();
        if self.truncated { Err(fmt::Error) } else { Ok(()) }
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
