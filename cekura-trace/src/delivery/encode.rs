//! Encodes records as OTLP requests, and divides a request into smaller ones. Invariant: the counts
//! of a request are those of the spans in it.
//!
//! Spans are written once, from records to bytes. What is changed later is changed in these.

mod batch;
mod cut;
mod fields;
pub(super) mod wire;

use super::ledger::{Counts, PER_TRACE};
use super::transport::FRAMING;
use crate::call::nanoseconds;
use crate::finished;
use crate::room::Room;
use crate::semconv;
use batch::{Batch, SpanIds};
use cut::{fit, mark};
pub(crate) use fields::root_record;
use fields::{ended, resource, spans};
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;
use std::collections::BTreeMap;
use std::time::SystemTime;
use wire::SpanEncoder;

/// The most spans of one request.
const MOST_SPANS: u64 = 512;
/// Encoded bytes of spans at which a request is full.
const FULL: usize = 1 << 20;
/// No request is meant to be larger than one of so many parts of the memory limit.
const PORTIONS: usize = 8;
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
    pub(crate) reservation: Room,
}

impl Request {
    pub(crate) fn spans(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Reserves what it takes itself, where that is more than what its records took.
    fn reserve(&mut self) {
        let beside = self.counts.capacity() * PER_TRACE + self.roots.capacity() * size_of::<SpanId>();
        let bytes = (self.frame.len() + beside).max(self.reservation.bytes());
        self.reservation.resize_anyway(bytes);
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
        self.reservation.join(other.reservation);
        self.reserve();
    }
}

/// What every request of a handle says beside its spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Encoded, as a field of `ResourceSpans`.
    resource: Vec<u8>,
    /// Ours, encoded as a field of `ScopeSpans`.
    scope: Vec<u8>,
    /// Encoded bytes of spans at which a request is full.
    full: usize,
}

/// An encoded instrumentation scope, and an encoded span of it.
type Scoped<'a> = (&'a [u8], &'a [u8]);

impl Encoder {
    pub(crate) fn new(resource: &BTreeMap<String, String>) -> Self {
        Self {
            resource: wire::resource(resource.iter()),
            scope: wire::scope(semconv::SCOPE.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes()),
            full: FULL,
        }
    }

    /// Makes its requests small beside a memory limit, for they go whole when it is reached.
    pub(crate) fn within(mut self, memory_limit: usize) -> Self {
        self.full = FULL.min(memory_limit / PORTIONS);
        self
    }

    /// Encodes all records of a buffer: what fits joins the last request that waits, if there is one, and for the rest there
    /// are new ones, as few as their limits allow. `reservation` is that of the buffer.
    pub(crate) fn requests(
        &self,
        records: &[u8],
        mut reservation: Room,
        mut last: Option<&mut Request>,
    ) -> Vec<Request> {
        let (mut batch, mut span_encoder, mut requests) =
            (Batch::default(), SpanEncoder::default(), Vec::new());
        let (mut count, mut held) = (0, 0);
        // Of the last request.
        let (mut spans, mut size) = last.as_ref().map_or((0, 0), |last| (last.spans(), last.frame.len()));
        for (record, bytes) in finished::records(records) {
            span_encoder.write(&record);
            if span_encoder.span.len() > LARGEST_SPAN {
                fit(&mut span_encoder.span, LARGEST_SPAN);
            }
            let bytes_with_it = size + batch.bytes() + span_encoder.span.len();
            if spans + count == MOST_SPANS || bytes_with_it > self.full && spans + count > 0 {
                if count > 0 {
                    add(batch.finish(&self.resource, reservation.split(held)), last.take(), &mut requests);
                }
                (count, held, last, spans, size) = (0, 0, None, 0, 0);
            }
            let scope = span_encoder.scope.as_deref().unwrap_or(&self.scope);
            batch.add(scope, &span_encoder.span, &SpanIds::from(&record.head));
            (count, held) = (count + 1, held + bytes);
        }
        if count > 0 {
            add(batch.finish(&self.resource, reservation), last, &mut requests);
        }
        requests
    }

    /// The request in two halves, or, if it is a single span and may be cut, with its values cut to at most half
    /// the size; nothing if it can be made no smaller. The parts take over its reservation.
    pub(crate) fn smaller(&self, request: &mut Request, may_cut: bool) -> Vec<Request> {
        let frame = request.frame.clone();
        let reservation = &mut request.reservation;
        let all: Vec<_> = spans(&frame).collect();
        if all.len() > 1 {
            let (first, second) = all.split_at(all.len() / 2);
            let half = reservation.split(reservation.bytes() / 2);
            let rest = std::mem::take(reservation);
            return vec![self.part(&frame, first, half), self.part(&frame, second, rest)];
        }
        for (scope, span) in all.into_iter().filter(|_| may_cut) {
            let mut cut = span.to_vec();
            fit(&mut cut, span.len() / 2);
            if cut.len() < span.len() {
                return vec![self.part(&frame, &[(scope, &cut)], std::mem::take(reservation))];
            }
        }
        Vec::new()
    }

    /// A request for its other spans, if there are some, where it has spans of traces that `are_left_out`. It takes over its
    /// reservation.
    pub(crate) fn without(
        &self,
        request: &mut Request,
        are_left_out: impl Fn(TraceId) -> bool,
    ) -> Option<Request> {
        let frame = request.frame.clone();
        let rest: Vec<_> =
            spans(&frame).filter(|(_, span)| !are_left_out(SpanIds::read(span).trace)).collect();
        (!rest.is_empty()).then(|| self.part(&frame, &rest, std::mem::take(&mut request.reservation)))
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
        let (mut batch, mut span_encoder) = (Batch::default(), SpanEncoder::default());
        for (record, _) in finished::records(records) {
            span_encoder.write(&record);
            change(&mut span_encoder.span);
            let scope = span_encoder.scope.as_deref().unwrap_or(&self.scope);
            batch.add(scope, &span_encoder.span, &SpanIds::from(&record.head));
        }
        batch.finish(&self.resource, Room::default()).frame
    }

    /// A request for spans of another, under the resource of that.
    fn part(&self, whole: &Bytes, spans: &[Scoped<'_>], reservation: Room) -> Request {
        let mut batch = Batch::default();
        for (scope, span) in spans {
            batch.add(scope, span, &SpanIds::read(span));
        }
        batch.finish(resource(whole).unwrap_or(&self.resource), reservation)
    }
}

/// The spans of a request that was encoded before, by trace, and those without a parent; `None` for what is none.
#[cfg_attr(not(unix), expect(dead_code, reason = "the spool asks for it"))]
pub(crate) fn counted(frame: &[u8]) -> Option<(Counts, Vec<SpanId>)> {
    let (head, message) = frame.split_at_checked(FRAMING)?;
    let [0, length @ ..] = head else { return None };
    let (mut counts, mut roots) = (Counts::new(), Vec::new());
    for (_, span) in spans(frame) {
        let SpanIds { trace, root } = SpanIds::read(span);
        *counts.entry(trace).or_default() += 1;
        roots.extend(root);
    }
    let is_whole = length == u32::try_from(message.len()).ok()?.to_be_bytes();
    (is_whole && !counts.is_empty()).then_some((counts, roots))
}

fn add(mut request: Request, last: Option<&mut Request>, requests: &mut Vec<Request>) {
    request.reserve();
    match last {
        Some(last) => last.join(request),
        None => requests.push(request),
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
