//! A record: its head is written when its span ends, and read with its entries in place. Invariant: what was not written
//! whole is not read.

use super::entry::{self, Attributes, Entry, EntryOf, Value, ValueOf};
use super::reader::{Raw, Reader, Text};
use super::write;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};

/// Everything of a record that has a fixed size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// `SpanId::INVALID` for a root.
    pub(crate) parent_id: SpanId,
    pub(crate) kind: SpanKind,
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: u64,
    /// Nanoseconds since the Unix epoch, never before `start`.
    pub(crate) end: u64,
    pub(crate) status: Status,
}

impl Head {
    pub(crate) fn failed(&self) -> bool {
        self.status == Status::Error
    }
}

/// How a span ended, as OpenTelemetry's status says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Unset,
    Ok,
    Error,
}

/// The kinds by their number in a record: in the order in which they are declared.
const KINDS: [SpanKind; 5] =
    [SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer, SpanKind::Internal];
const STATUSES: [Status; 3] = [Status::Unset, Status::Ok, Status::Error];

const HEAD: usize = 4 + 16 + 8 + 8 + 8 + 8 + 1 + 1 + 1;

/// Begins a record: room for the head, then the name and the path of the function. Entries go behind them. The path is
/// `crate::module::function`, empty where there is none: the span attribute `code.function.name`, found.
#[inline]
pub(crate) fn begin(record: &mut Vec<u8>, name: &str, path: &str) {
    record.clear();
    record.extend_from_slice(&[0; HEAD]);
    record.extend_from_slice(&lengths(name, path));
    record.extend_from_slice(name.as_bytes());
    record.extend_from_slice(path.as_bytes());
}

/// Both lengths, of names that are shorter than 4 GiB.
#[inline]
fn lengths(name: &str, path: &str) -> [u8; 8] {
    let both = (name.len() as u64) & 0xffff_ffff | (path.len() as u64) << 32;
    both.to_le_bytes()
}

/// Ends a record that [`begin`] began. `renamed` says that an entry holds another name.
#[inline]
pub(crate) fn seal(record: &mut [u8], head: &Head, renamed: bool) {
    let length = write::length(record.len() - 4);
    let Some(bytes) = record.first_chunk_mut::<HEAD>() else { return };
    bytes[..4].copy_from_slice(&length);
    bytes[4..20].copy_from_slice(&head.trace_id.to_bytes());
    bytes[20..28].copy_from_slice(&head.span_id.to_bytes());
    bytes[28..36].copy_from_slice(&head.parent_id.to_bytes());
    bytes[36..44].copy_from_slice(&head.start.to_le_bytes());
    bytes[44..52].copy_from_slice(&head.end.to_le_bytes());
    bytes[52] = head.kind.clone() as u8;
    bytes[53] = head.status as u8;
    bytes[54] = u8::from(renamed);
}

/// Reads a record that is not sealed yet. Its head is empty.
pub(crate) fn draft(record: &[u8]) -> Option<Record<'_>> {
    Record::read(record.get(4..)?)
}

/// Takes the content out of a record that is not sealed yet.
pub(crate) fn remove_content(record: &mut Vec<u8>) {
    keep(record, entry::without_content);
}

/// Takes the span attributes out of a record that is not sealed yet for which later ones stand.
pub(crate) fn remove_overwritten(record: &mut Vec<u8>) {
    keep(record, entry::last_of_each);
}

fn keep(record: &mut Vec<u8>, kept: fn(&[u8]) -> Vec<u8>) {
    let Some(entries) = draft(record).map(|draft| draft.entries) else { return };
    let kept = kept(entries);
    record.truncate(record.len() - entries.len());
    record.extend_from_slice(&kept);
}

#[cfg(test)]
impl Head {
    /// A whole record of this head, for tests of what reads records.
    pub(crate) fn record(&self, name: &str, description: &str, entries: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        begin(&mut record, name, "");
        record.extend_from_slice(entries);
        write::description(&mut record, description);
        seal(&mut record, self, false);
        record
    }
}

/// One ended span, read in place.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) head: Head,
    pub(crate) name: &'a str,
    /// Empty unless the span failed.
    pub(crate) description: &'a str,
    pub(super) path: &'a [u8],
    pub(super) entries: &'a [u8],
}

impl<'a> Record<'a> {
    /// Attributes, events and links as they were set, duplicates included.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.entries_of()
    }

    /// The same, with texts as they are wanted.
    pub(crate) fn entries_of<T: Text<'a>>(&self) -> impl Iterator<Item = EntryOf<T>> + use<'a, T> {
        let mut reader = Reader(self.entries);
        let path = entry::path(self.path);
        path.into_iter().chain(std::iter::from_fn(move || entry::read(&mut reader)))
    }

    /// Gives each span attribute that was written whose key is wanted, as what `wants` makes of it, with its value unless that is
    /// a list, and whether it was found. Says whether somebody else made the span.
    pub(crate) fn pick<K>(
        &self,
        wants: impl Fn(&'a [u8]) -> Option<K>,
        see: impl FnMut(K, ValueOf<Raw<'a>>, bool),
    ) -> bool {
        entry::pick(self.entries, wants, see)
    }

    /// The span attributes with each key once: the last value set, a found one only where none was set.
    pub(crate) fn attributes(&self) -> Vec<(&'a str, Value<'a>)> {
        let mut attributes = Attributes::default();
        for entry in self.entries() {
            if let Entry::Attribute { key, value, found, .. } = entry {
                attributes.set(key, value, found);
            }
        }
        attributes.drain().collect()
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let trace_id = TraceId::from_bytes(reader.array()?);
        let span_id = SpanId::from_bytes(reader.array()?);
        let parent_id = SpanId::from_bytes(reader.array()?);
        let start = u64::from_le_bytes(reader.array()?);
        let end = u64::from_le_bytes(reader.array()?);
        let [kind, status, renamed] = reader.array()?;
        let kind = KINDS.get(usize::from(kind))?.clone();
        let status = *STATUSES.get(usize::from(status))?;
        let head = Head { trace_id, span_id, parent_id, kind, start, end, status };
        let (name, path) = (reader.length()?, reader.length()?);
        let (name, path) = (Text::read(reader.take(name)?)?, reader.take(path)?);
        let mut record = Self { head, name, description: "", path, entries: reader.0 };
        if record.head.failed() || renamed != 0 {
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

/// The records of a buffer, with the bytes each one takes in it, and those before it that are no record.
pub(crate) fn records(buffer: &[u8]) -> impl Iterator<Item = (Record<'_>, usize)> {
    each(buffer).map(|(record, passed, _)| (record, passed))
}

/// The same, with the bytes of each.
pub(crate) fn raw_records(buffer: &[u8]) -> impl Iterator<Item = (Record<'_>, &[u8])> {
    each(buffer).map(|(record, _, bytes)| (record, bytes))
}

fn each(buffer: &[u8]) -> impl Iterator<Item = (Record<'_>, usize, &[u8])> {
    let mut reader = Reader(buffer);
    std::iter::from_fn(move || {
        let mut passed = 0;
        loop {
            let rest = reader.0;
            let bytes = reader.bytes()?;
            passed += bytes.len() + 4;
            if let Some(record) = Record::read(bytes) {
                return Some((record, passed, rest.get(..bytes.len() + 4)?));
            }
        }
    })
}

/// Copies the bytes of a record to the end of a buffer, with the entries that `more` writes.
pub(crate) fn append(record: &[u8], out: &mut Vec<u8>, more: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(record);
    more(out);
    let length = write::length((out.len() - at).saturating_sub(4));
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length);
    }
}

/// The bytes of a record without its content, to be [appended](append); `None` where it has none.
pub(crate) fn without_content(read: &Record<'_>, record: &[u8]) -> Option<Vec<u8>> {
    let kept = entry::without_content(read.entries);
    let head = record.len().checked_sub(read.entries.len()).filter(|_| kept.len() < read.entries.len())?;
    Some([&record[..head], &kept].concat())
}

#[cfg(test)]
mod tests {
    use super::{Head, SpanId, SpanKind, Status, TraceId, records};

    #[test]
    fn what_is_no_record_costs_none_of_those_around_it() {
        let record = |number: u64| {
            let (trace_id, span_id, parent_id) = (TraceId::INVALID, SpanId::from(number), SpanId::INVALID);
            let (kind, status) = (SpanKind::Internal, Status::Unset);
            Head { trace_id, span_id, parent_id, kind, start: 0, end: 0, status }.record("llm", "", &[])
        };
        let (first, last) = (record(1), record(2));
        for torn in [&[][..], &[7; 3], &[255; 90]] {
            let length = u32::try_from(torn.len()).unwrap().to_le_bytes();
            let buffer = [&*first, &length, torn, &length, torn, &last].concat();
            let read: Vec<_> = records(&buffer).map(|(record, bytes)| (record.head.span_id, bytes)).collect();
            let passed = 2 * (torn.len() + 4);
            assert_eq!(read, [(SpanId::from(1), first.len()), (SpanId::from(2), passed + last.len())]);
        }
    }
}
