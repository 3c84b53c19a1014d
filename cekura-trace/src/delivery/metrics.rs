//! Metrics of what ends: counted by the worker, before anything is sampled or redacted. Invariant: the thread that ends a span
//! pays nothing for them.

mod export;
mod instruments;
mod listener;
mod mirror;
mod openmetrics;
mod otlp;
mod reading;
mod seen;
mod table;
mod tap;

pub(crate) use export::Export;
pub(crate) use listener::Listener;
pub use reading::Metrics;
pub(super) use tap::Counting;

#[cfg(test)]
mod tests;
