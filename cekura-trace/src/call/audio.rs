//! What is heard of one call: sound as it comes, with the time at which it came. Invariant: whoever hands sound over copies it
//! once, and waits for nothing but others who do the same.
//!
//! Where each sound belongs is decided when all of them are known, by the delivering half. That also writes to disk what is
//! too much for the memory.

pub(crate) mod block;
pub(crate) mod form;
pub(crate) mod frames;

use crate::lock::locked;
use crate::room::Room;
use crate::say::{say, say_once};
use block::{Form, HEAD, Head, Track};
use frames::{Frames, Samples};
use rand::Rng;
use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The bytes that are asked for at once.
const CHUNK: usize = 16 << 10;
/// The rates of sound that are taken for such.
const RATES: RangeInclusive<u32> = 1_000..=384_000;

/// After this much of a call no more is taken.
pub(crate) const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// How much sound may be kept, in memory and on disk together.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Bytes of one call.
    pub(crate) call: u64,
    /// Bytes of all calls that share these bounds.
    pub(crate) all: u64,
    held: AtomicU64,
}

impl Bounds {
    pub(crate) const fn new(call: u64, all: u64) -> Self {
        Self { call, all, held: AtomicU64::new(0) }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new(512 << 20, 2 << 30)
    }
}

impl Bounds {
    /// Those of the process.
    pub(crate) fn of_process() -> Arc<Self> {
        static BOUNDS: LazyLock<Arc<Bounds>> = LazyLock::new(Arc::default);
        BOUNDS.clone()
    }
}

/// The sound of one call.
pub(crate) struct Journal {
    /// Tells it apart, also from those of other processes.
    pub(crate) number: u64,
    start: Instant,
    bounds: Arc<Bounds>,
    state: Mutex<State>,
    /// Told when it is erased, so that what is on disk goes at once.
    hears: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct State {
    /// Whole blocks, the oldest first. The last of them is being filled.
    chunks: VecDeque<Vec<u8>>,
    /// Bytes in memory, also of chunks that are being written to disk.
    memory: usize,
    room: Room,
    /// Bytes in memory and on disk.
    held: u64,
    /// Frames for which there was no room.
    lost: u64,
    stage: Stage,
    /// Whether it may stand where it survives the process.
    is_granted: bool,
    is_truncated: bool,
    /// Whether the agent was given something to say that was not cleared.
    is_agent_speaking: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Closed,
    Erased,
    Open,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Ignored,
    Kept,
    /// It is the first one beyond a bound.
    Over,
}

impl Journal {
    /// One that begins now or began before, and is not granted yet; `room` is what its memory is taken from.
    pub(crate) fn new(start: Instant, bounds: Arc<Bounds>, room: Room) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            memory: 0,
            room,
            held: 0,
            lost: 0,
            stage: Stage::Open,
            is_granted: false,
            is_truncated: false,
            is_agent_speaking: false,
        };
        let (number, hears) = (rand::rng().random(), OnceLock::new());
        Self { number, start, bounds, state: Mutex::new(state), hears }
    }

    /// What the caller says, as it comes in.
    #[inline]
    pub(crate) fn user<'a>(&self, frames: impl Frames<'a>, rate: u32) {
        self.take(Track::User, None, frames.samples(), rate);
    }

    /// What the caller says, where it is known when that began.
    #[inline]
    pub(crate) fn user_at<'a>(&self, began: Instant, frames: impl Frames<'a>, rate: u32) {
        self.take(Track::User, Some(began), frames.samples(), rate);
    }

    /// What the agent says, which may come faster than it is played.
    #[inline]
    pub(crate) fn agent<'a>(&self, frames: impl Frames<'a>, rate: u32) {
        self.take(Track::Agent, None, frames.samples(), rate);
    }

    /// What is left of the agent's speech will not be heard. Whether there was any since the last time.
    pub(crate) fn clear(&self) -> bool {
        self.tell(Form::Clear, Duration::ZERO);
        std::mem::take(&mut locked(&self.state).is_agent_speaking)
    }

    /// From now on what the agent says is heard so much later than it comes.
    pub(crate) fn delay(&self, delay: Duration) {
        self.tell(Form::Delay, delay);
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        let mut state = locked(&self.state);
        if state.stage == Stage::Open {
            state.stage = Stage::Closed;
        }
    }

    /// Has somebody told when it is erased; the first one.
    pub(crate) fn when_erased(&self, hears: impl Fn() + Send + Sync + 'static) {
        let _ = self.hears.set(Box::new(hears));
    }

    /// Forgets everything, and takes no more. What is on disk goes with the next `Store::spill`.
    pub(crate) fn erase(&self) {
        let mut state = locked(&self.state);
        state.stage = Stage::Erased;
        let chunks = std::mem::take(&mut state.chunks);
        state.memory = 0;
        // It becomes smaller.
        let _ = state.room.resize(0);
        self.bounds.held.fetch_sub(std::mem::take(&mut state.held), Ordering::Relaxed);
        drop(state);
        drop(chunks);
        if let Some(hears) = self.hears.get() {
            hears();
        }
    }

    /// The caller has agreed to it: it may survive the process.
    pub(crate) fn grant(&self) {
        locked(&self.state).is_granted = true;
    }

    pub(crate) fn is_granted(&self) -> bool {
        locked(&self.state).is_granted
    }

    pub(crate) fn is_erased(&self) -> bool {
        locked(&self.state).stage == Stage::Erased
    }

    /// Whether it is cut off, because a bound was reached.
    pub(crate) fn is_truncated(&self) -> bool {
        locked(&self.state).is_truncated
    }

    /// How many frames were left out, because the memory was full.
    pub(crate) fn lost(&self) -> u64 {
        locked(&self.state).lost
    }

    fn take(&self, track: Track, began: Option<Instant>, samples: Samples<'_>, rate: u32) {
        let count = u32::try_from(samples.count()).ok().filter(|count| *count > 0);
        let Some(count) = count else { return };
        if !RATES.contains(&rate) {
            return refuse(rate);
        }
        let form = samples.form();
        let is_fixed = began.is_some();
        let mut state = locked(&self.state);
        // Under the lock, so that of one track what comes later is not earlier.
        let now = self.start.elapsed();
        let at = began.map_or(nanoseconds(now), |began| self.since_start(began));
        let head = Head { track, form, is_fixed, rate, count, at };
        let taken = state.push(&head, now, &self.bounds);
        state.is_agent_speaking |= track == Track::Agent;
        if let (Taken::Kept, Form::Linear | Form::Mulaw, Some(chunk)) = (taken, form, state.chunks.back_mut())
        {
            samples.write(chunk);
        }
        drop(state);
        if taken == Taken::Over {
            say(|| {
                tracing::warn!(target: "cekura", "the recording of a call ends early: it is too long or too large");
            });
        }
    }

    fn tell(&self, form: Form, delay: Duration) {
        let mut state = locked(&self.state);
        let now = self.start.elapsed();
        let at = nanoseconds(if form == Form::Delay { delay } else { now });
        let head = Head { track: Track::Agent, form, is_fixed: false, rate: 0, count: 0, at };
        state.push(&head, now, &self.bounds);
    }

    fn since_start(&self, instant: Instant) -> i64 {
        match instant.checked_duration_since(self.start) {
            Some(after) => nanoseconds(after),
            None => -nanoseconds(self.start.saturating_duration_since(instant)),
        }
    }

    /// Takes the oldest chunks out, until no more than `keep` bytes are left. The one that is being filled is left too, unless
    /// nothing is to be kept. What is taken out is given back, or said to be [written](Self::wrote).
    ///
    /// It takes some at a time, so that nobody who hands sound over waits for long; none at the end.
    pub(crate) fn take_out(&self, keep: usize) -> Vec<Vec<u8>> {
        const SOME: usize = 64;
        let mut state = locked(&self.state);
        let mut left = state.memory;
        let mut taken = Vec::with_capacity(SOME);
        while left > keep && taken.len() < SOME && (state.chunks.len() > 1 || keep == 0) {
            let Some(chunk) = state.chunks.pop_front() else { break };
            left = left.saturating_sub(chunk.capacity());
            taken.push(chunk);
        }
        taken
    }

    /// Puts back what could not be written.
    pub(crate) fn give_back(&self, chunks: Vec<Vec<u8>>) {
        let mut state = locked(&self.state);
        if state.stage != Stage::Erased {
            chunks.into_iter().rev().for_each(|chunk| state.chunks.push_front(chunk));
        }
    }

    /// Chunks that were taken out are on disk, and not in memory any more.
    pub(crate) fn wrote(&self, chunks: &[Vec<u8>]) {
        let bytes: usize = chunks.iter().map(Vec::capacity).sum();
        let unused: usize = chunks.iter().map(|chunk| chunk.capacity() - chunk.len()).sum();
        let mut state = locked(&self.state);
        let unused = state.held.min(unused as u64);
        state.held -= unused;
        self.bounds.held.fetch_sub(unused, Ordering::Relaxed);
        // It may have been erased meanwhile.
        state.memory = state.memory.saturating_sub(bytes);
        let memory = state.memory;
        // It becomes smaller.
        let _ = state.room.resize(memory);
    }

    /// Copies what is in memory, from so many bytes after its begin; says how much. `None` where it is erased.
    pub(crate) fn copy(&self, mut from: u64, to: &mut [u8]) -> Option<usize> {
        let state = locked(&self.state);
        let mut copied = 0;
        for chunk in &state.chunks {
            let length = chunk.len() as u64;
            if let Some(rest) = usize::try_from(from).ok().and_then(|from| chunk.get(from..)) {
                let part = rest.len().min(to.len() - copied);
                to[copied..copied + part].copy_from_slice(&rest[..part]);
                copied += part;
            }
            from = from.saturating_sub(length);
        }
        (state.stage != Stage::Erased).then_some(copied)
    }
}

impl State {
    /// Makes room for a block, and writes its head.
    fn push(&mut self, head: &Head, now: Duration, bounds: &Bounds) -> Taken {
        if self.stage != Stage::Open || self.is_truncated {
            return Taken::Ignored;
        }
        let size = HEAD as u64 + head.size();
        let fits = self.chunks.back().is_some_and(|last| (last.capacity() - last.len()) as u64 >= size);
        if now > LONGEST || !fits && !self.is_within(size, bounds) {
            self.is_truncated = true;
            return Taken::Over;
        }
        if !fits && !self.grow(size, bounds) {
            self.lost += u64::from(head.count > 0);
            return Taken::Ignored;
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.extend_from_slice(&head.bytes());
        }
        Taken::Kept
    }

    fn is_within(&self, size: u64, bounds: &Bounds) -> bool {
        let size = size.max(CHUNK as u64);
        self.held + size <= bounds.call && bounds.held.load(Ordering::Relaxed) + size <= bounds.all
    }

    /// Begins a chunk in which so many bytes fit, where the memory allows it.
    fn grow(&mut self, size: u64, bounds: &Bounds) -> bool {
        let Ok(size) = usize::try_from(size) else { return false };
        let size = size.max(CHUNK);
        let fits = self.room.resize(self.memory + size);
        if fits {
            self.chunks.push_back(Vec::with_capacity(size));
            self.memory += size;
            self.held += size as u64;
            bounds.held.fetch_add(size as u64, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.bounds.held.fetch_sub(locked(&self.state).held, Ordering::Relaxed);
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nobody wants to read sound, and it is content.
        f.debug_struct("Journal").field("memory", &locked(&self.state).memory).finish_non_exhaustive()
    }
}

/// Says once that sound is not taken for such.
#[cold]
fn refuse(rate: u32) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    say_once(&IS_SAID, || {
        tracing::warn!(
            target: "cekura",
            "sound of calls is left out: its rate is said to be {rate} Hz; pass the samples a second: line.user(&frames, 8_000)"
        );
    });
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
