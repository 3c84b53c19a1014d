//! Shortens a text that is too long to its first and last part, with the number of missing bytes between them.
//! Invariant: the parts are whole characters, and the result fits.

use super::sink::clip;

/// With less room than this the first part is all that stays.
const LEAST: usize = 120;

/// The parts of a text that stay.
pub(in crate::recording) struct Parts<'a> {
    pub(in crate::recording) first: &'a str,
    /// What is said between them; empty where there is no room for it.
    pub(in crate::recording) words: String,
    pub(in crate::recording) last: &'a str,
}

/// The parts of a text that is longer than `room`, where each byte takes as much room as `size` says.
pub(in crate::recording) fn parts(text: &str, room: usize, size: impl Fn(u8) -> usize) -> Parts<'_> {
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
