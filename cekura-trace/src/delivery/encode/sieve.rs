//! A request and traces come in; what their spans weigh, or the request without them, goes out. The spans themselves are
//! not decoded. This file does not know which traces are to go.

use super::fields::{fields, root_of, spans, trace_of};
use super::wire::varint;
use super::{Request, framed};
use crate::delivery::ledger::Counts;
use crate::delivery::transport::FRAMING;
use opentelemetry::trace::TraceId;
use prost::bytes::Bytes;
use std::collections::HashSet;

/// From a request to its spans: the fields `resource_spans`, `scope_spans` and `spans`.
const SPANS: [usize; 3] = [1, 2, 2];

impl Request {
    /// What it takes of the memory limit.
    pub(crate) fn held(&self) -> usize {
        self.room.bytes()
    }

    /// Says of each span, in their order, which trace it is of and what it takes of the memory limit.
    pub(crate) fn weigh(&self, mut span: impl FnMut(TraceId, usize)) {
        for (_, encoded) in spans(&self.frame) {
            span(trace_of(encoded), self.share(encoded.len()));
        }
    }

    /// Parts it into the spans of all other traces and those of these, of which the message is not kept.
    pub(crate) fn without(mut self, traces: &HashSet<TraceId>) -> (Self, Self) {
        let mut gone = HashSet::new();
        let message = sift(self.message(), &SPANS, &mut |span| {
            let goes = traces.contains(&trace_of(span));
            if goes {
                gone.extend(root_of(span));
            }
            goes
        });
        let message = message.unwrap_or_default();
        let frame = framed(false, message.len(), |frame| frame.extend_from_slice(&message));
        let room = self.room.split(self.share(self.frame.len().saturating_sub(frame.len())));
        let (taken, counts) =
            self.counts.into_iter().partition::<Counts, _>(|(trace, _)| traces.contains(trace));
        let (lost, roots) = self.roots.into_iter().partition(|root| gone.contains(root));
        let taken = Self { frame: Bytes::new(), counts: taken, roots: lost, room };
        (Self { frame, counts, roots, room: self.room }, taken)
    }

    fn message(&self) -> &[u8] {
        self.frame.get(FRAMING..).unwrap_or_default()
    }

    /// What so many encoded bytes of it take of the memory limit.
    fn share(&self, bytes: usize) -> usize {
        let share = bytes as u128 * self.held() as u128 / self.frame.len().max(1) as u128;
        usize::try_from(share).unwrap_or_default()
    }
}

/// A message without the values at the end of a path for which `goes` is true; `None` if no value is left there.
fn sift(message: &[u8], path: &[usize], goes: &mut impl FnMut(&[u8]) -> bool) -> Option<Vec<u8>> {
    let (number, path) = path.split_first()?;
    let (mut left, mut is_empty) = (Vec::with_capacity(message.len()), true);
    for field in fields(message) {
        if field.number != *number {
            left.extend_from_slice(field.whole);
        } else if !path.is_empty() {
            let Some(value) = sift(field.value, path, goes) else { continue };
            is_empty = false;
            left.extend_from_slice(field.key);
            varint(&mut left, value.len() as u64);
            left.extend_from_slice(&value);
        } else if !goes(field.value) {
            is_empty = false;
            left.extend_from_slice(field.whole);
        }
    }
    (!is_empty).then_some(left)
}

#[cfg(test)]
#[path = "../tests/sieve.rs"]
mod tests;
