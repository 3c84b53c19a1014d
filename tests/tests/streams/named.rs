//! Recognisers whose events have a type that nobody knows: `transcript` and `is_final` say of each item what a known form would.

use cekura::testing::{Span, Trace, capture};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use std::time::Duration;

enum Event {
    Began,
    Partial(&'static str),
    Final(&'static str),
}

use Event::{Began, Final, Partial};

impl Event {
    fn words(&self) -> Option<&'static str> {
        match self {
            Began => None,
            Partial(words) | Final(words) => Some(words),
        }
    }
}

#[cekura::stt(skip_all, transcript = |event| event.words(), is_final = |event| matches!(event, Final(_)))]
fn listen(events: Vec<Event>) -> BoxStream<'static, Event> {
    stream::iter(events).boxed()
}

fn read(events: Vec<Event>) -> Trace {
    capture(|| block_on_stream(listen(events)).for_each(drop))
}

fn transcript(trace: &Trace) -> Option<&str> {
    trace.span("stt").unwrap().text("stt.transcript")
}

#[test]
fn an_interim_transcript_is_replaced_and_final_ones_are_joined() {
    for (events, expected) in [
        (vec![Began, Partial("hell"), Partial("hello"), Final("Hello there.")], "Hello there."),
        (
            vec![Partial("hell"), Final("Hello."), Partial("what"), Began, Final("What time is it?")],
            "Hello. What time is it?",
        ),
        (vec![Final("Hello."), Partial("what time")], "Hello. what time"),
        (vec![Partial("hell"), Partial("hello")], "hello"),
        (vec![Final("Hello."), Final(""), Final("Bye.")], "Hello. Bye."),
    ] {
        assert_eq!(transcript(&read(events)), Some(expected));
    }
    assert_eq!(transcript(&read(vec![Began, Began])), None);
}

/// Reads as far as the first final transcript, as an agent does that listens for one sentence.
fn first(mut events: impl futures::Stream<Item = Event> + Unpin) {
    futures::executor::block_on(async { while !matches!(events.next().await, None | Some(Final(_))) {} });
}

#[test]
fn whoever_drops_it_behind_a_final_transcript_interrupts_nothing() {
    let is_interrupted = |span: &Span| span.attribute("cekura.interrupted").is_some();
    let trace =
        capture(|| first(listen(vec![Began, Partial("hell"), Final("Hello."), Partial("never read")])));
    assert!(!is_interrupted(trace.span("stt").unwrap()), "{trace}");
    assert_eq!(transcript(&trace), Some("Hello."));
    let trace = capture(|| drop(listen(vec![Partial("hell")])));
    assert!(is_interrupted(trace.span("stt").unwrap()), "{trace}");
    let trace = capture(|| {
        assert!(block_on_stream(listen(vec![Final("Hello."), Partial("what"), Began])).nth(1).is_some());
    });
    assert!(is_interrupted(trace.span("stt").unwrap()), "the next sentence has begun: {trace}");
}

#[cekura::stt(skip_all, skip_output, transcript = |event| event.words(), is_final = |event| match event {
    Began => None,
    Partial(_) => Some(false),
    Final(_) => Some(true),
})]
fn listen_carefully(events: Vec<Event>) -> impl futures::Stream<Item = Result<Event, String>> {
    stream::iter(events.into_iter().map(Ok))
}

#[test]
fn results_options_and_what_is_skipped_change_nothing_of_what_is_named() {
    let events = vec![Began, Partial("hell"), Final("Hello."), Began, Final("Bye.")];
    let trace = capture(|| block_on_stream(Box::pin(listen_carefully(events))).for_each(drop));
    assert_eq!(transcript(&trace), Some("Hello. Bye."));
    assert_eq!(trace.span("stt").unwrap().attribute("is_final"), Some(&true.into()));
}

#[derive(Serialize)]
struct Words {
    transcript: &'static str,
    is_final: bool,
    spoken: &'static str,
}

/// The form is known; the program names its own words, or says itself what is final.
#[cekura::stt(skip_all, transcript = |event| event.spoken)]
fn in_other_words(events: Vec<Words>) -> BoxStream<'static, Words> {
    stream::iter(events).boxed()
}

#[cekura::stt(skip_all, is_final = |event| !event.is_final)]
fn the_other_way(events: Vec<Words>) -> BoxStream<'static, Words> {
    stream::iter(events).boxed()
}

#[test]
fn what_is_not_named_is_read_from_the_item() {
    let events = || {
        let item = |transcript, is_final, spoken| Words { transcript, is_final, spoken };
        vec![item("a", false, "hell"), item("b", true, "Hello."), item("c", true, "Bye.")]
    };
    let trace = capture(|| block_on_stream(in_other_words(events())).for_each(drop));
    assert_eq!(transcript(&trace), Some("Hello. Bye."));
    let trace = capture(|| block_on_stream(the_other_way(events())).for_each(drop));
    assert_eq!(transcript(&trace), Some("a c"));
}

#[cekura::stt(skip_all, transcript = |event| event.words())]
fn listen_to_parts(events: Vec<Event>) -> BoxStream<'static, Event> {
    stream::iter(events).boxed()
}

#[test]
fn without_is_final_they_are_parts_of_one_text() {
    let trace = capture(|| block_on_stream(listen_to_parts(vec![Final("Hel"), Final("lo.")])).for_each(drop));
    assert_eq!(transcript(&trace), Some("Hello."));
}

#[cekura::stt(skip_all, transcript = |event| event.words(), is_final = |event| matches!(event, Final(_)))]
fn listen_to_the_call() -> BoxStream<'static, Event> {
    let events = [Began, Partial("hell"), Final("Hello."), Partial("what"), Final("What time is it?")];
    let slowly = |(at, event): (u64, _)| async move {
        tokio::time::sleep(Duration::from_millis(if at == 0 { 0 } else { 60 })).await;
        event
    };
    stream::iter((0..).zip(events)).then(slowly).boxed()
}

#[cekura::tts(skip_all)]
async fn speak() -> Vec<u8> {
    vec![0; 320]
}

#[cekura::turn(skip_all)]
async fn answer() {
    speak().await;
}

#[cekura::conversation(client = handle, call_id = "call-1", observe, skip_all)]
async fn call(handle: &cekura::Cekura) {
    let mut events = listen_to_the_call();
    while let Some(event) = events.next().await {
        if let Final(_) = event {
            answer().await;
        }
    }
}

#[tokio::test]
async fn a_recogniser_that_listens_through_the_call_gives_each_sentence_at_its_time_and_its_turn_the_latency()
{
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    call(&handle).await;
    handle.shutdown(LONG).await;
    let body = api.posted();
    let entries = body["transcript_json"].as_array().unwrap();
    let said = entries.iter().filter(|entry| entry["role"] == "Testing Agent");
    let said: Vec<_> = said
        .map(|entry| (entry["content"].as_str().unwrap(), entry["start_time"].as_f64().unwrap()))
        .collect();
    assert_eq!(said.len(), 2, "{body}");
    assert_eq!((said[0].0, said[1].0), ("Hello.", "What time is it?"));
    // The first began with its interim transcript; the next one 0.12 s behind that, and not before the first was final.
    assert!(said[1].1 - said[0].1 >= 0.119, "{body}");
    let turns: Vec<_> = backend.spans().into_iter().filter(|span| span.name == "turn").collect();
    assert_eq!(turns.len(), 2);
    for turn in turns {
        let latency = turn.attributes.iter().find(|entry| entry.key == "turn.user_bot_latency_seconds");
        assert!(latency.is_some(), "{turn:?}");
    }
}
