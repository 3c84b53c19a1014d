//! Traces of voice-agent calls.
#![forbid(unsafe_code)]

mod call;
mod destination;
mod finished;
pub mod semconv;

pub use destination::CaptureContent;
