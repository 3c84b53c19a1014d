//! The records of one call that waits for its verdict. Invariant: each record is in it once, whole or without its content.

use crate::finished::{self, write};
use crate::room::Room;
use crate::semconv;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};
use tokio::time::Instant;

/// A call takes this beside its records.
const PER_CALL: usize = 512;
/// The least bytes that are worth being deflated.
const LEAST: usize = 4 << 10;

/// A call that waits.
pub(super) struct HeldCall {
    /// Deflated records.
    blocks: Vec<Block>,
    /// Those that came last.
    tail: Vec<u8>,
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
}

struct Block {
    deflated: Vec<u8>,
    /// Its length before.
    length: usize,
}

impl HeldCall {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            blocks: Vec::new(),
            tail: Vec::new(),
            count: 0,
            has_shed: false,
            since: now,
            last: now,
            ended: None,
            starts: Vec::new(),
            waits_until: None,
        }
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.deflated.capacity() + size_of::<Block>());
        PER_CALL + self.tail.capacity() + blocks.sum::<usize>()
    }

    /// Takes the record with these bytes.
    pub(super) fn push(&mut self, record: &[u8], is_root: bool, now: Instant) {
        if self.has_shed {
            shed(record, &mut self.tail);
        } else {
            self.tail.extend_from_slice(record);
        }
        self.count += 1;
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
        let tail = std::mem::take(&mut self.tail);
        self.blocks.extend((!tail.is_empty()).then(|| Block::of(&tail)));
    }

    /// How much could become smaller without a loss when its blocks become one: those after the first, which repeat much of it,
    /// as the messages of a model do from turn to turn. Nothing until that is worth the work.
    pub(super) fn scattered(&self) -> usize {
        let Some((first, later)) = self.blocks.split_first() else { return 0 };
        let later = later.iter().map(|block| block.deflated.len()).sum();
        if 2 * later > first.deflated.len() { later } else { 0 }
    }

    /// Makes one block of all.
    pub(super) fn unite(&mut self) {
        let all = self.whole();
        self.blocks = vec![Block::of(&all)];
    }

    /// Takes its content out, and does not take that of what comes.
    pub(super) fn shed(&mut self) {
        let (all, mut rest) = (self.whole(), Vec::new());
        for (_, record) in finished::raw_records(&all) {
            shed(record, &mut rest);
        }
        self.has_shed = true;
        self.blocks = vec![Block::of(&rest)];
    }

    /// Gives out its next records in the order in which they came, in a part that is not large.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if self.blocks.is_empty() {
            return Some(std::mem::take(&mut self.tail)).filter(|tail| !tail.is_empty());
        }
        Some(self.blocks.remove(0).inflated())
    }

    /// All records; nothing is left.
    fn whole(&mut self) -> Vec<u8> {
        let mut all: Vec<u8> = self.blocks.drain(..).flat_map(|block| block.inflated()).collect();
        all.append(&mut std::mem::take(&mut self.tail));
        all
    }
}

impl Block {
    fn of(records: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        // Writing into memory does not fail.
        let mut deflated = encoder.write_all(records).and_then(|()| encoder.finish()).unwrap_or_default();
        deflated.shrink_to_fit();
        Self { deflated, length: records.len() }
    }

    fn inflated(&self) -> Vec<u8> {
        let mut records = Vec::with_capacity(self.length);
        // Nobody else has written it.
        let _ = DeflateDecoder::new(&*self.deflated).read_to_end(&mut records);
        records
    }
}

/// Copies a record without its content.
fn shed(record: &[u8], out: &mut Vec<u8>) {
    let Some((read, _)) = finished::raw_records(record).next() else { return };
    match finished::without_content(&read, record) {
        Some(rest) => {
            finished::append(&rest, out, |out| write::flag(out, semconv::CEKURA_CONTENT_SHED, true))
        }
        None => out.extend_from_slice(record),
    }
}

#[cfg(test)]
#[path = "../tests/held.rs"]
mod tests;
