//! Wakers that do not come back, or panic: they are code of the program's executor.

use cekura::{CallLog, Cekura, Protocol};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, SHORT, at, converse, observing};
use futures::executor::block_on;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

/// An executor whose queue is full, and has a waker that waits for room.
struct Blocks;

impl Wake for Blocks {
    fn wake(self: Arc<Self>) {
        loop {
            thread::park();
        }
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("as the test says");
    }
}

/// Polls a future once, so that this waker is to hear of it.
fn poll(future: Pin<&mut impl Future>, waker: Arc<impl Wake + Send + Sync + 'static>) {
    assert!(future.poll(&mut Context::from_waker(&Waker::from(waker))).is_pending());
}

/// Whether somebody else's wait ends, for 10 s at most.
fn ends<R: Send + 'static>(wait: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (done, is_done) = channel();
    thread::spawn(move || done.send(wait()));
    is_done.recv_timeout(Duration::from_secs(10)).ok()
}

/// Nobody listens.
fn nowhere() -> Arc<Cekura> {
    let handle = Arc::new(at("http://127.0.0.1:9", Protocol::Grpc).build().unwrap());
    converse(&handle, 1);
    handle
}

#[test]
fn a_waker_that_blocks_ends_no_deadline_but_its_own() {
    let handle = nowhere();
    let mut flushes: Vec<_> = (0..20).map(|_| Box::pin(handle.flush(SHORT))).collect();
    for flush in &mut flushes {
        poll(flush.as_mut(), Arc::new(Blocks));
    }
    thread::sleep(3 * SHORT);
    let other = handle.clone();
    let report = ends(move || block_on(other.flush(SHORT))).expect("another flush ends");
    assert_eq!((report.accepted, report.pending), (2, 2));
    let other = handle.clone();
    assert!(ends(move || block_on(other.shutdown(SHORT))).is_some());
}

#[test]
fn a_waker_that_panics_ends_no_deadline_but_its_own() {
    let handle = nowhere();
    let mut flush = Box::pin(handle.flush(SHORT));
    poll(flush.as_mut(), Arc::new(Panics));
    thread::sleep(3 * SHORT);
    let other = handle.clone();
    assert!(ends(move || block_on(other.flush(SHORT))).is_some());
    assert_eq!(block_on(flush).pending, 2, "it has its answer, of which its executor did not hear");
}

#[test]
fn nor_where_it_waits_for_a_call_log_that_is_stored() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = Arc::new(observing(&backend, &api).build().unwrap());
    let mut sent = Box::pin(handle.observe(CallLog::new("call-1")));
    poll(sent.as_mut(), Arc::new(Blocks));
    api.await_requests(1);
    thread::sleep(SHORT);
    let other = handle.clone();
    let second = ends(move || block_on(other.observe(CallLog::new("call-2"))));
    assert!(second.expect("another call log is answered").unwrap().was_sent());
    assert!(block_on(sent).unwrap().was_sent());
    handle.shutdown_blocking(LONG);
}
