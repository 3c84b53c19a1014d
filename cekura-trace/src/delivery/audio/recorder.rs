//! The thread that keeps the sound of running calls within the memory, and prepares that of ended ones. Invariant: each call that
//! has ended gets one answer, also where the thread has failed.

use super::place::Heard;
use super::render::place;
use super::sound::Sound;
use super::store::Store;
use crate::call::audio::Journal;
use crate::call::audio::form::Audio;
use crate::delivery::spool::{Recorded, Recordings};
use crate::room::Room;
use crate::say::caught;
use opentelemetry::Context;
use opentelemetry::trace::SpanId;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often what is too much for the memory goes to disk.
const OFTEN: Duration = Duration::from_millis(200);
/// How often all goes there that is to survive the process.
const SELDOM: Duration = Duration::from_secs(1);

/// Hands the sound of calls to its thread, which starts with the first call.
pub(crate) struct Recorder {
    jobs: OnceLock<Option<Arc<Sender<Job>>>>,
    /// Where files are that vanish with the process.
    directory: PathBuf,
    /// Where files are that survive it, where there is a spool.
    recordings: OnceLock<Recordings>,
    audio: Audio,
    tell: Tell,
}

/// Takes what there is of the sound of a conversation.
pub(crate) type Tell = Arc<dyn Fn(SpanId, Prepared) + Send + Sync>;

enum Job {
    Begin(Arc<Journal>),
    End(EndedSound, Reply),
    /// A recording was erased.
    Erase,
    Recall(Recorded, Reply),
}

/// The sound of a call that has ended.
pub(crate) struct EndedSound {
    pub(crate) journal: Arc<Journal>,
    /// When the agent was given to say something: the times of its spans, in nanoseconds since the start.
    pub(crate) speeches: Vec<Range<i64>>,
    /// The length of the call in nanoseconds.
    pub(crate) end: i64,
}

/// What is known of the sound of an ended call.
#[derive(Default)]
pub(crate) struct Prepared {
    /// `None` where there is none, or it cannot be read.
    pub(crate) sound: Option<Sound>,
    pub(crate) is_lost: bool,
    /// Nobody was heard.
    pub(crate) is_silent: bool,
    /// What was heard of each speech.
    pub(crate) heard: Vec<Heard>,
}

/// Answers once.
struct Reply {
    root: SpanId,
    tell: Tell,
    prepared: Option<Prepared>,
}

impl Drop for Reply {
    fn drop(&mut self) {
        let lost = || Prepared { is_lost: true, ..Prepared::default() };
        (self.tell)(self.root, self.prepared.take().unwrap_or_else(lost));
    }
}

impl Recorder {
    pub(crate) fn new(directory: PathBuf, audio: Audio, tell: Tell) -> Self {
        Self { jobs: OnceLock::new(), directory, recordings: OnceLock::new(), audio, tell }
    }

    /// Has recordings survive the process; before the first call.
    pub(crate) fn keep_in(&self, recordings: Recordings) {
        // It is told once.
        let _ = self.recordings.set(recordings);
    }

    /// A call begins.
    pub(crate) fn begin(&self, journal: Arc<Journal>) {
        if let Some(jobs) = self.jobs() {
            let jobs = Arc::downgrade(jobs);
            journal.when_erased(move || {
                if let Some(jobs) = jobs.upgrade() {
                    drop(jobs.send(Job::Erase));
                }
            });
        }
        self.tell(Job::Begin(journal));
    }

    /// A call has ended; the worker is told what there is of it.
    pub(crate) fn end(&self, root: SpanId, sound: EndedSound) -> Recorded {
        sound.journal.close();
        let recorded = self.recorded(&sound.journal, Some(sound.end));
        self.tell(Job::End(sound, self.reply(root)));
        recorded
    }

    /// What is known of the recording of a call beside its sound.
    pub(crate) fn recorded(&self, journal: &Journal, end: Option<i64>) -> Recorded {
        let Audio { rate, is_flac } = self.audio;
        Recorded { number: journal.number, end, rate, is_flac }
    }

    /// As `end`, for a recording that a dead process has left; gives what stands for the span of its conversation.
    pub(crate) fn recall(&self, recorded: Recorded) -> SpanId {
        let root = SpanId::from_bytes(recorded.number.to_be_bytes());
        self.tell(Job::Recall(recorded, self.reply(root)));
        root
    }

    fn reply(&self, root: SpanId) -> Reply {
        Reply { root, tell: self.tell.clone(), prepared: None }
    }

    fn tell(&self, job: Job) {
        if let Some(jobs) = self.jobs() {
            drop(jobs.send(job));
        }
    }

    /// `None` where there is no thread: then what is more than the memory takes is lost, and counted.
    fn jobs(&self) -> Option<&Arc<Sender<Job>>> {
        let start = || {
            let (jobs, todo) = mpsc::channel();
            let (directory, audio) = (self.directory.clone(), self.audio);
            let recordings = self.recordings.get().cloned();
            let live = move || Keeper { stores: HashMap::new(), directory, recordings, audio }.live(&todo);
            let thread = thread::Builder::new().name("cekura-trace-audio".to_owned()).spawn(live);
            thread.is_ok().then(|| Arc::new(jobs))
        };
        self.jobs.get_or_init(start).as_ref()
    }
}

/// What the thread has.
struct Keeper {
    /// By the address of their journals.
    stores: HashMap<usize, Kept>,
    directory: PathBuf,
    recordings: Option<Recordings>,
    audio: Audio,
}

impl Keeper {
    fn live(mut self, todo: &Receiver<Job>) {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        let (mut next, mut last) = (Instant::now() + OFTEN, Instant::now());
        loop {
            match todo.recv_timeout(next.saturating_duration_since(Instant::now())) {
                // A panic costs the recording in hand, which is answered for as lost.
                Ok(job) => _ = caught(|| self.take(job)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() < next {
                continue;
            }
            next = Instant::now() + OFTEN;
            let is_due = last.elapsed() >= SELDOM;
            if is_due {
                last = Instant::now();
            }
            let recordings = self.recordings.as_ref();
            self.stores.retain(|_, kept| {
                kept.keep(recordings);
                kept.store.spill_some(is_due, &self.directory);
                !kept.store.is_alone()
            });
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Begin(journal) => {
                let key = address(&journal);
                let mut kept = Kept { store: Store::unnamed(journal, &self.directory), waits: true };
                kept.keep(self.recordings.as_ref());
                self.stores.insert(key, kept);
            }
            Job::Erase => self.stores.values_mut().for_each(|kept| kept.store.remove_erased()),
            Job::End(ended, mut reply) => reply.prepared = self.prepare(ended),
            Job::Recall(recorded, mut reply) => reply.prepared = self.recall(recorded),
        }
    }

    /// `None` where it cannot be read.
    fn prepare(&mut self, ended: EndedSound) -> Option<Prepared> {
        let EndedSound { journal, speeches, end } = ended;
        // It stays, for it may be erased until it is posted.
        let kept = self.stores.get_mut(&address(&journal))?;
        kept.keep(self.recordings.as_ref());
        let store = &mut kept.store;
        // What waits to be posted takes no memory that running calls need.
        store.settle(&self.directory);
        if journal.is_erased() {
            return Some(Prepared::default());
        }
        prepared(store, journal, speeches, Some(end), self.audio)
    }

    /// The same for what a dead process has left.
    fn recall(&self, recorded: Recorded) -> Option<Prepared> {
        let Recorded { number, end, rate, is_flac } = recorded;
        let path = self.recordings.as_ref()?.path(number)?;
        let journal = Arc::new(Journal::new(Instant::now(), Arc::default(), Room::default()));
        match Store::left(journal.clone(), path) {
            // Nothing was heard, or there was no room for it.
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Prepared::default()),
            store => prepared(&mut store.ok()?, journal, Vec::new(), end, Audio { rate, is_flac }),
        }
    }
}

/// The sound of one call, and whether it waits for consent before it has a file that survives the process.
struct Kept {
    store: Store,
    waits: bool,
}

impl Kept {
    /// Gives it such a file, where there is to be one and the caller has agreed.
    fn keep(&mut self, recordings: Option<&Recordings>) {
        if self.waits && self.store.is_granted() {
            self.waits = false;
            if let Some(path) = recordings.and_then(|recordings| recordings.path(self.store.number())) {
                // Where that cannot be, it vanishes with the process.
                let _ = self.store.keep_as(path);
            }
        }
    }
}

/// `None` where it cannot be read.
fn prepared(
    store: &mut Store,
    journal: Arc<Journal>,
    speeches: Vec<Range<i64>>,
    end: Option<i64>,
    audio: Audio,
) -> Option<Prepared> {
    let recording = Arc::new(store.finish());
    let placed = Arc::new(place(&recording, speeches, end).ok()?);
    let heard = placed.heard.clone();
    let is_empty = placed.user.is_empty() && placed.agent.is_empty();
    // There may have been no room for any of it.
    let is_silent = is_empty && journal.lost() == 0 && !journal.is_truncated();
    let sound = (!is_empty).then(|| Sound::new(recording, placed, audio, journal).ok()).flatten();
    Some(Prepared { is_lost: !is_silent && sound.is_none(), is_silent, sound, heard })
}

fn address(journal: &Arc<Journal>) -> usize {
    Arc::as_ptr(journal).addr()
}
