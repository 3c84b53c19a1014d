//! The bytes of one file, which holds what waited for the disk at one time. Invariant: what is torn, foreign or for another
//! receiver is never taken for an item.
//!
//! ```text
//! cekura-spool 2 agent 5 at https://…
//! + 0000000000000000 <SHA-256 of receiver, head and body, in hex> 00000003 00000000 00001f40
//! <head, of a call log><body: the encoded request as it is sent; of a call log, its JSON>
//! ```
//!
//! The numbers of an item are when something of it was last seen, how many spans it has, the lengths of head and body.
//! Its sign and the first number are changed in place: `-` stands for what is settled, of which head and body are erased.

use crate::delivery::spool::address::{Address, hex};
use crate::delivery::spool::item::{Item, Kind};
use prost::bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const VERSION: &str = "cekura-spool 2 ";
/// The longest first line.
const LONGEST_FIRST: usize = 4 << 10;
/// The length of an item's line.
const LINE: usize = 111;
/// The most bytes of an item.
pub(in crate::delivery::spool) const LARGEST_ITEM: usize = 32 << 20;
/// The most bytes of a file; a larger one is none of ours.
const LARGEST: u64 = LARGEST_ITEM as u64 + (32 << 20);

/// Where an item stands in its file, and what its line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    offset: u64,
    is_settled: bool,
    seen: u64,
    count: u64,
    head: u64,
    body: u64,
}

impl Entry {
    fn end(&self) -> Option<u64> {
        Some(self.offset + LINE as u64).and_then(|at| at.checked_add(self.head)?.checked_add(self.body))
    }

    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// When something of it was last seen.
    pub(super) fn last_seen(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.seen)
    }

    /// How many spans or call logs it is said to be; whoever counts on it reads it.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

/// Writes items for one receiver; says where each stands, and the length of all.
pub(super) fn write<'a>(
    file: &File,
    address: &Address,
    items: impl Iterator<Item = (&'a Item, &'a Bytes)>,
) -> io::Result<(Vec<Entry>, u64)> {
    let (mut out, mut entries) = (BufWriter::new(file), Vec::new());
    let first = format!("{VERSION}{}\n", address.whom);
    out.write_all(first.as_bytes())?;
    let mut offset = first.len() as u64;
    for (item, body) in items {
        let (head, count) = (item.head(), item.count());
        let sum = hex(&sum(&address.receiver, head.as_bytes(), body));
        writeln!(out, "+ {:016x} {sum} {count:08x} {:08x} {:08x}", 0, head.len(), body.len())?;
        out.write_all(head.as_bytes())?;
        out.write_all(body)?;
        let (head, body) = (head.len() as u64, body.len() as u64);
        let entry = Entry { offset, is_settled: false, seen: 0, count, head, body };
        offset += LINE as u64 + head + body;
        entries.push(entry);
    }
    out.flush()?;
    Ok((entries, offset))
}

/// For whom a file is, in words, and what is in it; bodies are not read. `None` for what is torn or foreign.
pub(super) fn entries(file: &File) -> io::Result<Option<(String, Vec<Entry>)>> {
    let size = file.metadata()?.len();
    let mut first = vec![0; LONGEST_FIRST.min(usize::try_from(size).unwrap_or(LONGEST_FIRST))];
    if size > LARGEST || !read_at(file, &mut first, 0)? {
        return Ok(None);
    }
    let Some(length) = first.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let whom = std::str::from_utf8(&first[..length]).ok().and_then(|first| first.strip_prefix(VERSION));
    let Some(whom) = whom.map(str::to_owned) else { return Ok(None) };
    let (mut entries, mut offset, mut line) = (Vec::new(), length as u64 + 1, [0; LINE]);
    while offset < size {
        let is_there = read_at(file, &mut line, offset)?;
        let entry = parse(&line, offset).filter(|_| is_there);
        let Some((entry, end)) = entry.and_then(|(entry, _)| Some((entry, entry.end()?))) else {
            return Ok(None);
        };
        entries.push(entry);
        offset = end;
    }
    Ok(Some((whom, entries)).filter(|_| offset == size))
}

/// An item and its body; `None` where it is not whole.
pub(super) fn read(
    file: &File,
    entry: &Entry,
    receiver: &str,
    kind: Kind,
) -> io::Result<Option<(Item, Bytes)>> {
    let whole = entry.end().and_then(|end| end.checked_sub(entry.offset)).filter(|length| *length <= LARGEST);
    let Some(Ok(length)) = whole.map(usize::try_from) else { return Ok(None) };
    // So that nothing is asked for that is not there.
    if file.metadata()?.len() < entry.offset + length as u64 {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    if !read_at(file, &mut bytes, entry.offset)? {
        return Ok(None);
    }
    let bytes = Bytes::from(bytes);
    Ok((|| {
        let (now, said) = parse(bytes.first_chunk()?, entry.offset)?;
        let (head, body) = bytes[LINE..].split_at_checked(usize::try_from(now.head).ok()?)?;
        let is_whole = now.end() == entry.end() && hex(&sum(receiver, head, body)) == said;
        let item = Item::read(kind, head, body).filter(|_| is_whole)?;
        Some((item, bytes.slice(LINE + head.len()..)))
    })())
}

/// Marks an item as one that nobody needs any more, and erases it: others in the file may stay for long.
pub(super) fn settle(file: &File, entry: &Entry) -> io::Result<()> {
    const ZEROS: [u8; 4 << 10] = [0; 4 << 10];
    file.write_all_at(b"-", entry.offset)?;
    let (mut at, mut left) = (entry.offset + LINE as u64, entry.head + entry.body);
    while left > 0 {
        let part = ZEROS.len().min(usize::try_from(left).unwrap_or(ZEROS.len()));
        file.write_all_at(&ZEROS[..part], at)?;
        (at, left) = (at + part as u64, left - part as u64);
    }
    Ok(())
}

/// Notes when something of an item was last seen.
pub(super) fn see(file: &File, entry: &Entry, at: SystemTime) -> io::Result<()> {
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let text = format!("{:016x}", u64::try_from(at).unwrap_or_default());
    file.write_all_at(text.as_bytes(), entry.offset + 2)
}

/// What the line at an offset says, and the sum in it.
fn parse(line: &[u8; LINE], offset: u64) -> Option<(Entry, &str)> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let [sign, seen, sum, count, head, body] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let is_settled = match sign {
        "+" => false,
        "-" => true,
        _ => return None,
    };
    let number = |text| u64::from_str_radix(text, 16).ok();
    // Of a conversation nobody has seen anything where that was not noted well.
    let (seen, count) = (number(seen).unwrap_or_default(), number(count)?);
    Some((Entry { offset, is_settled, seen, count, head: number(head)?, body: number(body)? }, sum))
}

fn sum(receiver: &str, head: &[u8], body: &[u8]) -> [u8; 32] {
    let length = (head.len() as u64).to_le_bytes();
    Sha256::new()
        .chain_update(receiver)
        .chain_update(length)
        .chain_update(head)
        .chain_update(body)
        .finalize()
        .into()
}

/// Whether there is so much at an offset; other errors are the disk's.
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
    match file.read_exact_at(bytes, offset) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
#[path = "../../tests/spool_group.rs"]
mod tests;
