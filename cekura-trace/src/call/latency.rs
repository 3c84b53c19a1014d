//! The parts of a turn's voice-to-voice latency: what the caller waited for, from his last word to the first audio. Invariant:
//! the parts add up to the whole.
//!
//! Each instant belongs to one part, whatever runs side by side then: to the latest link of the chain from speech to audio that
//! is at work. Where none is, it belongs to the gap before the next one.

use crate::semconv::TURN_LATENCY_PARTS;
use opentelemetry::trace::SpanId;
use std::time::{Duration, Instant};

/// What a span does while the caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    Model,
    Tool,
    Voice,
}

/// A span of a turn that does such work, from its begin to its first token or audio, or else to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worked {
    pub(crate) span: SpanId,
    pub(crate) work: Work,
    pub(crate) start: Instant,
    pub(crate) until: Instant,
}

/// How long each part was, in the order of `semconv::TURN_LATENCY_PARTS`.
pub(crate) type Parts = [Duration; TURN_LATENCY_PARTS.len()];

/// The places of the parts among them.
const TRANSCRIPT: usize = 0;
const BEFORE_LLM: usize = 1;
const FIRST_TOKEN: usize = 2;
const BEFORE_TOOLS: usize = 3;
const TOOLS: usize = 4;
const BEFORE_TTS: usize = 5;
const FIRST_BYTE: usize = 6;
const BEFORE_AUDIO: usize = 7;
const PLAY_OUT: usize = 8;

/// One wait of a caller, and what is known of it.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    /// The caller's last word.
    pub(super) stop: Instant,
    /// The first audio that he heard.
    pub(super) audio: Instant,
    /// When transcripts were final.
    pub(super) transcripts: Vec<Instant>,
    /// When the voice gave its first audio.
    pub(super) first_byte: Option<Instant>,
    pub(super) worked: &'a [Worked],
}

impl Wait<'_> {
    /// All times are within the wait.
    pub(super) fn parts(&self) -> Parts {
        let Self { stop, audio, worked, .. } = *self;
        let transcript = self.transcript();
        let first_byte = self.first_byte.filter(|at| (stop..audio).contains(at));
        let ends = worked.iter().flat_map(|worked| [worked.start, worked.until]);
        let mut cuts: Vec<_> = ends.chain(transcript).chain(first_byte).chain([audio]).collect();
        cuts.retain(|cut| (stop..=audio).contains(cut));
        cuts.sort_unstable();
        let (mut parts, mut from) = (Parts::default(), stop);
        for to in cuts {
            let part = match () {
                () if transcript.is_some_and(|transcript| to <= transcript) => TRANSCRIPT,
                () if first_byte.is_some_and(|first_byte| from >= first_byte) => PLAY_OUT,
                () => self.part(from, to),
            };
            parts[part] += to - from;
            from = to;
        }
        parts
    }

    /// The final transcript that the answer was begun with: the last one before the first work that followed a transcript.
    fn transcript(&self) -> Option<Instant> {
        let within = || self.transcripts.iter().copied().filter(|at| (self.stop..=self.audio).contains(at));
        let first = within().min()?;
        let answer = self.worked.iter().map(|worked| worked.start).filter(|start| *start >= first).min();
        within().filter(|at| answer.is_none_or(|answer| *at <= answer)).max()
    }

    /// The part of a time in which nothing begins or ends.
    fn part(&self, from: Instant, to: Instant) -> usize {
        let is_at = |work| {
            let mut all = self.worked.iter().filter(|worked| worked.work == work);
            all.any(|worked| worked.start <= from && worked.until >= to)
        };
        let chain = [(Work::Voice, FIRST_BYTE), (Work::Tool, TOOLS), (Work::Model, FIRST_TOKEN)];
        if let Some((_, part)) = chain.into_iter().find(|(work, _)| is_at(*work)) {
            return part;
        }
        let later = self.worked.iter().filter(|worked| worked.start >= to && worked.start <= self.audio);
        match later.map(|worked| (worked.start, worked.work)).min().map(|(_, work)| work) {
            Some(Work::Model) => BEFORE_LLM,
            Some(Work::Tool) => BEFORE_TOOLS,
            Some(Work::Voice) => BEFORE_TTS,
            None => BEFORE_AUDIO,
        }
    }
}

#[cfg(test)]
#[path = "tests/latency.rs"]
mod tests;
