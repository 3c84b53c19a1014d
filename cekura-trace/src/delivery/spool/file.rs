//! Writes what is kept in the spool as the bytes of one file, and reads it. Invariant: a file that
//! is torn or foreign is never taken for a whole one.
//!
//! ```text
//! cekura-spool 1 <SHA-256 of all that follows the line, in hex>\n
//! {"account":"agent 5","headers":"","item":"spans","path":"…","protocol":"grpc","roots":["…"],"to":"https://…", …}\n
//! the encoded request as it is sent; of a call log, its JSON
//! ```

use super::address::{Address, hex};
use crate::delivery::ledger::Counts;
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read};

const VERSION: &str = "cekura-spool 1 ";
/// A head names each trace of its request.
const LONGEST_HEAD: u64 = 1 << 20;

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
    let mut header = address.fields();
    header.insert("item".to_owned(), item.kind().into());
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
    let (address, item) = said(header)?;
    Some((address, item, body))
}

/// For whom a file is and what it holds, as far as its first two lines say so: whether it is whole is not known.
pub(super) fn read_head(file: impl Read) -> Option<(Address, Item)> {
    let mut lines = BufReader::new(file.take(LONGEST_HEAD)).lines();
    lines.next()?.ok()?.strip_prefix(VERSION)?;
    said(&lines.next()?.ok()?)
}

fn said(header: &str) -> Option<(Address, Item)> {
    let header: Value = serde_json::from_str(header).ok()?;
    let text = |key: &str| header[key].as_str().map(str::to_owned);
    let item = match header["item"].as_str()? {
        "call_log" => Item::CallLog { id: text("id")?, owner: text("owner") },
        "spans" => Item::Spans { counts: counts(&header)?, roots: roots(&header)? },
        "start" => Item::Start,
        _ => return None,
    };
    Some((Address::read(&header)?, item))
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

#[cfg(test)]
#[path = "../tests/spool_file.rs"]
mod tests;
