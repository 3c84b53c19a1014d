//! What is held of a call: nothing is lost on the way into blocks and out of them, and only content is shed.

use super::{HeldCall, Instant};
use crate::finished::{self, Entry, Head, Marks, Status, write};
use opentelemetry::trace::{SpanId, SpanKind, TraceId};

fn record(number: u64) -> Vec<u8> {
    let head = Head {
        trace_id: TraceId::from(7),
        span_id: SpanId::from(number),
        parent_id: SpanId::from(1),
        kind: SpanKind::Internal,
        start: number,
        end: number + 1,
        status: Status::Unset,
    };
    let mut entries = Vec::new();
    write::integer(&mut entries, "turn.number", number.try_into().unwrap());
    write::marked_text(&mut entries, "output", &format!("answer {number} ").repeat(300), Marks::CONTENT);
    head.record("llm", "", &entries)
}

fn held(numbers: std::ops::Range<u64>) -> HeldCall {
    let mut call = HeldCall::new(Instant::now());
    numbers.for_each(|number| call.push(&record(number), false, Instant::now()));
    call
}

fn all(mut call: HeldCall) -> Vec<u8> {
    std::iter::from_fn(|| call.next()).flatten().collect()
}

#[test]
fn what_is_held_comes_out_as_it_came_in() {
    let expected: Vec<u8> = (1..90).flat_map(record).collect();
    assert_eq!(all(held(1..90)), expected);
    let mut call = held(1..30);
    for number in 30..90 {
        if number % 10 == 0 {
            call.deflate();
        }
        if number % 40 == 0 {
            call.unite();
        }
        call.push(&record(number), false, Instant::now());
    }
    assert_eq!((call.count, all(call)), (89, expected));
}

#[test]
fn a_call_that_is_deflated_takes_much_less() {
    let mut call = held(1..90);
    let before = call.bytes();
    assert!(call.loose() > 89 * 3_000);
    call.deflate();
    assert!(call.bytes() * 10 < before, "{} of {before}", call.bytes());
    assert_eq!(call.loose(), 0);
    assert_eq!(call.scattered(), 0, "one block is as small as it gets");
}

/// The messages of a model repeat from turn to turn.
#[test]
fn blocks_that_repeat_each_other_become_smaller_as_one() {
    let mut call = HeldCall::new(Instant::now());
    for _ in 0..12 {
        call.push(&record(4), false, Instant::now());
        call.deflate();
    }
    let before = call.bytes();
    assert!(call.scattered() > 0);
    call.unite();
    assert!(call.bytes() < before);
    assert_eq!(all(call), record(4).repeat(12));
}

#[test]
fn what_a_call_sheds_is_its_content_also_of_what_comes_later() {
    let mut call = held(1..20);
    call.deflate();
    call.shed();
    for number in 20..40 {
        call.push(&record(number), false, Instant::now());
    }
    assert_eq!(call.count, 39);
    let all = all(call);
    let records: Vec<_> = finished::records(&all).map(|(record, _)| record).collect();
    assert_eq!(records.len(), 39);
    for (number, record) in (1..).zip(records) {
        assert_eq!(record.head.span_id, SpanId::from(number));
        let keys: Vec<_> = record
            .entries()
            .filter_map(|entry| if let Entry::Attribute { key, .. } = entry { Some(key) } else { None })
            .collect();
        assert_eq!(keys, ["turn.number", "cekura.content_shed"]);
    }
}
