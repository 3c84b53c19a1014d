//! A formatter of `tracing` events: one flat object of JSON a line, with the ids of the span and the call in which it was written.
//! Invariant: code of the program's that panics while it shows a value costs that value only.

use super::here::{Here, Known};
use super::line::{Line, bare};
use super::of_spans;
use crate::call::used;
use crate::clip::Text;
use crate::date::rfc3339;
use crate::say::caught;
use std::fmt::{self, Debug};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The most bytes of a value; what shows more may never end.
pub(super) const MOST: usize = 16 << 20;

/// A formatter that writes each event as one line of JSON, with the ids of the span and the call in which it is written.
///
/// ```
/// tracing_subscriber::fmt().event_format(cekura::logs::json()).init();
///
/// #[cekura::tool_call]
/// fn book(day: &str) {
///     tracing::info!(day, "booking");
/// }
/// # book("tuesday");
/// ```
///
/// In the second turn of a call it writes, in one line:
///
/// ```json
/// {"timestamp":"2026-11-30T09:41:02.120503Z","level":"INFO","target":"clinic","message":"booking",
///  "trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","trace_flags":"01",
///  "call_id":"call-42","turn":2,"day":"tuesday"}
/// ```
///
/// Behind its own keys stand the fields of the event, then those of the `tracing` spans that it is in, the innermost first. Of two
/// fields with one name, or with the name of one of the line's own keys, the later has `fields.` before its name. What is not known is left out: outside
/// any span there are no ids, and outside a call no `call_id`. Colour codes are taken out of all values.
///
/// Where the handle redacts ([`Builder::redact`](crate::Builder::redact)), so does it: message and fields in a call as the call's handle
/// says, and all others as the default handle says.
///
/// `tracing_subscriber::fmt()` keeps the fields of spans as text. What looks like a number, `true` or `false` there becomes one. Write
/// `tracing_subscriber::fmt().json().event_format(cekura::logs::json())` for fields of spans with their own types; that takes the
/// feature `json` of `tracing-subscriber`.
pub fn json() -> Json {
    used();
    Json { known: Known::default() }
}

/// The formatter that [`json`] gives.
#[derive(Clone, Debug)]
#[must_use = "it formats nothing until it is given to a subscriber: `tracing_subscriber::fmt().event_format(…)`"]
pub struct Json {
    known: Known,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (here, metadata) = (Here::now(&self.known), event.metadata());
        let mut head = Head::default();
        event.record(&mut head);
        let is_of_log = head.target.is_some();
        let target = head.target.as_deref().unwrap_or(metadata.target());
        let time = rfc3339(SystemTime::now(), 6).unwrap_or_default();
        let mut line = Line::new(&time, metadata.level().as_str(), target, head.message.as_deref(), &here);
        event.record(&mut Values { line: &mut line, is_of_log });
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                of_spans::write(fields, span.metadata(), &mut line);
            }
        }
        writer.write_str(&line.end())
    }
}

/// What stands before the fields of an event.
#[derive(Default)]
struct Head {
    message: Option<String>,
    /// Where a line of the crate `log` was written.
    target: Option<String>,
}

impl Visit for Head {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = Some(value.to_owned()),
            "log.target" => self.target = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = Some(shown(value));
        }
    }
}

/// Puts the fields of an event into a line.
struct Values<'a, 'b> {
    line: &'a mut Line<'b>,
    is_of_log: bool,
}

impl Values<'_, '_> {
    fn scalar(&mut self, field: &Field, scalar: impl fmt::Display) {
        if let Some(name) = self.name(field) {
            self.line.scalar(name, scalar);
        }
    }

    /// `None` where it does not stand among the fields.
    fn name(&self, field: &Field) -> Option<&'static str> {
        let name = field.name();
        let is_shown = name != "message" && !(self.is_of_log && name.starts_with("log."));
        is_shown.then(|| bare(name))
    }
}

impl Visit for Values<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.scalar(field, format_args!("{value:?}"));
        } else {
            self.scalar(field, "null");
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.scalar(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.scalar(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.record_str(field, &value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.record_str(field, &value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.scalar(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(name) = self.name(field) {
            self.line.text(name, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(name) = self.name(field) {
            self.line.text(name, &shown(value));
        }
    }
}

/// A value as its own code shows it.
pub(super) fn shown(value: &dyn Debug) -> String {
    let text = caught(|| Text::of(format_args!("{value:?}"), MOST));
    let Some(text) = text else { return "[its Debug panics]".to_owned() };
    if text.is_cut { format!("{}…", text.as_str()) } else { text.as_str().to_owned() }
}
