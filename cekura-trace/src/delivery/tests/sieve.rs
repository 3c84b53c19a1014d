//! A request without some traces holds the other spans as they were, and what both parts count is what the whole did.

use super::{HashSet, Request, TraceId, trace_of};
use crate::arbitrary::{buffer, config};
use crate::delivery::encode::fields::values;
use crate::delivery::encode::{Encoder, Space};
use crate::delivery::ledger::Counts;
use crate::delivery::queue::{Bell, Queue, Room};
use crate::delivery::tests::end;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

fn decoded(request: &Request) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(request.message()).unwrap()
}

/// What is to be left, by way of decoding.
fn expected(request: &Request, traces: &HashSet<TraceId>) -> ExportTraceServiceRequest {
    let mut message = decoded(request);
    for resource in &mut message.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|span| !traces.contains(&trace_of(&span.encode_to_vec())));
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    message.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    message
}

fn requests(queue: &Arc<Queue>) -> Vec<Request> {
    let encoder = Encoder::new(&BTreeMap::from([("service.name".to_owned(), "test".to_owned())]));
    let mut requests = Vec::new();
    queue.drain(|buffer, _| {
        encoder.requests(buffer, Room::of(queue, buffer), Space::default(), |request| requests.push(request));
    });
    requests
}

fn queue() -> Arc<Queue> {
    Arc::new(Queue::new(1 << 30, Arc::default(), Bell::new(|| {}), false))
}

#[test]
fn what_is_taken_out_gives_its_room_back_and_takes_its_roots_along() {
    let queue = queue();
    for span in 1..=40 {
        // The first of each trace is its root, and the spans of the second are large.
        end(&queue, span % 4, span, span / 5, if span % 4 == 2 { 9000 } else { 100 });
    }
    let [request] = <[_; 1]>::try_from(requests(&queue)).ok().unwrap();
    let (held, mut weights) = (request.held(), Vec::new());
    request.weigh(|trace, bytes| weights.push((trace, bytes)));
    let traces: Vec<_> = weights.iter().map(|(trace, _)| *trace).collect();
    assert_eq!(traces, (1..=40_u128).map(|span| TraceId::from(span % 4)).collect::<Vec<_>>());
    let large: usize = weights.iter().skip(1).step_by(4).map(|(_, bytes)| bytes).sum();
    assert!(large > held * 9 / 10 && weights.iter().map(|(_, bytes)| bytes).sum::<usize>() <= held);
    let (left, gone) = request.without(&HashSet::from([TraceId::from(2)]));
    assert_eq!(gone.counts, Counts::from([(TraceId::from(2), 10)]));
    assert_eq!(gone.roots, [2.into()]);
    assert_eq!(left.roots, [1.into(), 3.into(), 4.into()]);
    assert_eq!((left.spans(), left.held() + gone.held()), (30, held));
    assert!(gone.held().abs_diff(large) < 100, "{} of {large}", gone.held());
    drop(gone);
    assert!(Room::take(&queue, (1 << 30) - left.held()).is_some());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_others_stay_as_they_were(bytes in buffer(), again in buffer(), picks in any::<[bool; 8]>()) {
        let queue = queue();
        let encoder = Encoder::new(&BTreeMap::new());
        let mut whole: Option<Request> = None;
        for bytes in [bytes, again] {
            encoder.requests(&bytes, Room::of(&queue, &bytes), Space::default(), |request| match &mut whole {
                Some(whole) => whole.join(request),
                None => whole = Some(request),
            });
        }
        let Some(request) = whole else { return Ok(()) };
        let mut traces: Vec<_> = request.counts.keys().copied().collect();
        traces.sort_unstable_by_key(|trace| trace.to_bytes());
        let mut picks = picks.into_iter();
        let gone: HashSet<_> = traces.into_iter().filter(|_| picks.next().unwrap_or_default()).collect();
        let (expected, spans, held) = (expected(&request, &gone), request.spans(), request.held());
        let (left, gone) = request.without(&gone);
        // NaN is not equal to itself, and its bytes are.
        prop_assert_eq!(decoded(&left).encode_to_vec(), expected.encode_to_vec());
        prop_assert_eq!(left.spans() + gone.spans(), spans);
        prop_assert_eq!(left.held() + gone.held(), held);
        let mut counts = Counts::new();
        left.weigh(|trace, _| *counts.entry(trace).or_default() += 1);
        prop_assert_eq!(counts, left.counts);
    }

    #[test]
    fn any_bytes_are_fields_or_the_end(bytes in any::<Vec<u8>>()) {
        for number in 0..4 {
            prop_assert!(values(&bytes, number).all(|value| value.len() <= bytes.len()));
        }
    }
}
