//! Traces of voice-agent calls: one attribute per function, one trace per call. Settings and annotated functions come
//! in, OTLP requests, or a drawing and a page of each call, go out. Nothing here knows how the agent hears, thinks or
//! speaks.
//!
//! ```no_run
//! #[cekura::llm(provider = "openai", model = "gpt-4o")]
//! async fn think(heard: &str) -> String {
//!     format!("You said: {heard}")
//! }
//!
//! #[cekura::conversation(call_id = call_id)]
//! async fn answer_call(call_id: &str) {
//!     think("Hello?").await;
//! }
//!
//! # async fn run() -> Result<(), cekura::Error> {
//! let cekura = cekura::init()?; // CEKURA_API_KEY, CEKURA_AGENT_ID
//! answer_call("call-1").await;
//! let report = cekura.shutdown(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! * **What is recorded**: the attributes [`conversation`], [`turn`], [`stt`], [`llm`], [`tts`], [`s2s`], [`tool_call`]
//!   and [`span`](macro@span); [`llm`] shows the code that they generate. [`record`] adds what only the body knows,
//!   [`semconv`] lists every key.
//! * **Where it goes**: [`init`] reads the environment, [`Cekura::builder`] takes settings in code. Without a handle the
//!   attributes are off. [`Cekura::flush`] and [`Cekura::shutdown`] report what became of each span.
//!   [`doctor`] says what keeps spans from arriving.
//! * **What Cekura lists of a call**: [`Cekura::observe`] posts a [`CallLog`], `#[cekura::conversation(observe)]` does so
//!   when the conversation ends.
//! * **Into other tasks, threads and processes**: [`spawn()`], [`spawn_blocking`], [`spawn_local`], [`context::carry`],
//!   [`context::headers`].
//! * **In tests**: [`testing::capture`], and [`strict`](testing::Trace::strict) for what lost its call.
//!
//! # Arguments of the attributes
//!
//! Every argument is optional. `key = expression` is evaluated once, before the body, and may use the function's
//! arguments without moving them. `key = |returned| expression` is evaluated with a reference to what is inside the
//! returned `Result` or `Option`, or both; on `Err` and `None` it does not run. `None` as a value records nothing.
//!
//! | every attribute takes | |
//! | --- | --- |
//! | `skip(a, b)` | does not record these arguments of the function |
//! | `skip_all` | records neither arguments nor the return value |
//! | `record("my.key" = …, other.key = …)` | span attributes of your own, under any content policy |
//! | `parent = context` | the parent, in place of the current [`Context`](opentelemetry::Context) |
//! | `stream` | asks for a stream, see below: an error where no span can follow what the function returns |
//! | `crate = path` | where this library is, if it was renamed |
//!
//! ```
//! struct Reply { text: String, cost: Option<f64> }
//!
//! #[cekura::llm(
//!     output = |reply: &Reply| &reply.text,
//!     skip(history),
//!     record("history.turns" = history.len(), "reply.cost" = |reply| reply.cost)
//! )]
//! fn answer(question: &str, history: &[String]) -> Result<Option<Reply>, std::io::Error> {
//!     // …
//! #   let _ = history;
//! #   Ok(Some(Reply { text: question.to_owned(), cost: Some(0.25) }))
//! }
//! # let trace = cekura::testing::capture(|| answer("why", &[]));
//! # let span = trace.span("llm").unwrap();
//! # assert_eq!((span.text("input.question"), span.text("output")), (Some("why"), Some("why")));
//! # assert_eq!(span.attribute("input.history"), None);
//! # assert_eq!(span.attribute("history.turns"), Some(&0.into()));
//! # assert_eq!(span.attribute("reply.cost"), Some(&0.25.into()));
//! ```
//!
//! # Streams
//!
//! The span of a function that returns a stream stays open until the stream ends, gives its first `Err`, or is dropped;
//! at each poll it is the current one. It says when the first item came (`metrics.ttfb`), how many there were, the
//! longest time between two of them, the bytes of byte buffers, and what the items say together: texts and transcripts
//! are put behind each other, of everything else the last word counts. A closure sees each item, inside its `Ok`.
//!
//! ```
//! use futures::stream::{self, Stream};
//! # use futures::{FutureExt, StreamExt};
//! # type Error = std::io::Error;
//!
//! #[cekura::llm(provider = "openai", model = "gpt-4o", skip_all, output = |token| token)]
//! async fn think(heard: &str) -> Result<impl Stream<Item = Result<String, Error>> + use<>, Error> {
//!     // …
//! #   let _ = heard;
//! #   Ok(stream::iter(["From ten ", "to four."]).map(|token| Ok(token.to_owned())))
//! }
//! # let answer = async { think("When?").await.unwrap().count().await };
//! # let trace = cekura::testing::capture(|| answer.now_or_never().unwrap());
//! # let llm = trace.span("llm").unwrap();
//! # assert_eq!(llm.text("output"), Some("From ten to four."));
//! # assert_eq!(llm.attribute("stream.items"), Some(&2.into()));
//! # assert!(!llm.is_interrupted() && llm.attribute("llm.first_token_ms").is_some());
//! ```
//!
//! It is `impl Stream`, `BoxStream`, `LocalBoxStream` or `Pin<Box<dyn Stream>>`, also behind an alias, also inside
//! `Result` or `Option`, from any kind of function. A stream that is dropped was interrupted, unless an item said that the
//! answer was finished: then its span ends with that item. A stream of a named type is a plain value: box it.
//! Of a `tool_call`, `span`, `turn` or `conversation` that is a stream only the times and sizes are recorded.
#![forbid(unsafe_code)]

mod attributes;
mod call;
mod delivery;
mod destination;
mod finished;
#[cfg(feature = "local")]
mod local;
mod recording;
pub mod semconv;
mod telemetry;
pub mod testing;
mod transcript;
mod watch;

#[doc(hidden)]
pub mod __private;

#[cfg(test)]
#[path = "tests/arbitrary.rs"]
mod arbitrary;

pub use attributes::{conversation, llm, s2s, span, stt, tool_call, tts, turn};
pub use delivery::call_log::error::{ObserveError, Sent};
pub use delivery::call_log::{CallLog, TranscriptType};
pub use delivery::config::{Builder, Mode, Protocol};
pub use delivery::doctor::{Diagnosis, doctor};
pub use delivery::error::Error;
pub use delivery::ledger::FlushReport;
pub use delivery::processor::Processor;
#[doc(hidden)]
pub use delivery::timings::Timings;
pub use destination::CaptureContent;
pub use opentelemetry;
pub use opentelemetry::trace::TraceId;
pub use recording::context::{spawn, spawn_blocking, spawn_local};
pub use recording::conversation::{Conversation, Turn, current_conversation, current_turn, record, trace_id};
pub use recording::moment::Moment;
pub use telemetry::{Cekura, init};
pub use transcript::Entry;

/// Spans by hand, where there is no function to annotate: an event loop, a session, a call that comes back later.
///
/// One builder per span name, with the arguments of the attribute; its `start()` gives a guard for what is known later.
///
/// ```
/// # struct Event;
/// # impl Event { fn text(&self) -> &str { "Ten to four." } }
/// # fn events() -> [Event; 1] { [Event] }
/// let mut llm = cekura::spans::llm().provider("openai").model("gpt-4o").input("question", &"When?").start();
/// for event in events() {
///     llm.first_chunk();
///     llm.output(event.text());
/// }
/// llm.usage(12, 30);
/// llm.end(); // dropped without it, the span is interrupted
/// # let trace = cekura::testing::capture(|| {
/// #     let mut llm = cekura::spans::llm().start();
/// #     llm.first_chunk();
/// #     llm.output("Ten to four.");
/// #     llm.end();
/// # });
/// # assert_eq!(trace.span("llm").unwrap().text("output"), Some("Ten to four."));
/// # assert!(trace.span("llm").unwrap().attribute("metrics.ttfb").is_some());
/// ```
pub mod spans {
    pub use crate::recording::spans::*;
}

/// Context that crosses tasks, threads and processes.
pub mod context {
    pub use crate::recording::context::{Carried, carry, headers};
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;

#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct TestingDoctests;
