//! A call log and the account that it belongs to come in; a letter goes out, the JSON that is posted, or every mistake
//! at once. This file does not know the meaning of most fields.

use super::error::ObserveError;
use super::{CallLog, transcript};
use crate::delivery::config::{Identity, Mode, Settings};
use opentelemetry::trace::TraceId;
use serde_json::Value;
use std::time::Duration;

/// The most characters of a call's id.
const LONGEST_ID: usize = 100;

impl CallLog {
    /// Checks it, and writes what is posted.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal(mut self, account: &Account) -> Result<Letter, ObserveError> {
        let length = self.id.chars().count();
        if self.id.trim().is_empty() {
            self = self.mistake("call_id", "is empty: give the call an id of your own");
        } else if length > LONGEST_ID {
            let rule = format!("has {length} characters: Cekura takes at most {LONGEST_ID}");
            self = self.mistake("call_id", rule);
        }
        let entries = std::mem::take(&mut self.transcript);
        if let Some((kind, entries)) = transcript::write(entries, &mut self.mistakes) {
            self = self.set(transcript::TYPE, kind.into()).set(transcript::JSON, entries);
        }
        self = account.complete(self);
        if !self.mistakes.is_empty() {
            return Err(ObserveError::invalid(self.mistakes));
        }
        let agent = self.fields.get("agent").map(|agent| format!("agent_id={agent}"));
        let owner = agent.or_else(|| Some(format!("project_id={}", account.project()?)));
        let Self { id, trace_id, mut fields, deadline, .. } = self;
        fields.insert("call_id".to_owned(), id.clone().into());
        Ok(Letter { id, trace_id, owner, fields: Value::Object(fields).to_string(), deadline })
    }
}

/// A call log that can be posted.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) id: String,
    /// The trace that it is to name, if that is complete.
    pub(crate) trace_id: Option<TraceId>,
    /// The parameter under which a search for it finds it.
    pub(crate) owner: Option<String>,
    /// All fields but the trace id, as one JSON object.
    pub(crate) fields: String,
    /// How long it waits for its trace.
    pub(crate) deadline: Duration,
}

impl Letter {
    /// The body of the request.
    pub(crate) fn body(&self) -> String {
        match (self.trace_id, self.fields.strip_prefix('{')) {
            (Some(trace_id), Some(fields)) => format!("{{\"trace_id\":\"{trace_id}\",{fields}"),
            _ => self.fields.clone(),
        }
    }
}

/// Whose call logs a handle posts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) is_local: bool,
    has_key: bool,
    identity: Option<Identity>,
}

impl Account {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            is_local: settings.mode == Mode::Local,
            has_key: !settings.api_headers.is_empty(),
            identity: settings.identity,
        }
    }

    fn complete(&self, log: CallLog) -> CallLog {
        let has_owner = log.fields.contains_key("agent") || log.fields.contains_key("assistant_id");
        match self.identity {
            _ if !self.is_local && !self.has_key => {
                log.mistake("CEKURA_API_KEY", "is not set; a call log needs it, and CEKURA_AGENT_ID")
            }
            Some(Identity::Agent(id)) if !log.fields.contains_key("agent") => log.agent(id),
            Some(Identity::Project(_)) if !has_owner => log.mistake(
                "agent",
                "is missing, for the handle knows its project only: call `CallLog::agent`, or `Conversation::agent_id` \
                 inside a conversation with `observe`",
            ),
            _ => log,
        }
    }

    fn project(&self) -> Option<u64> {
        match self.identity {
            Some(Identity::Project(id)) => Some(id),
            _ => None,
        }
    }
}
