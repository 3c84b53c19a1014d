//! The question whether a call is stored. It names the call by the caller's own id; the API's `call_ids` are Cekura's.

use crate::delivery::call_log::sealed::SealedCallLog;
use serde_json::json;

const CALL_LOGS: &str = "/observability/v1/call-logs/";

/// Path and query of the question; a list that goes on is asked for by page, from 1.
pub(super) fn search(log: &SealedCallLog, page: u32) -> String {
    let filter = json!({ "field": "call_id", "op": "eq", "value": log.id }).to_string();
    let escaped = filter.bytes().map(|byte| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    let owner = log.owner.as_ref().map(|owner| format!("&{owner}")).unwrap_or_default();
    let page = if page > 1 { format!("&page={page}") } else { String::new() };
    format!("{CALL_LOGS}?filters_v2={}{owner}{page}", escaped.collect::<String>())
}
