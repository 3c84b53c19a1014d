//! Puts encoded spans together to one request. Invariant: spans of one instrumentation scope stand
//! together, in their order.

use super::fields::{root_of, trace_of};
use super::wire::{delimited, delimited_size};
use super::{Request, framed};
use crate::delivery::tally::Tally;
use crate::finished::Head;
use crate::room::Room;
use opentelemetry::trace::{SpanId, TraceId};

/// Spans for one request; used again for the next one.
#[derive(Default)]
pub(super) struct Batch {
    groups: Vec<Group>,
    tally: Tally,
    roots: Vec<SpanId>,
}

/// Spans of the same instrumentation scope.
struct Group {
    /// Encoded, as a field of `ScopeSpans`.
    scope: Vec<u8>,
    /// Encoded, each as a field of `ScopeSpans`.
    spans: Vec<u8>,
}

/// What a request counts of a span.
pub(super) struct SpanIds {
    pub(super) trace: TraceId,
    /// Of a span without a parent.
    pub(super) root: Option<SpanId>,
}

impl From<&Head> for SpanIds {
    fn from(head: &Head) -> Self {
        let is_root = head.parent_id == SpanId::INVALID;
        Self { trace: head.trace_id, root: is_root.then_some(head.span_id) }
    }
}

impl SpanIds {
    /// Of a span that was encoded before.
    pub(super) fn read(span: &[u8]) -> Self {
        Self { trace: trace_of(span), root: root_of(span) }
    }
}

impl Batch {
    pub(super) fn add(&mut self, scope: &[u8], span: &[u8], origin: &SpanIds) {
        let at = self.groups.iter().position(|group| group.scope == scope).unwrap_or_else(|| {
            self.groups.push(Group { scope: scope.to_vec(), spans: Vec::new() });
            self.groups.len() - 1
        });
        let spans = &mut self.groups[at].spans;
        delimited(spans, 2, span.len());
        spans.extend_from_slice(span);
        self.roots.extend(origin.root);
        self.tally.add(origin.trace);
    }

    /// The bytes of its spans.
    pub(super) fn bytes(&self) -> usize {
        self.groups.iter().map(|group| group.spans.len()).sum()
    }

    /// The request for all of them; `resource` is encoded, as a field of `ResourceSpans`.
    pub(super) fn finish(&mut self, resource: &[u8], reservation: Room) -> Request {
        let groups = self.groups.iter().filter(|group| !group.spans.is_empty());
        let scopes = groups.clone().map(|group| delimited_size(group.bytes())).sum::<usize>();
        let whole = resource.len() + scopes;
        let frame = framed(false, delimited_size(whole), |frame| {
            delimited(frame, 1, whole);
            frame.extend_from_slice(resource);
            for group in groups {
                delimited(frame, 2, group.bytes());
                frame.extend_from_slice(&group.scope);
                frame.extend_from_slice(&group.spans);
            }
        });
        self.groups.iter_mut().for_each(|group| group.spans.clear());
        let (counts, roots) = (self.tally.take(), std::mem::take(&mut self.roots));
        Request { frame, counts, roots, reservation }
    }
}

impl Group {
    fn bytes(&self) -> usize {
        self.scope.len() + self.spans.len()
    }
}
