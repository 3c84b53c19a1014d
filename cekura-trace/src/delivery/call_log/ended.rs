//! The call log of a call that has ended, from what was noted while it ran and what its spans say. Invariant: it can be written
//! again when spans have ended after their conversation.

use super::CallLog;
use super::error::ObserveError;
use super::sealed::{Account, SealedCallLog};
use crate::call::{Call, Note, Noted, Run};
use crate::delivery::config::Calls;
use opentelemetry::trace::SpanId;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A call that has ended and is to have a call log.
#[derive(Debug)]
pub(crate) struct EndedCall {
    call: Arc<Call>,
    notes: Vec<Note>,
    metadata: Map<String, Value>,
    run: Run,
    /// Nanoseconds since the Unix epoch.
    end: u64,
    /// Without transcript and metadata.
    log: CallLog,
}

impl EndedCall {
    pub(crate) fn new(call: &Arc<Call>, noted: Noted) -> Self {
        let Noted { entries, metadata, ended_reason, agent, run, logs, end, .. } = noted;
        let log = CallLog::new(call.id())
            .trace_id(call.root.trace_id())
            .timestamp(call.clock.start())
            .call_ended_reason(ended_reason)
            .set("logs", Value::Array(logs));
        let log = agent.into_iter().fold(log, CallLog::agent);
        Self { call: call.clone(), notes: entries, metadata, run, end, log }
    }

    /// With what its spans have said until now.
    pub(crate) fn log(&self) -> CallLog {
        let log = self.log.clone().object("metadata", Some(Value::Object(self.metadata.clone())));
        log.transcript(self.call.transcript(self.notes.clone(), self.end))
    }

    /// What is posted: the call log, or the transcript of a run where calls are simulated.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal(&self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        match account.calls {
            Calls::Observe => self.log().seal(account),
            Calls::Simulate => {
                let end = UNIX_EPOCH + Duration::from_nanos(self.end);
                self.log().seal_simulated(&self.run, self.call.clock.start(), end, account)
            }
        }
    }

    /// The same for the last time: with what the metadata were told since the end. It is kept back no longer.
    pub(crate) fn seal_last(&mut self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        self.metadata.extend(self.call.notes.late_metadata());
        self.seal(account)
    }

    /// What does not go together: how calls are sent, and whether this one names the run of a simulation.
    pub(crate) fn doubt(&self, account: &Account) -> Option<&'static str> {
        match (account.calls, self.run.id().is_some()) {
            _ if account.is_local => None,
            (Calls::Observe, true) => Some(
                "a call names the run of a simulation and is sent as that of a real caller, for its headers may be forged: \
                 where Cekura tests the agent, set CEKURA_CALLS=simulate or .calls(Calls::Simulate)",
            ),
            (Calls::Simulate, false) => Some(
                "a simulated call names no run, so Cekura has to find its run by the agent: give it one with \
                 `run = cekura::Run::from_headers(…)`",
            ),
            _ => None,
        }
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
