//! An encoded request is posted to a URL, the whole reply comes back as an answer. This file does not know gRPC.
//!
//! Redirects are not followed and proxies of the environment are not used: the key goes to the configured host alone.

use super::reply::{LONGEST, Reader, content_type};
use super::{
    Answer, Arc, Bytes, Endpoint, Error, FRAMING, Failure, Sending, Settings, Transport, is_compressed, tls,
};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use std::time::Duration;

pub(super) const AVAILABLE: bool = true;

struct Http {
    client: Client,
    url: Url,
    attempt: Duration,
    reader: Reader,
}

pub(super) fn connect(settings: &Settings) -> Result<Arc<dyn Transport>, Error> {
    let mut headers = settings.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    let url = settings.endpoint.uri().to_string().parse().map_err(Error::start)?;
    Ok(Arc::new(Http {
        client: client(&settings.endpoint, headers, settings)?,
        url,
        attempt: settings.timings.attempt,
        reader: Reader::new(&settings.headers),
    }))
}

/// What sends `headers` with every request to one endpoint.
pub(super) fn client(endpoint: &Endpoint, headers: HeaderMap, settings: &Settings) -> Result<Client, Error> {
    Client::builder()
        .tls_backend_preconfigured(tls::config(endpoint, settings)?)
        .default_headers(headers)
        .user_agent(concat!("cekura-trace/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .https_only(endpoint.is_encrypted())
        .connect_timeout(settings.timings.connect + settings.timings.tls)
        .build()
        .map_err(|error| Error::start(error.without_url()))
}

impl Transport for Http {
    fn send(&self, frame: Bytes) -> Sending {
        let mut request = self.client.post(self.url.clone()).body(frame.slice(FRAMING..));
        if is_compressed(&frame) {
            request = request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let request = request.send();
        let (attempt, reader) = (self.attempt, self.reader.clone());
        Box::pin(async move {
            let exchange = async {
                let response = request.await?;
                answer(response, &reader).await
            };
            match tokio::time::timeout(attempt, exchange).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => reader.none(&error.without_url()),
                Err(_) => Answer::None { failure: Failure::Timeout, message: "no answer in time".to_owned() },
            }
        })
    }
}

async fn answer(response: Response, reader: &Reader) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    if status.is_redirection() {
        return Ok(reader.unexpected(&format!("a redirect ({status})")));
    }
    let headers = response.headers().clone();
    let body = body(response, LONGEST).await?;
    if !status.is_success() {
        return Ok(reader.http(status.as_u16(), &headers, &body));
    }
    let is_page = content_type(&headers).starts_with("text/html");
    Ok(if is_page || body.len() > LONGEST {
        reader.unexpected("success with a page instead of an OTLP answer")
    } else {
        reader.accepted(&body)
    })
}

/// A body as far as `longest` bytes, and a little more when it is longer.
pub(super) async fn body(mut response: Response, longest: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > longest {
            break;
        }
    }
    Ok(body)
}
