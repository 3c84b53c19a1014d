//! Builders of handles that see no environment and wait for milliseconds where others wait for seconds.

use crate::api::{Api, KEY};
use crate::backend::Backend;
use cekura::{Builder, Cekura, FlushReport, Protocol, Timings};
use std::time::Duration;

/// Both transports.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::Http];

/// Longer than anything that ends by itself.
pub const LONG: Duration = Duration::from_secs(30);

/// Shorter than anything that does not.
pub const SHORT: Duration = Duration::from_millis(300);

/// Every wait short, no limit shorter than a test.
pub fn quick() -> Timings {
    Timings {
        tick: Duration::from_millis(20),
        first_backoff: Duration::from_millis(10),
        longest_backoff: Duration::from_millis(80),
        slow_retry: Duration::from_millis(50),
        give_up: Duration::from_secs(60),
        after_hint: Duration::from_millis(100),
        probes: [50, 100, 200].map(Duration::from_millis),
        ..Timings::default()
    }
}

/// A handle for a backend, as it is without a key.
pub fn to(backend: &Backend, protocol: Protocol) -> Builder {
    at(&backend.url(), protocol)
}

/// A handle for an endpoint, as it is without a key.
pub fn at(url: &str, protocol: Protocol) -> Builder {
    Cekura::builder()
        .variables(|_| None)
        .service_name("agent")
        .otel_endpoint(url)
        .protocol(protocol)
        .timings(quick())
}

/// A handle that posts call logs, for agent 5.
pub fn observing(backend: &Backend, api: &Api) -> Builder {
    to(backend, Protocol::Grpc).api_key(KEY).agent(5).api_url(api.url())
}

/// One conversation with `turns` turns, recorded by a handle.
pub fn converse(handle: &Cekura, turns: u32) {
    conversation(handle, turns);
}

#[cekura::conversation(client = handle, skip_all)]
fn conversation(handle: &Cekura, turns: u32) {
    for number in 1..=turns {
        turn(number);
    }
}

#[cekura::turn]
fn turn(number: u32) {
    std::hint::black_box(number);
}

/// The reasons for which spans were dropped.
pub fn reasons(report: &FlushReport) -> Vec<(&'static str, u64)> {
    report.dropped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect()
}

/// Whether the report adds up.
pub fn adds_up(report: &FlushReport) -> bool {
    report.accepted == report.delivered + report.spooled + report.pending + report.lost()
}
