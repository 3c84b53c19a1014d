//! The program's own HTTP client. Invariant: it follows no redirect, for with one the key would go to another host.

use reqwest::Client;
use reqwest::redirect::Policy;
use std::fmt;

/// What sends everything that goes over HTTP, where the program gives it.
#[derive(Clone)]
pub(crate) struct HttpClient(Client);

impl HttpClient {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0
    }

    /// Whether a redirect may be followed. A client tells of its policy in its `Debug` only, in the words of the policy itself.
    pub(super) fn follows_redirects(&self) -> bool {
        !format!("{:?}", self.0).contains(&format!("redirect_policy: \"{:?}\"", Policy::none()))
    }
}

impl fmt::Debug for HttpClient {
    /// Without its headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}
