//! See what happened in a voice agent's call: one attribute per function, one OpenTelemetry trace per call.
//!
//! This program needs no account. It draws the call in the terminal and writes a page to `cekura-traces/`. With
//! `CEKURA_API_KEY` and `CEKURA_AGENT_ID` set, it sends the call to Cekura instead; with `CEKURA_OTEL_ENDPOINT`, to any OTLP
//! backend.
//!
//! ```
//! #[cekura::llm(provider = "openai", model = "gpt-4o")]
//! async fn think(heard: &str) -> String {
//!     format!("You said: {heard}")
//! }
//!
//! #[cekura::conversation(call_id = call_id, observe)]
//! async fn answer_call(call_id: &str) {
//!     think("Hello?").await;
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), cekura::Error> {
//! #   // The page is written outside this repository.
//! #   std::env::set_current_dir(std::env::temp_dir()).unwrap();
//!     let cekura = cekura::Cekura::builder().local_without_key().install()?;
//!     answer_call("call-1").await;
//!     println!("{}", cekura.shutdown(std::time::Duration::from_secs(5)).await); // 2 accepted, 2 delivered
//!     Ok(())
//! }
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
//! | `stream` | requires a returned stream that a span can follow, see [Streams](guide::streams); anything else is a compile error |
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
//! # Guide
//!
//! [What a span records](guide::recorded) · [streams](guide::streams) · [tasks, threads, processes](guide::tasks) ·
//! [your own OpenTelemetry](guide::opentelemetry) · [`tracing`](guide::tracing) · [settings, and what leaves the process](guide::settings) ·
//! [delivery](guide::delivery) · [troubleshooting](guide::troubleshooting)
#![forbid(unsafe_code)]

mod absence;
mod at_exit;
mod attributes;
mod call;
mod clip;
mod date;
mod delivery;
mod destination;
mod finished;
pub mod guide;
#[cfg(feature = "local")]
mod local;
mod lock;
mod one_line;
mod policy;
mod recording;
#[cfg(feature = "redact")]
mod redact;
#[cfg_attr(not(feature = "redact"), path = "no_redaction.rs")]
mod redaction;
mod room;
mod say;
pub mod semconv;
mod telemetry;
pub mod testing;
mod transcript;
mod watch;

#[cfg(feature = "local")]
#[doc(hidden)]
pub mod __page;
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
pub use delivery::config::{Builder, Calls, Compression, Mode, Protocol, Roots, Sampling};
pub use delivery::doctor::{Diagnosis, doctor};
pub use delivery::error::Error;
pub use delivery::ledger::{CallLogs, DropReason, FlushReport, Recordings};
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
#[cfg(feature = "tracing")]
pub use recording::layer::{TracingLayer, layer};
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

/// The program's log, joined with its calls: the feature `logs`.
///
/// * [`json`](logs::json) writes each line with the ids of the span and the call in which it was written.
/// * [`layer`](logs::layer) adds the call's id and the turn to logs that go out over OTLP.
/// * [`capture`](logs::capture) puts lines into the call log of the call in which they were written.
#[cfg(feature = "logs")]
pub mod logs {
    pub use crate::recording::logs::{Capture, Json, WithCall, capture, capture_from, json, layer};
}

/// A layer for services of tower, such as axum's: the feature `tower`.
///
/// With `Router::new().route(…).layer(cekura::tower::layer())`, a conversation that a handler begins has a link to the span that
/// the request names in `traceparent` and `tracestate`, as with `link_headers`, which wins where it is given. Nothing of the
/// request or the response changes. The example `axum_sse` shows it.
///
/// The conversation must begin before the response is returned: a body that is a stream may go on in it, but not begin it. What
/// axum runs after the upgrade to a WebSocket is a task of its own; there take `headers: HeaderMap` in the handler and write
/// `#[cekura::conversation(link_headers = headers)]`.
#[cfg(feature = "tower")]
pub mod tower {
    pub use crate::recording::tower::{Link, LinkFuture, LinkLayer, layer};
}

/// Carries the conversation and the current span into other tasks, threads and processes.
pub mod context {
    pub use crate::recording::context::{Carried, carry, carry_fn, headers};
}
