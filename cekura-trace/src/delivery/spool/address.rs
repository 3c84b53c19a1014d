//! Where something is to be sent and for whom, as a file of the spool says it. It has no secret: of what may be one (paths,
//! queries, headers) there is a fingerprint.

use crate::delivery::config::{Endpoint, Identity, Protocol, Settings};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write;

/// The account of those who need none.
const NONE: &str = "none";
/// What Cekura's own headers begin with, which say the account.
const OWN: &str = "x-cekura-";

/// Everything that decides who receives something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    protocol: &'static str,
    /// Scheme, host and port.
    to: String,
    /// Of path and query.
    path: String,
    /// Of the headers that the program has given; a gateway may tell its customers apart by them.
    headers: String,
    /// The agent or the project. Its key is none of it: keys are replaced, and their owner stays.
    account: String,
}

impl Address {
    pub(crate) fn of_spans(settings: &Settings) -> Self {
        let protocol = match settings.protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http",
        };
        let own = settings.headers.iter().filter(|(name, _)| !name.as_str().starts_with(OWN));
        let mut headers: Vec<_> =
            own.map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]).collect();
        headers.sort_unstable();
        let headers = fingerprint(headers.as_flattened());
        Self::new(protocol, &settings.endpoint, headers, settings.identity)
    }

    pub(crate) fn of_call_logs(settings: &Settings) -> Self {
        Self::new("api", &settings.api, String::new(), settings.identity)
    }

    fn new(protocol: &'static str, to: &Endpoint, headers: String, identity: Option<Identity>) -> Self {
        let account = match identity {
            Some(Identity::Agent(id)) => format!("agent {id}"),
            Some(Identity::Project(id)) => format!("project {id}"),
            None => NONE.to_owned(),
        };
        let path = to.uri().path_and_query().map_or("", |path| path.as_str());
        Self { protocol, to: to.origin(), path: fingerprint(&[path.as_bytes()]), headers, account }
    }

    /// Whether what is here goes where this leads. An endpoint that was wrong and is set right for the same account gets
    /// what waited for it; without an account nobody knows whose it is, and everything must be as it was.
    pub(super) fn takes(&self, other: &Self) -> bool {
        let is_same_kind = (self.protocol == "api") == (other.protocol == "api");
        let is_same_account = self.account == other.account && self.account != NONE;
        self == other || is_same_kind && is_same_account && self.headers == other.headers
    }

    /// What a file says of it.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let Self { protocol, to, path, headers, account } = self;
        let fields = [("account", account), ("headers", headers), ("path", path), ("to", to)];
        let texts = fields.map(|(key, text)| (key.to_owned(), text.as_str().into()));
        texts.into_iter().chain([("protocol".to_owned(), (*protocol).into())]).collect()
    }

    /// Of what a file says.
    pub(super) fn read(header: &Value) -> Option<Self> {
        let text = |key: &str| header[key].as_str().map(str::to_owned);
        let protocol = *["api", "grpc", "http"].iter().find(|known| header["protocol"] == **known)?;
        let (path, headers) = (text("path").unwrap_or_default(), text("headers").unwrap_or_default());
        Some(Self { protocol, to: text("to")?, path, headers, account: text("account")? })
    }
}

/// Whom it is for, in words.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.account.as_str() {
            NONE => write!(f, "nobody's account at {}", self.to),
            account => write!(f, "{account} at {}", self.to),
        }
    }
}

/// Tells texts apart and gives none of them away; nothing for none.
fn fingerprint(parts: &[&[u8]]) -> String {
    const BYTES: usize = 8;
    if parts.is_empty() {
        return String::new();
    }
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
