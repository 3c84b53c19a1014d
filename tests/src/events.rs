//! Keeps every event of the process, and returns those that say something.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once};
use std::thread;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps every event of the process.
struct Everything;

/// One event, or what a span began with.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The name of the thread.
    pub thread: String,
    /// Its target.
    pub target: String,
    /// Its level.
    pub level: Level,
    /// Its fields and its message, as `name=value`.
    pub text: String,
}

static HEARD: Mutex<Vec<Heard>> = Mutex::new(Vec::new());

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

fn hear(metadata: &Metadata<'_>, text: String) {
    let thread = thread::current().name().unwrap_or_default().to_owned();
    let heard = Heard { thread, target: metadata.target().to_owned(), level: *metadata.level(), text };
    HEARD.lock().unwrap().push(heard);
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(String::new());
        span.record(&mut text);
        hear(span.metadata(), text.0);
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        hear(event.metadata(), text.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Listens from now on; later handles find the subscriber, earlier ones must too.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Everything).unwrap());
}

/// What was heard so far that has this text in it.
pub fn heard(part: &str) -> Vec<Heard> {
    HEARD.lock().unwrap().iter().filter(|heard| heard.text.contains(part)).cloned().collect()
}
