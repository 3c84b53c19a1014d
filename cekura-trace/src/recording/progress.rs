//! The times at which the chunks of an answer came, and through `attributes` what they say together.
//!
//! Invariant: a time is written only if an item came, or if an item had content.

use super::attributes::Attributes;
use super::callsite::View;
use super::sentences::{Ready, Sentences};
use crate::finished::write;
use crate::semconv;
use std::time::{Duration, Instant};

/// What has come of an answer that comes in chunks.
pub(super) struct Progress {
    attributes: Attributes,
    start: Instant,
    items: Option<i64>,
    first: Option<Instant>,
    /// The first item that says something.
    spoke: Option<Instant>,
    /// The first item of which nobody can see what it says, where none can be seen into.
    unseen: Option<Instant>,
    is_seen: bool,
    last: Option<Instant>,
    longest_gap: Option<Duration>,
    has_told: bool,
    /// Where a transcript is to be written.
    sentences: Option<Sentences>,
}

impl Progress {
    /// `attributes` take what items say of a span that began at `start`. `writes_transcript` says that its call wants to hear of
    /// sentences.
    pub(super) fn new(attributes: Attributes, start: Instant, writes_transcript: bool) -> Self {
        Self {
            attributes,
            start,
            items: None,
            first: None,
            spoke: None,
            unseen: None,
            is_seen: false,
            last: None,
            longest_gap: None,
            has_told: false,
            sentences: writes_transcript.then(Sentences::default),
        }
    }

    /// For what is a stream although nothing may ever come.
    pub(super) fn be_stream(&mut self) {
        self.items.get_or_insert(0);
    }

    /// A chunk is here, perhaps the first one.
    pub(super) fn first_chunk(&mut self, at: Instant) {
        self.first.get_or_insert(at);
        self.spoke.get_or_insert(at);
    }

    /// An item is here, and `record` sets what it says.
    pub(super) fn item(&mut self, at: Instant, record: impl FnOnce(&mut Attributes)) {
        self.first.get_or_insert(at);
        *self.items.get_or_insert(0) += 1;
        let gap = self.last.replace(at).map(|last| at.saturating_duration_since(last));
        self.longest_gap = self.longest_gap.max(gap);
        self.attributes.guarded(record);
        self.attributes.close_item(true);
        self.attributes.tidy();
        let says = self.attributes.take_says();
        if let Some(sentences) = &mut self.sentences {
            sentences.item(at, says == Some(true), &mut self.attributes);
        }
        match says {
            _ if self.has_failed() => {}
            None => _ = self.unseen.get_or_insert(at),
            Some(says) => {
                self.is_seen = true;
                if says {
                    self.spoke.get_or_insert(at);
                }
            }
        }
    }

    /// Sets what is known of the answer.
    pub(super) fn record(&mut self, record: impl FnOnce(&mut Attributes)) {
        self.attributes.guarded(record);
        self.attributes.close_item(false);
        self.attributes.tidy();
    }

    /// Whether the item that was recorded last says something of the turn: a final transcript, the first token or audio.
    pub(super) fn tells_turn(&mut self, view: View) -> bool {
        let says = self.attributes.take_telling();
        let tells = match view {
            View::Stt => says == Some(true),
            // What cannot be judged is speech.
            View::Tts => says.unwrap_or(true) && !self.has_told && !self.has_failed(),
            View::Llm => self.spoke.is_some() && !self.has_told,
            _ => says == Some(true) && !self.has_told,
        };
        self.has_told |= tells;
        tells
    }

    /// Sentences that are ready for the transcript.
    pub(super) fn take_sentences(&mut self) -> Option<Ready> {
        self.sentences.as_mut()?.take()
    }

    /// Whether its end says when somebody spoke, for no item did.
    pub(super) fn end_tells_turn(&self, view: View) -> bool {
        let is_speech = matches!(view, View::Stt | View::Tts);
        let may_tell = is_speech && self.items != Some(0) && !self.has_told && !self.has_failed();
        may_tell && self.attributes.tell_at_end(self.items)
    }

    /// Whether the item that was recorded last says that the caller cut in on an answer.
    pub(super) fn is_cut_off(&mut self) -> bool {
        self.attributes.take_cut_off()
    }

    /// When the span began.
    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// When the first item came that says something, as far as can be seen.
    pub(super) fn spoke(&self) -> Option<Instant> {
        self.spoke.or(self.unseen.filter(|_| !self.is_seen))
    }

    /// Whether an item said when somebody spoke.
    pub(super) fn has_told(&self) -> bool {
        self.has_told
    }

    /// Whether nothing was told of audio, good or bad: no more than its text, or its tokens.
    pub(super) fn is_without_audio(&self) -> bool {
        self.items.is_none() && !self.has_failed()
    }

    /// Whether something came, so that what is not read any more may be nothing.
    pub(super) fn has_items(&self) -> bool {
        self.items > Some(0)
    }

    /// When it was over, if that was said: with its last item, or by an error.
    pub(super) fn over(&self) -> Option<Instant> {
        let last = self.last.filter(|_| !self.has_failed());
        let is_over = self.attributes.has_ended() || self.has_failed();
        is_over.then(|| last.unwrap_or_else(Instant::now))
    }

    pub(super) fn has_failed(&self) -> bool {
        self.attributes.has_failed()
    }

    /// Together with what somebody else told of the same answer, at the same time or later.
    #[cold]
    pub(super) fn with(mut self, other: Self) -> Self {
        let between = self.last.zip(other.last.and(other.first));
        let gap = between.map(|(last, first)| first.saturating_duration_since(last));
        self.items = self.items.map_or(other.items, |items| Some(items + other.items.unwrap_or(0)));
        let first = |one: Option<Instant>, two: Option<Instant>| [one, two].into_iter().flatten().min();
        self.first = first(self.first, other.first);
        self.spoke = first(self.spoke, other.spoke);
        self.unseen = first(self.unseen, other.unseen);
        self.is_seen |= other.is_seen;
        self.last = self.last.max(other.last);
        self.longest_gap = self.longest_gap.max(other.longest_gap).max(gap);
        self.has_told |= other.has_told;
        self.attributes.add_items(other.attributes);
        self.attributes.tidy();
        self
    }

    /// Writes all of it where the span's end is written.
    pub(super) fn write(self, end: &mut Attributes) {
        let spoke = self.spoke();
        let Self { attributes, start, items, first, longest_gap, .. } = self;
        if let Some(spoke) = spoke {
            let time = spoke.saturating_duration_since(start);
            write::float(&mut end.entries, semconv::METRICS_TTFB, time.as_secs_f64());
            if end.view == View::Llm {
                let milliseconds = time.div_duration_f64(Duration::from_millis(1));
                write::float(&mut end.entries, semconv::LLM_FIRST_TOKEN_MS, milliseconds);
            }
        }
        if let Some(first) = first {
            let time = first.saturating_duration_since(start).as_secs_f64();
            write::float(&mut end.entries, semconv::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, time);
        }
        if let Some(items) = items {
            write::integer(&mut end.entries, semconv::STREAM_ITEMS, items);
        }
        if let Some(gap) = longest_gap {
            write::float(&mut end.entries, semconv::STREAM_LONGEST_GAP_SECONDS, gap.as_secs_f64());
        }
        attributes.write_items(end);
    }
}
