//! Makes an answer of the parts of a reply. Invariant: only a success that parses counts as
//! accepted.

use super::answer::{Answer, Exported, Failure};
use super::chain::deepest;
use super::failures::failure;
use super::secrets::Secrets;
use crate::one_line::one_line;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use prost::Message;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// The most bytes of a reply that are read.
pub(super) const LONGEST: usize = 64 << 10;
/// The most characters of a server's text that are shown.
const EXCERPT: usize = 200;

/// Reads a server's text for people: one line, short, without the secrets that were sent to it.
#[derive(Clone)]
pub(super) struct Reader(Secrets);

/// `google.rpc.Status`, which carries the message of a failed OTLP request.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanoseconds: i32,
}

impl Reader {
    /// Keeps what is secret in `headers` out of every message.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        Self(Secrets::of(headers))
    }

    /// All of a server's text but the secrets.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.0.removed_from(text)
    }

    pub(super) fn text(&self, text: &str) -> String {
        one_line(&self.redacted(text), EXCERPT)
    }

    pub(super) fn unexpected(&self, what: &str) -> Answer {
        Answer::Unexpected { message: self.text(what) }
    }

    /// What a successful reply says.
    pub(super) fn accepted(&self, body: &[u8]) -> Answer {
        let Ok(response) = Exported::decode(body) else {
            return self.unexpected("success with a body that is not OTLP");
        };
        let partial = response.partial.unwrap_or_default();
        Answer::Accepted {
            rejected: u64::try_from(partial.rejected).unwrap_or_default(),
            message: self.text(&partial.message),
        }
    }

    /// What a reply with an HTTP status other than 2xx says.
    pub(super) fn http(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Answer {
        let kind = content_type(headers);
        let message = if kind.starts_with("application/x-protobuf") {
            Status::decode(body).map(|status| status.message).unwrap_or_default()
        } else if kind.starts_with("text/html") {
            String::new()
        } else {
            String::from_utf8_lossy(body).into_owned()
        };
        Answer::Http { status, wait: retry_after(headers), message: self.text(&message) }
    }

    /// What a gRPC status says; `details` are its encoded `google.rpc.Status`.
    #[cfg(feature = "grpc")]
    pub(super) fn grpc(&self, code: i32, message: &str, details: &[u8]) -> Answer {
        let details = Status::decode(details).unwrap_or_default().details;
        let info = details.iter().find(|detail| detail.kind.ends_with("google.rpc.RetryInfo"));
        let delay = info.and_then(|info| RetryInfo::decode(&*info.value).ok()?.delay);
        let wait = delay.and_then(|delay| {
            let nanoseconds = u32::try_from(delay.nanoseconds).ok().filter(|part| *part < 1_000_000_000)?;
            Some(Duration::new(u64::try_from(delay.seconds).ok()?, nanoseconds))
        });
        Answer::Grpc { code, wait, message: self.text(message) }
    }

    /// No reply, and why.
    pub(super) fn none(&self, error: &(dyn Error + 'static), heard: Option<Failure>) -> Answer {
        let (failure, message) = self.failure(error, heard);
        Answer::None { failure, message }
    }

    /// Why there is no reply. What the server was heard to say tells more than a connection that breaks.
    pub(super) fn failure(&self, error: &(dyn Error + 'static), heard: Option<Failure>) -> (Failure, String) {
        let failure = match failure(error) {
            known @ (Failure::Connection | Failure::Protocol) => heard.unwrap_or(known),
            known => known,
        };
        (failure, self.text(&deepest(error)))
    }
}

pub(super) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Seconds, or a date; a date that has passed is no wait.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default())
    })
}

#[cfg(test)]
#[path = "../tests/reply.rs"]
mod tests;
