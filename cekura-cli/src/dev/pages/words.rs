//! Which words two texts do not have in common. Invariant: each text is there in full, in its order, whatever is marked in it.

use super::html::escape;

/// Words that are compared: the time is that of their product.
const MOST: usize = 400;
/// Bytes of a text that are shown.
const LONGEST: usize = 4000;

/// Both texts as HTML; what the other one has not is marked.
pub(super) fn marked(old: &str, new: &str) -> [String; 2] {
    let (old, new) = (clipped(old), clipped(new));
    let (left, right): (Vec<_>, Vec<_>) =
        (old.split_whitespace().collect(), new.split_whitespace().collect());
    if old.is_empty() || new.is_empty() || left.len() > MOST || right.len() > MOST {
        return [old, new].map(|text| format!("<bdi>{}</bdi>", escape(text)));
    }
    let common = common(&left, &right);
    let [in_left, in_right] = [0, 1].map(|side| common.iter().map(|pair| pair[side]).collect::<Vec<_>>());
    [html(&left, &in_left, "del"), html(&right, &in_right, "ins")]
}

/// Whether two texts have the same words.
pub(super) fn are_same(old: &str, new: &str) -> bool {
    old.split_whitespace().map(plain).eq(new.split_whitespace().map(plain))
}

/// The beginning of a text.
pub(super) fn clipped(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A word without its case and the signs around it: recognition of the same words writes these as it likes.
fn plain(word: &str) -> String {
    let word_only = word.trim_matches(|c: char| !c.is_alphanumeric());
    if word_only.is_empty() { word } else { word_only }.to_lowercase()
}

/// The places of the longest row of words that both have.
fn common(left: &[&str], right: &[&str]) -> Vec<[usize; 2]> {
    let (left, right): (Vec<_>, Vec<_>) =
        (left.iter().map(|word| plain(word)).collect(), right.iter().map(|word| plain(word)).collect());
    let mut longest = vec![vec![0_u16; right.len() + 1]; left.len() + 1];
    for l in (0..left.len()).rev() {
        for r in (0..right.len()).rev() {
            longest[l][r] = if left[l] == right[r] {
                longest[l + 1][r + 1] + 1
            } else {
                longest[l + 1][r].max(longest[l][r + 1])
            };
        }
    }
    let (mut l, mut r, mut found) = (0, 0, Vec::new());
    while l < left.len() && r < right.len() {
        if left[l] == right[r] {
            found.push([l, r]);
            (l, r) = (l + 1, r + 1);
        } else if longest[l + 1][r] >= longest[l][r + 1] {
            l += 1;
        } else {
            r += 1;
        }
    }
    found
}

/// The words; those at other places than these are in an element of this name.
fn html(words: &[&str], common: &[usize], element: &str) -> String {
    let mut html = "<bdi>".to_owned();
    let mut is_open = false;
    for (at, word) in words.iter().enumerate() {
        let is_common = common.binary_search(&at).is_ok();
        if is_open && is_common {
            html.extend(["</", element, ">"]);
        }
        if at > 0 {
            html.push(' ');
        }
        if !is_open && !is_common {
            html.extend(["<", element, ">"]);
        }
        is_open = !is_common;
        html += &escape(word);
    }
    if is_open {
        html.extend(["</", element, ">"]);
    }
    html + "</bdi>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_other_text_has_not_is_marked() {
        let both = |old, new| marked(old, new).map(|html| html.replace("<bdi>", "").replace("</bdi>", ""));
        assert_eq!(
            both("we open at noon today", "We open, at nine today!"),
            ["we open at <del>noon</del> today", "We open, at <ins>nine</ins> today!"]
        );
        assert_eq!(both("a b c", "c"), ["<del>a b</del> c", "c"]);
        assert_eq!(both("", "new"), ["", "new"]);
        assert_eq!(both("<b>", "<i> &"), ["<del>&lt;b&gt;</del>", "<ins>&lt;i&gt; &amp;</ins>"]);
        assert!(are_same("Yes, please.", "yes please") && !are_same("yes", "no") && !are_same("…", "?"));
    }

    #[test]
    fn long_texts_are_shown_and_not_compared() {
        let long = "word ".repeat(MOST + 1);
        assert!(!marked(&long, "word").concat().contains("<del>"));
        let longer = "é".repeat(LONGEST);
        assert_eq!(clipped(&longer).len(), LONGEST);
    }
}
