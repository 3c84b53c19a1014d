//! Flat records come in, encoded OTLP requests go out, and a request can be taken apart again into smaller ones. This
//! file does not know how they are sent.
//!
//! Spans are written once, from records to bytes. What is changed later is changed in these.

mod batch;
mod cut;
mod fields;
mod sieve;
mod wire;

use super::ledger::Counts;
use super::queue::Room;
use super::transport::FRAMING;
use crate::call::nanoseconds;
use crate::finished;
use crate::semconv;
use batch::{Batch, Origin};
use cut::{fit, mark};
use fields::{ended, resource, spans};
use opentelemetry::trace::SpanId;
use prost::bytes::Bytes;
use std::collections::BTreeMap;
use std::time::SystemTime;
use wire::Pen;

/// The most spans of one request.
const MOST_SPANS: usize = 512;
/// Encoded bytes of spans at which a request is full.
const FULL: usize = 1 << 20;
/// The most encoded bytes of one span: collectors take requests up to 4 MiB.
const LARGEST_SPAN: usize = 3 << 20;
/// A request, ready to be sent as often as it takes.
pub(crate) struct Request {
    /// gRPC's framing and the encoded message.
    pub(crate) frame: Bytes,
    pub(crate) counts: Counts,
    /// Its spans without a parent.
    pub(crate) roots: Vec<SpanId>,
    /// What its records take of the memory limit.
    room: Room,
}

impl Request {
    /// One that was encoded before; its bytes count towards no limit.
    pub(crate) fn again(frame: Bytes, counts: Counts, roots: Vec<SpanId>) -> Self {
        Self { frame, counts, roots, room: Room::default() }
    }

    pub(crate) fn spans(&self) -> u64 {
        self.counts.values().sum()
    }

    /// What still fits in.
    pub(crate) fn space(&self) -> Space {
        let spans = usize::try_from(self.spans()).unwrap_or(usize::MAX);
        Space { spans: MOST_SPANS.saturating_sub(spans), bytes: FULL.saturating_sub(self.frame.len()) }
    }

    /// Whether both fit in one request.
    pub(crate) fn has_room_for(&self, other: &Self) -> bool {
        let Space { spans, bytes } = self.space();
        other.spans() <= spans as u64 && other.frame.len() <= bytes
    }

    /// Becomes the request for both: one encoded message behind another of the same type is their union.
    pub(crate) fn join(&mut self, other: Self) {
        let messages = [&self.frame[FRAMING..], &other.frame[FRAMING..]];
        let length = messages.iter().map(|message| message.len()).sum();
        self.frame = framed(false, length, |frame| {
            for message in messages {
                frame.extend_from_slice(message);
            }
        });
        for (trace, count) in other.counts {
            *self.counts.entry(trace).or_default() += count;
        }
        self.roots.extend(other.roots);
        self.room.join(other.room);
    }
}

/// What fits into a request.
#[derive(Clone, Copy)]
pub(crate) struct Space {
    spans: usize,
    /// Encoded.
    bytes: usize,
}

impl Default for Space {
    fn default() -> Self {
        Self { spans: MOST_SPANS, bytes: FULL }
    }
}

/// What every request of a handle says beside its spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Encoded, as a field of `ResourceSpans`.
    resource: Vec<u8>,
    /// Ours, encoded as a field of `ScopeSpans`.
    scope: Vec<u8>,
}

/// An encoded instrumentation scope, and an encoded span of it.
type Scoped<'a> = (&'a [u8], &'a [u8]);

impl Encoder {
    pub(crate) fn new(resource: &BTreeMap<String, String>) -> Self {
        Self {
            resource: wire::resource(resource.iter()),
            scope: wire::scope(semconv::SCOPE.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes()),
        }
    }

    /// Encodes all records of a buffer, in as few requests as their limits allow; `room` is that of the buffer. The first
    /// request keeps to a `space`, to be joined with what is there.
    pub(crate) fn requests(
        &self,
        records: &[u8],
        mut room: Room,
        mut space: Space,
        mut ready: impl FnMut(Request),
    ) {
        let (mut batch, mut pen) = (Batch::default(), Pen::default());
        let (mut count, mut held) = (0, 0);
        for (record, bytes) in finished::records(records) {
            pen.write(&record);
            if pen.span.len() > LARGEST_SPAN {
                fit(&mut pen.span, LARGEST_SPAN);
            }
            if count == space.spans || batch.bytes() + pen.span.len() > space.bytes {
                if count > 0 {
                    ready(batch.finish(&self.resource, room.split(held)));
                }
                (count, held, space) = (0, 0, Space::default());
            }
            batch.add(pen.scope.as_deref().unwrap_or(&self.scope), &pen.span, &Origin::from(&record.head));
            (count, held) = (count + 1, held + bytes);
        }
        if count > 0 {
            ready(batch.finish(&self.resource, room));
        }
    }

    /// The request in two halves, or, if it is a single span and may be cut, with its values cut to at most half
    /// the size; itself if it can be made no smaller.
    pub(crate) fn smaller(&self, mut request: Request, may_cut: bool) -> Result<Vec<Request>, Request> {
        let frame = request.frame.clone();
        let all: Vec<_> = spans(&frame).collect();
        if all.len() > 1 {
            let (first, second) = all.split_at(all.len() / 2);
            let room = request.room.split(request.room.bytes() / 2);
            return Ok(vec![self.part(&frame, first, room), self.part(&frame, second, request.room)]);
        }
        for (scope, span) in all.into_iter().filter(|_| may_cut) {
            let mut cut = span.to_vec();
            fit(&mut cut, span.len() / 2);
            if cut.len() < span.len() {
                return Ok(vec![self.part(&frame, &[(scope, &cut)], request.room)]);
            }
        }
        Err(request)
    }

    /// A request for the root of a conversation that has begun, as it is sent if that never ends.
    pub(crate) fn start(&self, record: &[u8]) -> Bytes {
        self.whole(record, |span| mark(span, semconv::CEKURA_INCOMPLETE))
    }

    /// The same with its end, under the resource of the process that began it.
    pub(crate) fn end_start(&self, frame: &Bytes, at: SystemTime) -> Request {
        let ended: Vec<_> = spans(frame).map(|(scope, span)| (scope, ended(span, nanoseconds(at)))).collect();
        let ended: Vec<_> = ended.iter().map(|(scope, span)| (*scope, &**span)).collect();
        self.part(frame, &ended, Room::default())
    }

    /// A request for records that no ledger counts.
    pub(crate) fn uncounted(&self, records: &[u8]) -> Bytes {
        self.whole(records, |_| {})
    }

    fn whole(&self, records: &[u8], change: impl Fn(&mut Vec<u8>)) -> Bytes {
        let (mut batch, mut pen) = (Batch::default(), Pen::default());
        for (record, _) in finished::records(records) {
            pen.write(&record);
            change(&mut pen.span);
            batch.add(pen.scope.as_deref().unwrap_or(&self.scope), &pen.span, &Origin::from(&record.head));
        }
        batch.finish(&self.resource, Room::default()).frame
    }

    /// A request for spans of another, under the resource of that.
    fn part(&self, whole: &Bytes, spans: &[Scoped<'_>], room: Room) -> Request {
        let mut batch = Batch::default();
        for (scope, span) in spans {
            batch.add(scope, span, &Origin::read(span));
        }
        batch.finish(resource(whole).unwrap_or(&self.resource), room)
    }
}

/// A message of known length behind gRPC's framing: whether it is compressed, and its length.
pub(crate) fn framed<R>(is_compressed: bool, length: usize, write: impl FnOnce(&mut Vec<u8>) -> R) -> Bytes {
    let mut frame = Vec::with_capacity(FRAMING + length);
    frame.push(u8::from(is_compressed));
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    write(&mut frame);
    frame.into()
}

#[cfg(test)]
#[path = "tests/encode.rs"]
mod tests;
#[cfg(test)]
#[path = "tests/wire.rs"]
mod wire_tests;
