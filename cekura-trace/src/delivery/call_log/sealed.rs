//! Checks a call log and writes the JSON that is posted. Invariant: what is sealed can be posted as
//! it is.

use super::error::ObserveError;
use super::{CallLog, transcript};
use crate::delivery::config::{Calls, Identity, Settings};
use crate::delivery::messages::Messages;
use crate::redaction::Redaction;
use opentelemetry::trace::TraceId;
use prost::bytes::Bytes;
use serde_json::Value;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The most characters of a call's id.
const LONGEST_ID: usize = 100;

/// The member of the metadata that says whether the caller has agreed to be recorded, where that was asked.
pub(super) const AGREED: &str = "audio_consent_granted";
/// The field of a call with a recording.
pub(super) const CHANNEL: &str = "main_agent_channel_index";

/// What stands before the fields of a simulated call.
pub(super) const OPENING: &str = "{\"calls\":[{";

impl CallLog {
    /// Checks it, and writes what is posted.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal(self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        let log = account.complete(self.with_checked_id(LONGEST_ID).with_written_transcript());
        let owner = log.owner(account);
        let body = log.json().to_string();
        log.sealed(owner, body)
    }

    /// The same for what is to change in a call that is stored.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(super) fn seal_changes(self, account: &Account) -> Result<SealedCallLog, ObserveError> {
        let mut log = account.with_key(self.with_checked_id(LONGEST_ID));
        let owner = log.owner(account);
        log.fields.remove("agent");
        if log.fields.is_empty() && log.mistakes.is_empty() {
            log = log.mistake("update", "changes nothing: say what, such as `.metadata(…)`");
        }
        let body = Value::Object(log.fields.clone()).to_string();
        log.sealed(owner, body)
    }

    pub(super) fn sealed(self, owner: Option<String>, body: String) -> Result<SealedCallLog, ObserveError> {
        if !self.mistakes.is_empty() {
            return Err(ObserveError::invalid(self.mistakes));
        }
        let Self { id, trace_id, deadline, .. } = self;
        Ok(SealedCallLog { id, trace_id, owner, until: None, body: body.into(), deadline })
    }

    pub(super) fn with_checked_id(self, longest: usize) -> Self {
        let length = self.id.chars().count();
        if self.id.trim().is_empty() {
            self.mistake("call_id", "is empty: give the call an id of your own")
        } else if length > longest {
            let rule = format!("has {length} characters: Cekura accepts at most {longest}");
            self.mistake("call_id", rule)
        } else {
            self
        }
    }

    /// The parameter under which a search finds it.
    fn owner(&self, account: &Account) -> Option<String> {
        let agent = self.fields.get("agent").map(|agent| format!("agent_id={agent}"));
        agent.or_else(|| account.identity.map(Identity::parameter))
    }

    /// Moves the entries into the fields.
    fn with_written_transcript(mut self) -> Self {
        let entries = std::mem::take(&mut self.transcript);
        match transcript::write(entries, &mut self.mistakes) {
            None => self,
            Some((kind, entries)) => self.set(transcript::TYPE, kind.into()).set(transcript::JSON, entries),
        }
    }

    fn json(&self) -> Value {
        let mut fields = self.fields.clone();
        fields.insert("call_id".to_owned(), self.id.clone().into());
        Value::Object(fields)
    }
}

/// The JSON that is posted, but for what the handle adds: the agent, and the trace id.
impl fmt::Display for CallLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.clone().with_written_transcript().json())
    }
}

/// A call log that can be posted.
#[derive(Debug)]
pub(crate) struct SealedCallLog {
    pub(crate) id: String,
    /// The trace that it is to name, if that is complete.
    pub(crate) trace_id: Option<TraceId>,
    /// The parameter under which a search for it finds it.
    pub(crate) owner: Option<String>,
    /// Until when Cekura listens for it, where it goes to the run of a simulation.
    pub(crate) until: Option<SystemTime>,
    /// One JSON object; without the trace id until that is known to be complete.
    pub(crate) body: Bytes,
    /// How long it waits for its trace.
    pub(crate) deadline: Duration,
}

impl SealedCallLog {
    /// One that was written by a process before this one. Which of the spans of its trace that has delivered is not
    /// known.
    pub(crate) fn again(id: String, owner: Option<String>, until: Option<SystemTime>) -> Self {
        Self { id, trace_id: None, owner, until, body: Bytes::new(), deadline: Duration::ZERO }
    }

    /// Says that the caller has not agreed to be recorded, where that was asked; whether that changes the body.
    pub(crate) fn refuse_audio(&mut self) -> bool {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(&self.body) else { return false };
        let was_recorded = fields.remove(CHANNEL).is_some();
        let agreed = fields.get_mut("metadata").and_then(|metadata| metadata.get_mut(AGREED));
        let had_agreed = agreed.is_some_and(|agreed| std::mem::replace(agreed, Value::Bool(false)) == true);
        let changes = was_recorded || had_agreed;
        if changes {
            self.body = Value::Object(fields).to_string().into();
        }
        changes
    }

    /// The same with what is personal in it replaced, where that is asked for.
    pub(crate) fn redacted(self, account: &Account) -> Self {
        Self { body: account.redaction.call_log(self.body), ..self }
    }

    /// Names the trace in the body, once.
    pub(crate) fn name_trace(&mut self) {
        let opening = if self.until.is_some() { OPENING } else { "{" };
        if let (Some(trace_id), Some(fields)) = (self.trace_id, self.body.strip_prefix(opening.as_bytes())) {
            let name = format!("\"trace_id\":\"{trace_id}\",");
            if !fields.starts_with(name.as_bytes()) {
                self.body = [opening.as_bytes(), name.as_bytes(), fields].concat().into();
            }
        }
    }
}

/// Whose call logs a handle posts.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) is_local: bool,
    may_post: bool,
    identity: Option<Identity>,
    pub(crate) calls: Calls,
    pub(crate) redaction: Redaction,
    /// Where they are asked for.
    pub(in crate::delivery) messages: Option<Messages>,
}

impl Account {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            is_local: !settings.mode.sends(),
            may_post: !settings.api_headers.is_empty(),
            identity: settings.identity,
            // Nothing is sent in local mode, which shows the calls of real callers.
            calls: if settings.mode.sends() { settings.calls } else { Calls::Observe },
            redaction: settings.redaction.clone(),
            messages: settings.messages.then_some(Messages { limit: settings.content_limit }),
        }
    }

    pub(super) fn with_key(&self, log: CallLog) -> CallLog {
        if self.is_local || self.may_post {
            return log;
        }
        log.mistake("CEKURA_API_KEY", "is not set; a call log needs it, and CEKURA_AGENT_ID")
    }

    pub(super) fn complete(&self, log: CallLog) -> CallLog {
        let has_owner = log.fields.contains_key("agent") || log.fields.contains_key("assistant_id");
        match self.identity {
            _ if !self.is_local && !self.may_post => self.with_key(log),
            Some(Identity::Agent(id)) if !log.fields.contains_key("agent") => log.agent(id),
            Some(Identity::Project(_)) if !has_owner => log.mistake(
                "agent",
                "is missing, because the handle has only a project: call `CallLog::agent`, or `Conversation::agent_id` \
                 inside a conversation with `observe`",
            ),
            _ => log,
        }
    }
}
