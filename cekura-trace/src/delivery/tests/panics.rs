//! A panic in the worker costs what was in hand: what waits in either lane goes on.

use super::observe_tests::{log, stored};
use super::tests::{ACCEPTED, World, outlet};
use super::{Arc, Duration, Lane, Message, OwnEvents, Spans, Timings};
use crate::FlushReport;
use crate::delivery::lane::call_logs::{Exchange, IsOpen};
use crate::delivery::link::Link;
use crate::delivery::message::ObserveAnswer;
use crate::delivery::tests::end;
use opentelemetry::trace::TraceId;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// An API that panics before its first answer, if it is to.
fn api(panics: bool) -> (Exchange, Arc<AtomicU32>) {
    let (panics, posted) = (AtomicBool::new(panics), Arc::new(AtomicU32::new(0)));
    let posts = posted.clone();
    let exchange = move |_, _: &str, _| {
        assert!(!panics.swap(false, Ordering::Relaxed), "as the test says");
        posts.fetch_add(1, Ordering::Relaxed);
        let (_, answer) = stored();
        Ok(Box::pin(async { answer }) as _)
    };
    (Arc::new(exchange), posted)
}

/// A worker over a backend that takes a second for each request.
fn world(exchange: Exchange, is_open: IsOpen) -> World {
    let make = |link: &Link, attempts| outlet(link, Box::new(|_, _| (1, ACCEPTED)), attempts);
    with_call_logs(make, exchange, is_open)
}

/// A worker whose call logs ask for conversations as is said here.
pub(super) fn with_call_logs(
    make: impl FnOnce(&Link, Arc<Mutex<Vec<u64>>>) -> Lane<Spans>,
    exchange: Exchange,
    is_open: IsOpen,
) -> World {
    let mut world = World::with_api(make, Arc::new(|_, _, _| panic!("it is replaced")));
    let Link { inbox, ledger, .. } = &world.link;
    let (inbox, ledger) = (inbox.clone(), ledger.clone());
    let wake = Box::new(move || drop(inbox.send(Message::Answered)));
    let (timings, events) = (Timings::default(), OwnEvents::here());
    world.worker.call_logs = Lane::of_call_logs(exchange, is_open, timings, ledger, events, wake);
    world
}

/// Runs a worker until it is shut down by a thread that acts before.
fn live(world: World, act: impl FnOnce(&Link) + Send + 'static) -> FlushReport {
    let World { link, worker, messages, .. } = world;
    let asking = std::thread::spawn(move || {
        act(&link);
        link.ask_blocking(Duration::from_secs(20), Message::shutdown).unwrap()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    worker.live(messages, &runtime);
    asking.join().unwrap()
}

/// Hands a call log over that names a trace, or none; what becomes of it.
fn observe(link: &Link, trace: Option<u64>) -> Receiver<bool> {
    let (told, hear) = channel();
    let log = trace.into_iter().fold(log(), |log, trace| log.trace_id(TraceId::from(u128::from(trace))));
    let reply = move |answer: ObserveAnswer| told.send(answer.take().is_ok()).unwrap_or_default();
    link.observe(log, Box::new(reply)).unwrap();
    hear
}

#[test]
fn a_panic_over_one_call_log_costs_that_one_and_no_span() {
    let (exchange, posted) = api(true);
    let report = live(world(exchange, Box::new(|_| false)), |link| {
        end(&link.queue, 1, 1, 0, 10);
        let first = observe(link, None);
        assert!(!first.recv().unwrap(), "it is told of");
        assert!(observe(link, None).recv().unwrap());
        assert_eq!(link.report().call_logs.dropped, 1);
    });
    assert_eq!(
        (report.to_string(), posted.load(Ordering::Relaxed)),
        ("1 accepted, 1 delivered; call logs: 1 delivered, 1 dropped".to_owned(), 1)
    );
}

#[test]
fn a_panic_in_the_loop_costs_nothing_that_waits() {
    let (exchange, posted) = api(false);
    let panics = AtomicBool::new(true);
    let is_open = move |_| {
        assert!(!panics.swap(false, Ordering::Relaxed), "as the test says");
        false
    };
    let report = live(world(exchange, Box::new(is_open)), |link| {
        end(&link.queue, 1, 1, 0, 10);
        end(&link.queue, 1, 2, 1, 10);
        let (first, second) = (observe(link, Some(1)), observe(link, None));
        assert!(first.recv().unwrap() && second.recv().unwrap());
        end(&link.queue, 2, 1, 0, 10);
    });
    assert_eq!(
        (report.to_string(), posted.load(Ordering::Relaxed)),
        ("3 accepted, 3 delivered".to_owned(), 2)
    );
}

#[test]
fn a_panic_that_comes_again_each_time_costs_what_waits_and_is_survived() {
    let (exchange, posted) = api(false);
    let is_open = |trace| {
        assert_ne!(trace, TraceId::from(7), "as the test says");
        false
    };
    let report = live(world(exchange, Box::new(is_open)), |link| {
        end(&link.queue, 1, 1, 0, 10);
        drop(link.inbox.send(Message::Wake));
        assert!(!observe(link, Some(7)).recv().unwrap());
        end(&link.queue, 2, 1, 0, 10);
        assert!(observe(link, Some(2)).recv().unwrap());
    });
    assert_eq!(
        report.to_string(),
        "2 accepted, 1 delivered, 1 dropped (panicked 1); call logs: 1 delivered, 1 dropped"
    );
    assert_eq!(posted.load(Ordering::Relaxed), 1);
}
