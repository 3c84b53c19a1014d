//! Captures for tests of annotated functions: a capture runs a function and gives the spans that ended in it.
//! Invariant: a capture never changes the process's default handle, so tests may run side by side.
//!
//! [Testing your instrumentation][page] goes from the first capture to strict ones, streams, and a backend of
//! your own.
//!
//! [page]: https://github.com/cekura-ai/cekura-trace-rust/blob/main/docs/testing.md
//!
//! ```
//! #[cekura::stt(provider = "deepgram")]
//! fn transcribe(audio: &[i16]) -> String {
//!     format!("{} samples of speech", audio.len())
//! }
//!
//! let trace = cekura::testing::capture(|| {
//!     transcribe(&[0; 160]);
//! });
//! let stt = trace.span("stt").unwrap();
//! assert_eq!(stt.text("stt.transcript"), Some("160 samples of speech"));
//! assert_eq!(trace.to_string(), "stt\n");
//! ```

use crate::destination::{Destination, Opened, Sink};
use crate::finished::{self, Tree, records};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use crate::recording::context::Carried;
use crate::recording::scope::Scope;
use crate::room::Budget;
use crate::say::say;
use crate::semconv;
use crate::watch::Watch;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use opentelemetry::{Context, Value};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Runs a function and gives the spans that ended in it, on this thread or in work that was carried elsewhere.
///
/// The function's result is dropped. Move out of the function what the test needs.
pub fn capture<R>(function: impl FnOnce() -> R) -> Trace {
    capture_with(CaptureContent::Full, function)
}

/// Runs a future and gives the spans that ended in it.
pub async fn capture_async<F: Future>(future: F) -> Trace {
    capture_async_with(CaptureContent::Full, future).await
}

/// Like [`capture`], under a content policy.
pub fn capture_with<R>(capture: CaptureContent, function: impl FnOnce() -> R) -> Trace {
    let memory = Memory::open(capture);
    memory.hold(function).in_scope(|function| function());
    memory.trace()
}

/// Like [`capture_async`], under a content policy.
pub async fn capture_async_with<F: Future>(capture: CaptureContent, future: F) -> Trace {
    let memory = Memory::open(capture);
    memory.hold(future).await;
    memory.trace()
}

/// The spans of a capture. Each parent stands before its children; siblings are sorted by start.
///
/// Prints as an indented tree of span names without times, for snapshots.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    spans: Vec<Span>,
    faults: Vec<String>,
}

impl Trace {
    /// All spans.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The first span with this name.
    pub fn span(&self, name: &str) -> Option<&Span> {
        self.spans.iter().find(|span| span.name() == name)
    }

    /// All spans with this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Span> {
        self.spans.iter().filter(move |span| span.name() == name)
    }

    /// All spans whose span attribute has this value.
    pub fn with<'a>(&'a self, key: &'a str, value: impl Into<Value>) -> impl Iterator<Item = &'a Span> {
        let value = value.into();
        self.spans.iter().filter(move |span| span.attribute(key) == Some(&value))
    }

    /// Checks that each span has a conversation and has ended, and gives the same trace.
    ///
    /// A [`span`](macro@crate::span) may stand outside a conversation; the library does not warn of it either.
    /// Spans that left the capture are checked too, unless they began on a thread of their own.
    ///
    /// # Panics
    ///
    /// If a span began outside a conversation or was still open when the capture ended. The message names each
    /// such span with its function and place.
    #[expect(clippy::return_self_not_must_use, reason = "the check alone may be wanted")]
    #[track_caller]
    pub fn strict(self) -> Self {
        let faults = self.faults.join("\n* ");
        assert!(faults.is_empty(), "spans are lost or left open:\n* {faults}\nof this capture:\n{self}");
        self
    }

    /// The spans of the conversation with this `call_id`, for a capture of several; empty if there is none.
    #[must_use]
    pub fn conversation(&self, call_id: &str) -> Self {
        let root = self.with(semconv::CONVERSATION_ID, call_id.to_owned()).next();
        let is_inside = |span: &&Span| root.is_some_and(|root| root.trace_id() == span.trace_id());
        let spans = self.spans.iter().filter(is_inside).cloned().collect();
        Self { spans, faults: self.faults.clone() }
    }

    /// The parent of a span, if it ended in this capture.
    pub fn parent(&self, span: &Span) -> Option<&Span> {
        self.spans.iter().find(|other| other.span_id() == span.parent_id())
    }

    /// The tree as it prints, with the values of these span attributes.
    ///
    /// ```
    /// #[cekura::tool_call]
    /// fn find_slot(day: &str) -> Option<u8> {
    ///     (day == "tuesday").then_some(9)
    /// }
    ///
    /// let trace = cekura::testing::capture(|| (find_slot("monday"), find_slot("tuesday")));
    /// let expected = "\
    /// tool_call function.name=\"find_slot\"
    /// tool_call function.name=\"find_slot\" function.output=\"9\"
    /// ";
    /// assert_eq!(trace.draw(&["function.name", "function.output"]), expected);
    /// ```
    pub fn draw(&self, keys: &[&str]) -> String {
        Drawing(self, keys).to_string()
    }

    /// The children of a span, sorted by start.
    pub fn children<'a>(&'a self, span: &'a Span) -> impl Iterator<Item = &'a Span> {
        self.spans.iter().filter(move |other| other.parent_id() == span.span_id())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Drawing(self, &[]).fmt(f)
    }
}

/// A tree, with the span attributes of these keys.
struct Drawing<'a>(&'a Trace, &'a [&'a str]);

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(trace, keys) = self;
        for span in &trace.spans {
            write!(f, "{:indent$}{}", "", span.name(), indent = span.depth * 2)?;
            if span.is_error() {
                write!(f, " failed")?;
            }
            if span.is_interrupted() {
                write!(f, " interrupted")?;
            }
            for (key, value) in keys.iter().filter_map(|key| Some((key, span.attribute(key)?))) {
                match value {
                    Value::String(text) => write!(f, " {key}={:?}", text.as_str())?,
                    value => write!(f, " {key}={value}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// One finished span.
#[derive(Clone, Debug)]
pub struct Span {
    depth: usize,
    finished: finished::Span,
}

impl Span {
    /// The span's name.
    pub fn name(&self) -> &str {
        &self.finished.name
    }

    /// The id of its trace.
    pub fn trace_id(&self) -> TraceId {
        self.finished.head.trace_id
    }

    /// The span's own id.
    pub fn span_id(&self) -> SpanId {
        self.finished.head.span_id
    }

    /// The id of its parent; invalid for a root.
    pub fn parent_id(&self) -> SpanId {
        self.finished.head.parent_id
    }

    /// `Client` for a span that calls a service (`stt`, `llm`, `tts`, `s2s`), otherwise `Internal`.
    pub fn kind(&self) -> SpanKind {
        self.finished.head.kind.clone()
    }

    /// When it started. All times of one trace come from one clock, which never goes back.
    pub fn start(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.finished.head.start)
    }

    /// When it ended.
    pub fn end(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.finished.head.end)
    }

    /// From its start to its end.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.finished.head.end - self.finished.head.start)
    }

    /// All span attributes; each key occurs once.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.finished.attributes.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a span attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.finished.attribute(key)
    }

    /// The value of a span attribute, if it is a string.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.attribute(key)? {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// Whether its status is an error.
    pub fn is_error(&self) -> bool {
        self.finished.head.failed()
    }

    /// The description of its error status, or an empty text.
    pub fn error(&self) -> &str {
        &self.finished.description
    }

    /// Whether it was dropped before its end.
    pub fn is_interrupted(&self) -> bool {
        self.attribute(semconv::CEKURA_INTERRUPTED) == Some(&Value::Bool(true))
    }

    /// Names of its events, in the order they were added.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.finished.events.iter().map(|event| event.name.as_str())
    }

    /// How many links it has.
    pub fn links(&self) -> usize {
        self.finished.links.len()
    }
}

struct Memory {
    opened: Opened,
    records: Arc<Records>,
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Records(Mutex<Vec<u8>>);

impl Budget for Records {}

impl Sink for Records {
    fn tell(&self, event: Box<dyn FnOnce() + Send>) {
        say(event);
    }

    fn accept(&self, _: TraceId, record: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(record);
    }
}

impl Memory {
    fn open(capture: CaptureContent) -> Self {
        let records = Arc::<Records>::default();
        let watch = Arc::<Watch>::default();
        watch.stand();
        let destination = Destination::new(records.clone(), capture, CONTENT_LIMIT);
        Self { opened: Opened::new(destination.watched(watch.clone())), records, watch }
    }

    /// Makes the value record here when it runs, outside all spans of this crate.
    fn hold<T>(&self, value: T) -> Carried<T> {
        let scope = Scope::of(self.opened.destination.clone());
        Carried::to(Context::current_with_value(scope), None, value)
    }

    fn trace(&self) -> Trace {
        let buffer = self.records.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spans: Vec<_> = records(&buffer).map(|(record, _)| finished::Span::from(&record)).collect();
        let faults = self.watch.faults(&spans.iter().map(|span| span.head.span_id).collect());
        let spans = Tree::from(spans).rows.into_iter().map(|(depth, finished)| Span { depth, finished });
        Trace { spans: spans.collect(), faults }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.watch.close();
    }
}
