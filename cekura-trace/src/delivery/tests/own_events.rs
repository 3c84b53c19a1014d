//! Events go to a subscriber that hears them late, or never, or panics: who says them goes on.

use super::{MOST, OwnEvents};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Events that nobody can hear until something is sent.
fn blocked() -> (OwnEvents, Sender<()>) {
    let (events, (go_on, wait), (tell, begun)) = (OwnEvents::here(), channel(), channel());
    events.emit(move || {
        tell.send(()).unwrap();
        let _ = wait.recv();
    });
    begun.recv().unwrap();
    (events, go_on)
}

fn note(said: &AtomicU64) {
    said.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn who_says_something_does_not_wait_and_what_finds_no_room_is_counted() {
    let (events, go_on) = blocked();
    let said = Arc::<AtomicU64>::default();
    for _ in 0..10 * MOST {
        let said = said.clone();
        events.emit(move || note(&said));
    }
    let started = Instant::now();
    events.wait(Duration::from_millis(100));
    assert!(started.elapsed() >= Duration::from_millis(100), "it is waited for, but not for ever");
    let unsaid = events.unsaid.load(Ordering::Relaxed);
    go_on.send(()).unwrap();
    events.wait(Duration::from_secs(20));
    let said = said.load(Ordering::Relaxed);
    assert_eq!(said + unsaid, 10 * MOST as u64);
    assert!(said >= MOST as u64 && events.unsaid.load(Ordering::Relaxed) == 0, "the rest is told of");
}

#[test]
fn an_event_that_panics_costs_no_other() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "as the test says");
        }
    }
    let (events, said) = (OwnEvents::here(), Arc::<AtomicU64>::default());
    for number in 0..9 {
        let said = said.clone();
        events.emit(move || match number % 3 {
            0 => panic!("as the test says"),
            1 => std::panic::panic_any(Bomb),
            _ => note(&said),
        });
    }
    events.wait(Duration::from_secs(20));
    assert_eq!(said.load(Ordering::Relaxed), 3);
}

#[test]
fn all_that_was_said_is_heard_when_nobody_can_say_more() {
    let (events, go_on) = blocked();
    let (say, hear) = channel();
    events.emit(move || say.send(()).unwrap());
    drop(events);
    go_on.send(()).unwrap();
    assert!(hear.recv_timeout(Duration::from_secs(20)).is_ok());
}
