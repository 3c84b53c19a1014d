//! What pages show of the calls in the database. Invariant: what a person types is a value and never a part of a question.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

/// Bytes of spans that one page shows.
const LARGEST: i64 = 64 << 20;
/// Words of a search that count.
const WORDS: usize = 8;

/// What the list says of a call. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub(in crate::dev) struct Summary {
    pub(in crate::dev) id: i64,
    pub(in crate::dev) trace: Option<Vec<u8>>,
    pub(in crate::dev) call_id: Option<String>,
    pub(in crate::dev) has_log: bool,
    pub(in crate::dev) media_type: Option<String>,
    pub(in crate::dev) began: Option<i64>,
    pub(in crate::dev) ended: Option<i64>,
    pub(in crate::dev) is_over: bool,
    pub(in crate::dev) service: Option<String>,
    pub(in crate::dev) version: Option<String>,
    pub(in crate::dev) spans: i64,
    pub(in crate::dev) turns: i64,
    pub(in crate::dev) failed: i64,
    pub(in crate::dev) interrupted: i64,
    pub(in crate::dev) input: i64,
    pub(in crate::dev) output: i64,
    /// In nanoseconds.
    pub(in crate::dev) latency: Option<i64>,
    pub(in crate::dev) revision: i64,
}

const COLUMNS: &str = "id, trace, call_id, log IS NOT NULL, media_type, began, ended, is_over, service, version, spans, turns, \
                       failed, abs(interrupted), input, output, latency, revision";

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        trace: row.get(1)?,
        call_id: row.get(2)?,
        has_log: row.get(3)?,
        media_type: row.get(4)?,
        began: row.get(5)?,
        ended: row.get(6)?,
        is_over: row.get(7)?,
        service: row.get(8)?,
        version: row.get(9)?,
        spans: row.get(10)?,
        turns: row.get(11)?,
        failed: row.get(12)?,
        interrupted: row.get(13)?,
        input: row.get(14)?,
        output: row.get(15)?,
        latency: row.get(16)?,
        revision: row.get(17)?,
    })
}

/// Which calls a person wants to see.
#[derive(Clone, Debug, Default)]
pub(in crate::dev) struct Wanted {
    /// Words that were said.
    pub(in crate::dev) words: String,
    /// The beginning of a call id or of a trace id.
    pub(in crate::dev) id: String,
    pub(in crate::dev) service: String,
    pub(in crate::dev) version: String,
    pub(in crate::dev) failed: bool,
    pub(in crate::dev) interrupted: bool,
    /// The longest time to an answer is longer than this, in nanoseconds.
    pub(in crate::dev) slower: Option<i64>,
    /// Begun at this time or later, in nanoseconds since the Unix epoch.
    pub(in crate::dev) since: Option<i64>,
    /// Older than this one.
    pub(in crate::dev) before: Option<i64>,
}

/// The newest calls that are wanted.
pub(in crate::dev) fn search(
    from: &Connection,
    wanted: &Wanted,
    most: i64,
) -> rusqlite::Result<Vec<Summary>> {
    let (conditions, mut values) = conditions(wanted);
    values.push(most.into());
    let sql =
        format!("SELECT {COLUMNS} FROM calls WHERE {conditions} ORDER BY id DESC LIMIT ?{}", values.len());
    from.prepare(&sql)?.query_map(params_from_iter(values), summary)?.collect()
}

/// What calls must be like that are wanted, as SQL over `calls`, and its values.
pub(super) fn conditions(wanted: &Wanted) -> (String, Vec<Value>) {
    let mut sql = "true".to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut only = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
    };
    // A question ends at a zero byte, wherever it stands.
    let words = wanted.words.split(|c: char| c.is_whitespace() || c == '\0').filter(|word| !word.is_empty());
    for word in words.take(WORDS) {
        // In quotes it is a word, whatever it looks like.
        let word = format!("\"{}\"*", word.replace('"', "\"\""));
        only(
            "id IN (SELECT coalesce((SELECT call FROM batches WHERE batches.id = words.rowid), -words.rowid) \
             FROM words WHERE words MATCH ?)",
            word.into(),
        );
    }
    if !wanted.id.is_empty() {
        only(
            "(substr(call_id, 1, length(?)) = ? OR substr(lower(hex(trace)), 1, length(?)) = lower(?))",
            wanted.id.clone().into(),
        );
    }
    for (text, column) in [(&wanted.service, "service"), (&wanted.version, "version")] {
        if !text.is_empty() {
            only(&format!("{column} = ?"), text.clone().into());
        }
    }
    for (is_wanted, column) in [(wanted.failed, "failed"), (wanted.interrupted, "interrupted")] {
        if is_wanted {
            only(&format!("{column} <> ?"), 0.into());
        }
    }
    for (number, condition) in
        [(wanted.slower, "latency > ?"), (wanted.since, "began >= ?"), (wanted.before, "id < ?")]
    {
        if let Some(number) = number {
            only(condition, number.into());
        }
    }
    (sql, values)
}

/// The services and their versions, as far as one can choose among them.
#[derive(Clone, Debug, Default)]
pub(in crate::dev) struct Choices {
    pub(in crate::dev) services: Vec<String>,
    pub(in crate::dev) versions: Vec<String>,
}

pub(in crate::dev) fn choices(from: &Connection) -> rusqlite::Result<Choices> {
    let all = |column: &str| {
        let sql = format!(
            "SELECT DISTINCT {column} FROM calls WHERE {column} IS NOT NULL ORDER BY {column} LIMIT 200"
        );
        from.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
    };
    Ok(Choices { services: all("service")?, versions: all("version")? })
}

/// The number of the call of a trace.
pub(in crate::dev) fn of_trace(from: &Connection, trace: &[u8]) -> rusqlite::Result<Option<i64>> {
    from.query_row("SELECT id FROM calls WHERE trace = ?1", [trace], |row| row.get(0)).optional()
}

pub(in crate::dev) fn one(from: &Connection, id: i64) -> rusqlite::Result<Option<Summary>> {
    from.query_row(&format!("SELECT {COLUMNS} FROM calls WHERE id = ?1"), [id], summary).optional()
}

/// A number that is another one when any call has changed.
pub(in crate::dev) fn revision(from: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(sum(revision), 0) + coalesce(max(id), 0) FROM calls";
    from.query_row(sql, [], |row| row.get(0))
}

/// The call before this one, of the same service.
pub(in crate::dev) fn before(from: &Connection, id: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(id) FROM calls WHERE id < ?1 AND spans > 0 \
               AND service IS (SELECT service FROM calls WHERE id = ?1)";
    from.query_row(sql, [id], |row| row.get(0))
}

/// Whether one page shows all spans of a call.
pub(in crate::dev) fn is_whole(from: &Connection, id: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT coalesce(sum(length(data)), 0) <= ?2 FROM batches WHERE call = ?1";
    from.query_row(sql, [id, LARGEST], |row| row.get(0))
}

/// The numbers of a call's batches, in the order in which they came.
pub(in crate::dev) fn batch_ids(from: &Connection, id: i64) -> rusqlite::Result<Vec<i64>> {
    let mut select = from.prepare("SELECT id FROM batches WHERE call = ?1 ORDER BY id")?;
    select.query_map([id], |row| row.get(0))?.collect()
}

/// One of them; `None` when it has gone meanwhile.
pub(in crate::dev) fn batch(from: &Connection, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    from.query_row("SELECT data FROM batches WHERE id = ?1", [id], |row| row.get(0)).optional()
}

/// The spans of a call in batches, in the order in which they came, as far as one page shows them.
pub(in crate::dev) fn batches(from: &Connection, id: i64) -> rusqlite::Result<Vec<Vec<u8>>> {
    let mut select = from.prepare("SELECT data FROM batches WHERE call = ?1 ORDER BY id")?;
    let mut rows = select.query([id])?;
    let (mut all, mut left) = (Vec::new(), LARGEST);
    while let Some(row) = rows.next()? {
        let data: Vec<u8> = row.get(0)?;
        left -= i64::try_from(data.len()).unwrap_or(i64::MAX);
        if left < 0 {
            break;
        }
        all.push(data);
    }
    Ok(all)
}

pub(in crate::dev) fn log(from: &Connection, id: i64) -> rusqlite::Result<Option<String>> {
    from.query_row("SELECT log FROM calls WHERE id = ?1", [id], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

/// A part of a recording.
pub(in crate::dev) fn sound(from: &Connection, id: i64, part: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT data FROM sound WHERE call = ?1 AND part = ?2";
    from.query_row(sql, params![id, part], |row| row.get(0)).optional()
}
