//! Sends one request to Cekura's API and gives the whole answer. Invariant: the key goes to the
//! API's origin only.

use super::client::Client;
use super::reply::{LONGEST, Reader, retry_after};
use super::upload::{Progress, Upload};
use super::{Bytes, Error, Failure, NO_ANSWER, Payload, Response, Sending, Settings};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes of a list of calls, which may have their transcripts with them.
const LISTED: usize = 4 << 20;
/// Bytes of a form's fields that an answer may repeat.
const FIELDS: usize = 6 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Cekura's API, at the address that the settings name. Redirects are not followed.
pub(crate) struct Api {
    client: Client,
    /// Without a slash at its end.
    base: String,
    attempt: Duration,
    reader: Reader,
}

impl Api {
    /// Prepares the connection; must run inside the runtime that will send.
    ///
    /// # Errors
    ///
    /// When a certificate cannot be used, or HTTP is not part of this build.
    pub(crate) fn connect(settings: &Settings) -> Result<Self, Error> {
        let mut headers = settings.api_headers.clone();
        headers.insert(ACCEPT, JSON);
        let client = Client::new(&settings.api, headers, settings)?;
        let base = settings.api.uri().to_string().trim_end_matches('/').to_owned();
        Ok(Self { reader: client.reader(), client, base, attempt: settings.timings.attempt })
    }

    /// Sends a request to a path, which begins with a slash and may have a query.
    ///
    /// A form is given up when nothing of it was sent for thirty seconds, and after ten minutes in any case.
    pub(crate) fn send(&self, method: Method, path: &str, payload: Payload) -> Sending<Response> {
        let (body, content_type, repeated, progress) = match payload {
            Payload::Nothing => (Upload::whole(Bytes::new()), None, LISTED, None),
            Payload::Json(json) => {
                let length = json.len();
                (Upload::whole(json), Some(JSON), length, None)
            }
            Payload::Form(form) => {
                let content_type = form.content_type.clone();
                let (body, progress) = Upload::form(form);
                (body, Some(content_type), FIELDS, Some(progress))
            }
        };
        // The API repeats what it was given.
        let longest = LONGEST + 4 * repeated;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        // Its parts are an address and a path, each good by itself.
        *request.uri_mut() = format!("{}{path}", self.base).parse().unwrap_or_default();
        request.headers_mut().extend(content_type.map(|kind| (CONTENT_TYPE, kind)));
        let (attempt, reader) = (self.attempt, self.reader.clone());
        let answered = self.client.send(request, longest);
        Box::pin(async move {
            match within(attempt, progress, answered).await {
                Some(Ok(response)) => {
                    let (status, wait) = (response.status().as_u16(), retry_after(response.headers()));
                    let body = reader.redacted(&String::from_utf8_lossy(response.body()));
                    Response::Whole { status, wait, body }
                }
                Some(Err(broken)) => {
                    let (failure, message) = reader.failure(&*broken.cause, broken.heard);
                    Response::None { failure, was_sent: broken.was_sent, message }
                }
                None => {
                    let message = NO_ANSWER.to_owned();
                    Response::None { failure: Failure::Timeout, was_sent: true, message }
                }
            }
        })
    }
}

/// The answer, if it comes in time: within `attempt`, or of what is sent in parts while it makes progress.
async fn within<T>(
    attempt: Duration,
    progress: Option<Progress>,
    answered: impl Future<Output = T>,
) -> Option<T> {
    let Some(progress) = progress else { return timeout(attempt, answered).await.ok() };
    let (stall, most) = (3 * attempt, Instant::now() + 60 * attempt);
    let mut answered = pin!(answered);
    loop {
        let until = most.min(progress.last() + stall);
        match timeout_at(until, &mut answered).await {
            Ok(answer) => return Some(answer),
            Err(_) if Instant::now() >= most.min(progress.last() + stall) => return None,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
#[path = "../tests/api.rs"]
mod tests;
