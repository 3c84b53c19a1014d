//! How long the stages of calls took: one row for each call and measure, so that percentiles over all calls need no span. Invariant:
//! a row is the sum of what the call's batches say.

use super::shown::{Wanted, conditions};
use crate::dev::measure::{Measure, Stages};
use crate::dev::times::Times;
use rusqlite::{Connection, Savepoint, params, params_from_iter};
use std::collections::BTreeMap;

/// Beside the tables of all versions, so that an older database is as good; its older calls have no stages.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS times (
    call INTEGER NOT NULL,
    stage TEXT NOT NULL,
    measure INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (call, stage, measure)
) WITHOUT ROWID;
";

/// Measures of one call. An agent that gives each span a name of its own has no stages.
const MOST: usize = 64;

pub(super) fn add(to: &Savepoint<'_>, call: i64, stages: &Stages) -> rusqlite::Result<()> {
    if stages.is_empty() {
        return Ok(());
    }
    let mut select = to.prepare_cached("SELECT stage, measure, data FROM times WHERE call = ?1")?;
    let mut rows = select.query([call])?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let key: (String, i64) = (row.get(0)?, row.get(1)?);
        known.insert(key, Times::from_bytes(row.get_ref(2)?.as_blob()?));
    }
    let mut put =
        to.prepare_cached("REPLACE INTO times (call, stage, measure, data) VALUES (?1, ?2, ?3, ?4)")?;
    for ((stage, measure), times) in stages {
        let key = (stage.clone(), *measure as i64);
        if known.len() >= MOST && !known.contains_key(&key) {
            continue;
        }
        let all = known.entry(key).or_default();
        all.merge(times);
        put.execute(params![call, stage, *measure as i64, all.to_bytes()])?;
    }
    Ok(())
}

/// What the calls of one version of a service say.
#[derive(Debug, Default)]
pub(in crate::dev) struct Version {
    pub(in crate::dev) service: String,
    pub(in crate::dev) name: String,
    pub(in crate::dev) calls: i64,
    pub(in crate::dev) stages: Stages,
}

/// The stages of the calls that are wanted, by version, in the order in which the versions came first.
pub(in crate::dev) fn stages(from: &Connection, wanted: &Wanted) -> rusqlite::Result<Vec<Version>> {
    let (conditions, values) = conditions(wanted);
    let sql = format!(
        "SELECT id, coalesce(service, ''), coalesce(version, ''), stage, measure, data \
         FROM calls JOIN times ON times.call = calls.id WHERE {conditions} ORDER BY id"
    );
    let mut select = from.prepare(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut versions: Vec<Version> = Vec::new();
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut current: Option<(i64, usize, Stages)> = None;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if current.as_ref().is_none_or(|(call, ..)| *call != id) {
            finish(&mut versions, current.take());
            let key: (String, String) = (row.get(1)?, row.get(2)?);
            let place = *places.entry(key).or_insert_with_key(|(service, name)| {
                let (service, name) = (service.clone(), name.clone());
                versions.push(Version { service, name, ..Version::default() });
                versions.len() - 1
            });
            current = Some((id, place, Stages::new()));
        }
        let data = Times::from_bytes(row.get_ref(5)?.as_blob()?);
        if let (Some((_, _, stages)), Some(measure)) = (&mut current, Measure::of(row.get(4)?)) {
            stages.insert((row.get(3)?, measure), data);
        }
    }
    finish(&mut versions, current);
    Ok(versions)
}

/// Adds a call to its version. Where its turns say when their transcripts came, that is what recognition took.
fn finish(versions: &mut [Version], call: Option<(i64, usize, Stages)>) {
    let Some((_, place, stages)) = call else { return };
    let version = &mut versions[place];
    version.calls += 1;
    for ((stage, measure), times) in &stages {
        let is_told =
            *measure == Measure::Length && stages.contains_key(&(stage.clone(), Measure::Transcript));
        if !is_told {
            version.stages.entry((stage.clone(), *measure)).or_default().merge(times);
        }
    }
}
