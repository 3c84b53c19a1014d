//! What `tracing` says of an open span: events, and that it failed. Invariant: events leave room for what else a span says.

use super::Live;
use crate::finished::write;
use crate::semconv;
use opentelemetry::KeyValue;
use opentelemetry::trace::Status;
use std::time::Instant;

/// As many as OpenTelemetry's SDK keeps of a span.
const MOST: u32 = 128;

impl Live {
    /// Adds an event, unless it holds as many as it may.
    pub(in crate::recording) fn add_logged(&self, name: &str, at: Instant, attributes: &[KeyValue]) {
        let time = self.at(at);
        self.add(|said| {
            let events = &mut said.growth().events;
            *events = events.saturating_add(1);
            match *events {
                ..=MOST => write::event(&mut said.entries, name, time, attributes),
                few if few == MOST + 1 => write::flag(&mut said.entries, semconv::CEKURA_TRUNCATED, true),
                _ => {}
            }
        });
    }

    /// Says that it failed; the last word counts, but nothing after `Ok`.
    pub(in crate::recording) fn fail_logged(&self, description: &str) {
        self.while_open(|state| {
            if state.status != Status::Ok {
                state.status = Status::error(description.to_owned());
            }
        });
    }
}
