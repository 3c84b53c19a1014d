//! OpenTelemetry traces of voice-agent calls: one attribute per function, one trace per call. The traces go to
//! Cekura, to any OTLP endpoint, or to the terminal and an HTML page. Without a handle, an annotated function
//! does what the plain one does.
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
//! * **What is recorded**: the attributes [`conversation`], [`turn`], [`stt`], [`llm`], [`tts`], [`s2s`],
//!   [`tool_call`] and [`span`](macro@span). [`llm`] shows the code that they generate. [`record`] adds a span
//!   attribute from inside the body. [`semconv`] lists every key.
//! * **A function that reads its answer itself**: [`follow`] records the items of a stream. [`current`] takes
//!   chunks, tokens and failures one by one.
//! * **No function to annotate**: [`spans`] begins and ends spans by hand. [`Conversation::start`] begins a
//!   call.
//! * **How long the caller waits**: a [`turn`] measures it. [`current_turn`] takes the exact moments from a
//!   voice activity detector and from the phone.
//! * **Where spans go**: [`init`] reads the settings from the environment, [`Cekura::builder`] takes them in
//!   code. Without a handle the attributes do nothing. [`Cekura::flush`] and [`Cekura::shutdown`] report what
//!   became of each span. [`doctor`] finds out why spans do not arrive.
//! * **The call in Cekura's list of calls**: [`Cekura::observe`] posts a [`CallLog`].
//!   `#[cekura::conversation(observe)]` posts one when the conversation ends.
//! * **Other tasks, threads and processes**: [`spawn()`], [`spawn_blocking`], [`spawn_local`],
//!   [`context::carry`], [`context::carry_fn`], [`context::headers`].
//! * **Tests**: [`testing::capture`] gives the spans of a function. [`strict`](testing::Trace::strict) fails on
//!   spans that lost their conversation.
//!
//! # Arguments of the attributes
//!
//! Every argument is optional. A value of `None` records nothing. When tracing is off, no argument is
//! evaluated.
//!
//! * `key = expression` is evaluated at most once, before the body. It may use the function's arguments without
//!   moving them. It must not contain `?`, `return` or `.await`.
//! * `key = |returned| expression` is evaluated after the body, with a reference to the value inside the
//!   returned `Result` or `Option`, or inside both. It cannot use the function's arguments. It does not run on
//!   `Err` and `None`.
//!
//! | every attribute takes | |
//! | --- | --- |
//! | `skip(a, b)` | does not record these arguments of the function |
//! | `skip_all` | records no argument; values found in the return value are still recorded |
//! | `skip_output` | records no content of the return value; tokens, model, ids, finish reasons, confidence, language, sizes and times are still recorded |
//! | `debug(a, b)` | records these arguments by their `Debug` |
//! | `error = \|returned\| …` | `Some(error)` marks the returned value, or this item of a stream, as a failure |
//! | `record("my.key" = …, other.key = …)` | adds span attributes of your own; they are kept under any content policy |
//! | `parent = expression` | sets the parent in place of the current span: a guard, a [`Turn`], a [`Conversation`] or a `Context` |
//! | `stream` | requires a returned stream that a span can follow, see [Streams](#streams); anything else is a compile error |
//! | `crate = path` | the path of this library, if it was renamed |
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
//! # Turns
//!
//! A span that begins in a conversation but in no turn joins the conversation's open turn, if exactly one is
//! open. So the stages of a pipeline, which are tasks that are spawned once per call with [`spawn()`], join the
//! turn that another task opens. A named `parent` overrides this. Spans below an `stt`, `llm`, `tts`, `s2s` or
//! `tool_call` that began before the turn stay below it.
//!
//! # Streams
//!
//! The span of a function that returns a stream stays open until the stream ends, gives its first `Err`, or is
//! dropped. At each poll it is the current span. It records:
//!
//! * when the first item came: `gen_ai.response.time_to_first_chunk`, in seconds
//! * when the first item with content came: `metrics.ttfb`, in seconds, and on an `llm` also
//!   `llm.first_token_ms`; a role chunk or `session.created` has no content
//! * the number of items (`stream.items`), the longest time between two items, and the bytes of byte buffers
//! * what the items say together: texts and transcripts are joined, and of every other value the last one
//!   counts
//!
//! A closure runs for each item, with the value inside its `Ok`. It runs after the function has returned, so it
//! cannot use the function's arguments. One that names a part of the value borrows it: `output = |chunk| chunk.text`.
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
//! The function may be of any kind. It may return `impl Stream`, `BoxStream`, `LocalBoxStream` or
//! `Pin<Box<dyn Stream>>`, also behind a type alias, and inside a `Result` or `Option`. A stream that is
//! dropped is interrupted, unless an item said that the answer was finished: then its span ends with that item.
//!
//! A stream of a named type is recorded as a plain value: box it, or wrap it in [`follow`]. So is a stream with
//! another trait, such as `impl Stream + Clone` or `+ Sink`, because the wrapper of a span would lack that
//! trait. If a `tool_call`, `span`, `turn` or `conversation` returns a stream, only times and sizes are
//! recorded.
//!
//! A future that is never polled leaves no span. A stream that is never polled is interrupted. The parent of an
//! `async fn` is the span that is current at its first poll. The parent of a function that returns a future or
//! a stream is the span that is current at the call.
//!
//! # Limits
//!
//! * A future of a named type is recorded as a plain value.
//! * In an annotated function with `#[track_caller]`, `Location::caller()` does not give the caller.
//! * In a generic function the written bounds count: nothing is recorded of a bare `T`.
//! * Under `#[async_trait]`, a destructured argument is not recorded.
//! * An `async fn` that returns `impl Fn(&str) -> …` must write the types of the closure's parameters.
//! * A lock in a field of a `Serialize` value cannot be seen, so recording the value takes it: `skip` that
//!   argument.
//! * Names and ids are cut at 1,024 bytes.
#![forbid(unsafe_code)]

mod absence;
mod at_exit;
mod attributes;
mod call;
mod clip;
mod delivery;
mod destination;
mod finished;
#[cfg(feature = "local")]
mod local;
mod lock;
mod one_line;
mod policy;
mod recording;
#[cfg(feature = "redact")]
mod redact;
mod room;
mod say;
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
pub use call::Run;
#[cfg(feature = "audio")]
pub use call::audio::form::Audio;
pub use call::consent::Consent;
#[doc(hidden)]
pub use call::consent::{ConsentEvent, ConsentFate, ConsentState};
#[doc(hidden)]
pub use cekura_trace_macros::{LLM, S2S, STT, TTS, tool, toolcall};
pub use delivery::call_log::error::{ObserveError, Sent};
pub use delivery::call_log::update::Update;
pub use delivery::call_log::{CallLog, TranscriptType};
pub use delivery::config::{Builder, Calls, Compression, Mode, Protocol, Sampling};
pub use delivery::doctor::{Diagnosis, doctor};
pub use delivery::error::Error;
pub use delivery::ledger::{DropReason, FlushReport, Recordings};
pub use delivery::metrics::Metrics;
pub use delivery::processor::Processor;
#[doc(hidden)]
pub use delivery::timings::{SpoolLimits, Timings};
pub use opentelemetry;
pub use opentelemetry::trace::TraceId;
pub use policy::CaptureContent;
#[cfg(feature = "audio")]
pub use recording::audio::{Frames, Line, Mulaw};
pub use recording::context::{spawn, spawn_blocking, spawn_local};
pub use recording::conversation::{Conversation, Turn, current_conversation, current_turn, trace_id};
pub use recording::current::{CurrentSpan, current, record};
pub use recording::follow::{Follow, follow};
pub use recording::hold::Hold;
pub use recording::moment::Moment;
#[cfg(feature = "redact")]
pub use redact::Redact;
pub use telemetry::{Cekura, init};
pub use transcript::Entry;

/// Spans by hand, for code that has no function to annotate: an event loop, a session, a call that comes back
/// later.
///
/// There is one function per span name. It gives a [`Builder`](spans::Builder) that takes the arguments of the
/// attribute; [`start`](spans::Builder::start) begins the span and gives a [`Guard`](spans::Guard), which takes
/// what is known later. A guard does not make its span the current one. To put another span below it, name the
/// guard's [`context`](spans::Guard::context) as the parent, or run the code in the guard.
///
/// ```
/// use cekura::{Conversation, spans};
/// use std::time::{Duration, SystemTime};
///
/// # #[cekura::tool_call]
/// # async fn find_slot(day: &str) -> String { day.to_uppercase() }
/// # struct Usage { input: i64, output: i64 }
/// # async fn session(heard_at: SystemTime, usage: Usage) {
/// let call = Conversation::start("call-42"); // or with a call log: `spans::conversation().observe()`
///
/// // The transcript is here; the caller began to speak 2 s before and stopped 200 ms ago.
/// let began = heard_at - Duration::from_secs(2);
/// let turn = spans::turn().parent(&call).started_at(began).start();
/// turn.user_stopped_at(heard_at - Duration::from_millis(200));
/// let mut stt = spans::stt().provider("deepgram").parent(&turn).started_at(began).start();
/// stt.transcript("Do you have time on Tuesday?");
/// stt.end();
///
/// // The model answers, event by event.
/// let mut s2s = spans::s2s().provider("openai").model("gpt-realtime").parent(&turn).start();
/// s2s.audio(480); // samples, as they come: the first of them is the turn's first audio
/// s2s.output("At half past two.");
/// s2s.usage(usage.input, usage.output);
/// s2s.end(); // dropped without it, the span is interrupted
///
/// turn.run(find_slot("tuesday")).await; // annotated functions land below the turn
/// turn.end();
/// call.finish().await;
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let session = session(SystemTime::now(), Usage { input: 12, output: 30 });
/// # let trace = runtime.block_on(cekura::testing::capture_async(session));
/// # assert_eq!(trace.to_string(), "conversation\n  turn\n    stt\n    s2s\n    tool_call\n");
/// # assert!(trace.span("turn").unwrap().attribute("turn.user_bot_latency_seconds").is_some());
/// # assert!(trace.span("turn").unwrap().duration() >= Duration::from_millis(1_500));
/// # assert_eq!(trace.span("s2s").unwrap().text("output"), Some("At half past two."));
/// ```
pub mod spans {
    pub use crate::recording::spans::*;
}

/// Lines of the program's log in the call log of the call in which they were written: the feature `logs`.
#[cfg(feature = "logs")]
pub mod logs {
    pub use crate::recording::logs::*;
}

/// Carries the conversation and the current span into other tasks, threads and processes.
pub mod context {
    pub use crate::recording::context::{Carried, carry, carry_fn, headers};
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;

#[cfg(doctest)]
#[doc = include_str!("../../docs/operate.md")]
struct OperateDoctests;

#[cfg(all(doctest, feature = "audio", feature = "logs"))]
#[doc = include_str!("../../docs/calls.md")]
struct CallsDoctests;
