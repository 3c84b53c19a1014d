//! Every form of a stream, ended in every way: how many spans there are, whose child the stream's is, and what it says.

use super::feed::Feed;
use super::feed::Step::{Break, Finish, Panic, Say, Wait};
use super::forms::FORMS;
use cekura::testing::{Span, Trace, capture};
use cekura_trace_tests::polls::{Polled, poll};
use futures::stream::LocalBoxStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Stream = LocalBoxStream<'static, super::feed::Item>;

#[cekura::conversation(skip_all)]
fn call(ask: fn(Feed) -> Stream, feed: Feed) -> Vec<Stream> {
    vec![ask(feed)]
}

#[cekura::conversation(skip_all)]
fn another_call(read: impl FnOnce(Stream), stream: Stream) {
    read(stream);
}

/// What a form must give when its stream is read in a way.
struct Expected {
    /// Spans of the items, which are made inside the stream's span.
    received: usize,
    items: i64,
    output: Option<&'static str>,
    interrupted: bool,
    error: Option<(&'static str, &'static str)>,
}

/// Calls each form in a conversation, and reads its stream in another one.
fn each_form(feed: impl Fn() -> Feed, read: fn(Stream), expected: &Expected) {
    for (form, ask) in FORMS {
        let trace = capture(|| {
            let stream = call(*ask, feed()).remove(0);
            another_call(read, stream);
        });
        check(form, &trace, expected);
    }
}

fn check(form: &str, trace: &Trace, expected: &Expected) {
    let text = trace.to_string();
    assert_eq!(trace.spans().len(), 3 + expected.received, "{form}:\n{text}");
    let llm = trace.span("llm").unwrap();
    let asked = trace.named("conversation").next().unwrap();
    assert_eq!(trace.parent(llm).map(Span::span_id), Some(asked.span_id()), "{form}:\n{text}");
    assert_eq!(trace.children(asked).count(), 1, "{form}:\n{text}");
    assert_eq!(
        trace.children(llm).filter(|span| span.name() == "receive").count(),
        expected.received,
        "{form}"
    );
    assert_eq!(llm.attribute("stream.items"), Some(&expected.items.into()), "{form}: items");
    for key in ["metrics.ttfb", "gen_ai.response.time_to_first_chunk", "llm.first_token_ms"] {
        assert_eq!(llm.attribute(key).is_some(), expected.items > 0, "{form}: {key}");
    }
    assert_eq!(
        llm.attribute("stream.longest_gap_seconds").is_some(),
        expected.items > 1,
        "{form}: longest gap"
    );
    assert_eq!(llm.text("output"), expected.output, "{form}: output");
    assert_eq!(llm.is_interrupted(), expected.interrupted, "{form}: whether it is interrupted");
    assert_eq!(llm.text("error.type").zip(Some(llm.error())), expected.error, "{form}: error");
    assert_eq!(llm.is_error(), expected.error.is_some(), "{form}: status");
}

fn to_the_end(mut stream: Stream) {
    while let Polled::Item(_) = poll(&mut stream) {
        assert_ne!(cekura::trace_id(), None, "the reader is in its own conversation");
    }
}

fn one_item(mut stream: Stream) {
    assert!(matches!(poll(&mut stream), Polled::Item(_)));
}

fn two_items(mut stream: Stream) {
    poll(&mut stream);
    poll(&mut stream);
}

#[test]
fn read_to_its_end() {
    let expected =
        Expected { received: 3, items: 3, output: Some("Hello."), interrupted: false, error: None };
    each_form(|| Feed::new([Say("Hel"), Say("lo"), Say(".")]), to_the_end, &expected);
}

#[test]
fn read_to_its_first_error() {
    let error = Some((std::any::type_name::<super::feed::Broken>(), "the line broke"));
    let expected = Expected { received: 2, items: 2, output: Some("Hel"), interrupted: false, error };
    each_form(|| Feed::new([Say("Hel"), Break]), two_items, &expected);
}

#[test]
fn dropped_before_its_first_item() {
    let expected = Expected { received: 1, items: 0, output: None, interrupted: true, error: None };
    let wait = |mut stream| assert!(matches!(poll(&mut stream), Polled::Pending));
    each_form(|| Feed::new([Wait, Say("Hel")]), wait, &expected);
}

#[test]
fn dropped_midway() {
    let expected = Expected { received: 1, items: 1, output: Some("Hel"), interrupted: true, error: None };
    each_form(|| Feed::new([Say("Hel"), Say("lo")]), one_item, &expected);
}

#[test]
fn dropped_after_a_finish_reason() {
    let expected =
        Expected { received: 2, items: 2, output: Some("Hello."), interrupted: false, error: None };
    each_form(|| Feed::new([Say("Hello."), Finish, Say("never read")]), two_items, &expected);
}

#[test]
fn a_panic_goes_on() {
    let error = Some(("panic", "the client is broken"));
    let expected = Expected { received: 2, items: 1, output: Some("Hel"), interrupted: false, error };
    let panics = |mut stream: Stream| {
        poll(&mut stream);
        let panicked = catch_unwind(AssertUnwindSafe(|| poll(&mut stream)));
        assert_eq!(
            panicked.err().and_then(|panic| panic.downcast().ok()),
            Some(Box::new("the client is broken"))
        );
    };
    each_form(|| Feed::new([Say("Hel"), Panic]), panics, &expected);
}

#[test]
fn never_polled() {
    let expected = Expected { received: 0, items: 0, output: None, interrupted: true, error: None };
    each_form(|| Feed::new([Say("Hel")]), drop, &expected);
}
