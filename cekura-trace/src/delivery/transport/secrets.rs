//! Finds what is secret in a server's text, however that spells it. Invariant: of a form that is found, nothing stays.

use crate::delivery::config::SHORTEST_SECRET;
use crate::one_line::is_invisible;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use http::HeaderMap;
use std::sync::Arc;

const REDACTED: &str = "[REDACTED]";
/// The most backslashes or `%25` of one escape: texts are escaped again where they are put into others.
const DEEPEST: usize = 8;
/// The most bytes of `&#x0000061;` and its like.
const LONGEST_ENTITY: usize = 12;

/// Secrets in every form in which a server may repeat them: as they are, in hex and in base64.
#[derive(Clone)]
pub(super) struct Secrets(Arc<[String]>);

impl Secrets {
    /// What is sensitive in these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.values().filter(|value| value.is_sensitive() && !value.is_empty());
        let values = values.filter_map(|value| value.to_str().ok());
        let mut forms: Vec<_> = values.flat_map(parts).flat_map(forms).collect();
        forms.sort_unstable();
        forms.dedup();
        Self(forms.into())
    }

    /// The text without them.
    pub(super) fn removed_from(&self, text: &str) -> String {
        let mut may_begin = [false; 256];
        let first_letters = self.0.iter().filter_map(|form| form.bytes().next());
        let first_letters = first_letters.flat_map(|it| [it.to_ascii_lowercase(), it.to_ascii_uppercase()]);
        first_letters.chain(*b"\\%&").for_each(|it| may_begin[usize::from(it)] = true);
        let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(at) = rest.bytes().position(|byte| may_begin[usize::from(byte)]) {
            let here = &rest[at..];
            let found = self.0.iter().filter_map(|form| {
                here.strip_prefix(form.as_str()).or_else(|| form.chars().try_fold(here, after))
            });
            let behind = found.min_by_key(|behind| behind.len());
            // What may begin one is a character of one byte.
            let end = if behind.is_some() { at } else { at + 1 };
            kept.push_str(&rest[..end]);
            kept.push_str(behind.map_or("", |_| REDACTED));
            rest = behind.unwrap_or(&rest[end..]);
        }
        kept + rest
    }
}

/// A header's value, and what is secret by itself in it: a token behind the name of its scheme, a password.
fn parts(value: &str) -> Vec<String> {
    let words = value.split(' ').skip(1);
    let is_basic = value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "));
    let pairs = words.clone().filter(|_| is_basic).filter_map(|word| BASE64_STANDARD.decode(word).ok());
    let pairs: Vec<_> = pairs.filter_map(|pair| String::from_utf8(pair).ok()).collect();
    let passwords = pairs.iter().filter_map(|pair| pair.split_once(':')).map(|(_, password)| password);
    let inner = words.chain(pairs.iter().map(String::as_str)).chain(passwords);
    let inner = inner.filter(|part| part.len() >= SHORTEST_SECRET).map(str::to_owned);
    std::iter::once(value.to_owned()).chain(inner).collect()
}

/// A secret as it is, in hex, and in base64 wherever it stands in what is encoded.
fn forms(secret: String) -> Vec<String> {
    let digits = secret.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    let mut forms = vec![hex.collect()];
    for offset in 0..3 {
        // The letters that are made of the secret alone.
        let letters = (offset * 8_usize).div_ceil(6)..(offset + secret.len()) * 8 / 6;
        let shifted = [&[0; 2][..offset], secret.as_bytes()].concat();
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.extend(encoded.get(letters.clone()).map(str::to_owned));
        }
    }
    forms.push(secret);
    forms.retain(|form| form.len() >= SHORTEST_SECRET);
    forms
}

/// What stands behind a letter, which may be escaped and is the same in either case. What nobody sees is passed over.
fn after(text: &str, letter: char) -> Option<&str> {
    let text = text.trim_start_matches(|each: char| each.is_control() || is_invisible(each));
    let escaped = match text.as_bytes() {
        [b'\\', ..] => {
            let text = without_repeats(text, "\\");
            let coded = coded(text, "u", 4, letter).or_else(|| coded(text, "x", 2, letter));
            coded.or_else(|| plain(text, letter))
        }
        [b'%', ..] => {
            let inner = without_repeats(&text[1..], "25");
            let is_itself = letter == '%' && inner.len() + 1 < text.len();
            if is_itself { Some(inner) } else { coded(inner, "", 2, letter) }
        }
        [b'&', b'#', ..] => {
            let end = text.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';');
            let (digits, behind) = end.map_or(("", ""), |end| (&text[2..end], &text[end + 1..]));
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            code.is_ok_and(|code| is_code_of(code, letter)).then_some(behind)
        }
        _ => None,
    };
    escaped.or_else(|| plain(text, letter))
}

fn plain(text: &str, letter: char) -> Option<&str> {
    let mut letters = text.chars();
    letters.next()?.eq_ignore_ascii_case(&letter).then_some(letters.as_str())
}

/// The same for a letter that is written as a mark and so many hexadecimal digits.
fn coded<'t>(text: &'t str, mark: &str, digits: usize, letter: char) -> Option<&'t str> {
    let (number, behind) = text.strip_prefix(mark)?.split_at_checked(digits)?;
    is_code_of(u32::from_str_radix(number, 16).ok()?, letter).then_some(behind)
}

fn is_code_of(code: u32, letter: char) -> bool {
    char::from_u32(code).is_some_and(|it| it.eq_ignore_ascii_case(&letter))
}

fn without_repeats<'t>(mut text: &'t str, prefix: &str) -> &'t str {
    for _ in 0..DEEPEST {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text
}

#[cfg(test)]
#[path = "../tests/secrets.rs"]
mod tests;
