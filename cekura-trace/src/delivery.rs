//! Sends what was recorded: spans and call logs, over queue, worker, lanes and transports.
//! Invariant: every span that was accepted is counted out exactly once.
#![cfg_attr(
    not(all(feature = "grpc", feature = "http", feature = "local")),
    allow(dead_code, reason = "a build without a way out leaves behind what only that way needs")
)]

#[cfg(feature = "audio")]
mod audio;
pub(crate) mod call_log;
pub(crate) mod causes;
mod clock;
pub(crate) mod config;
pub(crate) mod doctor;
mod drafts;
mod encode;
pub(crate) mod error;
#[cfg(feature = "exporter")]
mod exporter;
mod flushes;
mod kept_back;
mod lane;
pub(crate) mod ledger;
pub(crate) mod link;
pub(crate) mod message;
mod messages;
pub(crate) mod metrics;
mod notices;
mod own_events;
mod parts;
pub(crate) mod processor;
pub(crate) mod queue;
mod quiet;
mod sampler;
#[cfg(feature = "local")]
mod show;
mod side;
#[cfg_attr(not(unix), expect(dead_code, reason = "there is a spool on Unix only"))]
mod spool;
pub(crate) mod start;
mod tally;
mod tap;
#[cfg(feature = "local")]
mod terminal;
pub(crate) mod timings;
mod traces;
mod transport;
mod verdict;
mod warnings;
pub(crate) mod worker;

#[cfg(test)]
mod tests;
