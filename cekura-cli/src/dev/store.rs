//! The database of calls: one thread writes, in groups; others read. Invariant: a change is answered when it is committed, so what
//! was acknowledged outlives a process that is killed.

pub(super) mod calls;
pub(super) mod retention;
pub(super) mod shown;
pub(super) mod stages;

use rusqlite::{Connection, OpenFlags, Params, Savepoint, Transaction};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How much is kept; the oldest calls go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) calls: i64,
    pub(super) bytes: i64,
}

pub(super) const LIMITS: Limits = Limits { calls: 10_000, bytes: 2 << 30 };

/// A commit holds the changes of at most so long.
const GROUP: Duration = Duration::from_millis(50);
/// Changes that wait for the writer; whoever brings one more waits.
const QUEUE: usize = 64;
/// Of the schema. A file with another one is refused.
const VERSION: i32 = 1;
const FILE: &str = "calls.sqlite";

type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;
type Change = Box<dyn FnOnce(&mut Transaction<'_>) -> Answer + Send>;

#[derive(Clone)]
pub(super) struct Store {
    changes: mpsc::Sender<Change>,
    reader: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens the database in this folder, or makes both. The thread ends when the last clone of the store has gone.
    ///
    /// # Errors
    ///
    /// When that cannot be done, in words.
    pub(super) fn open(folder: &Path, limits: Limits) -> Result<Self, String> {
        let at = |error: &dyn std::fmt::Display| {
            format!("{} cannot be used: {error}. Choose another folder with --data", folder.display())
        };
        let path = folder.join(FILE);
        private(folder, &path).map_err(|error| at(&error))?;
        let mut writer = connect(&path).map_err(|error| at(&error))?;
        match writer.pragma_query_value(None, "user_version", |row| row.get(0)) {
            Ok(0) => create(&mut writer).map_err(|error| at(&error))?,
            Ok(VERSION) => {}
            Ok(other) => return Err(at(&format!("its calls are of version {other}, not {VERSION}"))),
            Err(error) => return Err(at(&error)),
        }
        for schema in [retention::SCHEMA, stages::SCHEMA] {
            writer.execute_batch(schema).map_err(|error| at(&error))?;
        }
        let reader = connect(&path).map_err(|error| at(&error))?;
        reader.pragma_update(None, "query_only", true).map_err(|error| at(&error))?;
        let (send, changes) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("cekura-store".to_owned());
        thread.spawn(move || write(writer, changes, limits)).map_err(|error| at(&error))?;
        Ok(Self { changes: send, reader: Arc::new(Mutex::new(reader)) })
    }

    /// Makes a change; it is committed when this returns. All of it happens or nothing.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Savepoint<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let (send, answer) = oneshot::channel();
        let change = move |group: &mut Transaction<'_>| -> Answer {
            let changed = group.savepoint().and_then(|point| {
                let value = change(&point)?;
                point.commit()?;
                Ok(value)
            });
            Box::new(move |committed: Result<(), String>| {
                let changed = changed.map_err(|error| error.to_string());
                // Who asked may have gone.
                drop(send.send(changed.and_then(|value| committed.map(|()| value))));
            })
        };
        let lost = || "the database is closed".to_owned();
        self.changes.send(Box::new(change)).await.map_err(|_| lost())?;
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Reads, on a thread that may wait.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let reader = self.reader.clone();
        let read = move || {
            let reader = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            question(&reader).map_err(|error| error.to_string())
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// As [`Connection::execute`], with a statement that is kept for the next time: preparing one takes longer than running it.
fn execute(on: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    on.prepare_cached(sql)?.execute(values)
}

/// A folder and a file that only this user reads. SQLite gives the files beside it the same mode.
fn private(folder: &Path, file: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
        // Nobody wants to commit calls.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(".gitignore"))?
            .write_all(b"*\n")?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // What is committed outlives this process; only a power cut may take the last commits, and never the database.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // What is deleted is not to be found in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let all = connection.transaction()?;
    all.execute_batch(calls::SCHEMA)?;
    all.pragma_update(None, "user_version", VERSION)?;
    all.commit()
}

fn write(mut connection: Connection, mut changes: mpsc::Receiver<Change>, limits: Limits) {
    while let Some(first) = changes.blocking_recv() {
        let began = Instant::now();
        let mut answers = Vec::new();
        let committed = connection.transaction().and_then(|mut group| {
            let mut next = Some(first);
            while let Some(change) = next {
                answers.push(change(&mut group));
                next = if began.elapsed() < GROUP { changes.try_recv().ok() } else { None };
            }
            calls::trim(&group, limits)?;
            group.commit()
        });
        let committed = committed.map_err(|error| error.to_string());
        for answer in answers {
            answer(committed.clone());
        }
    }
}

#[cfg(test)]
mod tests;
