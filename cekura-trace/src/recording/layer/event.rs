//! Adds an event of `tracing` to a span. Invariant: no code of the program's runs under the span's lock.

use crate::clip::{Text, clip};
use crate::recording::failure::described;
use crate::recording::span::live::Live;
use crate::recording::value::shown;
use crate::semconv::event as names;
use opentelemetry::{Key, KeyValue, Value};
use std::error::Error;
use std::fmt::{Debug, Display};
use std::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// The most bytes of the texts of one event: a span may hold as many events as it may hold 1 MiB of them.
const LONGEST: usize = 8 << 10;

/// Adds it; one of level `ERROR` makes a `tracing` span an error, as tracing-opentelemetry does. How an annotated function ended
/// is what its return value says.
pub(super) fn add(event: &Event<'_>, live: &Live, is_of_tracing: bool) {
    let (at, metadata) = (Instant::now(), event.metadata());
    let has_failed = is_of_tracing && *metadata.level() == Level::ERROR;
    if !live.keeps_content() {
        // Of its texts nothing leaves, and nobody knows which of them are content.
        if has_failed {
            live.fail_logged("");
        }
        return;
    }
    let mut fields =
        Fields { attributes: Vec::new(), message: None, error: None, target: None, left: LONGEST };
    event.record(&mut fields);
    let Fields { mut attributes, message, error, target, .. } = fields;
    attributes.push(KeyValue::new(names::LEVEL, metadata.level().as_str()));
    let target = target.map_or_else(|| metadata.target().into(), Value::from);
    attributes.push(KeyValue::new(names::TARGET, target));
    let name = match (&message, &error) {
        (Some(message), _) => message.as_str(),
        // What `#[instrument(err)]` writes.
        (None, Some(_)) => names::EXCEPTION,
        (None, None) => metadata.name(),
    };
    if has_failed {
        live.fail_logged(error.as_deref().or(message.as_deref()).unwrap_or_default());
    }
    if let Some(error) = error {
        let key = if message.is_none() { names::EXCEPTION_MESSAGE } else { ERROR };
        attributes.push(KeyValue::new(key, error));
    }
    live.add_logged(name, at, &attributes);
}

const ERROR: &str = "error";

struct Fields {
    attributes: Vec<KeyValue>,
    message: Option<String>,
    error: Option<String>,
    /// Where a line of the crate `log` was written.
    target: Option<String>,
    left: usize,
}

impl Fields {
    fn text(&mut self, field: &Field, text: &str, is_cut: bool) {
        let kept = clip(text, self.left);
        self.left -= kept.len();
        let is_cut = is_cut || kept.len() < text.len();
        let kept = if is_cut { format!("{kept}…") } else { kept.to_owned() };
        match field.name() {
            "message" => self.message = Some(kept),
            ERROR => self.error = Some(kept),
            "log.target" => self.target = Some(kept),
            _ => self.value(field, kept),
        }
    }

    fn value(&mut self, field: &Field, value: impl Into<Value>) {
        // The rest of what a line of the crate `log` says is where it was written.
        if !field.name().starts_with("log.") {
            self.attributes.push(KeyValue::new(Key::from_static_str(field.name()), value));
        }
    }

    fn integer(&mut self, field: &Field, value: impl TryInto<i64> + Display + Copy) {
        match value.try_into() {
            Ok(value) => self.value(field, value),
            Err(_) => self.text(field, &value.to_string(), false),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.integer(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.integer(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value, false);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.text(field, &format!("[{} bytes]", value.len()), false);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, &described(value, LONGEST), false);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let shown = shown(value, LONGEST);
        let (text, is_cut) = shown.as_ref().map_or(("", true), |shown| (Text::as_str(shown), shown.is_cut));
        self.text(field, text, is_cut);
    }
}
