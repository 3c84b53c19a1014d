//! What is kept in the spool ↔ the bytes of one file, which stands for itself: a torn or foreign one is told from a
//! whole one. This file does not know where files are.
//!
//! ```text
//! cekura-spool 1 <SHA-256 of all that follows the line, in hex>\n
//! {"account":"agent 5","item":"spans","protocol":"grpc","roots":["…"],"to":"https://…","traces":{"…":3}}\n
//! the encoded request as it is sent; of a call log, its JSON
//! ```

use crate::delivery::config::{Identity, Protocol, Settings};
use crate::delivery::ledger::Counts;
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

const VERSION: &str = "cekura-spool 1 ";

/// Where something is to be sent, and for whom. Never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    protocol: &'static str,
    to: String,
    account: String,
}

impl Address {
    pub(crate) fn of_spans(settings: &Settings) -> Self {
        let protocol = match settings.protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http",
        };
        Self { protocol, to: settings.endpoint.origin(), account: account(settings) }
    }

    pub(crate) fn of_call_logs(settings: &Settings) -> Self {
        Self { protocol: "api", to: settings.api.origin(), account: account(settings) }
    }
}

fn account(settings: &Settings) -> String {
    match settings.identity {
        Some(Identity::Agent(id)) => format!("agent {id}"),
        Some(Identity::Project(id)) => format!("project {id}"),
        None => "none".to_owned(),
    }
}

/// What a file holds, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    CallLog {
        id: String,
        owner: Option<String>,
    },
    Spans {
        counts: Counts,
        /// The spans without a parent among them.
        roots: Vec<SpanId>,
    },
    /// The root of a conversation that has begun, as a request for one span.
    Start,
}

impl Item {
    /// The end of a file's name.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::CallLog { .. } => "call_log",
            Self::Spans { .. } => "spans",
            Self::Start => "start",
        }
    }
}

/// The bytes of a file.
pub(super) fn write(address: &Address, item: &Item, body: &[u8]) -> Vec<u8> {
    let mut header = Map::new();
    for (key, value) in [
        ("account", address.account.clone()),
        ("item", item.kind().to_owned()),
        ("protocol", address.protocol.to_owned()),
        ("to", address.to.clone()),
    ] {
        header.insert(key.to_owned(), value.into());
    }
    match item {
        Item::CallLog { id, owner } => {
            header.insert("id".to_owned(), id.clone().into());
            header.insert("owner".to_owned(), json!(owner));
        }
        Item::Spans { counts, roots } => {
            let traces = counts.iter().map(|(trace, count)| (trace.to_string(), Value::from(*count)));
            header.insert("traces".to_owned(), Value::Object(traces.collect()));
            header.insert("roots".to_owned(), roots.iter().map(ToString::to_string).collect());
        }
        Item::Start => {}
    }
    let header = Value::Object(header).to_string();
    let sum = Sha256::new().chain_update(&header).chain_update("\n").chain_update(body).finalize();
    let first = format!("{VERSION}{}\n{header}\n", hex(&sum));
    [first.as_bytes(), body].concat()
}

/// What a file says; `None` where it is torn, or of another version or program.
pub(super) fn read(bytes: Vec<u8>) -> Option<(Address, Item, Bytes)> {
    let bytes = Bytes::from(bytes);
    let (first, _) = line(&bytes)?;
    let sum = first.strip_prefix(VERSION)?;
    let rest = bytes.slice(first.len() + 1..);
    if hex(&Sha256::digest(&rest)) != sum {
        return None;
    }
    let (header, _) = line(&rest)?;
    let body = rest.slice(header.len() + 1..);
    let header: Value = serde_json::from_str(header).ok()?;
    let text = |key: &str| header[key].as_str().map(str::to_owned);
    let protocol = *["api", "grpc", "http"].iter().find(|known| header["protocol"] == **known)?;
    let address = Address { protocol, to: text("to")?, account: text("account")? };
    let item = match header["item"].as_str()? {
        "call_log" => Item::CallLog { id: text("id")?, owner: text("owner") },
        "spans" => Item::Spans { counts: counts(&header)?, roots: roots(&header)? },
        "start" => Item::Start,
        _ => return None,
    };
    Some((address, item, body))
}

/// The first line, and what follows it.
fn line(bytes: &Bytes) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn counts(header: &Value) -> Option<Counts> {
    let traces = header["traces"].as_object()?.iter();
    traces.map(|(trace, count)| Some((TraceId::from_hex(trace).ok()?, count.as_u64()?))).collect()
}

fn roots(header: &Value) -> Option<Vec<SpanId>> {
    header["roots"].as_array()?.iter().map(|root| SpanId::from_hex(root.as_str()?).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "../tests/spool_file.rs"]
mod tests;
