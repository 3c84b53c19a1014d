//! The call log of a call that has ended, from what was noted while it ran and what its spans say. Invariant: it can be written
//! again when spans have ended after their conversation.

use super::CallLog;
use crate::call::{Call, Note, Noted};
use opentelemetry::trace::SpanId;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// A call that has ended and is to have a call log.
#[derive(Debug)]
pub(crate) struct EndedCall {
    call: Arc<Call>,
    notes: Vec<Note>,
    metadata: Map<String, Value>,
    /// Nanoseconds since the Unix epoch.
    end: u64,
    /// Without transcript and metadata.
    log: CallLog,
}

impl EndedCall {
    pub(crate) fn new(call: &Arc<Call>, noted: Noted) -> Self {
        let Noted { entries, metadata, ended_reason, agent, logs, end, .. } = noted;
        let log = CallLog::new(call.id())
            .trace_id(call.root.trace_id())
            .timestamp(call.clock.start())
            .call_ended_reason(ended_reason)
            .set("logs", Value::Array(logs));
        let log = agent.into_iter().fold(log, CallLog::agent);
        Self { call: call.clone(), notes: entries, metadata, end, log }
    }

    /// With what its spans have said until now.
    pub(crate) fn log(&self) -> CallLog {
        let log = self.log.clone().object("metadata", Some(Value::Object(self.metadata.clone())));
        log.transcript(self.call.transcript(self.notes.clone(), self.end))
    }

    /// The same for the last time: with what the metadata were told since the end. It is kept back no longer.
    pub(crate) fn last_log(&mut self) -> CallLog {
        self.metadata.extend(self.call.notes.late_metadata());
        self.log()
    }

    /// For how long after its end it is kept back, if it is.
    pub(crate) fn held_for(&self) -> Option<Duration> {
        self.call.notes.held_for()
    }

    pub(crate) fn root(&self) -> SpanId {
        self.call.root.span_id()
    }

    pub(crate) fn id(&self) -> &str {
        self.log.id()
    }
}
