//! The call log of a call that has ended, from what was noted while it ran and what its spans say. Invariant: it can be written
//! again when spans have ended after their conversation.

use super::CallLog;
use crate::call::{Call, Note, Noted};
use serde_json::Value;
use std::sync::Arc;

/// A call that has ended and is to have a call log.
#[derive(Debug)]
pub(crate) struct EndedCall {
    call: Arc<Call>,
    notes: Vec<Note>,
    /// Nanoseconds since the Unix epoch.
    end: u64,
    /// Without the transcript.
    log: CallLog,
}

impl EndedCall {
    pub(crate) fn new(call: &Arc<Call>, noted: Noted) -> Self {
        let Noted { entries, metadata, ended_reason, agent, logs, end, .. } = noted;
        let log = CallLog::new(call.id())
            .trace_id(call.root.trace_id())
            .timestamp(call.clock.start())
            .object("metadata", Some(Value::Object(metadata)))
            .call_ended_reason(ended_reason)
            .set("logs", Value::Array(logs));
        let log = agent.into_iter().fold(log, CallLog::agent);
        Self { call: call.clone(), notes: entries, end, log }
    }

    /// With what its spans have said until now.
    pub(crate) fn log(&self) -> CallLog {
        self.log.clone().transcript(self.call.transcript(self.notes.clone(), self.end))
    }

    pub(crate) fn id(&self) -> &str {
        self.log.id()
    }
}
