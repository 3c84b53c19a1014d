//! The program's log and its calls: lines for the call log, JSON lines with the ids of the call, OTLP logs with them. Invariant: an
//! event outside any span has no ids.

mod capture;
mod here;
mod json;
mod layer;
mod line;
mod of_spans;

pub use capture::{Capture, capture, capture_from};
pub use json::{Json, json};
pub use layer::{WithCall, layer};
