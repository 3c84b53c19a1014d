//! What personal values are replaced by before anything leaves, as code says it, and how one text is redacted. Invariant: a text in
//! which nothing is found is not copied.

mod cue;
mod cut;
mod find;
mod json;
mod numbers;
mod records;
mod spoken;
mod words;

use crate::say::caught;
use json::Leaf;
use regex::Regex;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use words::Found;

/// Which personal values are replaced, in spans and call logs, before they are delivered, written or drawn.
///
/// [`Builder::redact`](crate::Builder::redact) takes it. It works on the delivering thread, so recording a span costs the same;
/// lines of the log (feature `logs`) are redacted where they are written.
/// The page `docs/operate.md` says what it finds, and what it cannot find. Keys are never changed. A span says in
/// `cekura.redacted` how many values were replaced.
///
/// ```
/// use cekura::{Cekura, Redact};
///
/// # fn start() -> Result<(), cekura::Error> {
/// let redact = Redact::standard()
///     .key("customer.name") // `[redacted]`, in a span attribute, in JSON, in the metadata of a call log
///     .pattern("order", r"\bORD-\d{6}\b") // `[order]`
///     .with(|key, text| key.ends_with("address").then(|| text.split(',').next_back().unwrap_or("").to_owned()))
///     .allow("support@example.com");
/// let cekura = Cekura::builder().redact(redact).install()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is redacted until it is given to `.redact(…)`"]
pub struct Redact {
    keys: Vec<String>,
    patterns: Vec<(String, String)>,
    closures: Vec<Closure>,
    allowed: Vec<String>,
    secret: Option<Vec<u8>>,
    finds_spoken: bool,
}

type Closure = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

impl Redact {
    /// E-mail addresses, telephone and card numbers, US social security numbers, IBANs and IP addresses: each becomes its kind, such
    /// as `[phone]`; the others are `[email]`, `[card]`, `[ssn]`, `[iban]` and `[ip]`.
    pub fn standard() -> Self {
        let (keys, patterns, closures, allowed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { keys, patterns, closures, allowed, secret: None, finds_spoken: false }
    }

    /// Replaces the whole value of this key by `[redacted]`, whatever it is: a span attribute, an attribute of an event, or a member of
    /// an object in JSON. A key stands for all whose path ends with it: `customer.name` is also the member `name` of `customer` in the
    /// arguments of a tool.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Replaces what matches this regular expression by `[name]`, in the syntax of the crate `regex`. One that cannot be read is an
    /// error when the handle is made.
    pub fn pattern(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
        self.patterns.push((name.into(), regex.into()));
        self
    }

    /// Gives each text, with its key, to a function; the text that it returns stands in its place. The key of a member of JSON is
    /// its path, such as `function.input.customer.name`.
    ///
    /// It runs on the delivering thread, and where a line of the log is written, before everything else is looked for. Where it panics, the
    /// text becomes `[redacted]`.
    pub fn with(mut self, change: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.closures.push(Arc::new(change));
        self
    }

    /// Leaves this as it is: a value wherever it is found, such as the agent's own telephone number in any way of writing it, or
    /// everything under a key.
    pub fn allow(mut self, value_or_key: impl Into<String>) -> Self {
        self.allowed.push(value_or_key.into());
        self
    }

    /// Replaces seven or more number words in a row too, such as "oh four one five …", by `[digits]`: a recogniser may write a number
    /// so. It also replaces numbers that are counted aloud.
    pub fn spoken_digits(mut self) -> Self {
        self.finds_spoken = true;
        self
    }

    /// Adds four hex digits that are the same for the same value, such as `[phone:3f9a]`, so that one caller can be told from another.
    /// They come from a keyed hash (HMAC-SHA256): without the secret they tell nothing of the value. Of 65,536 values two are the same.
    pub fn hashed(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Compiles the patterns; `None` where one cannot be read.
    pub(crate) fn compile(self) -> Option<Redactor> {
        let patterns =
            self.patterns.iter().map(|(name, regex)| Some((name.clone(), Regex::new(regex).ok()?)));
        let patterns = patterns.collect::<Option<_>>()?;
        let allowed = self.allowed.iter().map(|value| bare(value)).collect();
        Some(Redactor { patterns, allowed, asked: self })
    }
}

/// Neither the secret nor the patterns are shown.
impl fmt::Debug for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redact").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// Replaces personal values.
#[derive(Debug)]
pub(crate) struct Redactor {
    asked: Redact,
    patterns: Vec<(String, Regex)>,
    /// As [`bare`] makes them.
    allowed: Vec<String>,
}

/// What a value as a whole is replaced by.
const REDACTED: &str = "redacted";

/// No text is looked into deeper, where JSON holds JSON as a text.
const DEEPEST: usize = 4;

/// Fields of a call log that are ids, times and settings, or must be found by them.
const OF_CALL: [&str; 18] = [
    "agent",
    "agent_id",
    "assistant_id",
    "call_id",
    "endedAt",
    "from_phone_number",
    "id",
    "main_agent_channel_index",
    "metric_ids",
    "redact_fields",
    "reevaluate_metrics",
    "run_id",
    "startedAt",
    "timestamp",
    "to_phone_number",
    "trace_id",
    "transcript_type",
    "voice_recording_url",
];
/// A line of a call's log that is so long may have been cut.
const LONG_LINE: usize = 396;

/// Where a text stands, and what is known of it.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    /// Something is missing behind it.
    is_cut: bool,
    /// In so many texts of JSON.
    depth: usize,
}

impl Redactor {
    /// Redacts what is posted of a call, a JSON object; `None` where nothing is found.
    pub(crate) fn call_log(&self, body: &str) -> Option<String> {
        let mut count = 0;
        json::rewrite(body, "", |path, leaf| {
            let path = path.strip_prefix("calls.").unwrap_or(path);
            let is_ours = OF_CALL.contains(&path) || path.is_empty() || path == "calls";
            let is_cut =
                path.starts_with("logs.") && matches!(leaf, Leaf::Text(text) if text.len() >= LONG_LINE);
            let place = Place { path, is_cut, depth: 0 };
            if is_ours { None } else { self.leaf(place, leaf, &mut count) }
        })
    }

    /// What stands in the place of a text of a log line, if that is to change.
    #[cfg(feature = "logs")]
    pub(crate) fn log_text(&self, key: &str, text: &str) -> Option<String> {
        self.text(Place { path: key, is_cut: false, depth: 0 }, text, &mut 0)
    }

    /// The same for a number, `true` or `false`.
    #[cfg(feature = "logs")]
    pub(crate) fn log_scalar(&self, key: &str, scalar: &str) -> Option<String> {
        self.number(key, scalar, &mut 0)
    }

    /// What stands in the place of a text, if that is to change.
    fn text(&self, place: Place<'_>, text: &str, count: &mut i64) -> Option<String> {
        if self.is_key(place.path) {
            *count += 1;
            return Some(self.mark(REDACTED, text));
        }
        let looks_at_all =
            self.asked.finds_spoken || !(self.asked.closures.is_empty() && self.patterns.is_empty());
        let has_keys = !self.asked.keys.is_empty();
        let may_hold = || find::may_hold(text.as_bytes());
        if !(looks_at_all || has_keys && text.contains('{') || may_hold()) || self.is_allowed_key(place.path)
        {
            return None;
        }
        if place.depth < DEEPEST && json::is_json(text) {
            return json::rewrite(text, place.path, |path, leaf| {
                self.leaf(Place { path, is_cut: false, depth: place.depth + 1 }, leaf, count)
            });
        }
        self.plain(place, text, count)
    }

    fn leaf(&self, place: Place<'_>, leaf: Leaf<'_>, count: &mut i64) -> Option<String> {
        match leaf {
            Leaf::Text(text) => self.text(place, text, count),
            Leaf::Number(number) => self.number(place.path, number, count),
            Leaf::Other => self.is_key(place.path).then(|| {
                *count += 1;
                self.mark(REDACTED, "")
            }),
        }
    }

    /// What stands in the place of a number, if that is to change.
    fn number(&self, path: &str, number: &str, count: &mut i64) -> Option<String> {
        let digits = number.strip_suffix(".0").unwrap_or(number);
        let kind = if self.is_key(path) {
            Some(REDACTED)
        } else if digits.len() < 7
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
            || self.is_allowed_key(path)
        {
            None
        } else {
            let whole = |found: &Found| found.range == (0..digits.len());
            find::find(digits, path).into_iter().find(whole).map(|found| found.kind)
        };
        let kind = kind.filter(|kind| *kind == REDACTED || !self.is_allowed(digits))?;
        *count += 1;
        Some(self.mark(kind, digits))
    }

    /// A text that is no JSON.
    fn plain(&self, place: Place<'_>, text: &str, count: &mut i64) -> Option<String> {
        let mut text = Cow::Borrowed(text);
        for change in &self.asked.closures {
            match caught(|| change(place.path, &text)) {
                None => {
                    *count += 1;
                    return Some(self.mark(REDACTED, &text));
                }
                Some(Some(new)) if new != *text => {
                    *count += 1;
                    text = Cow::Owned(new);
                }
                Some(_) => {}
            }
        }
        self.found_in(text, place, count)
    }

    /// A text with what is found in it replaced; `None` where it is as it was.
    fn found_in(&self, text: Cow<'_, str>, place: Place<'_>, count: &mut i64) -> Option<String> {
        let found = self.find(&text, place);
        if found.is_empty() {
            return if let Cow::Owned(text) = text { Some(text) } else { None };
        }
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for (range, kind) in found {
            out.push_str(&text[at..range.start]);
            out.push_str(&self.mark(kind, &text[range.clone()]));
            at = range.end;
            *count += 1;
        }
        out.push_str(&text[at..]);
        Some(out)
    }

    /// What is to be replaced, in order; what overlaps is one.
    fn find<'a>(&'a self, text: &str, place: Place<'_>) -> Vec<(Range<usize>, &'a str)> {
        let mut found = Vec::new();
        let mut add = |range: Range<usize>, kind: &'a str| {
            if !range.is_empty() && !self.is_allowed(&text[range.clone()]) {
                found.push((range, kind));
            }
        };
        for (name, regex) in &self.patterns {
            regex.find_iter(text).for_each(|hit| add(hit.range(), name));
        }
        let spoken = if self.asked.finds_spoken { spoken::find(text) } else { Vec::new() };
        if find::may_hold(text.as_bytes()) {
            let standard = find::find(text, place.path).into_iter().chain(cut::find(text, place.is_cut));
            standard.for_each(|Found { range, kind }| add(range, kind));
        }
        for Found { range, kind } in spoken {
            add(range, kind);
        }
        found.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
        found.dedup_by(|(next, _), (known, _)| {
            let is_same = next.start < known.end;
            known.end = if is_same { known.end.max(next.end) } else { known.end };
            is_same
        });
        found
    }

    fn is_key(&self, path: &str) -> bool {
        self.asked.keys.iter().any(|key| is_end(path, key))
    }

    fn is_allowed_key(&self, path: &str) -> bool {
        self.asked.allowed.iter().any(|key| is_end(path, key))
    }

    fn is_allowed(&self, value: &str) -> bool {
        !self.allowed.is_empty() && self.allowed.contains(&bare(value))
    }

    /// What stands in the place of a value.
    fn mark(&self, kind: &str, value: &str) -> String {
        let Some(secret) = self.asked.secret.as_ref().filter(|_| kind != cut::CUT) else {
            return format!("[{kind}]");
        };
        let [high, low, ..] = hmac(secret, bare(value).as_bytes());
        format!("[{kind}:{high:02x}{low:02x}]")
    }
}

/// Whether a path ends with a key.
fn is_end(path: &str, key: &str) -> bool {
    path.strip_suffix(key).is_some_and(|before| before.is_empty() || before.ends_with('.')) && !key.is_empty()
}

/// A value without what may be written in another way.
fn bare(value: &str) -> String {
    let is_part = |char: &char| char.is_alphanumeric() || *char == '@' || *char == '_';
    value.chars().filter(is_part).flat_map(char::to_lowercase).collect()
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(secret: &[u8], value: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let hashed: [u8; 32] = Sha256::digest(secret).into();
    let secret = if secret.len() > BLOCK { &hashed[..] } else { secret };
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(secret).for_each(|(byte, of_secret)| *byte ^= of_secret);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(value).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
#[path = "redact/tests.rs"]
mod tests;
