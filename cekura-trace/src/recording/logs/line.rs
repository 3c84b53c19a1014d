//! One line of JSON, field by field. Invariant: whatever is put into it, it is one line, one object, without colour codes, and no key
//! stands in it twice.

use super::here::Here;
use std::borrow::Cow;
use std::fmt;
use std::io::Write;

/// The keys of a line itself; a field of such a name stands under another.
const OWN: [&str; 9] =
    ["timestamp", "level", "target", "message", "trace_id", "span_id", "trace_flags", "call_id", "turn"];

pub(super) struct Line<'a> {
    out: Vec<u8>,
    /// Those of the fields so far.
    keys: Vec<Cow<'static, str>>,
    here: &'a Here,
}

impl<'a> Line<'a> {
    /// A line with everything but its fields.
    pub(super) fn new(time: &str, level: &str, target: &str, message: Option<&str>, here: &'a Here) -> Self {
        let mut line = Self { out: Vec::with_capacity(512), keys: Vec::new(), here };
        line.write(format_args!("{{\"timestamp\":\"{time}\",\"level\":\"{level}\",\"target\":"));
        line.string(target);
        if let Some(message) = message {
            line.write(format_args!(",\"message\":"));
            line.redacted("message", message);
        }
        if let Some(span) = &here.span {
            let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
            line.write(format_args!(
                ",\"trace_id\":\"{trace}\",\"span_id\":\"{id}\",\"trace_flags\":\"{flags:02x}\""
            ));
        }
        if let Some(call) = &here.call {
            line.write(format_args!(",\"call_id\":"));
            line.string(call.id());
        }
        if let Some(turn) = here.turn {
            line.write(format_args!(",\"turn\":{turn}"));
        }
        line
    }

    pub(super) fn text(&mut self, name: impl Into<Cow<'static, str>>, text: &str) {
        let name = self.key(name.into());
        self.redacted(&name, text);
    }

    /// A number, `true`, `false` or `null`, as JSON writes it.
    pub(super) fn scalar(&mut self, name: impl Into<Cow<'static, str>>, scalar: impl fmt::Display) {
        let name = self.key(name.into());
        match self.here.scalar(&name, &scalar) {
            None => self.write(format_args!("{scalar}")),
            Some(redacted) => self.string(&redacted),
        }
    }

    /// The whole line.
    pub(super) fn end(mut self) -> String {
        self.out.extend_from_slice(b"}\n");
        String::from_utf8(self.out).unwrap_or_default()
    }

    /// Writes a key that no other field has, and gives the field's name.
    fn key(&mut self, name: Cow<'static, str>) -> Cow<'static, str> {
        let mut key = name.clone();
        while OWN.contains(&&*key) || self.keys.contains(&key) {
            key = format!("fields.{key}").into();
        }
        self.out.push(b',');
        self.string(&key);
        self.out.push(b':');
        self.keys.push(key);
        name
    }

    fn redacted(&mut self, key: &str, text: &str) {
        let text = without_colours(text);
        match self.here.text(key, &text) {
            None => self.string(&text),
            Some(redacted) => self.string(&redacted),
        }
    }

    fn string(&mut self, text: &str) {
        // A `Vec` takes everything.
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }
}

/// The name of a field that may be a word of Rust's.
pub(super) fn bare(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// A text without what makes a terminal change its colours (SGR sequences).
pub(super) fn without_colours(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = "\u{1b}[";
    if !text.contains(BEGIN) {
        return text.into();
    }
    let mut pieces = text.split(BEGIN);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.trim_start_matches(|each: char| each.is_ascii_digit() || ";:".contains(each)) {
            rest if rest.starts_with('m') => out.push_str(&rest[1..]),
            _ => {
                out.push_str(BEGIN);
                out.push_str(piece);
            }
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::without_colours;

    #[test]
    fn colours_go_and_everything_else_stays() {
        let colours = "a\u{1b}[1;38:5:9mred\u{1b}[0m\u{1b}[mb";
        assert_eq!(without_colours(colours), "aredb");
        for text in ["plain", "\u{1b}", "\u{1b}[", "\u{1b}[2J", "\u{1b}[31", "[31m", "é\u{1b}[é"] {
            assert_eq!(without_colours(text), text);
        }
    }
}
