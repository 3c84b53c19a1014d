//! Calls that stay open because nobody reads a message of theirs: an event names them, once.

use super::*;
use cekura::context::{Carried, carry};
use cekura::{Cekura, Timings};
use cekura_trace_tests::handles::quick;
use futures::stream::{self, StreamExt};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(500);

/// A call whose function gives something to somebody else, and returns.
#[cekura::conversation(client = handle, call_id = id, skip_all)]
fn send<T>(handle: &Cekura, id: &str, make: impl FnOnce() -> T) -> T {
    make()
}

fn soon(backend: &Backend) -> Cekura {
    to(backend, PROTOCOLS[1]).timings(Timings { unread: SOON, ..quick() }).build().unwrap()
}

fn until_heard(words: &str) {
    let limit = Instant::now() + LONG;
    while heard(words).is_empty() {
        assert!(Instant::now() < limit, "nothing of {words}");
        sleep(Duration::from_millis(10));
    }
}

fn unread() -> Receiver<Carried<&'static str>> {
    let (sender, receiver) = channel();
    sender.send(carry("Hello.")).unwrap();
    receiver
}

#[test]
fn a_message_that_nobody_reads_is_said_while_the_program_runs_and_once() {
    listen();
    let backend = Backend::new();
    let handle = soon(&backend);
    let message = send(&handle, "unread-1", unread);
    until_heard("unread-1");
    sleep(3 * SOON);
    handle.shutdown_blocking(SHORT);
    let heard = heard("unread-1");
    let [event] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((event.level, event.target.as_str()), (Level::WARN, "cekura"));
    assert!(event.text.contains("carry"), "{event:?}");
    assert!(backend.spans().is_empty());
    drop(message);
}

#[test]
fn a_message_that_nobody_reads_is_said_at_the_shutdown_too() {
    listen();
    let backend = Backend::new();
    let handle = to(&backend, PROTOCOLS[1]).build().unwrap();
    let message = send(&handle, "unread-2", || {
        let message = carry(2);
        (message.clone(), message)
    });
    // Of two, one is read.
    assert_eq!(message.0.into_inner(), 2);
    let future = send(&handle, "unread-3", || carry(std::future::pending::<()>()));
    let stream = send(&handle, "unread-4", || carry(stream::pending::<()>()));
    handle.flush_blocking(SHORT);
    assert!(heard("unread-2").is_empty(), "it may still be read");
    handle.shutdown_blocking(SHORT);
    handle.shutdown_blocking(SHORT);
    let heard = heard("unread-2");
    let [event] = &heard[..] else { panic!("{heard:?}") };
    assert!(event.text.contains("unread-3") && event.text.contains("unread-4"), "{event:?}");
    drop((message.1, future, stream));
}

#[test]
fn of_many_calls_with_unread_messages_ten_are_named() {
    listen();
    let backend = Backend::new();
    let handle = to(&backend, PROTOCOLS[1]).build().unwrap();
    let messages: Vec<_> = (0..25).map(|number| send(&handle, &format!("many-{number}"), unread)).collect();
    handle.shutdown_blocking(SHORT);
    let heard = heard("many-");
    let [event] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(event.text.matches("many-").count(), 10);
    assert!(event.text.contains("15 more"), "{event:?}");
    drop(messages);
}

#[test]
fn a_message_that_is_read_or_may_still_be_is_not_said() {
    listen();
    let backend = Backend::new();
    let handle = soon(&backend);
    let read = send(&handle, "taken-1", unread);
    read.recv().unwrap().in_scope(|text| assert_eq!(text, "Hello."));
    // A web server reads the answer for as long as the caller listens.
    let mut stream = send(&handle, "taken-2", || carry(stream::iter([1, 2]).chain(stream::pending())));
    let mut read_on = || futures::FutureExt::now_or_never(stream.next()).is_some();
    assert!(read_on());
    send(&handle, "taken-3", || {
        let message = unread();
        sleep(3 * SOON);
        message.recv().unwrap().into_inner()
    });
    // A call that is looked at after the others.
    let message = send(&handle, "left-behind", unread);
    until_heard("left-behind");
    assert!(read_on());
    drop(stream);
    drop(message);
    assert_eq!(handle.shutdown_blocking(LONG).to_string(), "4 accepted, 4 delivered");
    for number in 1..=3 {
        assert!(heard(&format!("taken-{number}")).is_empty());
    }
}
