//! Row 36: what Cekura's API may answer to a call log, in every order: it is stored once, and what is returned says so.

use cekura::{CallLog, Timings};
use cekura_trace_tests::api::{Api, Reply, Seen};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{observing, quick};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to one post.
#[derive(Clone, Copy, Debug)]
struct Accident {
    /// Zero for a connection that is reset.
    status: u16,
    /// Whether the call log has been stored nevertheless.
    stores: bool,
}

/// Posts that come to nothing.
fn losses() -> Vec<Accident> {
    [408, 429, 500, 502, 0].map(|status| Accident { status, stores: false }).to_vec()
}

/// An API that has these accidents, one for each post, and how often it has stored the call log.
fn api(accidents: Vec<Accident>) -> (Api, Arc<Mutex<usize>>) {
    let stored = Arc::new(Mutex::new(0));
    let (accidents, count) = (Mutex::new(accidents.into_iter()), stored.clone());
    let answer = move |seen: &Seen, _| {
        let mut stored = count.lock().unwrap();
        if seen.method == "GET" {
            let found = if *stored > 0 { json!([{ "id": 7, "call_id": "call-1" }]) } else { json!([]) };
            return Reply::json(200, &found);
        }
        let accident = accidents.lock().unwrap().next();
        *stored += usize::from(accident.is_none_or(|accident| accident.stores));
        match accident.map(|accident| accident.status) {
            None => Reply::stored(7),
            Some(0) => Reply::Reset,
            Some(429) => Reply::Wait(429, "0"),
            Some(status) => Reply::Body(status, String::new()),
        }
    };
    (Api::scripted(answer), stored)
}

/// Every order of some accidents.
fn orders(accidents: &[Accident]) -> Vec<Vec<Accident>> {
    if accidents.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..accidents.len() {
        let mut rest = accidents.to_vec();
        let first = rest.remove(at);
        all.extend(orders(&rest).into_iter().map(|order| [vec![first], order].concat()));
    }
    all
}

fn is_stored_once(order: &[Accident]) {
    let backend = Backend::new();
    let (api, stored) = api(order.to_vec());
    let timings =
        Timings { attempt: Duration::from_secs(5), slow_retry: Duration::from_millis(10), ..quick() };
    let handle = observing(&backend, &api).timings(timings).build().unwrap();
    let result = handle.observe_blocking(CallLog::new("call-1").deadline(Duration::from_secs(5)));
    assert!(result.is_ok(), "{order:?}: {}", result.unwrap_err());
    assert_eq!(*stored.lock().unwrap(), 1, "{order:?}: {:?}", api.requests());
}

#[test]
fn row_36_every_order_of_answers_stores_a_call_log_once() {
    let losses = losses();
    let mut all = orders(&losses);
    for last in [500, 502, 504, 0].map(|status| Accident { status, stores: true }) {
        let some = [orders(&losses[..3]), orders(&losses[2..])].concat();
        all.extend(some.into_iter().map(|order| [order, vec![last]].concat()));
    }
    assert_eq!(all.len(), 120 + 48);
    std::thread::scope(|scope| {
        for some in all.chunks(21) {
            scope.spawn(|| some.iter().for_each(|order| is_stored_once(order)));
        }
    });
    println!("row 36 call log answers | ours | {} orders, each stored once", all.len());
}
