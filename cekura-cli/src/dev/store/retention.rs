//! Takes what was said out of calls that are older than their content is kept. Invariant: what stays says when what happened and how it
//! ended, in nobody's words.

use super::{Store, execute};
use cekura::semconv as key;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;
use rusqlite::{Connection, Savepoint, params};
use serde_json::Value as Json;
use std::time::{Duration, SystemTime};

/// Beside the tables of all versions, so that an older database is as good.
pub(super) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS without_content (call INTEGER PRIMARY KEY);";

/// Calls of one change, so that new ones wait for few.
const GROUP: i64 = 50;

/// Texts that are ids or names of what took part. Numbers and truth values stay under any key.
const KEPT: [&str; 20] = [
    key::CALL_ID,
    key::CODE_FUNCTION_NAME,
    key::CONVERSATION_ID,
    key::CONVERSATION_TYPE,
    key::ERROR_TYPE,
    key::FUNCTION_NAME,
    key::GEN_AI_OPERATION_NAME,
    key::GEN_AI_PROVIDER_NAME,
    key::GEN_AI_REQUEST_MODEL,
    key::GEN_AI_RESPONSE_FINISH_REASONS,
    key::GEN_AI_RESPONSE_ID,
    key::GEN_AI_RESPONSE_MODEL,
    key::GEN_AI_SYSTEM,
    key::GEN_AI_TOOL_CALL_ID,
    key::GEN_AI_TOOL_NAME,
    key::LANGUAGE,
    key::STT_PROVIDER,
    key::TTS_PROVIDER,
    key::VOICE_ID,
    crate::dev::stage::ORIGINAL,
];
/// The fields of a call log that stay.
const KEPT_OF_LOG: [&str; 4] = ["agent", "call_id", "timestamp", "trace_id"];

/// Takes the content out of calls that ended so long ago; how many there were.
///
/// # Errors
///
/// What the database says.
pub(in crate::dev) async fn forget(store: &Store, age: Duration) -> Result<usize, String> {
    let before =
        SystemTime::now().checked_sub(age).and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let before = before.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or_default();
    let mut all = 0;
    loop {
        let count = store.write(move |to| forget_some(to, before)).await?;
        all += count;
        if count == 0 {
            break;
        }
    }
    if all > 0 {
        // Deleted words stand in the index until its parts become one, and what was replaced in the log of the database.
        store.write(|to| to.execute("INSERT INTO words (words) VALUES ('optimize')", [])).await?;
        store.read(|from| from.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))).await?;
    }
    Ok(all)
}

/// Something of a call has come, perhaps with content.
pub(super) fn look_again(to: &Connection, call: i64) -> rusqlite::Result<()> {
    execute(to, "DELETE FROM without_content WHERE call = ?1", [call]).map(drop)
}

fn forget_some(to: &Savepoint<'_>, before: i64) -> rusqlite::Result<usize> {
    let mut old = to.prepare(
        "SELECT id FROM calls WHERE coalesce(ended, began) < ?1 AND id NOT IN (SELECT call FROM without_content) LIMIT ?2",
    )?;
    let old: Vec<i64> = old.query_map([before, GROUP], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for call in &old {
        forget_one(to, *call)?;
    }
    Ok(old.len())
}

fn forget_one(to: &Savepoint<'_>, call: i64) -> rusqlite::Result<()> {
    let batches: Vec<(i64, Vec<u8>)> = to
        .prepare("SELECT id, data FROM batches WHERE call = ?1")?
        .query_map([call], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, data) in batches {
        to.execute("DELETE FROM words WHERE rowid = ?1", [id])?;
        to.execute("UPDATE batches SET data = ?2 WHERE id = ?1", params![id, without_content(&data)])?;
    }
    to.execute("DELETE FROM words WHERE rowid = ?1", [-call])?;
    to.execute("DELETE FROM sound WHERE call = ?1", [call])?;
    let log: Option<String> =
        to.query_row("SELECT log FROM calls WHERE id = ?1", [call], |row| row.get(0))?;
    let log = log.map(|log| log_without_content(&log));
    to.execute(
        "UPDATE calls SET revision = revision + 1, media_type = NULL, log = ?2 WHERE id = ?1",
        params![call, log],
    )?;
    to.execute("INSERT OR IGNORE INTO without_content (call) VALUES (?1)", [call])?;
    Ok(())
}

fn without_content(data: &[u8]) -> Vec<u8> {
    // They were encoded here.
    let mut data = TracesData::decode(data).unwrap_or_default();
    for scope in data.resource_spans.iter_mut().flat_map(|from| &mut from.scope_spans) {
        scope.spans.iter_mut().for_each(strip);
    }
    data.encode_to_vec()
}

fn strip(span: &mut Span) {
    span.attributes.retain(stays);
    span.events.clear();
    span.links.iter_mut().for_each(|link| link.attributes.retain(stays));
    if let Some(status) = &mut span.status {
        status.message.clear();
    }
}

fn stays(attribute: &KeyValue) -> bool {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    let is_text = !matches!(value, Some(Value::BoolValue(_) | Value::DoubleValue(_) | Value::IntValue(_)));
    !is_text || KEPT.contains(&&*attribute.key)
}

fn log_without_content(log: &str) -> String {
    let Ok(Json::Object(mut fields)) = serde_json::from_str(log) else { return "{}".to_owned() };
    fields.retain(|field, _| KEPT_OF_LOG.contains(&&**field));
    Json::Object(fields).to_string()
}
