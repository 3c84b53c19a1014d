//! Requests keep their limits, and taken apart or joined they hold the same spans.

use super::{Encoder, FRAMING, FULL, LARGEST_SPAN, MOST_SPANS, Request, fit, resource};
use crate::arbitrary::{buffer, config};
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::tests::end;
use crate::room::{Room, Use};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::{prop_assert, proptest};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The requests for spans with texts of these lengths, one span each.
fn requests(lengths: impl IntoIterator<Item = usize>) -> Vec<Request> {
    let queue = Arc::new(Queue::new(1 << 30, Arc::default(), Waker::new(|| {}), false));
    for (number, length) in lengths.into_iter().enumerate() {
        end(&queue, 1, number as u64 + 1, 0, length);
    }
    encoded(&queue, &encoder(), None)
}

/// The requests for all that is in a queue, on one thread.
fn encoded(queue: &Arc<Queue>, encoder: &Encoder, last: Option<&mut Request>) -> Vec<Request> {
    let (mut records, mut reservation) = (Vec::new(), Room::default());
    queue.drain(|buffer, _| {
        records.extend_from_slice(buffer);
        reservation.join(Room::taken(queue.clone(), Use::Delivery, buffer.len()));
    });
    encoder.requests(&records, reservation, last)
}

fn encoder() -> Encoder {
    Encoder::new(&BTreeMap::from([("service.name".to_owned(), "test".to_owned())]))
}

fn spans(request: &Request) -> Vec<Span> {
    super::spans(&request.frame).map(|(_, span)| Span::decode(span).unwrap()).collect()
}

fn starts(requests: &[Request]) -> Vec<u64> {
    let mut starts: Vec<_> =
        requests.iter().flat_map(spans).map(|span: Span| span.start_time_unix_nano).collect();
    starts.sort_unstable();
    starts
}

#[test]
fn requests_are_filled_to_their_limits() {
    let many = requests(vec![0; 1200]);
    assert_eq!(many.iter().map(Request::spans).collect::<Vec<_>>(), [512, 512, 176]);
    assert_eq!(starts(&many), (1..=1200).collect::<Vec<_>>());
    let large = requests(vec![300 << 10; 10]);
    assert_eq!(large.iter().map(Request::spans).collect::<Vec<_>>(), [3, 3, 3, 1]);
    let fat = requests([10, 20 << 20, 10]);
    assert_eq!(fat.iter().map(Request::spans).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(fat.iter().all(|request| request.frame.len() < LARGEST_SPAN + (64 << 10)));
}

#[test]
fn what_came_later_fills_up_what_waits() {
    let queue = Arc::new(Queue::new(1 << 30, Arc::default(), Waker::new(|| {}), false));
    let mut waiting = requests(vec![0; 500]).pop().unwrap();
    (1..=1000).for_each(|span| end(&queue, 1, span, 0, 0));
    let held = waiting.reservation.bytes();
    let later = encoded(&queue, &encoder(), Some(&mut waiting));
    assert_eq!(waiting.spans(), 512);
    assert!(waiting.reservation.bytes() > held);
    assert_eq!(later.iter().map(Request::spans).collect::<Vec<_>>(), [512, 476]);
    end(&queue, 1, 1, 0, 0);
    let later = encoded(&queue, &encoder(), Some(&mut waiting));
    assert_eq!((waiting.spans(), later[0].spans()), (512, 1), "it is full");
    let mut large = requests([600 << 10]).pop().unwrap();
    end(&queue, 1, 1, 0, 600 << 10);
    let later = encoded(&queue, &encoder(), Some(&mut large));
    assert_eq!((large.spans(), later[0].spans()), (1, 1), "it does not fit");
}

#[test]
fn requests_are_small_beside_the_memory_limit() {
    for (limit, most) in [(32 << 20, FULL), (1 << 20, 1 << 17), (0, 0)] {
        let encoder = encoder().within(limit);
        let queue = Arc::new(Queue::new(1 << 30, Arc::default(), Waker::new(|| {}), false));
        (1..=20).for_each(|span| end(&queue, 1, span, 0, 60_000));
        let requests = encoded(&queue, &encoder, None);
        let spans = requests.iter().map(Request::spans).sum::<u64>();
        assert_eq!(spans, 20);
        assert!(requests.iter().all(|request| request.spans() == 1 || request.frame.len() <= most + 1000));
    }
}

#[test]
fn a_frame_is_a_grpc_message() {
    let frame = &requests([10])[0].frame;
    let length = u32::try_from(frame.len() - FRAMING).unwrap();
    assert_eq!(frame[0], 0);
    assert_eq!(frame[1..FRAMING], length.to_be_bytes());
}

#[test]
fn joined_requests_hold_both() {
    let [mut first] = <[_; 1]>::try_from(requests(vec![5; 300])).ok().unwrap();
    let [second] = <[_; 1]>::try_from(requests(vec![7; 212])).ok().unwrap();
    let reservations = first.reservation.bytes() + second.reservation.bytes();
    first.join(second);
    assert_eq!((first.spans(), first.reservation.bytes()), (MOST_SPANS, reservations));
    assert_eq!(spans(&first).len() as u64, MOST_SPANS);
}

#[test]
fn a_request_falls_apart_into_its_spans() {
    let mut whole = requests(vec![100; 37]);
    let mut single = Vec::new();
    let mut reservation = 0;
    while let Some(mut request) = whole.pop() {
        let parts = encoder().smaller(&mut request, false);
        if parts.is_empty() {
            reservation += request.reservation.bytes();
            single.push(request);
        }
        whole.extend(parts);
    }
    assert_eq!(starts(&single), (1..=37).collect::<Vec<_>>());
    assert!(reservation >= 37 * 100);
}

#[test]
fn what_an_earlier_process_has_encoded_keeps_its_resource_when_it_is_split() {
    let later = Encoder::new(&BTreeMap::from([("service.name".to_owned(), "later".to_owned())]));
    let parts = later.smaller(&mut requests([9000; 2]).remove(0), false);
    let cut = later.smaller(&mut requests([9000]).remove(0), true);
    for part in parts.iter().chain(&cut) {
        assert_eq!(resource(&part.frame), Some(&*encoder().resource));
    }
    assert_eq!((parts.len(), cut.len()), (2, 1));
}

#[test]
fn a_single_span_is_cut_until_nothing_is_left_to_cut() {
    let mut next = requests([100_000]).pop();
    let mut lengths = Vec::new();
    while let Some(mut request) = next {
        lengths.push(request.frame.len());
        next = encoder().smaller(&mut request, true).pop();
    }
    assert!(lengths.len() >= 5 && lengths.is_sorted_by(|before, after| before > after), "{lengths:?}");
    assert!(lengths.last() < Some(&1000), "{lengths:?}");
}

#[test]
fn cutting_keeps_characters_whole_and_says_so() {
    let queue = requests([10]);
    let mut span = spans(&queue[0]).pop().unwrap();
    for key in ["a", "b"] {
        let value = Some(any_value::Value::StringValue("é".repeat(FULL)));
        let value = Some(AnyValue { value });
        span.attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
    }
    let mut encoded = span.encode_to_vec();
    fit(&mut encoded, 10_001);
    assert!(encoded.len() <= 10_001);
    let span = Span::decode(&*encoded).unwrap();
    let keys: Vec<_> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["text", "a", "b", "a.truncated", "b.truncated"]);
    fit(&mut encoded, 10_001);
    assert_eq!(Span::decode(&*encoded).unwrap(), span);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_records_make_a_request(bytes in buffer()) {
        let request = encoder().uncounted(&bytes);
        prop_assert!(ExportTraceServiceRequest::decode(&request[FRAMING..]).is_ok());
    }
}
