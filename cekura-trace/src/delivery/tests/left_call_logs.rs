//! Call logs that are on disk: what becomes of those that a dead process has left, and what they take of the memory.

use super::{
    BESIDE_NOTES, CallLogs, Delivery, LISTENS, Lane, PendingCallLog, PendingRequest, Response, Updates,
    WEBHOOK,
};
use crate::delivery::config::{Builder, Spooling, resolve};
use crate::delivery::own_events::OwnEvents;
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::spool::requests::{DiskCopy, SpooledRequests, Stored};
use crate::delivery::spool::{Item, Spool};
use crate::delivery::timings::SpoolLimits;
use crate::room::{Room, Use};
use prost::bytes::Bytes;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

fn call_logs(exchange: super::Exchange) -> CallLogs {
    CallLogs {
        exchange,
        #[cfg(feature = "audio")]
        recorder: None,
        is_open: Box::new(|_| false),
        ledger: Arc::default(),
        trouble: None,
        place: None,
        last_cause: Arc::default(),
        awaited: super::Awaited::default(),
        held_back: super::Held::default(),
        updates: Updates::new(Arc::default(), OwnEvents::here()),
    }
}

/// The paths of what is sent for a call log of this head.
fn sent(until: Option<SystemTime>) -> Result<Vec<String>, String> {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let seen = paths.clone();
    let mut call_logs = call_logs(Arc::new(move |method, path, _| {
        seen.lock().unwrap().push(format!("{method} {}", path.split('?').next().unwrap()));
        Ok(Box::pin(async { Response::Whole { status: 200, wait: None, body: String::new() } }))
    }));
    let head = Item::CallLog { id: "call-1".to_owned(), owner: None, until, recording: None };
    let mut item = PendingCallLog::found(&head).unwrap();
    item.set_body(Bytes::from_static(b"{}"));
    assert_eq!(item.head(), head, "it can be left once more");
    match call_logs.request(&item) {
        Ok(_) => Ok(paths.lock().unwrap().clone()),
        Err(outcome) => Err(outcome.unwrap_err().to_string()),
    }
}

#[test]
fn a_simulated_call_goes_to_the_webhook_while_that_listens() {
    let second = Duration::from_secs(1);
    let now = SystemTime::now();
    let posted = Ok(vec![format!("POST {WEBHOOK}")]);
    assert_eq!(sent(Some(now + 60 * second)), posted);
    assert_eq!(sent(Some(now + 1_000_000 * second)), posted, "the clock was set back");
    for late in [now - second, now - LISTENS, SystemTime::UNIX_EPOCH] {
        assert!(sent(Some(late)).unwrap_err().contains("listens for 5 minutes"));
    }
}

#[test]
fn a_call_of_a_real_caller_is_looked_for_however_old_it_is() {
    let path = sent(None).unwrap();
    assert!(path[0].starts_with("GET /observability/v1/call-logs/"), "{path:?}");
}

#[test]
fn a_call_log_takes_the_same_memory_however_often_it_is_read_again() {
    let head = Item::CallLog { id: "call-1".to_owned(), owner: None, until: None, recording: None };
    for (length, refuses_audio) in [(0, false), (100, false), (BESIDE_NOTES, true), (128 << 10, true)] {
        let queue = Arc::new(Queue::new(1 << 20, Arc::default(), Waker::new(|| {}), false));
        let mut item = PendingCallLog::found(&head).unwrap();
        item.refuses_audio = refuses_audio;
        item.reservation = Room::take(queue.clone(), Use::CallLog, PendingCallLog::LIGHT).unwrap();
        let body = format!(r#"{{"metadata":{{"audio_consent_granted":true}},"x":"{}"}}"#, "x".repeat(length));
        let seen = [0; 50].map(|_| {
            item.set_body(Bytes::from(body.clone()));
            let whole = item.held();
            item.lighten();
            (whole, item.held(), queue.held())
        });
        let light = PendingCallLog::LIGHT;
        assert!(seen.iter().all(|seen| *seen == (seen.0, light, light)), "{length}: {seen:?}");
        assert!(seen.iter().all(|(whole, ..)| *whole == seen[0].0), "{length}: {seen:?}");
    }
}

/// What is being posted cannot give its memory back, and what is on disk has none that would be worth a call log.
#[test]
fn those_that_are_on_disk_do_not_go_for_one_that_is_being_posted() {
    const LIMIT: usize = 1 << 20;
    // As much as may be known of what is on disk.
    const MOST: u64 = (LIMIT / 8 / PendingCallLog::LIGHT) as u64;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/folders/light");
    drop(std::fs::remove_dir_all(&directory));
    let queue = Arc::new(Queue::new(LIMIT, Arc::default(), Waker::new(|| {}), false));
    let limits = SpoolLimits::default();
    let to = Spooling { directory: directory.clone(), setting: "", limits, keeps_held: false };
    let builder = Builder::default().variables(|_| None).api_key("canary").agent(5).memory_limit(LIMIT);
    let settings = resolve(builder).unwrap().unwrap();
    let spool = Spool::open(&settings, &to, queue.clone(), Arc::new(|_| {})).unwrap();
    let call_logs = call_logs(Arc::new(|_, _, _| panic!("nothing is posted")));
    let mut lane = Lane::new(call_logs, settings.timings, OwnEvents::here(), Box::new(|| {}))
        .with_spool(Some(SpooledRequests::new(spool.clone())));
    let now = Instant::now();
    let one = |order: u64, bytes| {
        let head = Item::CallLog { id: format!("call-{order}"), owner: None, until: None, recording: None };
        let mut item = PendingCallLog::found(&head).unwrap();
        item.reservation = Room::take(queue.clone(), Use::CallLog, bytes).unwrap();
        let name = spool.keep(head, &Bytes::new(), Vec::new()).unwrap();
        let copy = Some(DiskCopy { name, is_safe: true, is_old: false });
        PendingRequest { order, copy, ..PendingRequest::new(item, u64::MAX, now) }
    };
    let place = lane.items.next_place();
    lane.items.push(one(0, LIMIT / 2));
    let posted = lane.items.take_out(place).unwrap();
    lane.items.launch(place, posted, now);
    for (most, left) in [(MOST, 1), (MOST + 10, 11)] {
        let so_far = lane.items.waiting.len() as u64;
        (so_far + 1..=most).for_each(|order| lane.items.push(one(order, PendingCallLog::LIGHT)));
        lane.relieve(LIMIT, true, now);
        let rest: Vec<_> = lane.items.waiting.values().map(|pending| pending.order).collect();
        assert_eq!((rest.len() as u64, rest.first()), (most + 1 - left, Some(&left)), "the newest of {most}");
    }
    spool.end();
    drop(std::fs::remove_dir_all(&directory));
}
