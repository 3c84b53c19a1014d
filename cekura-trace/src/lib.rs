//! Traces of voice-agent calls.
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

#[doc(hidden)]
pub mod __private;

pub use attributes::{conversation, llm, s2s, span, stt, tool_call, tts, turn};
pub use delivery::config::{Builder, Mode, Protocol};
pub use delivery::error::Error;
pub use delivery::ledger::FlushReport;
#[doc(hidden)]
pub use delivery::timings::Timings;
pub use destination::CaptureContent;
pub use opentelemetry;
pub use opentelemetry::trace::TraceId;
pub use recording::context::{spawn, spawn_blocking, spawn_local};
pub use recording::conversation::{Conversation, Turn, current_conversation, current_turn, record, trace_id};
pub use telemetry::{Cekura, init};

/// Context that crosses tasks, threads and processes.
pub mod context {
    pub use crate::recording::context::{Carried, carry};
}
