//! Sends one request to Cekura's API and gives the whole answer. Invariant: the key goes to the
//! API's origin only.

use super::client::Client;
use super::reply::{LONGEST, Reader, retry_after};
use super::{Bytes, Error, Failure, NO_ANSWER, Response, Sending, Settings};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use std::time::Duration;

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

    /// Sends a request to a path, which begins with a slash and may have a query, with a body of JSON or none.
    pub(crate) fn send(&self, method: Method, path: &str, json: Option<Bytes>) -> Sending<Response> {
        // The API repeats what it was given.
        let longest = LONGEST + 4 * json.as_ref().map_or(0, Bytes::len);
        let has_body = json.is_some();
        let mut request = Request::new(json.unwrap_or_default());
        *request.method_mut() = method;
        // Its parts are an address and a path, each good by itself.
        *request.uri_mut() = format!("{}{path}", self.base).parse().unwrap_or_default();
        if has_body {
            request.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        let (attempt, reader) = (self.attempt, self.reader.clone());
        let answered = self.client.send(request, longest);
        Box::pin(async move {
            match tokio::time::timeout(attempt, answered).await {
                Ok(Ok(response)) => {
                    let (status, wait) = (response.status().as_u16(), retry_after(response.headers()));
                    let body = reader.redacted(&String::from_utf8_lossy(response.body()));
                    Response::Whole { status, wait, body }
                }
                Ok(Err(broken)) => {
                    let (failure, message) = reader.failure(&*broken.cause);
                    Response::None { failure, was_sent: broken.was_sent, message }
                }
                Err(_) => {
                    let message = NO_ANSWER.to_owned();
                    Response::None { failure: Failure::Timeout, was_sent: true, message }
                }
            }
        })
    }
}

#[cfg(test)]
#[path = "../tests/api.rs"]
mod tests;
