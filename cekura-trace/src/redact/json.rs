//! Rewrites the values of a JSON text in place. Invariant: what was JSON is JSON afterwards, with the same members in the same order,
//! and what is not rewritten is the same byte for byte.

use serde::de::IgnoredAny;
use std::borrow::Cow;

/// A value in a JSON text.
#[derive(Clone, Copy)]
pub(super) enum Leaf<'a> {
    /// A string, unescaped.
    Text(&'a str),
    Number(&'a str),
    /// `true`, `false`, or an object or an array, before it is looked into.
    Other,
}

/// Whether a text is an object, an array or a string of JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The text with what `change` gives in place of values; `None` where it gives nothing. It is told where each stands: keys with dots
/// between them, behind `path`.
pub(super) fn rewrite(
    text: &str,
    path: &str,
    change: impl FnMut(&str, Leaf<'_>) -> Option<String>,
) -> Option<String> {
    let mut walk =
        Walk { text, at: 0, path: path.to_owned(), open: Vec::new(), out: String::new(), copied: 0, change };
    while walk.step() {}
    (walk.copied > 0).then(|| walk.out + &text[walk.copied..])
}

struct Walk<'a, C> {
    text: &'a str,
    at: usize,
    path: String,
    open: Vec<Open>,
    out: String,
    /// How much of the text is in `out`, as it is or rewritten.
    copied: usize,
    change: C,
}

/// An object or an array that is open.
struct Open {
    /// Bytes of its path.
    path: usize,
    is_object: bool,
    /// Whether a key comes next.
    wants_key: bool,
}

impl<C: FnMut(&str, Leaf<'_>) -> Option<String>> Walk<'_, C> {
    fn step(&mut self) -> bool {
        let Some(byte) = self.text.as_bytes().get(self.at) else { return false };
        match byte {
            b'{' | b'[' => {
                if let Some(new) = (self.change)(&self.path, Leaf::Other) {
                    self.put(&new, self.container());
                } else {
                    let is_object = *byte == b'{';
                    self.open.push(Open { path: self.path.len(), is_object, wants_key: is_object });
                    self.at += 1;
                }
            }
            b'}' | b']' => {
                if let Some(open) = self.open.pop() {
                    self.path.truncate(open.path);
                }
                self.at += 1;
            }
            b',' => {
                if let Some(open) = self.open.last_mut() {
                    self.path.truncate(open.path);
                    open.wants_key = open.is_object;
                }
                self.at += 1;
            }
            b'"' => self.string(),
            b't' | b'f' => self.leaf(self.word(), Leaf::Other),
            b'-' | b'0'..=b'9' => {
                let (text, end) = (self.text, self.word());
                self.leaf(end, Leaf::Number(&text[self.at..end]));
            }
            b'n' => self.at = self.word(),
            _ => self.at += 1,
        }
        true
    }

    /// A key, or a value.
    fn string(&mut self) {
        let (text, end) = (self.text, self.string_end(self.at));
        let raw = &text[self.at..end];
        let plain = raw.trim_matches('"');
        // Half of a surrogate pair cannot be unescaped.
        let content: Cow<'_, str> =
            if raw.contains('\\') { serde_json::from_str(raw).unwrap_or(plain.into()) } else { plain.into() };
        match self.open.last_mut() {
            Some(open) if open.wants_key => {
                open.wants_key = false;
                if !self.path.is_empty() {
                    self.path.push('.');
                }
                self.path.push_str(&content);
                self.at = end;
            }
            _ => self.leaf(end, Leaf::Text(&content)),
        }
    }

    /// Offers the value that ends at `end`.
    fn leaf(&mut self, end: usize, leaf: Leaf<'_>) {
        match (self.change)(&self.path, leaf) {
            Some(new) => self.put(&new, end),
            None => self.at = end,
        }
    }

    /// Writes a text in the place of the value that ends at `end`.
    fn put(&mut self, new: &str, end: usize) {
        self.out.push_str(&self.text[self.copied..self.at]);
        self.out.push_str(&serde_json::Value::from(new).to_string());
        self.copied = end;
        self.at = end;
    }

    fn word(&self) -> usize {
        let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
        let rest = &self.text.as_bytes()[self.at..];
        self.at + rest.iter().position(is_end).unwrap_or(rest.len())
    }

    fn string_end(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
            at += if *byte == b'\\' { 2 } else { 1 };
        }
        (at + 1).min(bytes.len())
    }

    /// The end of the object or array that begins here.
    fn container(&self) -> usize {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (self.at, 0_usize);
        while let Some(byte) = bytes.get(at) {
            at = if *byte == b'"' { self.string_end(at) } else { at + 1 };
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        at
    }
}
