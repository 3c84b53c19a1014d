//! The log of a simulated call, as Cekura's webhook for transcripts takes it ("Custom Integration" in Cekura's documentation).
//! Invariant: a call with a run id names no agent, for Cekura takes one of the two.

use super::error::ObserveError;
use super::sealed::{Account, OPENING, SealedCallLog};
use super::{CallLog, transcript};
use crate::call::Run;
use crate::date::rfc3339;
use crate::transcript::{Content, Entry, Role};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long after the end of a call Cekura listens for it.
pub(crate) const LISTENS: Duration = Duration::from_secs(300);

/// The most characters of a call's id, and of a telephone number.
const LONGEST_ID: usize = 255;
const LONGEST_NUMBER: usize = 15;

impl CallLog {
    /// Checks the log of a call that belongs to a run, and writes what is posted.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(super) fn seal_simulated(
        self,
        run: &Run,
        start: SystemTime,
        end: SystemTime,
        account: &Account,
    ) -> Result<SealedCallLog, ObserveError> {
        let log = self.with_checked_id(LONGEST_ID);
        let mut log = if run.id().is_some() { account.with_key(log) } else { account.complete(log) };
        let (entries, _) = transcript::in_order(std::mem::take(&mut log.transcript), &mut log.mistakes);
        let agent = log.fields.remove("agent").filter(|_| run.id().is_none());
        let metadata = log.fields.remove("metadata").unwrap_or_default();
        let number = |key: &str| metadata[key].as_str().filter(|number| is_number(number)).map(Value::from);
        let fields = [
            ("id", Some(log.id.clone().into())),
            ("run_id", run.id().map(Value::from)),
            ("startedAt", rfc3339(start, 3).map(Value::from)),
            ("endedAt", rfc3339(end.max(start), 3).map(Value::from)),
            ("messages", Some(entries.iter().map(|entry| message(entry, start)).collect())),
            ("endedReason", log.fields.remove("call_ended_reason")),
            ("from_phone_number", number("from_phone_number")),
            ("to_phone_number", number("to_phone_number")),
            ("metadata", Some(metadata.clone()).filter(Value::is_object)),
        ];
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let call = Value::Object(fields.collect::<Map<_, _>>()).to_string();
        let agent = agent.map(|agent| format!(",\"agent_id\":{agent}")).unwrap_or_default();
        let body = format!("{OPENING}{}]{agent}}}", call.trim_start_matches('{'));
        Ok(SealedCallLog { until: Some(end + LISTENS), ..log.sealed(None, body)? })
    }
}

fn is_number(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && number.len() <= LONGEST_NUMBER
}

/// An entry, with its times in milliseconds since the Unix epoch.
fn message(entry: &Entry, start: SystemTime) -> Value {
    let (role, content, data) = match &entry.content {
        Content::Speech { role: Role::Agent, text } => ("bot", &**text, None),
        Content::Speech { role: Role::User, text } => ("user", &**text, None),
        Content::ToolCall { id, name, arguments } => {
            ("function_call", "", Some(json!({ "id": id, "name": name, "arguments": arguments })))
        }
        Content::ToolResult { id, name, result } => {
            ("function_call_result", "", Some(json!({ "id": id, "name": name, "result": result })))
        }
        // A mistake, so that it is not posted.
        Content::Unreadable { .. } => return Value::Null,
    };
    let since_epoch = start.duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = |seconds: f64| {
        let at = since_epoch.saturating_add(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
    };
    let (start, end) = entry.times.unwrap_or_default();
    let mut message =
        json!({ "role": role, "content": content, "start_time": at(start), "end_time": at(end) });
    if let Some(data) = data {
        message["data"] = data;
    }
    message
}
