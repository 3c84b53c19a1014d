//! What each answer to a request of a call log means, as one table. Invariant: it has no state.

use crate::delivery::call_log::error::ObserveError;
use crate::delivery::ledger::DropReason;
use crate::delivery::transport::{Failure, Response, blames_connection};
use crate::one_line::one_line;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

#[derive(Debug)]
pub(super) enum Ruling {
    /// It may be stored: look before it is sent again.
    Ask(Trouble),
    /// Not stored, and never will be.
    Fail(ObserveError),
    /// The server's own error, before or after it was stored: twice more, later, after a look.
    RetryTwice(Trouble),
    /// Surely not stored: send it again when the API may be tried again.
    Retry(Trouble),
    /// It is not there.
    Missing,
    /// It is not on this page of the list, and there are more.
    NextPage,
    Stored {
        id: Option<String>,
        already_existed: bool,
    },
}

/// Why an attempt has come to nothing.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) reason: DropReason,
    pub(super) wait: Option<Duration>,
    pub(super) status: Option<u16>,
    pub(super) words: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(status) = self.status {
            write!(f, "HTTP status {status} ")?;
        }
        f.write_str(&self.words)
    }
}

impl From<Trouble> for ObserveError {
    fn from(trouble: Trouble) -> Self {
        Self::unavailable(trouble.status, trouble.words)
    }
}

/// What the answer to a post means.
pub(super) fn posted(response: &Response) -> Ruling {
    let (status, wait, body) = match response {
        Response::None { failure, was_sent, message } => {
            let trouble = no_answer(*failure, message);
            return if *was_sent { Ruling::Ask(trouble) } else { Ruling::Retry(trouble) };
        }
        Response::Whole { status, wait, body } => (*status, *wait, body),
    };
    match status {
        200..=299 => match serde_json::from_str::<Value>(body) {
            Ok(answer @ Value::Object(_)) => Ruling::Stored { id: id(&answer), already_existed: false },
            _ => unexpected(status, "a body that is not JSON; the call may be stored"),
        },
        409 => Ruling::Stored {
            id: serde_json::from_str(body).ok().as_ref().and_then(id),
            already_existed: true,
        },
        400 | 422 => Ruling::Fail(ObserveError::rejected(status, words(body))),
        408 | 425 | 429 | 503 => Ruling::Retry(trouble(status, wait, body)),
        500 | 501 | 505..=508 | 510 => Ruling::RetryTwice(trouble(status, wait, body)),
        // An answer of a gateway says nothing of the server behind it.
        502..=599 => Ruling::Ask(trouble(status, wait, body)),
        _ if blames_connection(status) => Ruling::RetryTwice(trouble(status, wait, body)),
        _ => refused(status, body),
    }
}

/// What the answer to a post of a simulated call means. What the webhook says is not documented, and a run that gets its
/// transcript twice has it once, so nothing is looked for.
pub(super) fn simulated(response: &Response) -> Ruling {
    if let Response::Whole { status: 200..=299, body, .. } = response
        && !body.trim_start().starts_with('<')
    {
        return Ruling::Stored { id: None, already_existed: false };
    }
    match posted(response) {
        Ruling::Ask(trouble) => Ruling::Retry(trouble),
        other => other,
    }
}

/// What the answer to the question means whether the call with this id is stored.
pub(super) fn asked(response: &Response, call_id: &str) -> Ruling {
    let (status, wait, body) = match response {
        Response::None { failure, message, .. } => {
            return Ruling::Retry(no_answer(*failure, message));
        }
        Response::Whole { status, wait, body } => (*status, *wait, body),
    };
    match status {
        200..=299 => {
            let list = serde_json::from_str(body).unwrap_or(Value::Null);
            let Some(calls) = calls(&list) else {
                return unexpected(status, "a body that lists no calls; the call may be stored");
            };
            match calls.iter().find(|call| call["call_id"] == call_id) {
                Some(call) => Ruling::Stored { id: id(call), already_existed: false },
                None if list["next"].is_null() => Ruling::Missing,
                None => Ruling::NextPage,
            }
        }
        500 | 501 | 505..=508 | 510 => Ruling::RetryTwice(trouble(status, wait, body)),
        408 | 425 | 429 | 502..=599 => Ruling::Retry(trouble(status, wait, body)),
        _ if blames_connection(status) => Ruling::RetryTwice(trouble(status, wait, body)),
        300..=399 | 401..=403 => refused(status, body),
        // The question is at fault, not the call log.
        _ => unexpected(status, "no list of calls; the call may be stored"),
    }
}

/// What is said of a list that goes on and on.
pub(super) fn without_end() -> ObserveError {
    ObserveError::unexpected(200, "a list of calls that does not end; the call may be stored")
}

/// What is said of a call that is listed without an id.
pub(super) fn without_id() -> ObserveError {
    ObserveError::unexpected(200, "a call without an id of Cekura's")
}

fn refused(status: u16, body: &str) -> Ruling {
    const KEY: &str = "CEKURA_API_KEY";
    const OWNER: &str = "CEKURA_API_KEY and CEKURA_AGENT_ID or CEKURA_PROJECT_ID";
    const URL: &str = "CEKURA_API_URL";
    let words = words(body);
    Ruling::Fail(match status {
        300..=399 => return unexpected(status, "a redirect, which is not followed"),
        401 => ObserveError::refused(status, KEY, words),
        402 => ObserveError::no_credits(status, words),
        403 => ObserveError::refused(status, OWNER, words),
        404 | 405 | 407 => ObserveError::refused(status, URL, words),
        413 => ObserveError::rejected(status, "it is too large".to_owned()),
        400..=499 => ObserveError::rejected(status, words),
        _ => return unexpected(status, "no meaning in the API"),
    })
}

fn unexpected(status: u16, what: &'static str) -> Ruling {
    Ruling::Fail(ObserveError::unexpected(status, what))
}

fn no_answer(failure: Failure, message: &str) -> Trouble {
    Trouble { reason: failure.into(), wait: None, status: None, words: message.to_owned() }
}

fn trouble(status: u16, wait: Option<Duration>, body: &str) -> Trouble {
    let reason = if status == 500 { DropReason::ServerError } else { DropReason::Unavailable };
    Trouble { reason, wait, status: Some(status), words: words(body) }
}

/// The id of a stored call: a number, or text.
fn id(call: &Value) -> Option<String> {
    match &call["id"] {
        Value::Number(id) => Some(id.to_string()),
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    }
}

/// The calls of a list, whether or not it comes in pages.
fn calls(list: &Value) -> Option<&Vec<Value>> {
    list.as_array().or_else(|| list["results"].as_array())
}

/// The most characters of a server's words that are shown.
const EXCERPT: usize = 500;

/// What a server says of a request: the messages for each field, a sentence, or the beginning of a text.
pub(super) fn words(body: &str) -> String {
    let said = match serde_json::from_str(body) {
        Ok(Value::Object(fields)) => {
            let said = fields.iter().map(|(field, messages)| format!("{field}: {}", messages_of(messages)));
            said.collect::<Vec<_>>().join("; ")
        }
        Ok(other) => messages_of(&other),
        Err(_) if body.trim_start().starts_with('<') => String::new(),
        Err(_) => body.to_owned(),
    };
    one_line(&said, EXCERPT)
}

fn messages_of(messages: &Value) -> String {
    match messages {
        Value::Array(messages) => messages.iter().map(messages_of).collect::<Vec<_>>().join(" "),
        Value::String(message) => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[path = "../../tests/ruling.rs"]
mod tests;
