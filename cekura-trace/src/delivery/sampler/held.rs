//! The records of one call that waits for its verdict. Invariant: each record is in it once, whole or without its content.

use super::own_copies::OwnCopies;
use crate::finished::{self, write};
use crate::room::Room;
use crate::semconv;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::borrow::Cow;
use std::io::{Read, Write};
use tokio::time::Instant;

/// A call takes this beside its records.
const PER_CALL: usize = 512;
/// The least bytes that are worth being deflated.
const LEAST: usize = 4 << 10;

/// What is deflated lies in pages of one size, for the places of blocks that grow are too small for what they become.
const PAGE: usize = 4 << 10;
/// What each takes beside its bytes.
const PER_PAGE: usize = 32;
/// As deflate has levels: faster ones miss most of what the messages of a model repeat.
const LEVEL: u32 = 3;

/// A call that waits.
pub(super) struct HeldCall {
    /// Deflated records.
    blocks: Vec<Block>,
    /// Those that came last.
    tail: Vec<u8>,
    /// How many these are.
    in_tail: u64,
    /// How many records these are.
    pub(super) count: u64,
    /// Whether they have lost their content, as those will that come.
    pub(super) has_shed: bool,
    pub(super) since: Instant,
    /// When something of it came last.
    pub(super) last: Instant,
    /// When its root came.
    pub(super) ended: Option<Instant>,
    /// Roots of conversations in it that have begun, as records.
    pub(super) starts: Vec<(Vec<u8>, Room)>,
    /// Until when its scores may still come, where that is known.
    pub(super) waits_until: Option<Instant>,
    /// What it has on disk.
    pub(super) copies: OwnCopies,
}

struct Block {
    pages: Vec<Box<[u8]>>,
    /// Its length before.
    length: usize,
    /// How many records it has.
    count: u64,
}

impl HeldCall {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            blocks: Vec::new(),
            tail: Vec::new(),
            in_tail: 0,
            count: 0,
            has_shed: false,
            since: now,
            last: now,
            ended: None,
            starts: Vec::new(),
            waits_until: None,
            copies: OwnCopies::default(),
        }
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.bytes() + size_of::<Block>());
        PER_CALL + self.tail.capacity() + self.copies.memory() + blocks.sum::<usize>()
    }

    /// Takes the record with these bytes.
    pub(super) fn push(&mut self, record: &[u8], is_root: bool, now: Instant) {
        let record = if self.has_shed { shed(record) } else { record.into() };
        if self.tail.len() + record.len() > self.tail.capacity() {
            // Less than it would grow by itself, for there may be thousands.
            self.tail.reserve_exact(record.len().max(self.tail.len() / 4));
        }
        self.tail.extend_from_slice(&record);
        self.count += 1;
        self.in_tail += 1;
        self.last = now;
        if is_root {
            self.ended.get_or_insert(now);
        }
    }

    /// How much could become smaller without a loss: what is not deflated yet.
    pub(super) fn loose(&self) -> usize {
        if self.tail.len() < LEAST { 0 } else { self.tail.capacity() }
    }

    /// Deflates what came last.
    pub(super) fn deflate(&mut self) {
        let (tail, count) = (std::mem::take(&mut self.tail), std::mem::take(&mut self.in_tail));
        self.blocks.extend((!tail.is_empty()).then(|| Block::of(&tail, count)));
    }

    /// How much could become smaller without a loss when its blocks become one: those after the first, which repeat much of it,
    /// as the messages of a model do from turn to turn. Nothing until that is worth the work.
    pub(super) fn scattered(&self) -> usize {
        let Some((first, later)) = self.blocks.split_first() else { return 0 };
        let later = later.iter().map(Block::bytes).sum();
        if 2 * later > first.bytes() { later } else { 0 }
    }

    /// Makes one block of all.
    pub(super) fn unite(&mut self) {
        let (all, count) = self.whole();
        self.blocks = vec![Block::of(&all, count)];
    }

    /// Takes its content out, and does not take that of what comes.
    pub(super) fn shed(&mut self) {
        let ((all, count), mut rest) = (self.whole(), Vec::new());
        for (_, record) in finished::raw_records(&all) {
            rest.extend_from_slice(&shed(record));
        }
        self.has_shed = true;
        self.blocks = vec![Block::of(&rest, count)];
    }

    /// Gives out its next records in the order in which they came: those of its first copy, or a part that is not large.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(spans) = self.copies.first() {
            let (mut records, count) = self.whole();
            (self.tail, self.in_tail) =
                (records.split_off(end(&records, spans)), count.saturating_sub(spans));
            return Some(records);
        }
        if self.blocks.is_empty() {
            self.in_tail = 0;
            return Some(std::mem::take(&mut self.tail)).filter(|tail| !tail.is_empty());
        }
        let mut records = Vec::new();
        self.blocks.remove(0).inflate(&mut records);
        Some(records)
    }

    /// Its records without the first `passed` ones.
    pub(super) fn since(&self, passed: u64) -> Vec<u8> {
        let (mut records, mut passed) = (Vec::new(), passed);
        for block in &self.blocks {
            if block.count <= passed && records.is_empty() {
                passed -= block.count;
            } else {
                block.inflate(&mut records);
            }
        }
        records.extend_from_slice(&self.tail);
        records.drain(..end(&records, passed));
        records
    }

    /// All records, and how many they are; nothing is left.
    fn whole(&mut self) -> (Vec<u8>, u64) {
        let length = self.blocks.iter().map(|block| block.length).sum::<usize>() + self.tail.len();
        let count =
            self.blocks.iter().map(|block| block.count).sum::<u64>() + std::mem::take(&mut self.in_tail);
        let mut all = Vec::with_capacity(length);
        self.blocks.drain(..).for_each(|block| block.inflate(&mut all));
        all.append(&mut std::mem::take(&mut self.tail));
        (all, count)
    }
}

/// Where so many records end.
fn end(records: &[u8], count: u64) -> usize {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    finished::raw_records(records).take(count).map(|(_, bytes)| bytes.len()).sum()
}

impl Block {
    fn of(records: &[u8], count: u64) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(LEVEL));
        // Writing into memory does not fail.
        let deflated = encoder.write_all(records).and_then(|()| encoder.finish()).unwrap_or_default();
        Self { pages: deflated.chunks(PAGE).map(Box::from).collect(), length: records.len(), count }
    }

    fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.len() + PER_PAGE).sum()
    }

    fn inflate(&self, records: &mut Vec<u8>) {
        records.reserve_exact(self.length);
        // Nobody else has written it.
        let _ = DeflateDecoder::new(&*self.pages.concat()).read_to_end(records);
    }
}

/// A record without its content.
fn shed(record: &[u8]) -> Cow<'_, [u8]> {
    let read = finished::raw_records(record).next();
    let Some(rest) = read.and_then(|(read, _)| finished::without_content(&read, record)) else {
        return record.into();
    };
    let mut marked = Vec::new();
    finished::append(&rest, &mut marked, |out| write::flag(out, semconv::CEKURA_CONTENT_SHED, true));
    marked.into()
}

#[cfg(test)]
#[path = "../tests/held.rs"]
mod tests;
