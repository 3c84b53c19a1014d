//! A call log as code gives it, field by field. Invariant: a field is checked when it is set, and
//! every mistake is kept until `observe` reports it.

pub(crate) mod ended;
pub(crate) mod error;
#[cfg(feature = "audio")]
pub(crate) mod form;
pub(crate) mod sealed;
mod transcript;
pub(crate) mod update;
mod value;
pub(crate) mod webhook;

use crate::call;
use crate::date::rfc3339;
use crate::transcript::{Entry, json};
use error::Mistake;
use opentelemetry::trace::TraceId;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::time::{Duration, SystemTime};
use value::{is_empty, without_nulls};

/// What Cekura stores of one call beside its trace. [`Cekura::observe`](crate::Cekura::observe) posts it.
///
/// Only the id is required. A field that is empty or null is not sent, so it never overwrites a stored value.
/// `observe` reports all mistakes at once.
///
/// ```no_run
/// # async fn run(cekura: cekura::Cekura) -> Result<(), cekura::ObserveError> {
/// use cekura::{CallLog, Entry};
///
/// let call_log = CallLog::new("call-42")
///     .transcript([Entry::user("Hello?").at(0.4, 1.0), Entry::agent("Good morning!").at(1.7, 2.6)])
///     .metadata(serde_json::json!({ "bot_version": "1.0" }))
///     .call_ended_reason("user-hangup");
/// let sent = cekura.observe(call_log).await?;
/// println!("stored as {:?}", sent.id());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call log does nothing until it is given to `observe`"]
pub struct CallLog {
    id: String,
    trace_id: Option<TraceId>,
    transcript: Vec<Entry>,
    /// The other fields as they are posted.
    fields: Map<String, Value>,
    deadline: Duration,
    mistakes: Vec<Mistake>,
}

/// The format of a provider's transcript ("Transcript format" in [Cekura's
/// documentation](https://docs.cekura.ai)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "their names say it")]
pub enum TranscriptType {
    Cekura,
    Deepgram,
    ElevenLabs,
    LiveKit,
    /// Mono audio without a transcript.
    NoneMono,
    Pipecat,
    Retell,
    Vapi,
    Vocera,
}

impl TranscriptType {
    fn name(self) -> &'static str {
        match self {
            Self::Cekura => "cekura",
            Self::Deepgram => "deepgram",
            Self::ElevenLabs => "elevenlabs",
            Self::LiveKit => "livekit",
            Self::NoneMono => "none-mono",
            Self::Pipecat => "pipecat",
            Self::Retell => "retell",
            Self::Vapi => "vapi",
            Self::Vocera => "vocera",
        }
    }
}

/// The kinds of data that the API can remove from a transcript and a recording.
const REDACTABLE: [&str; 29] = [
    "person_name",
    "age",
    "phone_number",
    "email_address",
    "date",
    "time",
    "location",
    "origin",
    "gender_sexuality",
    "physical_attribute",
    "occupation",
    "username",
    "password",
    "ip_address",
    "url",
    "filename",
    "event",
    "vehicle_id",
    "dob",
    "healthcare_number",
    "medical_professional",
    "credit_card",
    "account_number",
    "bank_account",
    "money",
    "ssn",
    "passport_number",
    "driver_license",
    "numerical_pii",
];

/// How long a call log waits for its trace unless `.deadline(…)` says otherwise.
const DEADLINE: Duration = Duration::from_secs(5);

impl CallLog {
    /// The log of the call with this id, which you choose: at most 100 characters.
    pub fn new(call_id: impl Into<String>) -> Self {
        Self {
            id: call_id.into(),
            trace_id: None,
            transcript: Vec::new(),
            fields: Map::new(),
            deadline: DEADLINE,
            mistakes: Vec::new(),
        }
    }

    /// The trace of the call: [`cekura::trace_id`](crate::trace_id) returns its id inside the conversation. The
    /// call log names the trace only if every span of it was delivered or is safe in the spool. So it never
    /// does if `observe` is awaited inside the conversation itself, because the conversation's span is still
    /// open.
    pub fn trace_id(mut self, trace_id: TraceId) -> Self {
        call::know_trace();
        self.trace_id = Some(trace_id).filter(|trace_id| *trace_id != TraceId::INVALID);
        self
    }

    /// The Cekura agent that took the call; the handle's agent unless set. It is required if the handle has
    /// only a project.
    pub fn agent(self, id: u64) -> Self {
        self.set("agent", id.into())
    }

    /// The provider's id of the assistant. Cekura finds the agent by it.
    pub fn assistant_id(self, id: impl Into<String>) -> Self {
        self.set("assistant_id", Value::String(id.into()))
    }

    /// What was said and done. The entries are sent in the order of their starts; you may give the two
    /// speakers' entries one after the other.
    pub fn transcript(mut self, entries: impl IntoIterator<Item = Entry>) -> Self {
        self.fields.remove(transcript::TYPE);
        self.fields.remove(transcript::JSON);
        self.transcript = entries.into_iter().collect();
        self
    }

    /// A transcript in a provider's own format, in place of entries.
    pub fn provider_transcript(mut self, kind: TranscriptType, transcript: impl Serialize) -> Self {
        self.transcript.clear();
        match json(transcript) {
            None => self.mistake(transcript::JSON, "cannot be written as JSON"),
            Some(value) => self.set(transcript::TYPE, kind.name().into()).set(transcript::JSON, value),
        }
    }

    /// Tags of your own: any value that serialises to a JSON object. It replaces the metadata given before.
    pub fn metadata(self, metadata: impl Serialize) -> Self {
        self.object("metadata", json(metadata))
    }

    /// Values for the `{{variables}}` in the agent's description: any value that serialises to a JSON object.
    pub fn dynamic_variables(self, variables: impl Serialize) -> Self {
        self.object("dynamic_variables", json(variables))
    }

    /// Where the recording can be fetched: a URL that begins with `https://` or `http://`.
    pub fn voice_recording_url(self, url: impl Into<String>) -> Self {
        let url = url.into();
        if url.is_empty() || url.starts_with("https://") || url.starts_with("http://") {
            self.set("voice_recording_url", url.into())
        } else {
            self.mistake("voice_recording_url", "must be a URL that begins with `https://` or `http://`")
        }
    }

    /// Why the call ended, such as `user-hangup` or `agent-ended-call`.
    pub fn call_ended_reason(self, reason: impl Into<String>) -> Self {
        self.set("call_ended_reason", Value::String(reason.into()))
    }

    /// The caller's number in E.164 format, or your own id of the customer.
    pub fn customer_number(self, number: impl Into<String>) -> Self {
        self.set("customer_number", Value::String(number.into()))
    }

    /// When the call started, between the years 1970 and 9999. The times in the transcript count from here.
    pub fn timestamp(self, start: SystemTime) -> Self {
        match rfc3339(start, 3) {
            Some(text) => self.set("timestamp", text.into()),
            None => self.mistake("timestamp", "must lie between the years 1970 and 9999"),
        }
    }

    /// What a person says about the call.
    pub fn feedback(self, feedback: impl Into<String>) -> Self {
        self.set("feedback", Value::String(feedback.into()))
    }

    /// The kinds of data that Cekura removes from the transcript and the recording, in place of those in the
    /// agent's settings: `person_name`, `phone_number`, `email_address`, `credit_card` and others. An unknown
    /// kind is a mistake; its message lists all kinds.
    pub fn redact_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        let fields: Vec<String> = fields.into_iter().map(Into::into).collect();
        for field in fields.iter().filter(|field| !REDACTABLE.contains(&field.as_str())) {
            let rule = format!("has no kind `{field}`; it takes {}", REDACTABLE.join(", "));
            self = self.mistake("redact_fields", rule);
        }
        self.set("redact_fields", fields.into())
    }

    /// The metrics to evaluate: their ids in Cekura.
    pub fn metric_ids(self, ids: impl IntoIterator<Item = u64>) -> Self {
        let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        self.set("metric_ids", ids.join(",").into())
    }

    /// The agent's channel in a stereo recording: 0 or 1.
    pub fn main_agent_channel_index(self, channel: u8) -> Self {
        if channel > 1 {
            return self.mistake("main_agent_channel_index", "must be 0 or 1");
        }
        self.set("main_agent_channel_index", channel.into())
    }

    /// How long `observe` waits for the trace before it posts without it; 5 s unless set. Zero means no wait.
    pub fn deadline(mut self, wait: Duration) -> Self {
        self.deadline = wait;
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn set(mut self, field: &'static str, value: Value) -> Self {
        match without_nulls(value) {
            Some(value) if !is_empty(&value) => drop(self.fields.insert(field.to_owned(), value)),
            _ => drop(self.fields.remove(field)),
        }
        self
    }

    fn object(self, field: &'static str, value: Option<Value>) -> Self {
        match value {
            Some(value @ (Value::Null | Value::Object(_))) => self.set(field, value),
            Some(_) => self.mistake(field, "must be an object, such as `json!({ \"key\": \"value\" })`"),
            None => self.mistake(field, "cannot be written as JSON"),
        }
    }

    fn mistake(mut self, field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        self.mistakes.push(Mistake { field, rule: rule.into() });
        self
    }
}

#[cfg(test)]
#[path = "tests/call_log.rs"]
mod tests;
