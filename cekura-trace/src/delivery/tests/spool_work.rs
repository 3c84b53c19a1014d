//! What waits for the disk: of several things asked of one item the last counts, and what is not needed takes nothing.

use super::{Event, Item, Keep, Kind, Name, Shared, Spool, Waiting};
use crate::delivery::config::{Builder, Spooling, resolve};
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::timings::SpoolLimits;
use crate::room::{Room, Use};
use prost::bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const BODY: &[u8] = &[7; 100];

fn keep(is_new: bool) -> Keep {
    Keep { item: Item::Start, body: Bytes::from_static(BODY), is_new, parts: Vec::new() }
}

/// With the queue of which it takes its room.
fn shared() -> (Arc<Queue>, Shared) {
    let queue = Arc::new(Queue::new(1000, Arc::default(), Waker::new(|| {}), false));
    let room = Room::of(queue.clone(), Use::Disk);
    (queue, Shared { waiting: Mutex::new(Waiting { room, ..Waiting::default() }), ..Shared::default() })
}

#[test]
fn what_is_settled_before_it_is_written_is_never_written() {
    let (_, shared) = shared();
    shared.ask(|waiting| {
        waiting.keep(Name(1), keep(true));
        // As it is by now.
        waiting.keep(Name(1), keep(false));
        waiting.keep(Name(2), keep(true));
        waiting.remove(Name(1));
        assert_eq!(waiting.bytes, BODY.len());
        waiting.remove(Name(2));
        assert_eq!(waiting.bytes, 0);
        assert!(waiting.work.is_empty(), "nor is there anything to remove");
    });
}

#[test]
fn what_is_on_disk_is_removed_and_not_written_anew() {
    let (_, shared) = shared();
    shared.ask(|waiting| {
        waiting.keep(Name(1), keep(false));
        waiting.remove(Name(1));
        waiting.remove(Name(2));
    });
    let work = shared.next(Duration::ZERO).unwrap();
    assert!(work.keeps.is_empty());
    assert_eq!(work.removed, [Name(1), Name(2)].into());
}

#[test]
fn what_is_settled_while_it_is_written_counts_until_it_is() {
    let (queue, shared) = shared();
    shared.ask(|waiting| [1, 2].map(|name| waiting.keep(Name(name), keep(true))));
    let work = shared.next(Duration::ZERO).unwrap();
    assert_eq!((work.keeps.len(), queue.held()), (2, 0));
    shared.ask(|waiting| [1, 1, 3].map(|name| waiting.remove(Name(name))));
    assert_eq!(queue.held(), BODY.len());
    shared.ask(|waiting| waiting.keep(Name(4), keep(true)));
    shared.written(2 * BODY.len());
    assert_eq!((queue.held(), shared.ask(|waiting| waiting.bytes)), (0, BODY.len()));
}

#[test]
fn nothing_is_left_to_do_when_nobody_is_left_to_ask() {
    let (_, shared) = shared();
    assert!(shared.next(Duration::ZERO).unwrap().is_empty());
    shared.ask(|waiting| waiting.is_closed = true);
    shared.ask(|waiting| waiting.work.loads.push((Kind::Spans, Name(1))));
    assert_eq!(
        shared.next(Duration::ZERO).unwrap().loads,
        [(Kind::Spans, Name(1))],
        "what was asked for before is done"
    );
    assert!(shared.next(Duration::from_secs(60)).is_none());
}

type Told = mpsc::Receiver<Vec<(Kind, Event)>>;

/// A spool in a directory of its own, and what it says.
fn opened(name: &str) -> (Arc<Spool>, Told, PathBuf) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp").join(name);
    drop(std::fs::remove_dir_all(&directory));
    let to = Spooling {
        directory: directory.clone(),
        setting: "",
        limits: SpoolLimits::default(),
        keeps_held: false,
    };
    let settings = resolve(Builder::default().variables(|_| None).otel_endpoint("http://127.0.0.1:1"));
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let tell = Arc::new(move |events| drop(tell.lock().unwrap().send(events)));
    let spool = Spool::open(&settings.unwrap().unwrap(), &to, shared().0, tell).unwrap();
    (spool, told, directory)
}

#[test]
fn what_is_not_there_when_it_is_read_is_gone_for_those_who_asked() {
    let (spool, told, directory) = opened("not-there");
    for kind in [Kind::CallLog, Kind::Spans] {
        let name = spool.shared.name();
        spool.load(kind, name);
        let mut events = told.recv_timeout(Duration::from_secs(20)).unwrap();
        let (told, event) = events.pop().unwrap();
        assert!(matches!(event, Event::Gone { names, .. } if told == kind && names == [name]), "{kind:?}");
    }
    spool.end();
    drop(std::fs::remove_dir_all(&directory));
}

#[test]
fn what_is_asked_for_before_it_is_written_is_read() {
    let (spool, told, directory) = opened("asked-for");
    // While one is written, others come, and are asked for.
    let names: Vec<_> = (0..50)
        .map(|number| {
            let item = Item::CallLog {
                id: number.to_string(),
                owner: Some(String::new()),
                until: None,
                recording: None,
            };
            let name = spool.keep(item, &Bytes::from_static(BODY), Vec::new()).unwrap();
            spool.load(Kind::CallLog, name);
            name
        })
        .collect();
    let mut read = Vec::new();
    while read.len() < names.len() {
        for (_, event) in told.recv_timeout(Duration::from_secs(20)).expect("each is read") {
            match event {
                Event::Loaded { name, read: Ok((_, body)) } => {
                    assert_eq!(body, BODY);
                    read.push(name);
                }
                Event::Gone { names, reason } => panic!("{names:?} are gone: {reason}"),
                _ => {}
            }
        }
    }
    read.sort_unstable();
    assert_eq!(read, names);
    spool.end();
    drop(std::fs::remove_dir_all(&directory));
}
