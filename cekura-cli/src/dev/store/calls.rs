//! Calls in the database: their spans in batches as they came, their call log, their recording. Invariant: a batch that comes twice
//! is kept once.

use super::{Limits, execute, retention, stages};
use crate::dev::facts::{Batch, Facts};
use rusqlite::{Connection, OptionalExtension, Savepoint, Transaction, params};
use std::io::Read;

pub(super) const SCHEMA: &str = "
CREATE TABLE calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trace BLOB UNIQUE,
    call_id TEXT,
    media_type TEXT,
    began INTEGER,
    ended INTEGER,
    is_over INTEGER NOT NULL DEFAULT 0,
    service TEXT,
    version TEXT,
    spans INTEGER NOT NULL DEFAULT 0,
    turns INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    -- How many turns were; as long as none is known, below zero how many other spans were.
    interrupted INTEGER NOT NULL DEFAULT 0,
    input INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    latency INTEGER,
    revision INTEGER NOT NULL DEFAULT 0,
    -- The last one: it may be long, and a column behind it is only found by reading it.
    log TEXT
);
CREATE INDEX calls_by_call_id ON calls (call_id);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    call INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (call, digest)
);
CREATE TABLE sound (call INTEGER NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (call, part));
-- What was said: of a batch under its id, of a call log under that of its call, negative.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1);
";

/// Bytes of a recording in one row.
const PART: usize = 1 << 20;

/// Keeps the spans of one trace that came in one request; the number of their call.
pub(in crate::dev) fn add(to: &Savepoint<'_>, batch: &Batch) -> rusqlite::Result<i64> {
    let id = of_trace(to, &batch.trace)?;
    let added = execute(
        to,
        "INSERT OR IGNORE INTO batches (call, digest, data) VALUES (?1, ?2, ?3)",
        params![id, batch.digest, batch.data],
    )?;
    if added == 0 {
        return Ok(id);
    }
    let Facts { words, .. } = &batch.facts;
    if !words.is_empty() {
        execute(
            to,
            "INSERT INTO words (rowid, text) VALUES (?1, ?2)",
            params![to.last_insert_rowid(), words],
        )?;
    }
    count(to, id, &batch.facts)?;
    stages::add(to, id, &batch.facts.stages)?;
    retention::look_again(to, id)?;
    Ok(id)
}

/// Notes that spans of a call have begun; its number, unless it is over.
pub(in crate::dev) fn begin(to: &Savepoint<'_>, batch: &Batch) -> rusqlite::Result<Option<i64>> {
    let id = of_trace(to, &batch.trace)?;
    let Facts { call_id, service, version, began, .. } = &batch.facts;
    let changed = to.execute(
        "UPDATE calls SET
            revision = revision + 1, call_id = coalesce(call_id, ?2), service = coalesce(service, ?3), version = coalesce(version, ?4),
            began = min(coalesce(began, ?5), ?5)
         WHERE id = ?1 AND NOT is_over",
        params![id, call_id, service, version, began],
    )?;
    Ok((changed > 0).then_some(id))
}

/// The call of a trace, a new one where there is none.
fn of_trace(to: &Savepoint<'_>, trace: &[u8]) -> rusqlite::Result<i64> {
    let mut select = to.prepare_cached("SELECT id FROM calls WHERE trace = ?1")?;
    let known = select.query_row([trace], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    execute(to, "INSERT INTO calls (trace) VALUES (?1)", [trace])?;
    Ok(to.last_insert_rowid())
}

fn count(to: &Savepoint<'_>, id: i64, facts: &Facts) -> rusqlite::Result<()> {
    execute(
        to,
        "UPDATE calls SET
            revision = revision + 1, call_id = coalesce(call_id, ?2), service = coalesce(?3, service), version = coalesce(?4, version),
            began = min(coalesce(began, ?5), ?5), ended = max(coalesce(ended, ?6), ?6),
            is_over = max(is_over, ?7), spans = spans + ?8, turns = turns + ?9, failed = failed + ?10,
            interrupted = CASE
                WHEN ?11 > 0 THEN max(interrupted, 0) + ?11
                WHEN interrupted > 0 THEN interrupted
                ELSE interrupted - ?15
            END, input = input + ?12, output = output + ?13,
            latency = nullif(max(coalesce(latency, -1), coalesce(?14, -1)), -1)
         WHERE id = ?1",
        params![
            id,
            facts.call_id,
            facts.service,
            facts.version,
            facts.began,
            facts.ended,
            facts.is_over,
            facts.spans,
            facts.turns,
            facts.failed,
            facts.interrupted[0],
            facts.input,
            facts.output,
            facts.latency,
            facts.interrupted[1],
        ],
    )?;
    Ok(())
}

/// A call log as it is to be kept.
pub(in crate::dev) struct Posted {
    pub(in crate::dev) call_id: String,
    pub(in crate::dev) trace: Option<Vec<u8>>,
    /// JSON.
    pub(in crate::dev) log: String,
    /// What was said.
    pub(in crate::dev) words: String,
    /// Nanoseconds since the Unix epoch.
    pub(in crate::dev) began: Option<i64>,
    /// The recording and its media type.
    pub(in crate::dev) recording: Option<(String, std::fs::File)>,
}

/// Keeps a call log with its trace; the number of the call. One that names the trace of a call with another id stands alone.
pub(in crate::dev) fn post(to: &Savepoint<'_>, posted: &mut Posted) -> rusqlite::Result<i64> {
    let mut found = None;
    if let Some(trace) = &posted.trace {
        let id = of_trace(to, trace)?;
        let sql = "SELECT log IS NULL OR call_id = ?2 FROM calls WHERE id = ?1";
        let is_same: bool = to.query_row(sql, params![id, posted.call_id], |row| row.get(0))?;
        found = is_same.then_some(id);
    }
    let id = if let Some(id) = found {
        id
    } else {
        to.execute("INSERT INTO calls DEFAULT VALUES", [])?;
        to.last_insert_rowid()
    };
    to.execute(
        "UPDATE calls SET revision = revision + 1, call_id = ?2, log = ?3, began = coalesce(began, ?4, 1000000000 * unixepoch())
         WHERE id = ?1",
        params![id, posted.call_id, posted.log, posted.began],
    )?;
    say(to, id, &posted.words)?;
    retention::look_again(to, id)?;
    if let Some((media_type, file)) = &mut posted.recording {
        to.execute("UPDATE calls SET media_type = ?2 WHERE id = ?1", params![id, *media_type])?;
        to.execute("DELETE FROM sound WHERE call = ?1", [id])?;
        record(to, id, file)?;
    }
    Ok(id)
}

fn say(to: &Savepoint<'_>, id: i64, words: &str) -> rusqlite::Result<()> {
    to.execute("DELETE FROM words WHERE rowid = ?1", [-id])?;
    if !words.is_empty() {
        to.execute("INSERT INTO words (rowid, text) VALUES (?1, ?2)", params![-id, words])?;
    }
    Ok(())
}

fn record(to: &Savepoint<'_>, id: i64, file: &mut std::fs::File) -> rusqlite::Result<()> {
    let mut insert = to.prepare("INSERT INTO sound (call, part, data) VALUES (?1, ?2, ?3)")?;
    for part in 0_i64.. {
        let mut data = Vec::with_capacity(PART);
        let read = file.take(PART as u64).read_to_end(&mut data);
        read.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if data.is_empty() {
            break;
        }
        insert.execute(params![id, part, data])?;
    }
    Ok(())
}

/// Changes the call log of a call; `None` when there is none.
pub(in crate::dev) fn patch(
    to: &Savepoint<'_>,
    id: i64,
    change: impl FnOnce(&str) -> Posted,
) -> rusqlite::Result<Option<Logged>> {
    let Some(known) = logged(to, id)? else { return Ok(None) };
    let posted = change(&known.log);
    to.execute(
        "UPDATE calls SET revision = revision + 1, call_id = ?2, log = ?3 WHERE id = ?1",
        params![id, posted.call_id, posted.log],
    )?;
    say(to, id, &posted.words)?;
    retention::look_again(to, id)?;
    logged(to, id)
}

/// A call that has a call log.
pub(in crate::dev) struct Logged {
    pub(in crate::dev) id: i64,
    /// JSON.
    pub(in crate::dev) log: String,
    /// Nanoseconds since the Unix epoch.
    pub(in crate::dev) times: Option<(i64, i64)>,
}

fn logged_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Logged> {
    let times = row.get::<_, Option<i64>>(2)?.zip(row.get(3)?);
    Ok(Logged { id: row.get(0)?, log: row.get(1)?, times })
}

pub(in crate::dev) fn logged(from: &Connection, id: i64) -> rusqlite::Result<Option<Logged>> {
    let sql = "SELECT id, log, began, ended FROM calls WHERE id = ?1 AND log IS NOT NULL";
    from.query_row(sql, [id], logged_row).optional()
}

/// The calls that have a call log, the newest first: of a caller's own id or of all ids, after so many, and how many there are.
pub(in crate::dev) fn list(
    from: &Connection,
    call_id: Option<&str>,
    offset: i64,
    count: i64,
) -> rusqlite::Result<(i64, Vec<Logged>)> {
    let wanted = "FROM calls WHERE log IS NOT NULL AND (?1 IS NULL OR call_id = ?1)";
    let all = from.query_row(&format!("SELECT count(*) {wanted}"), [call_id], |row| row.get(0))?;
    let sql = format!("SELECT id, log, began, ended {wanted} ORDER BY id DESC LIMIT ?3 OFFSET ?2");
    let mut rows = from.prepare(&sql)?;
    let found = rows.query_map(params![call_id, offset, count], logged_row)?.collect::<Result<_, _>>()?;
    Ok((all, found))
}

/// Whether spans of this trace have come.
pub(in crate::dev) fn has_spans(from: &Connection, trace: &[u8]) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM calls WHERE trace = ?1 AND spans > 0";
    from.query_row(sql, [trace], |_| Ok(())).optional().map(|found| found.is_some())
}

/// Deletes the oldest calls above the limits. The newest stays, however large.
pub(super) fn trim(from: &Transaction<'_>, limits: Limits) -> rusqlite::Result<()> {
    let ends = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM calls";
    let (first, last): (i64, i64) = from.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Numbers are given in order, and calls go in that order.
    let mut next = first;
    while next < last && (last - next >= limits.calls || used(from)? > limits.bytes) {
        delete(from, next)?;
        next = from.query_row("SELECT min(id) FROM calls", [], |row| row.get(0))?;
    }
    Ok(())
}

/// Bytes of the file that hold something.
pub(super) fn used(of: &Connection) -> rusqlite::Result<i64> {
    let number = |name| of.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
}

fn delete(from: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    from.execute(
        "DELETE FROM words WHERE rowid = -?1 OR rowid IN (SELECT id FROM batches WHERE call = ?1)",
        [id],
    )?;
    for table in ["batches", "sound", "times", "without_content"] {
        from.execute(&format!("DELETE FROM {table} WHERE call = ?1"), [id])?;
    }
    from.execute("DELETE FROM calls WHERE id = ?1", [id])?;
    Ok(())
}
