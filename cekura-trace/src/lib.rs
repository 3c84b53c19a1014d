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
//! * **Where the answer is read inside the function**: [`follow`] records the items of a stream, [`current`]
//!   takes chunks, tokens and failures one by one.
//! * **Where no function stands for it**: [`spans`] are begun and ended by hand, and so is a call with
//!   [`Conversation::start`].
//! * **How long the caller waits**: a [`turn`] measures it; [`current_turn`] takes what a voice activity detector and the
//!   phone know.
//! * **Where it goes**: [`init`] reads the environment, [`Cekura::builder`] takes settings in code. Without a handle the
//!   attributes are off. [`Cekura::flush`] and [`Cekura::shutdown`] report what became of each span.
//!   [`doctor`] says what keeps spans from arriving.
//! * **What Cekura lists of a call**: [`Cekura::observe`] posts a [`CallLog`], `#[cekura::conversation(observe)]` does so
//!   when the conversation ends.
//! * **Into other tasks, threads and processes**: [`spawn()`], [`spawn_blocking`], [`spawn_local`], [`context::carry`],
//!   [`context::carry_fn`], [`context::headers`].
//! * **In tests**: [`testing::capture`], and [`strict`](testing::Trace::strict) for what lost its call.
//!
//! # Arguments of the attributes
//!
//! Every argument is optional. `key = expression` is evaluated at most once, before the body, and may use the function's
//! arguments without moving them: no `?`, `return` or `.await`. `key = |returned| expression` is evaluated with a reference
//! to what is inside the returned `Result` or `Option`, or both, and uses nothing else; on `Err` and `None` it does not run.
//! `None` as a value records nothing, and nothing is evaluated where tracing is off.
//!
//! | every attribute takes | |
//! | --- | --- |
//! | `skip(a, b)` | does not record these arguments of the function |
//! | `skip_all` | records no argument; what is found in the return value still is |
//! | `skip_output` | records no content of the return value; tokens, model, ids, finish reasons, confidence, language, sizes and times stay |
//! | `debug(a, b)` | records these arguments by their `Debug` |
//! | `error = \|returned\| …` | `Some(error)` says that this returned value is a failure, of a stream this item |
//! | `record("my.key" = …, other.key = …)` | span attributes of your own, under any content policy |
//! | `parent = expression` | the parent: a guard, a [`Turn`], a [`Conversation`], a `Context`, not what is current |
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
//! # Turns
//!
//! A turn is ambient: a span whose context knows the conversation but no turn begins in the conversation's
//! open turn, where exactly one is open. So the stages of a pipeline, tasks that are spawned once per call
//! with [`spawn()`], stand in the turn that another task opens. A named `parent` wins over it. What an `stt`, `llm`,
//! `tts`, `s2s` or `tool_call` that began before the turn calls stays below it.
//!
//! # Streams
//!
//! The span of a function that returns a stream stays open until the stream ends, gives its first `Err`, or is dropped;
//! at each poll it is the current one. It says when the first item came (`gen_ai.response.time_to_first_chunk`, in seconds)
//! and when the first that says something (`metrics.ttfb`, on an `llm` also `llm.first_token_ms`: a role chunk or
//! `session.created` says nothing), how many there were (`stream.items`), the longest time between two of them, the bytes of byte buffers, and what the items say together:
//! texts and transcripts are put behind each other, of everything else the last word counts. A closure sees each item,
//! inside its `Ok`; as it runs later, the function's arguments are not in its reach.
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
//! It is `impl Stream`, `BoxStream`, `LocalBoxStream` or `Pin<Box<dyn Stream>>`, also behind an alias, also
//! inside `Result` or `Option`, from any kind of function. A stream that is dropped was interrupted, unless
//! an item said that the answer was finished: then its span ends with that item. A stream of a named type is
//! a plain value: box it, or put [`follow`] around it. So is one that can do more, `impl Stream + Clone` or
//! `+ Sink`: its span would take that away. Of a `tool_call`, `span`, `turn` or `conversation` that is a
//! stream only the times and sizes are recorded.
//!
//! A future that is never polled leaves no span; a stream that is never polled was interrupted. The parent of an `async fn`
//! is what is current at its first poll, of a function that returns a future or a stream what is current at the call.
//!
//! # Limits
//!
//! A named type of a future is a plain value. `Location::caller()` is lost under `#[track_caller]`. In a generic function the
//! bounds that are written count: of a bare `T` nothing is recorded. Under `#[async_trait]` a destructured argument is not. An
//! `async fn` that returns `impl Fn(&str) -> …` needs the closure's types written. A lock in a field of a `Serialize` value
//! cannot be seen, and is taken: `skip` it. Names and ids are cut at 1,024 bytes.
#![forbid(unsafe_code)]

mod at_exit;
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
pub use delivery::timings::{SpoolLimits, Timings};
pub use destination::CaptureContent;
pub use opentelemetry;
pub use opentelemetry::trace::TraceId;
pub use recording::context::{spawn, spawn_blocking, spawn_local};
pub use recording::conversation::{Conversation, Turn, current_conversation, current_turn, trace_id};
pub use recording::current::{CurrentSpan, current, record};
pub use recording::follow::{Follow, follow};
pub use recording::moment::Moment;
pub use telemetry::{Cekura, init};
pub use transcript::Entry;

/// Spans by hand, where there is no function to annotate: an event loop, a session, a call that comes back later.
///
/// One function per span name gives a [`Builder`](spans::Builder) with the arguments of the attribute; its
/// [`start`](spans::Builder::start) gives a [`Guard`](spans::Guard) for what is known later. A guard is not the current span
/// of the thread: what belongs below it names its [`context`](spans::Guard::context) as parent, or runs in it.
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

/// Context that crosses tasks, threads and processes.
pub mod context {
    pub use crate::recording::context::{Carried, carry, carry_fn, headers};
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;
