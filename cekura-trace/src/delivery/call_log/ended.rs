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
#[derive(Debug, Default)]
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
        self.log_with(self.call.agrees_to_audio())
    }

    fn log_with(&self, agreed: Option<bool>) -> CallLog {
        let mut metadata = self.metadata.clone();
        if let Some(agreed) = agreed {
            metadata.insert(AGREED.to_owned(), agreed.into());
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
        self.seal_with(account, false)
    }

    /// The same of a call that runs.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal_draft(mut self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        self.metadata.insert("incomplete".to_owned(), true.into());
        self.seal_with(account, false)
    }

    /// The same for the last time: with what the metadata were told since the end, and the recording shows. It is kept back no
    /// longer.
    pub(crate) fn seal_last(
        &mut self,
        account: &Account,
        shown: Shown,
    ) -> Result<SealedCallLog, ObserveError> {
        let Shown { played, is_recorded, is_truncated } = shown;
        self.call.notes.set_played(played);
        self.metadata.extend(self.call.notes.late_metadata());
        if is_truncated {
            self.metadata.insert("recording_truncated".to_owned(), true.into());
        }
        self.seal_with(account, is_recorded)
    }

    fn seal_with(&self, account: &Account, is_recorded: bool) -> Result<SealedCallLog, ObserveError> {
        match account.calls {
            Calls::Observe if is_recorded => self.log().main_agent_channel_index(1).seal(account),
            Calls::Observe => self.log().seal(account),
            Calls::Simulate => {
                // Without a recording, and so without a word of one.
                let log = self.log_with(None);
                let end = UNIX_EPOCH + Duration::from_nanos(self.end);
                log.seal_simulated(&self.run, self.call.clock.start(), end, account)
            }
        }
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

    pub(crate) fn root(&self) -> SpanId {
        self.call.root.span_id()
    }

    pub(crate) fn id(&self) -> &str {
        self.log.id()
    }
}
