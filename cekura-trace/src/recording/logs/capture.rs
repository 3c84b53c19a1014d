//! The program's log → lines in the call log of the call in which they were written. Invariant: an event outside any call
//! costs a look at the current context, and nothing is written of it.

use crate::call::{Call, Line, used};
use crate::clip::{Text, clip};
use crate::recording::scope::Scope;
use crate::recording::thread::look;
use crate::say::{caught, is_own};
use crate::transcript::text_bytes;
use serde_json::{Map, Value};
use std::fmt::Debug;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{Filtered, LevelFilter};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// The most bytes of a line's texts, all together.
const LONGEST: usize = 3 << 10;
/// The most bytes of the first line of a message that has several, for all of that stands among the fields.
const FIRST: usize = 400;
/// The most bytes of its target.
const TARGET: usize = 200;

/// A layer that puts events of the levels `INFO`, `WARN` and `ERROR` into the call log of the conversation in which they are
/// written; those of the crate `log` too, where they reach `tracing`. Events outside any conversation, and those of this crate,
/// are left out. Nothing is kept of a conversation without `observe`, or under the policy
/// [`Metadata`](crate::CaptureContent::Metadata).
///
/// A call log holds 5,000 lines and 1 MB of them; of more, the first and the last half stay. Each line has seconds since the
/// start of the call, level, target, the first line of the message, and the fields: at most 4 KiB.
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(cekura::logs::capture());
/// # drop(subscriber);
/// ```
pub fn capture<S>() -> Filtered<Capture, LevelFilter, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    capture_from(Level::INFO)
}

/// As [`capture`], with events of this level and above.
pub fn capture_from<S>(level: Level) -> Filtered<Capture, LevelFilter, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    Capture { is_installed: false }.with_filter(LevelFilter::from_level(level))
}

/// The layer that [`capture`] gives.
#[derive(Debug)]
#[must_use = "nothing is captured until it is added to a subscriber: `tracing_subscriber::registry().with(…)`"]
pub struct Capture {
    is_installed: bool,
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_layer(&mut self, _subscriber: &mut S) {
        self.is_installed = true;
        used();
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if is_own(event.metadata().target()) {
            return;
        }
        let call = look(|context| context.get::<Scope>()?.call().cloned()).flatten();
        if let Some(call) = call.filter(|call| call.logs.get().is_some()) {
            write(&call, event);
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if !self.is_installed {
            tracing::warn!(
                target: "cekura",
                "cekura::logs::capture() was never added to a subscriber, so call logs have no session logs: write \
                 tracing_subscriber::registry().with(cekura::logs::capture()).init()"
            );
        }
    }
}

fn write(call: &Arc<Call>, event: &Event<'_>) {
    let seconds = (call.clock.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let mut fields = Fields { raw: Map::new(), message: String::new(), logger: None, left: LONGEST };
    event.record(&mut fields);
    let metadata = event.metadata();
    let Fields { mut raw, message, logger, .. } = fields;
    let first = match message.trim_end().split_once(['\n', '\r']) {
        None => message.trim_end().to_owned(),
        Some((line, _)) => {
            let first = clip(line, FIRST).to_owned();
            raw.insert("message".to_owned(), message.into());
            first
        }
    };
    let logger = logger.unwrap_or_else(|| clip(metadata.target(), TARGET).to_owned());
    let level = metadata.level().as_str();
    if let Some(logs) = call.logs.get() {
        logs.add(Line { seconds, level, logger, message: first, raw });
    }
}

/// What an event says, within a line's length.
struct Fields {
    raw: Map<String, Value>,
    message: String,
    /// Where a line of the crate `log` was written.
    logger: Option<String>,
    left: usize,
}

impl Fields {
    fn text(&mut self, field: &Field, text: &str) {
        let is_of_log = field.name().starts_with("log.");
        match field.name() {
            "log.target" => self.logger = Some(clip(text, TARGET).to_owned()),
            "message" => self.message = self.take(text),
            _ if is_of_log => {}
            name => {
                if self.has_room(name, 8) {
                    let text = self.take(text);
                    self.raw.insert(name.to_owned(), text.into());
                }
            }
        }
    }

    fn value(&mut self, field: &Field, value: Value) {
        if !field.name().starts_with("log.") && self.has_room(field.name(), 24) {
            self.raw.insert(field.name().to_owned(), value);
        }
    }

    /// Whether the line has room for a field of this name, and so many bytes beside that.
    fn has_room(&mut self, name: &str, beside: usize) -> bool {
        let left = self.left.checked_sub(text_bytes(name) + beside);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    /// As much of a text as a line has room for, as JSON.
    fn take(&mut self, text: &str) -> String {
        let mut taken = String::new();
        for character in text.chars() {
            let bytes = text_bytes(character.encode_utf8(&mut [0; 4]));
            if self.left < bytes {
                self.left = 0;
                taken.push('…');
                break;
            }
            self.left -= bytes;
            taken.push(character);
        }
        taken
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = caught(|| Text::of(format_args!("{value:?}"), LONGEST));
        self.text(field, text.as_ref().map_or("[its Debug panics]", Text::as_str));
    }
}
