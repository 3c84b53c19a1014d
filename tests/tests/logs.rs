//! The program's log with the ids of its calls: as lines of JSON, and over OTLP.

#[path = "logs/lines.rs"]
mod lines;
#[path = "logs/over_otlp.rs"]
mod over_otlp;
#[path = "logs/redacted.rs"]
mod redacted;
#[path = "logs/through_a_collector.rs"]
mod through_a_collector;
#[path = "logs/values.rs"]
mod values;

use cekura::Cekura;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// What was written, for a subscriber of `tracing_subscriber::fmt()`.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Each line, which must be an object, without a value that is one.
    fn lines(&self) -> Vec<Value> {
        read(&self.text())
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn read(text: &str) -> Vec<Value> {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert!(line.as_object().unwrap().values().all(|value| !value.is_object()), "{line} is not flat");
    }
    lines
}

/// Runs something under a subscriber that writes such lines, and gives them.
fn written(run: impl FnOnce()) -> Vec<Value> {
    let written = Written::default();
    let subscriber =
        tracing_subscriber::fmt().with_writer(written.clone()).event_format(cekura::logs::json());
    tracing::subscriber::with_default(subscriber.finish(), run);
    written.lines()
}

#[cekura::conversation(client = handle, call_id = id, skip_all)]
fn call(handle: &Cekura, id: &str, body: impl FnOnce()) {
    body();
}

#[cekura::turn(skip_all)]
fn turn(body: impl FnOnce()) {
    body();
}
