//! Sends one request with the program's own HTTP client. Invariant: a request is sent once; retries are the lane's.

use super::answer::Failure;
use super::client::{Broken, Exchange, whole};
use super::upload::Upload;
use crate::delivery::config::HttpClient;
use http::{Request, Response};
use reqwest::Body;

impl HttpClient {
    /// Reads a body as far as `longest` bytes, and a little more when it is longer.
    pub(super) fn send(&self, request: Request<Upload>, longest: usize) -> Exchange {
        let client = self.client().clone();
        Box::pin(async move {
            // A body that cannot be copied is one that the client does not send a second time.
            let request = request.map(Body::wrap).try_into().map_err(broken)?;
            let answer = client.execute(request).await.map_err(broken)?;
            let (head, body) = Response::<Body>::from(answer).into_parts();
            Ok(Response::from_parts(head, whole(body, longest).await.map_err(broken)?))
        })
    }
}

fn broken(error: reqwest::Error) -> Broken {
    let is_connected = !error.is_connect();
    let heard = match (error.is_timeout(), is_connected) {
        (true, true) => Some(Failure::Timeout),
        (true, false) => Some(Failure::Unconnected),
        (false, _) => None,
    };
    Broken { was_sent: is_connected && !error.is_builder(), heard, cause: error.into() }
}
