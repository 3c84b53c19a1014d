//! One turn: when the caller stopped speaking, what was done then and when the agent began, and so how long the answer took.
//! Invariant: one utterance of the caller is answered by one turn only.
//!
//! The first audio of a turn answers everything that the caller said before it, also before the turn began. So
//! a later turn in which the caller says nothing has no latency.

use super::latency::{Parts, Wait, Worked};
use crate::lock::locked;
use opentelemetry::trace::{SpanContext, SpanId};
use std::iter::successors;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One turn of a call.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) number: i64,
    pub(crate) span: SpanContext,
    /// The turn that this one is in.
    outer: Option<Arc<Turn>>,
    unanswered: Arc<Unanswered>,
    interrupted: AtomicBool,
    /// Its function has returned, and the moment of its end is taken: no span may join it any more.
    ends: AtomicBool,
    speech: Mutex<Speech>,
}

/// Who says when somebody spoke; the greatest is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A span outside the turn.
    Around,
    /// A span of the turn: the end of its `stt`, the first item of its `tts`.
    Span,
    /// The program, by calling so.
    Program,
}

/// What was said aloud.
#[derive(Debug, Default)]
struct Speech {
    /// When the caller stopped speaking, at most [`KEPT`] times.
    stops: Vec<(Source, Instant)>,
    /// The agent's first audio.
    audio: Option<(Source, Instant)>,
    /// The first audio that a span gave.
    first_byte: Option<Instant>,
    /// What spans did before that, at most [`KEPT_WORK`] of them.
    worked: Vec<Worked>,
    /// When the first part of a voice's text came, for at most [`KEPT_WORK`] voices.
    asked: Vec<(SpanId, Instant)>,
}

/// What the caller of a call, or of a turn outside any, said since the agent's last audio that was an answer.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(Mutex<Speech>);

/// The turns of a call that are open.
#[derive(Debug, Default)]
pub(crate) struct OpenTurns {
    turns: Mutex<Vec<Arc<Turn>>>,
    /// How many, to be asked without the lock.
    count: AtomicUsize,
}

/// More would be a call in which the agent is silent.
const KEPT: usize = 32;
/// More is work of which the caller does not hear.
const KEPT_WORK: usize = 64;

impl Turn {
    /// The turn of a span; `of_call` is what its call has to answer.
    pub(crate) fn new(
        number: i64,
        span: SpanContext,
        outer: Option<Arc<Self>>,
        of_call: Option<&Arc<Unanswered>>,
    ) -> Self {
        let unanswered = of_call.or(outer.as_ref().map(|outer| &outer.unanswered));
        let unanswered = unanswered.cloned().unwrap_or_default();
        let (interrupted, ends, speech) = (AtomicBool::new(false), AtomicBool::new(false), Mutex::default());
        Self { number, span, outer, unanswered, interrupted, ends, speech }
    }

    /// A turn of which nothing is recorded.
    pub(crate) fn nowhere() -> Self {
        Self::new(1, SpanContext::NONE, None, None)
    }

    /// What tells it from the other turns of its call, whose numbers may repeat.
    pub(crate) fn key(&self) -> i64 {
        i64::from_be_bytes(self.span.span_id().to_bytes())
    }

    /// The turn and those that it is in.
    fn around(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |turn| turn.outer.as_deref())
    }

    /// The caller stopped speaking.
    pub(crate) fn heard(&self, source: Source, at: Instant) {
        self.unanswered.heard(source, at);
        self.around().for_each(|turn| locked(&turn.speech).heard((source, at)));
    }

    /// The agent is heard; the first time counts.
    pub(crate) fn spoke(&self, source: Source, at: Instant) {
        if source == Source::Span {
            self.around().for_each(|turn| locked(&turn.speech).voice(at));
        }
        // The turns around know of all that this one does.
        if locked(&self.speech).is_first(source, at) {
            let answered = self.unanswered.spoke(at);
            self.around().for_each(|turn| locked(&turn.speech).spoke((source, at), &answered));
        }
    }

    /// A span of the turn has its first token or audio, or is over without; the first time counts.
    pub(crate) fn work(&self, worked: Worked) {
        self.around().for_each(|turn| locked(&turn.speech).work(worked));
    }

    /// The text of a voice comes in parts; the first time counts.
    pub(crate) fn asked(&self, voice: SpanId, at: Instant) {
        self.around().for_each(|turn| locked(&turn.speech).asked(voice, at));
    }

    /// From the caller's last word before the first audio to that audio, where both are known; and the parts of it.
    pub(crate) fn latency(&self) -> Option<(Duration, Parts)> {
        let speech = locked(&self.speech);
        let (_, audio) = speech.audio?;
        let (_, stop) = *speech.stops.iter().filter(|(_, stop)| *stop <= audio).max()?;
        let transcripts = speech.stops.iter().filter(|(source, _)| *source != Source::Program);
        let transcripts = transcripts.map(|(_, at)| *at).collect();
        let Speech { first_byte, worked, .. } = &*speech;
        let wait = Wait { stop, audio, transcripts, first_byte: *first_byte, worked };
        Some((audio.duration_since(stop), wait.parts()))
    }

    /// Whether it ends: said before the moment of its end is taken, and taken back where its end is put off.
    pub(crate) fn ends(&self, ends: bool) {
        // In one order with the clock that is read next.
        self.ends.swap(ends, Ordering::SeqCst);
    }

    /// Says that the turn, or an answer in it, was dropped before its end.
    pub(crate) fn interrupt(&self) {
        self.around().for_each(|turn| turn.interrupted.store(true, Ordering::Relaxed));
    }

    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // One after the other: each may be the last that holds the one around it, thousands of them.
        let mut outer = self.outer.take();
        while let Some(mut turn) = outer.and_then(Arc::into_inner) {
            outer = turn.outer.take();
        }
    }
}

impl OpenTurns {
    pub(crate) fn begin(&self, turn: Arc<Turn>) {
        let mut turns = locked(&self.turns);
        turns.push(turn);
        self.count.store(turns.len(), Ordering::Release);
    }

    pub(crate) fn end(&self, span: SpanId) {
        let mut turns = locked(&self.turns);
        // Those that began last end first.
        if let Some(at) = turns.iter().rposition(|turn| turn.span.span_id() == span) {
            turns.swap_remove(at);
        }
        self.count.store(turns.len(), Ordering::Release);
    }

    /// No span may join one of them any more, for all are about to end.
    pub(crate) fn close(&self) {
        locked(&self.turns).iter().for_each(|turn| turn.ends(true));
    }

    /// Says that an answer of a session that is in none of them was cut off.
    pub(crate) fn interrupt(&self) {
        locked(&self.turns).iter().for_each(|turn| turn.interrupt());
    }

    /// The one that is open, if it is the only one.
    #[inline]
    pub(crate) fn only(&self) -> Option<Arc<Turn>> {
        if self.count.load(Ordering::Acquire) == 1 { self.look_for_only() } else { None }
    }

    #[inline(never)]
    fn look_for_only(&self) -> Option<Arc<Turn>> {
        match &locked(&self.turns)[..] {
            [turn] if !turn.ends.load(Ordering::SeqCst) => Some(turn.clone()),
            _ => None,
        }
    }
}

impl Unanswered {
    /// The caller stopped speaking.
    pub(crate) fn heard(&self, source: Source, at: Instant) {
        let mut speech = locked(&self.0);
        if speech.audio.is_none_or(|(_, audio)| at > audio) {
            speech.heard((source, at));
        }
    }

    /// The agent is heard: gives what it answers.
    pub(crate) fn spoke(&self, at: Instant) -> Vec<(Source, Instant)> {
        let mut speech = locked(&self.0);
        speech.audio = speech.audio.max(Some((Source::Around, at)));
        speech.stops.extract_if(.., |(_, stop)| *stop <= at).collect()
    }
}

impl Speech {
    fn heard(&mut self, stop: (Source, Instant)) {
        self.stops.push(stop);
        if self.stops.len() > KEPT {
            let is_before = |at| self.audio.is_none_or(|(_, audio)| at <= audio);
            let stops = self.stops.iter().enumerate();
            let least = stops.min_by_key(|(_, (source, at))| (is_before(*at), *source, *at));
            if let Some((least, _)) = least {
                self.stops.swap_remove(least);
            }
        }
    }

    fn voice(&mut self, at: Instant) {
        self.first_byte = Some(self.first_byte.map_or(at, |first| first.min(at)));
    }

    fn asked(&mut self, voice: SpanId, at: Instant) {
        if self.audio.is_none()
            && self.asked.len() < KEPT_WORK
            && !self.asked.iter().any(|(known, _)| *known == voice)
        {
            self.asked.push((voice, at));
        }
    }

    fn work(&mut self, mut worked: Worked) {
        // Until it has words to say, a voice is not what the caller waits for.
        let asked = self.asked.iter().find(|(voice, _)| *voice == worked.span).map(|(_, at)| *at);
        worked.start = asked.filter(|at| (worked.start..worked.until).contains(at)).unwrap_or(worked.start);
        let is_late = self.audio.is_some_and(|(_, audio)| worked.start > audio);
        if is_late || self.worked.iter().any(|known| known.span == worked.span) {
            return;
        }
        if self.worked.len() == KEPT_WORK {
            let all = self.worked.iter().enumerate();
            if let Some((oldest, _)) = all.min_by_key(|(_, worked)| worked.until) {
                self.worked.swap_remove(oldest);
            }
        }
        self.worked.push(worked);
    }

    /// Whether this is the first audio, as far as is known.
    fn is_first(&self, source: Source, at: Instant) -> bool {
        self.audio.is_none_or(|(by, first)| source > by || source == by && at < first)
    }

    fn spoke(&mut self, (source, at): (Source, Instant), answered: &[(Source, Instant)]) {
        if self.is_first(source, at) {
            self.audio = Some((source, at));
            for (source, stop) in answered {
                let source = if *source == Source::Span { Source::Around } else { *source };
                self.heard((source, *stop));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Source, Turn, locked};
    use std::time::{Duration, Instant};

    #[test]
    fn a_turn_without_an_end_takes_no_more_room() {
        let (turn, start) = (Turn::nowhere(), Instant::now());
        for number in 0..1_000 {
            turn.heard(Source::Span, start + Duration::from_millis(number));
        }
        assert_eq!(locked(&turn.speech).stops.len(), KEPT);
        assert_eq!(turn.unanswered.spoke(start + Duration::from_secs(1)).len(), KEPT);
    }
}
