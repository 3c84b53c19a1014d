//! Requests on their way come in and are kept on disk until they have arrived; those that must wait stand there alone,
//! and come back when they can go. This file does not know when a request is sent.

use super::{Address, Beginnings, Event, Item, Name, Spool};
use crate::delivery::encode::{Encoder, Request};
use crate::delivery::ledger::{Counts, Ledger, Reason};
use crate::delivery::queue::Begun;
use crate::delivery::voice::Voice;
use crate::finished;
use opentelemetry::trace::SpanId;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What one handle has on disk of its spans.
#[derive(Debug)]
pub(crate) struct Depot {
    spool: Arc<Spool>,
    address: Address,
    ledger: Arc<Ledger>,
    voice: Voice,
    /// On disk, and not in memory; the oldest first.
    resting: BTreeMap<Name, Resting>,
    /// Those of them that are being read.
    loading: HashMap<Name, Resting>,
    beginnings: Beginnings,
    /// Roots that dead processes have kept, so that their starts are not needed.
    arrived: HashSet<SpanId>,
    /// Bytes that the files take on disk.
    held: u64,
    /// Whether an event has told that nothing can be written, since something could.
    told: bool,
}

/// A request of which only the head is in memory.
#[derive(Debug)]
struct Resting {
    counts: Counts,
    roots: Vec<SpanId>,
    bytes: u64,
    repeated: bool,
}

/// What a request that is in memory has on disk.
#[derive(Debug)]
pub(crate) struct Slip {
    pub(crate) name: Name,
    /// What it takes on disk.
    bytes: u64,
    /// It is written; until then it is only asked for.
    pub(crate) is_safe: bool,
}

/// A request that was read again.
pub(crate) struct Returned {
    pub(crate) request: Request,
    pub(crate) slip: Option<Slip>,
    pub(crate) repeated: bool,
}

impl Depot {
    pub(crate) fn new(spool: Arc<Spool>, address: Address, ledger: Arc<Ledger>, voice: Voice) -> Self {
        Self {
            spool,
            address,
            ledger,
            voice,
            resting: BTreeMap::new(),
            loading: HashMap::new(),
            beginnings: Beginnings::default(),
            arrived: HashSet::new(),
            held: 0,
            told: false,
        }
    }

    /// How long a request may be on its way before it is put on disk.
    pub(crate) fn patience(&self) -> Duration {
        self.spool.limits.deposit
    }

    /// Whether the last request that was asked for could not be written.
    pub(crate) fn is_failing(&self) -> bool {
        self.told
    }

    /// Asks for a request to be written; `None` while the disk has too much to do.
    pub(crate) fn ask(&self, request: &Request) -> Option<Slip> {
        let item = Item::Spans { counts: request.counts.clone(), roots: request.roots.clone() };
        let name = self.spool.keep(&self.address, item, &request.frame)?;
        Some(Slip { name, bytes: on_disk(request.frame.len() as u64), is_safe: false })
    }

    /// Notes whether a request was written that was asked for; true if it was.
    pub(crate) fn kept(&mut self, slip: &mut Slip, request: &Request, result: io::Result<()>) -> bool {
        let told = std::mem::replace(&mut self.told, result.is_err());
        match result {
            Ok(()) => {
                slip.is_safe = true;
                self.held += slip.bytes;
                self.ledger.spool(&request.counts);
                self.close(&request.counts, &request.roots);
            }
            Err(error) if !told => {
                let what = "the spool cannot be written to; spans are kept in memory only";
                self.voice
                    .say(|| tracing::warn!(target: "cekura", "{what}; check CEKURA_SPOOL_DIR: {error}"));
            }
            Err(_) => {}
        }
        slip.is_safe
    }

    /// A request has arrived, or is lost.
    pub(crate) fn release(&mut self, slip: Slip, counts: &Counts) {
        self.discard(slip.name, counts, slip.is_safe.then_some(slip.bytes));
    }

    /// Gives a request's memory free that is safe on disk.
    pub(crate) fn rest(&mut self, slip: Slip, request: Request, repeated: bool) {
        let (Slip { name, bytes, .. }, Request { counts, roots, .. }) = (slip, request);
        self.resting.insert(name, Resting { counts, roots, bytes, repeated });
    }

    /// Has the oldest request read again; false when there is none.
    pub(crate) fn load_next(&mut self) -> bool {
        let Some((name, resting)) = self.resting.pop_first() else { return false };
        self.loading.insert(name.clone(), resting);
        self.spool.load(name);
        true
    }

    /// How many are being read.
    pub(crate) fn loading(&self) -> usize {
        self.loading.len()
    }

    /// Whether something is on disk only.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.resting.is_empty() || !self.loading.is_empty()
    }

    /// What was read again; what cannot be read is lost.
    pub(crate) fn loaded(&mut self, name: Name, body: Option<Bytes>) -> Option<Returned> {
        let Resting { counts, roots, bytes, repeated } = self.loading.remove(&name)?;
        let Some(frame) = body else {
            self.discard(name, &counts, Some(bytes));
            self.ledger.lose(&counts, Reason::SpoolDamaged);
            return None;
        };
        let request = Request::again(frame, counts, roots);
        Some(Returned { request, slip: Some(Slip { name, bytes, is_safe: true }), repeated })
    }

    /// Takes over what a dead process has left. A conversation that it did not end comes back as a request.
    pub(crate) fn found(&mut self, event: Event, encoder: &Encoder) -> Option<Returned> {
        let Event::Found { name, item, body, size, last_seen } = event else { return None };
        match item {
            Item::CallLog { .. } => None,
            Item::Spans { counts, roots } => {
                self.ledger.adopt(&counts, !roots.is_empty());
                self.ledger.spool(&counts);
                self.arrived.extend(&roots);
                let bytes = on_disk(size);
                self.held += bytes;
                self.resting.insert(name, Resting { counts, roots, bytes, repeated: false });
                None
            }
            Item::Start => {
                let request = encoder.end_start(&body, last_seen);
                let is_known = request.roots.iter().any(|root| self.arrived.contains(root));
                let is_needed = !is_known && request.spans() > 0;
                let returned = is_needed.then(|| {
                    self.ledger.adopt(&request.counts, true);
                    Returned { slip: self.ask(&request), request, repeated: false }
                });
                // What was asked for before is written before.
                self.spool.remove(name);
                returned
            }
        }
    }

    /// Drops what is too old, and the oldest of what is too much.
    pub(crate) fn trim(&mut self) {
        while let Some(entry) = self.resting.first_entry() {
            let reason = match () {
                () if entry.key().age() > self.spool.limits.age => Reason::SpoolExpired,
                () if self.held > self.spool.limits.bytes => Reason::SpoolFull,
                () => return,
            };
            let (name, Resting { counts, bytes, .. }) = entry.remove_entry();
            self.discard(name, &counts, Some(bytes));
            self.ledger.lose(&counts, reason);
        }
    }

    /// Looks at spans that have ended.
    pub(crate) fn look(&mut self, records: &[u8]) {
        self.beginnings.look(records, |name, at| self.spool.mark(name, at));
    }

    /// Keeps the roots of conversations that have begun.
    pub(crate) fn begin(&mut self, begun: Vec<Begun>, encoder: &Encoder) {
        for begun in begun {
            match begun {
                Begun::Forgotten(trace, root) => {
                    if let Some(name) = self.beginnings.close(trace, root) {
                        self.spool.remove(name);
                    }
                }
                Begun::Root(record) => {
                    let Some((read, _)) = finished::records(&record).next() else { continue };
                    if self.beginnings.is_open(read.head.span_id) {
                        let name = self.spool.keep(&self.address, Item::Start, &encoder.start(&record));
                        if let Some(name) = name {
                            self.beginnings.add(&read.head, name);
                        }
                    }
                }
            }
        }
        self.beginnings.forget_ended();
    }

    /// The roots are safe, or gone: their starts are not needed any more.
    pub(crate) fn close(&mut self, counts: &Counts, roots: &[SpanId]) {
        for root in roots {
            for trace in counts.keys() {
                if let Some(name) = self.beginnings.close(*trace, *root) {
                    self.spool.remove(name);
                }
            }
        }
    }

    /// Removes a file, of so many bytes where it is written.
    fn discard(&mut self, name: Name, counts: &Counts, written: Option<u64>) {
        if let Some(bytes) = written {
            self.held = self.held.saturating_sub(bytes);
            self.ledger.unspool(counts);
        }
        self.spool.remove(name);
    }
}

/// What so many bytes take on disk: small files take a block.
fn on_disk(bytes: u64) -> u64 {
    const BLOCK: u64 = 4 << 10;
    bytes.next_multiple_of(BLOCK)
}
