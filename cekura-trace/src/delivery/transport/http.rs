//! Posts an encoded request to a URL, and reads the reply. Invariant: a reply is read up to a
//! limit.

use super::client::Client;
use super::reply::{LONGEST, Reader, content_type};
use super::upload::Upload;
use super::{Answer, Arc, Bytes, Endpoint, Error, FRAMING, Sending, Settings, Transport, is_compressed};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Uri};
use std::time::Duration;

struct Http {
    client: Client,
    uri: Uri,
    attempt: Duration,
    reader: Reader,
}

pub(super) fn connect(settings: &Settings) -> Result<Arc<dyn Transport>, Error> {
    connect_to(&settings.endpoint, settings.headers.clone(), settings)
}

pub(super) fn connect_to(
    endpoint: &Endpoint,
    mut headers: HeaderMap,
    settings: &Settings,
) -> Result<Arc<dyn Transport>, Error> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    let client = Client::new(endpoint, headers, settings)?;
    let (uri, attempt) = (endpoint.uri().clone(), settings.timings.attempt);
    Ok(Arc::new(Http { reader: client.reader(), client, uri, attempt }))
}

impl Transport for Http {
    fn send(&self, frame: Bytes) -> Sending {
        let mut request = Request::new(frame.slice(FRAMING..));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        if is_compressed(&frame) {
            request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let (attempt, reader) = (self.attempt, self.reader.clone());
        let answered = self.client.send(request.map(Upload::whole), LONGEST);
        Box::pin(async move {
            match tokio::time::timeout(attempt, answered).await {
                Ok(Ok(response)) => answer(&response, &reader),
                Ok(Err(broken)) => reader.none(&*broken.cause, broken.heard),
                Err(_) => Answer::late(),
            }
        })
    }
}

fn answer(response: &Response<Vec<u8>>, reader: &Reader) -> Answer {
    let (status, headers, body) = (response.status(), response.headers(), response.body());
    if status.is_redirection() {
        return reader.unexpected(&format!("a redirect ({status})"));
    }
    if !status.is_success() {
        return reader.http(status.as_u16(), headers, body);
    }
    let is_page = content_type(headers).starts_with("text/html");
    if is_page || body.len() > LONGEST {
        reader.unexpected("success with a page instead of an OTLP answer")
    } else {
        reader.accepted(body)
    }
}
