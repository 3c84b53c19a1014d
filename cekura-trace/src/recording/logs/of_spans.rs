//! The fields of a `tracing` span, which `tracing-subscriber` keeps as text, in a line. Invariant: only a name that the span has begins
//! a field, so that no value brings a key of its own.

use super::line::{Line, bare, without_colours};
use serde_json::{Map, Value};
use std::borrow::Cow;
use tracing::Metadata;

/// Puts the fields of one span into a line: JSON, as `fmt().json()` keeps them, or names and values, as `fmt()` does.
pub(super) fn write(fields: &str, span: &'static Metadata<'static>, line: &mut Line<'_>) {
    if fields.starts_with('{')
        && let Ok(fields) = serde_json::from_str::<Map<String, Value>>(fields)
    {
        for (name, value) in fields {
            match value {
                Value::String(text) => line.text(name, &text),
                Value::Bool(_) | Value::Null | Value::Number(_) => line.scalar(name, &value),
                Value::Array(_) | Value::Object(_) => line.text(name, &value.to_string()),
            }
        }
        return;
    }
    let names: Vec<&'static str> = span.fields().iter().map(|field| bare(field.name())).collect();
    // The value of a field called so stands there without its name.
    let unnamed = if names.contains(&"message") { "message" } else { span.name() };
    let found = entries(fields, &names, unnamed);
    for (at, (name, value)) in found.iter().enumerate() {
        // A field that was recorded again stands there twice.
        if found[at + 1..].iter().all(|(later, _)| later != name) {
            put(name, &without_colours(value), line);
        }
    }
}

fn put(name: &'static str, value: &str, line: &mut Line<'_>) {
    match unquoted(value) {
        Some(text) => line.text(name, &text),
        None if is_scalar(value) => line.scalar(name, value),
        None => line.text(name, value),
    }
}

/// Names and values of a text such as `day="tuesday" slot=4`. A text before the first name is that of `unnamed`.
fn entries<'a>(text: &'a str, names: &[&'static str], unnamed: &'static str) -> Vec<(&'static str, &'a str)> {
    // In colours nothing else looks like a name.
    let (before, behind) =
        if text.contains(ITALIC) { (ITALIC, "\u{1b}[0m\u{1b}[2m=\u{1b}[0m") } else { ("", "=") };
    let name_at = |at: usize| {
        let rest = text[at..].strip_prefix(before)?;
        let is_here = |name: &&&str| rest.strip_prefix(**name).is_some_and(|rest| rest.starts_with(behind));
        let name = names.iter().find(is_here)?;
        Some((*name, at + before.len() + name.len() + behind.len()))
    };
    let (mut found, mut name, mut start, mut at) = (Vec::new(), unnamed, 0, 0);
    loop {
        if let Some((next, value)) = name_at(at) {
            if at > start {
                found.push((name, &text[start..at - 1]));
            }
            (name, start) = (next, value);
            at = value + quoted(&text[value..]);
        }
        match text[at..].find(' ') {
            Some(blank) => at += blank + 1,
            None => break,
        }
    }
    if text.len() > start {
        found.push((name, &text[start..]));
    }
    found
}

const ITALIC: &str = "\u{1b}[3m";

/// How long the quoted text is with which a text begins.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    let closes = |each: char| {
        let is_end = each == '"' && !is_escaped;
        is_escaped = each == '\\' && !is_escaped;
        is_end
    };
    match text.strip_prefix('"') {
        Some(inner) => inner.find(closes).map_or(0, |end| end + 2),
        None => 0,
    }
}

/// What a text is that stands in quotes, as Rust's `Debug` writes them.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    if text.len() < 2 || quoted(text) != text.len() {
        return None;
    }
    let inner = &text[1..text.len() - 1];
    if !inner.contains('\\') {
        return Some(inner.into());
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(each) = rest.next() {
        match (each, if each == '\\' { rest.next() } else { None }) {
            (_, Some('n')) => out.push('\n'),
            (_, Some('r')) => out.push('\r'),
            (_, Some('t')) => out.push('\t'),
            (_, Some('0')) => out.push('\0'),
            (_, Some('u')) => {
                let (code, behind) = rest.as_str().strip_prefix('{')?.split_once('}')?;
                out.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
                rest = behind.chars();
            }
            (_, Some(itself)) => out.push(itself),
            (plain, None) => out.push(plain),
        }
    }
    Some(out.into())
}

/// Whether it is `true`, `false` or a number that nobody writes in another way: `007` and `1e5` may be ids.
fn is_scalar(text: &str) -> bool {
    if matches!(text, "true" | "false") {
        return true;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let is_number =
        |digits: &str| (1..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number(whole) && is_number(fraction) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::{entries, is_scalar, unquoted};

    const NAMES: [&str; 3] = ["day", "slot", "who"];

    #[test]
    fn a_value_brings_no_key_of_its_own() {
        let text = r#"day="tue slot=9 \" who=\"x\"" slot=4 who=Jane call_id=7 Doe"#;
        let found = entries(text, &NAMES, "span");
        let expected =
            [("day", r#""tue slot=9 \" who=\"x\"""#), ("slot", "4"), ("who", "Jane call_id=7 Doe")];
        assert_eq!(found, expected);
        let coloured =
            "\u{1b}[3mwho\u{1b}[0m\u{1b}[2m=\u{1b}[0mJane slot=9 \u{1b}[3mslot\u{1b}[0m\u{1b}[2m=\u{1b}[0m4";
        assert_eq!(entries(coloured, &NAMES, "span"), [("who", "Jane slot=9"), ("slot", "4")]);
    }

    #[test]
    fn what_has_no_name_is_that_of_the_span() {
        assert_eq!(entries("hello day=4", &NAMES, "greet"), [("greet", "hello"), ("day", "4")]);
        assert_eq!(entries("slots=1", &NAMES, "greet"), [("greet", "slots=1")]);
        assert!(entries("", &NAMES, "greet").is_empty());
    }

    #[test]
    fn what_debug_quotes_is_unquoted() {
        for text in ["", "tuesday", "a\"b\\c\n\r\t\0", "\u{1b}[31m", "é\u{202e}\u{7f}", "\\u{41}"] {
            assert_eq!(unquoted(&format!("{text:?}")).as_deref(), Some(text));
        }
        for text in ["tuesday", "\"", "\"a\" b", "\"a", "\"\\u{110000}\""] {
            assert_eq!(unquoted(text), None);
        }
    }

    #[test]
    fn ids_are_no_numbers() {
        for text in ["0", "-1", "4.5", "1765432100", "true"] {
            assert!(is_scalar(text), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
        }
        for text in ["", "-", "007", "1e5", "4.", ".5", "+1", "1.2.3", "NaN", "123456789012345678", "١"] {
            assert!(!is_scalar(text), "{text}");
        }
    }
}
