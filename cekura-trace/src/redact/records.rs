//! Redacts records before anybody sees them. Invariant: a record in which nothing is found stays the same byte for byte.

use super::{Place, REDACTED, Redactor, find};
use crate::finished::{self, EntryOf, Marks, Raw, Record, ValueOf, rewrite, write};
use crate::semconv;
use crate::semconv::event::EXCEPTION_MESSAGE;
use std::borrow::Cow;

type Entry<'a> = EntryOf<Raw<'a>>;
type Value<'a> = ValueOf<Raw<'a>>;

/// Whole numbers below have fewer digits than anything that is looked for.
const LEAST: u64 = 1_000_000;
/// Above, not every whole number is an `f64`.
const MOST: f64 = 9e15;

/// Names have no key. They are of the program's code, so no closure sees them.
const NAME: Place<'_> = Place { path: "", is_cut: false, depth: 0 };
/// The name of an event, which is often a message.
const EVENT: &str = "event";

impl Redactor {
    /// The records of a buffer.
    pub(crate) fn records<'a>(&self, buffer: &'a [u8]) -> Cow<'a, [u8]> {
        let (mut out, mut copied, mut at) = (Vec::new(), 0, 0);
        for (record, bytes) in finished::records(buffer) {
            if let Some(redacted) = self.record(&record) {
                out.extend_from_slice(&buffer[copied..at]);
                out.extend_from_slice(&redacted);
                copied = at + bytes;
            }
            at += bytes;
        }
        if copied == 0 {
            return buffer.into();
        }
        out.extend_from_slice(&buffer[copied..]);
        out.into()
    }

    fn record(&self, record: &Record<'_>) -> Option<Vec<u8>> {
        let mut count = 0;
        let name = self.found_in(Cow::Borrowed(record.name), NAME, &mut count);
        let entries = record.changed(|entry| self.entry(record, entry, &mut count));
        (count > 0).then(|| {
            record.rewritten(name.as_deref(), entries.as_deref(), |out| {
                write::integer(out, semconv::CEKURA_REDACTED, count);
            })
        })
    }

    /// What stands in the place of an entry, if that is to change.
    fn entry(&self, record: &Record<'_>, entry: &Entry<'_>, count: &mut i64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match entry {
            Entry::Attribute { key, value, found, content } => {
                let value = self.attribute(Some(record), *key, value, *content, count)?;
                rewrite::attribute(&mut out, key.as_str(), &value, Marks::of(*found, *content));
            }
            Entry::Description(text) => {
                let place = Place { path: EXCEPTION_MESSAGE, ..NAME };
                write::description(&mut out, &self.text(place, text.as_str(), count)?);
            }
            // Counted as the name of the record.
            Entry::Name(text) => {
                write::name(&mut out, &self.found_in(Cow::Borrowed(text.as_str()), NAME, &mut 0)?);
            }
            Entry::Event { name, time, attributes } => {
                let place = Place { path: EVENT, ..NAME };
                let (new, list) = (self.text(place, name.as_str(), count), self.list(attributes, count));
                if new.is_none() && list.is_none() {
                    return None;
                }
                let list = list.unwrap_or_else(|| attributes.iter().map(kept).collect());
                rewrite::event(&mut out, new.as_deref().unwrap_or(name.as_str()), *time, &list);
            }
            Entry::Link { trace_id, span_id, state, attributes } => {
                let list = self.list(attributes, count)?;
                rewrite::link(&mut out, (*trace_id, *span_id), state.as_str(), &list);
            }
            Entry::Scope { .. } => return None,
        }
        Some(out)
    }

    /// The attributes of an event or a link, if one of them is to change.
    fn list<'a>(&self, attributes: &[(Raw<'a>, Value<'a>)], count: &mut i64) -> Option<Vec<Owned<'a>>> {
        let mut is_changed = false;
        let all = attributes.iter().map(|one| {
            let changed = self.attribute(None, one.0, &one.1, true, count);
            is_changed |= changed.is_some();
            changed.map_or_else(|| kept(one), |value| (one.0.as_str(), value))
        });
        let all = all.collect();
        is_changed.then_some(all)
    }

    /// What stands in the place of a value, if that is to change.
    fn attribute(
        &self,
        record: Option<&Record<'_>>,
        key: Raw<'_>,
        value: &Value<'_>,
        content: bool,
        count: &mut i64,
    ) -> Option<ValueOf<Cow<'static, str>>> {
        let looks_at_all = !self.asked.keys.is_empty() || !self.asked.closures.is_empty();
        if !looks_at_all && !self.patterns_or_spoken() && !may_hold(value) {
            return None;
        }
        let key = key.as_str();
        if !content && is_ours(key) {
            return None;
        }
        if self.is_key(key) {
            *count += 1;
            return Some(ValueOf::Str(self.mark(REDACTED, "").into()));
        }
        let is_cut = || record.is_some_and(|record| is_truncated(record, key));
        self.value(key, value, &is_cut, count)
    }

    fn patterns_or_spoken(&self) -> bool {
        self.asked.finds_spoken || !self.patterns.is_empty()
    }

    fn value(
        &self,
        path: &str,
        value: &Value<'_>,
        is_cut: &dyn Fn() -> bool,
        count: &mut i64,
    ) -> Option<ValueOf<Cow<'static, str>>> {
        let new = match value {
            Value::Str(text) => {
                let text = text.as_str();
                let ends_open = text.ends_with(|char: char| char.is_ascii_digit() || char.is_alphabetic());
                self.text(Place { path, is_cut: ends_open && is_cut(), depth: 0 }, text, count)
            }
            Value::I64(number) => self.number(path, &number.to_string(), count),
            Value::F64(number) if number.fract() == 0.0 => self.number(path, &format!("{number:.0}"), count),
            Value::Array(values) => {
                let changed: Vec<_> =
                    values.iter().map(|one| self.value(path, one, &|| false, count)).collect();
                let is_changed = changed.iter().any(Option::is_some);
                let all = changed.into_iter().zip(values).map(|(new, old)| new.unwrap_or_else(|| owned(old)));
                return is_changed.then(|| ValueOf::Array(all.collect()));
            }
            Value::Bool(_) | Value::F64(_) => None,
        };
        new.map(|text| ValueOf::Str(text.into()))
    }
}

/// An attribute as it is written again.
type Owned<'a> = (&'a str, ValueOf<Cow<'static, str>>);

fn kept<'a>((key, value): &(Raw<'a>, Value<'a>)) -> Owned<'a> {
    (key.as_str(), owned(value))
}

fn owned(value: &Value<'_>) -> ValueOf<Cow<'static, str>> {
    match value {
        Value::Array(values) => ValueOf::Array(values.iter().map(owned).collect()),
        Value::Bool(value) => ValueOf::Bool(*value),
        Value::F64(value) => ValueOf::F64(*value),
        Value::I64(value) => ValueOf::I64(*value),
        Value::Str(text) => ValueOf::Str(text.as_str().to_owned().into()),
    }
}

/// Whether a value may hold any of what is looked for.
fn may_hold(value: &Value<'_>) -> bool {
    match value {
        Value::Str(Raw(text)) => find::may_hold(text),
        Value::I64(number) => number.unsigned_abs() >= LEAST,
        Value::F64(number) => number.abs() >= 1e6 && number.abs() < MOST,
        Value::Array(values) => values.iter().any(may_hold),
        Value::Bool(_) => false,
    }
}

/// Whether a key is one of ours that holds no content: an id, a model, a number.
fn is_ours(key: &str) -> bool {
    let is_content = semconv::CONTENT.contains(&key) || key == semconv::USER_ID;
    let is_known = semconv::KEYS.contains(&key) && !is_content;
    let beside = [semconv::LEN_SUFFIX, semconv::TRUNCATED_SUFFIX];
    is_known || beside.iter().any(|suffix| key.ends_with(suffix)) || key.starts_with(semconv::SCORE_PREFIX)
}

/// Whether a record says that this value was cut.
fn is_truncated(record: &Record<'_>, key: &str) -> bool {
    let mut is_truncated = false;
    let wants = |known: &[u8]| {
        let rest = known.strip_prefix(key.as_bytes());
        (rest == Some(semconv::TRUNCATED_SUFFIX.as_bytes())).then_some(())
    };
    record.pick(wants, |(), _, _| is_truncated = true);
    is_truncated
}
