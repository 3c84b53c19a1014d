//! Writes a record again with other values. Invariant: what is not changed is the same byte for byte.

use super::entry::{ARRAY, BOOL, CONTENT, EVENT, EntryOf, F64, FOUND, I64, LINK, Marks, STR, ValueOf, read};
use super::reader::{Raw, Reader};
use super::record::{Record, begin, seal};
use super::write::{count, marked_text, string, tagged, text};
use opentelemetry::trace::{SpanId, TraceId};

impl<'a> Raw<'a> {
    /// Empty where it is no text.
    pub(crate) fn as_str(self) -> &'a str {
        str::from_utf8(self.0).unwrap_or_default()
    }
}

impl Marks {
    pub(crate) fn of(found: bool, content: bool) -> Self {
        Self(if found { FOUND } else { 0 } | if content { CONTENT } else { 0 })
    }
}

impl<'a> Record<'a> {
    /// Its entries with what `change` gives in the place of some, written; `None` where it gives nothing.
    pub(crate) fn changed(
        &self,
        mut change: impl FnMut(&EntryOf<Raw<'a>>) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let (mut reader, mut out, mut copied) = (Reader(self.entries), Vec::new(), 0);
        loop {
            let start = self.entries.len() - reader.0.len();
            let Some(entry) = read(&mut reader) else { break };
            if let Some(new) = change(&entry) {
                out.extend_from_slice(&self.entries[copied..start]);
                out.extend_from_slice(&new);
                copied = self.entries.len() - reader.0.len();
            }
        }
        (copied > 0).then(|| [&*out, &self.entries[copied..]].concat())
    }

    /// The same record with another name and other entries, where they are given, and with what `more` writes.
    pub(crate) fn rewritten(
        &self,
        name: Option<&str>,
        entries: Option<&[u8]>,
        more: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        let mut record = Vec::new();
        begin(&mut record, name.unwrap_or(self.name), str::from_utf8(self.path).unwrap_or_default());
        record.extend_from_slice(entries.unwrap_or(self.entries));
        more(&mut record);
        // It may have another name among its entries.
        seal(&mut record, &self.head, true);
        record
    }
}

/// A span attribute that was read.
pub(crate) fn attribute<T: AsRef<str>>(out: &mut Vec<u8>, key: &str, value: &ValueOf<T>, marks: Marks) {
    if let ValueOf::Str(text) = value {
        return marked_text(out, key, text.as_ref(), marks);
    }
    tagged(out, tag(value) | marks.0, key);
    plain(out, value);
}

pub(crate) fn event<T: AsRef<str>>(
    out: &mut Vec<u8>,
    name: &str,
    time: u64,
    attributes: &[(&str, ValueOf<T>)],
) {
    tagged(out, EVENT, name);
    out.extend_from_slice(&time.to_le_bytes());
    list(out, attributes);
}

pub(crate) fn link<T: AsRef<str>>(
    out: &mut Vec<u8>,
    (trace, span): (TraceId, SpanId),
    state: &str,
    attributes: &[(&str, ValueOf<T>)],
) {
    out.push(LINK);
    out.extend_from_slice(&trace.to_bytes());
    out.extend_from_slice(&span.to_bytes());
    string(out, state);
    list(out, attributes);
}

fn list<T: AsRef<str>>(out: &mut Vec<u8>, attributes: &[(&str, ValueOf<T>)]) {
    count(out, attributes.len());
    for (key, value) in attributes {
        match value {
            ValueOf::Str(value) => text(out, key, value.as_ref()),
            value => attribute(out, key, value, Marks::NONE),
        }
    }
}

fn tag<T>(value: &ValueOf<T>) -> u8 {
    match value {
        ValueOf::Array(_) => ARRAY,
        ValueOf::Bool(_) => BOOL,
        ValueOf::F64(_) => F64,
        ValueOf::I64(_) => I64,
        ValueOf::Str(_) => STR,
    }
}

/// A value behind its tag and its key.
fn plain<T: AsRef<str>>(out: &mut Vec<u8>, value: &ValueOf<T>) {
    match value {
        ValueOf::Array(values) => {
            count(out, values.len());
            for value in values {
                out.push(tag(value));
                plain(out, value);
            }
        }
        ValueOf::Bool(value) => out.push(u8::from(*value)),
        ValueOf::F64(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueOf::I64(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueOf::Str(text) => string(out, text.as_ref()),
    }
}
