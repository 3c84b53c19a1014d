//! An ended span's parts come in, a flat record goes out, and a record read back is a view into its bytes.
//! This file does not know who writes records or where they go.
//!
//! A record is written in place while its span is open, and handed over in one copy by the thread that ends the span.
//! The receiving side reads it in place and frees nothing that the writing thread allocated:
//!
//! ```text
//! u32 length of all that follows · head (fixed size) · name · entries
//! entry = tag · key or name · value            (attributes, events, links, in the order they were set)
//! ```
//!
//! Integers are little-endian; a string is a u32 length and UTF-8.

use opentelemetry::trace::{SpanId, SpanKind, TraceId};

mod entry;
mod owned;

pub(crate) use entry::{Attributes, Entry, Value, write};
pub(crate) use owned::{Span, Tree};

/// Everything of a record that has a fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// `SpanId::INVALID` for a root.
    pub(crate) parent_id: SpanId,
    pub(crate) kind: Kind,
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: u64,
    /// Nanoseconds since the Unix epoch, never before `start`.
    pub(crate) end: u64,
    pub(crate) failed: bool,
}

/// The span kinds that exist here: `stt`, `llm`, `tts` and `s2s` call a service, the rest is the agent's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Client,
    Internal,
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Client => Self::Client,
            Kind::Internal => Self::Internal,
        }
    }
}

const HEAD: usize = 4 + 16 + 8 + 8 + 8 + 8 + 1 + 1 + 1;

/// Begins a record: room for the head, then the name. Entries go behind it.
pub(crate) fn begin(record: &mut Vec<u8>, name: &str) {
    record.clear();
    record.extend_from_slice(&[0; HEAD]);
    write::string(record, name);
}

/// Ends a record that [`begin`] began. `renamed` says that an entry holds another name.
pub(crate) fn seal(record: &mut [u8], head: &Head, renamed: bool) {
    let length = write::length(record.len() - 4);
    let Some(bytes) = record.first_chunk_mut::<HEAD>() else { return };
    bytes[..4].copy_from_slice(&length);
    bytes[4..20].copy_from_slice(&head.trace_id.to_bytes());
    bytes[20..28].copy_from_slice(&head.span_id.to_bytes());
    bytes[28..36].copy_from_slice(&head.parent_id.to_bytes());
    bytes[36..44].copy_from_slice(&head.start.to_le_bytes());
    bytes[44..52].copy_from_slice(&head.end.to_le_bytes());
    bytes[52] = u8::from(head.kind == Kind::Client);
    bytes[53] = u8::from(head.failed);
    bytes[54] = u8::from(renamed);
}

#[cfg(test)]
impl Head {
    /// A whole record of this head, for tests of what reads records.
    pub(crate) fn write<R>(
        &self,
        name: &str,
        description: &str,
        entries: [&[u8]; 2],
        take: impl FnOnce(&[&[u8]]) -> R,
    ) -> R {
        let mut record = Vec::new();
        begin(&mut record, name);
        record.extend_from_slice(&entries.concat());
        write::description(&mut record, description);
        seal(&mut record, self, false);
        take(&[&record])
    }
}

/// One ended span, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) head: Head,
    pub(crate) name: &'a str,
    /// Empty unless `head.failed`.
    pub(crate) description: &'a str,
    entries: &'a [u8],
}

impl<'a> Record<'a> {
    /// Attributes, events and links as they were set, duplicates included.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut reader = Reader(self.entries);
        std::iter::from_fn(move || entry::read(&mut reader))
    }

    /// The span attributes with each key once: the last value set, a found one only where none was set.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes::resolve(self.entries())
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let trace_id = TraceId::from_bytes(reader.array()?);
        let span_id = SpanId::from_bytes(reader.array()?);
        let parent_id = SpanId::from_bytes(reader.array()?);
        let start = u64::from_le_bytes(reader.array()?);
        let end = u64::from_le_bytes(reader.array()?);
        let [client, failed, renamed] = reader.array()?.map(|byte: u8| byte == 1);
        let kind = if client { Kind::Client } else { Kind::Internal };
        let head = Head { trace_id, span_id, parent_id, kind, start, end, failed };
        let mut record = Self { head, name: reader.text()?, description: "", entries: reader.0 };
        if failed || renamed {
            record.read_words();
        }
        Some(record)
    }

    /// The last name and description among the entries.
    fn read_words(&mut self) {
        for entry in self.entries() {
            match entry {
                Entry::Description(text) => self.description = text,
                Entry::Name(text) => self.name = text,
                _ => {}
            }
        }
    }
}

/// The records of a buffer, with the bytes each one takes in it.
pub(crate) fn records(buffer: &[u8]) -> impl Iterator<Item = (Record<'_>, usize)> {
    let mut reader = Reader(buffer);
    std::iter::from_fn(move || {
        let bytes = reader.bytes()?;
        Some((Record::read(bytes)?, bytes.len() + 4))
    })
}

/// Takes values off the front of a buffer; `None` at its end.
#[derive(Clone, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}
