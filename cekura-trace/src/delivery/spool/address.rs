//! Where something is to be sent and for whom, as a file of the spool says it. Invariant: no secret is written. A
//! hash stands for headers, key and path; to compute it, one must know them.

use crate::delivery::config::{Endpoint, Identity, KEY_HEADER, Protocol, Settings};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What Cekura's own headers begin with.
const OWN: &[u8] = b"x-cekura-";
/// The most characters of the words for whom it is.
const LONGEST: usize = 500;

/// Who receives something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Stands for all that decides it: only what has the same goes there.
    pub(super) receiver: String,
    /// The same in words.
    pub(super) whom: String,
}

impl Address {
    pub(crate) fn of_spans(settings: &Settings) -> Self {
        let protocol = match settings.protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http",
        };
        Self::new("spans", protocol, &settings.endpoint, &settings.headers, settings)
    }

    pub(crate) fn of_call_logs(settings: &Settings) -> Self {
        Self::new("call logs", "api", &settings.api, &HeaderMap::new(), settings)
    }

    /// An endpoint that was wrong and is set right gets what waited for the same account, key and headers. Without a key
    /// or an account nobody knows whose it is, and the endpoint must be the same too.
    fn new(what: &str, protocol: &str, to: &Endpoint, headers: &HeaderMap, settings: &Settings) -> Self {
        let account = match settings.identity {
            Some(Identity::Agent(id)) => format!("agent {id}"),
            Some(Identity::Project(id)) => format!("project {id}"),
            None => String::new(),
        };
        let key = settings.api_headers.get(KEY_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
        let mut parts = vec![key, what.as_bytes(), account.as_bytes()];
        // Key and account are compared anyway, and are sent to some endpoints only.
        let is_known =
            |value: &[u8]| value == key || account.split(' ').nth(1).map(str::as_bytes) == Some(value);
        let headers = headers.iter().map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        let mut headers: Vec<_> =
            headers.filter(|[name, value]| !(name.starts_with(OWN) && is_known(value))).collect();
        headers.sort_unstable();
        parts.extend_from_slice(headers.as_flattened());
        let origin = to.origin();
        if key.is_empty() || account.is_empty() {
            let path = to.uri().path_and_query().map_or("", |path| path.as_str());
            parts.extend([protocol.as_bytes(), origin.as_bytes(), path.as_bytes()]);
        }
        let whom = if account.is_empty() { "nobody's account" } else { &account };
        let whom = format!("{whom} at {origin}").chars().take(LONGEST).collect();
        Self { receiver: hash(&parts), whom }
    }
}

/// Tells lists of texts apart. The first of them is the key of the hash.
fn hash(parts: &[&[u8]]) -> String {
    const BYTES: usize = 16;
    let sum = parts.iter().fold(Sha256::new(), |sum, part| {
        // With its length, so that no two lists are the same text.
        sum.chain_update((part.len() as u64).to_le_bytes()).chain_update(part)
    });
    hex(&sum.finalize()[..BYTES])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "../tests/spool_address.rs"]
mod tests;
