//! What a cut has left of a number or an address. Invariant: only what touches a cut is looked at.

use super::find::Found;

pub(super) const CUT: &str = "cut";

const OPENING: &str = " [";
const CLOSING: &str = " bytes missing] ";

/// With fewer digits nobody is found.
const LEAST: usize = 4;

/// The rests on both sides of where a text says that bytes are missing, and at its end where that `is_cut`.
pub(super) fn find(text: &str, is_cut: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for (closing, _) in text.match_indices(CLOSING) {
        let Some(opening) = text[..closing].rfind(OPENING) else { continue };
        let number = &text[opening + OPENING.len()..closing];
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            found.extend(before(&text[..opening]));
            found.extend(behind(text, closing + CLOSING.len()));
        }
    }
    if is_cut {
        found.extend(before(text));
    }
    found
}

fn is_between(char: char) -> bool {
    " -.,/()+".contains(char)
}

/// The rest at the end of a text.
fn before(text: &str) -> Option<Found> {
    let address = text.rsplit(char::is_whitespace).next().filter(|token| token.contains('@'));
    let length = address.map(str::len).or_else(|| rest(text.rsplit(is_between)))?;
    Some(Found { range: text.len() - length..text.len(), kind: CUT })
}

/// The rest that begins at `at`.
fn behind(text: &str, at: usize) -> Option<Found> {
    let address = text[at..].split(char::is_whitespace).next().filter(|token| token.contains('@'));
    let length = address.map(str::len).or_else(|| rest(text[at..].split(is_between)))?;
    Some(Found { range: at..at + length, kind: CUT })
}

/// The bytes of the first pieces that have a digit each, if they have enough of them.
fn rest<'a>(pieces: impl Iterator<Item = &'a str>) -> Option<usize> {
    let (mut length, mut kept, mut digits) = (0, 0, 0);
    for piece in pieces {
        let more = piece.bytes().filter(u8::is_ascii_digit).count();
        if more > 0 {
            kept = length + piece.len();
        } else if !piece.is_empty() {
            break;
        }
        digits += more;
        length += piece.len() + 1;
    }
    (digits >= LEAST).then_some(kept)
}
