//! The call log of a call that has ended, from what was noted while it ran and what its spans say. Invariant: it can be written
//! again when spans have ended after their conversation.

use super::CallLog;
use super::error::ObserveError;
use super::sealed::{AGREED, Account, SealedCallLog};
#[cfg(feature = "audio")]
use crate::call::nanoseconds;
use crate::call::{Call, Note, Noted, Played, Run};
#[cfg(feature = "audio")]
use crate::delivery::audio::recorder::EndedSound;
use crate::delivery::config::Calls;
use opentelemetry::trace::SpanId;
#[cfg(all(feature = "audio", feature = "local"))]
use opentelemetry::trace::TraceId;
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

/// What the recording of a call shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) played: Vec<Option<Played>>,
    /// Whether there is one.
    pub(crate) is_recorded: bool,
    /// Whether something is missing in it.
    pub(crate) is_truncated: bool,
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
        self.log_with(Map::new(), self.call.agrees_to_audio())
    }

    /// The same with more metadata, and whether the caller has agreed to be recorded, where that is to be said.
    fn log_with(&self, more: Map<String, Value>, agreed: Option<bool>) -> CallLog {
        let mut metadata: Map<_, _> = self.metadata.clone().into_iter().chain(more).collect();
        if let Some(agreed) = agreed {
            metadata.insert(AGREED.to_owned(), agreed.into());
        }
        if self.call.notes.is_cut() {
            metadata.insert("call_log_truncated".to_owned(), true.into());
        }
        let log = self.log.clone().object("metadata", Some(Value::Object(metadata)));
        log.transcript(self.call.transcript(self.notes.clone(), self.end))
    }

    /// What is posted: the call log, or the transcript of a run where calls are simulated.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal(&self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        self.seal_with(account, self.log(), false)
    }

    /// The same of a call that runs.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal_draft(mut self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        self.metadata.insert("incomplete".to_owned(), true.into());
        self.seal_with(account, self.log(), false)
    }

    /// The same for the last time: with what the metadata were told since the end, and the recording shows. It is kept back no
    /// longer.
    pub(crate) fn seal_last(&self, account: &Account, shown: Shown) -> Result<SealedCallLog, ObserveError> {
        let late = self.call.notes.late_metadata();
        let is_recorded = shown.is_recorded;
        self.seal_with(account, self.log_of(shown, late), is_recorded)
    }

    /// As a page shows it: with what the recording shows.
    #[cfg(all(feature = "audio", feature = "local"))]
    pub(crate) fn seal_shown(&self, account: &Account, shown: Shown) -> Result<SealedCallLog, ObserveError> {
        Ok(self.log_of(shown, Map::new()).seal(account)?.redacted(account))
    }

    fn log_of(&self, shown: Shown, mut more: Map<String, Value>) -> CallLog {
        self.call.notes.set_played(shown.played);
        if shown.is_truncated {
            more.insert("recording_truncated".to_owned(), true.into());
        }
        self.log_with(more, self.call.agrees_to_audio())
    }

    fn seal_with(
        &self,
        account: &Account,
        log: CallLog,
        is_recorded: bool,
    ) -> Result<SealedCallLog, ObserveError> {
        let sealed = match account.calls {
            Calls::Observe if is_recorded => log.main_agent_channel_index(1).seal(account),
            Calls::Observe => log.seal(account),
            Calls::Simulate => {
                let end = UNIX_EPOCH + Duration::from_nanos(self.end);
                log.seal_simulated(&self.run, self.call.clock.start(), end, account)
            }
        };
        Ok(sealed?.redacted(account))
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

    /// Takes what the metadata were told since the end. It is kept back no longer.
    pub(crate) fn hear_late(&mut self) {
        self.metadata.extend(self.call.notes.late_metadata());
    }

    /// For how long after its end it is kept back, if it is.
    pub(crate) fn held_for(&self) -> Option<Duration> {
        self.call.notes.held_for()
    }

    /// Its sound, where it is recorded.
    #[cfg(feature = "audio")]
    pub(crate) fn sound(&self) -> Option<EndedSound> {
        let journal = self.call.audio.get()?.clone();
        if journal.is_erased() {
            return None;
        }
        let start = nanoseconds(self.call.clock.start());
        let end = i64::try_from(self.end.saturating_sub(start)).unwrap_or(i64::MAX);
        Some(EndedSound { journal, speeches: self.call.notes.speeches(start), end })
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    #[cfg(all(feature = "audio", feature = "local"))]
    pub(crate) fn trace(&self) -> TraceId {
        self.call.root.trace_id()
    }

    pub(crate) fn root(&self) -> SpanId {
        self.call.root.span_id()
    }

    pub(crate) fn id(&self) -> &str {
        self.log.id()
    }
}
