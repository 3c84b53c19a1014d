//! The thread that keeps the sound of running calls within the memory, and prepares that of ended ones. Invariant: each call that
//! has ended gets one answer, also where the thread has failed.

use super::place::Heard;
use super::render::place;
use super::sound::Sound;
use super::store::Store;
use crate::call::audio::Journal;
use crate::call::audio::form::Audio;
use opentelemetry::Context;
use opentelemetry::trace::SpanId;
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a call's sound that stay in memory.
const KEPT: usize = 4 << 20;
/// How often what is more than that goes to disk.
const OFTEN: Duration = Duration::from_millis(200);

/// Hands the sound of calls to its thread, which starts with the first call.
pub(crate) struct Recorder {
    jobs: OnceLock<Option<Sender<Job>>>,
    /// Where files are that vanish with the process.
    directory: PathBuf,
    audio: Audio,
    tell: Tell,
}

/// Takes what there is of the sound of a conversation.
pub(crate) type Tell = Arc<dyn Fn(SpanId, Prepared) + Send + Sync>;

enum Job {
    Begin(Arc<Journal>),
    End(EndedSound, Reply),
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
        Self { jobs: OnceLock::new(), directory, audio, tell }
    }

    /// A call begins.
    pub(crate) fn begin(&self, journal: Arc<Journal>) {
        self.tell(Job::Begin(journal));
    }

    /// A call has ended; the worker is told what there is of it.
    pub(crate) fn end(&self, root: SpanId, sound: EndedSound) {
        sound.journal.close();
        self.tell(Job::End(sound, Reply { root, tell: self.tell.clone(), prepared: None }));
    }

    fn tell(&self, job: Job) {
        let start = || {
            let (jobs, todo) = mpsc::channel();
            let (directory, audio) = (self.directory.clone(), self.audio);
            let live = move || Keeper { stores: HashMap::new(), directory, audio }.live(&todo);
            let thread = thread::Builder::new().name("cekura-trace-audio".to_owned()).spawn(live);
            thread.is_ok().then_some(jobs)
        };
        // Where there is no thread, what is more than the memory takes is lost, and counted.
        if let Some(jobs) = self.jobs.get_or_init(start) {
            drop(jobs.send(job));
        }
    }
}

/// What the thread has.
struct Keeper {
    /// By the address of their journals.
    stores: HashMap<usize, Store>,
    directory: PathBuf,
    audio: Audio,
}

impl Keeper {
    fn live(mut self, todo: &Receiver<Job>) {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        let mut next = Instant::now() + OFTEN;
        loop {
            match todo.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Job::Begin(journal)) => {
                    let store = Store::unnamed(journal.clone(), &self.directory);
                    self.stores.insert(address(&journal), store);
                }
                Ok(Job::End(ended, mut reply)) => reply.prepared = self.prepare(ended),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() < next {
                continue;
            }
            next = Instant::now() + OFTEN;
            self.stores.retain(|_, store| {
                // What cannot be written stays in memory, as far as there is room.
                let _ = store.spill(KEPT);
                !store.is_alone()
            });
        }
    }

    /// `None` where it cannot be read.
    fn prepare(&mut self, ended: EndedSound) -> Option<Prepared> {
        let EndedSound { journal, speeches, end } = ended;
        let mut store = self.stores.remove(&address(&journal))?;
        if journal.is_erased() {
            // Its file goes now.
            let _ = store.spill(KEPT);
            return Some(Prepared::default());
        }
        let recording = Arc::new(store.finish());
        let placed = Arc::new(place(&recording, speeches, Some(end)).ok()?);
        let heard = placed.heard.clone();
        let is_silent = placed.user.is_empty() && placed.agent.is_empty();
        let sound = (!is_silent).then(|| Sound::new(recording, placed, self.audio, journal).ok()).flatten();
        Some(Prepared { is_lost: !is_silent && sound.is_none(), sound, heard })
    }
}

fn address(journal: &Arc<Journal>) -> usize {
    Arc::as_ptr(journal).addr()
}
