//! What one value says goes in, item by item; what they say together comes out. This file does not know values.

use super::append;

/// What a known response says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) usage: Usage,
    pub(crate) model: Option<String>,
    pub(crate) response_id: Option<String>,
    pub(crate) finish_reasons: Vec<String>,
    /// The answer, or this item's part of it; at most one char longer than the limit, which says that it was cut.
    pub(crate) text: Option<String>,
    /// Bounded as `text`.
    pub(crate) transcript: Option<String>,
    pub(crate) confidence: Option<f64>,
    pub(crate) language: Option<String>,
    pub(crate) is_final: Option<bool>,
    /// The answer ends here: a finish reason or an end marker.
    pub(crate) ended: bool,
    /// This is a known answer of a model, even if it says nothing else: an audio event, a keep-alive.
    pub(crate) known: bool,
    /// In a stream `text` is not the next part but all of it again.
    pub(crate) whole: bool,
    /// In a stream `text` is a sentence of its own.
    pub(crate) sentence: bool,
    /// In a stream `transcript` is no sentence of its own but the next part of one.
    pub(crate) continues: bool,
}

/// Numbers of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Once settled, with what a cache has read and written.
    pub(crate) input: Option<i64>,
    /// Once settled, with `reasoning`.
    pub(crate) output: Option<i64>,
    pub(crate) cache_read: Option<i64>,
    pub(crate) cache_creation: Option<i64>,
    pub(crate) reasoning: Option<i64>,
    pub(crate) audio_input: Option<i64>,
    pub(crate) audio_output: Option<i64>,
    /// `input` is without the cache, as Anthropic counts.
    pub(super) cache_is_extra: bool,
    /// `output` is without `reasoning`, as Gemini counts.
    pub(super) reasoning_is_extra: bool,
}

/// What the items of a stream have said so far: of one answer or transcript, or of several one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Together {
    found: Found,
    /// A transcript that the recogniser may still change.
    interim: Option<String>,
    /// What was counted for the answers before this one.
    earlier: Usage,
    /// Where the text of this answer begins.
    start: usize,
}

impl Together {
    /// Takes an item of a model's stream. What a recogniser heard in between is none.
    pub(crate) fn answer(&mut self, mut next: Found, limit: usize) {
        if !next.known {
            return;
        }
        let text = next.text.take();
        if self.found.ended && (self.is_of_another(&next) || (!next.whole && is_said(text.as_ref()))) {
            self.begin();
        }
        let Found { sentence, whole, .. } = next;
        self.found.then(next);
        let Some(text) = text else { return };
        let so_far = self.found.text.get_or_insert_default();
        if whole {
            so_far.truncate(self.start);
        }
        if self.start > 0 && so_far.len() == self.start {
            append(&mut self.found.text, "\n", limit);
        }
        let put = if sentence { join } else { append };
        put(&mut self.found.text, &text, limit);
    }

    /// Takes an item of a recogniser's stream, or of a model's that transcribes.
    pub(crate) fn transcript(&mut self, next: Found, limit: usize) {
        let mut next = next.transcribed();
        let Some(transcript) = next.transcript.take() else { return self.found.then(next) };
        if self.found.ended && is_said(Some(&transcript)) {
            self.begin();
        }
        let Found { is_final, continues, whole, .. } = next;
        self.found.then(next);
        if is_final == Some(false) {
            if !continues {
                self.interim = None;
            }
            return append(&mut self.interim, &transcript, limit);
        }
        self.interim = None;
        self.found.ended |= is_final == Some(true);
        if whole {
            self.found.transcript = None;
        }
        let put = if continues { append } else { join };
        put(&mut self.found.transcript, &transcript, limit);
    }

    /// Takes an item that is a text and nothing else.
    pub(crate) fn text(&mut self, text: &str, limit: usize) {
        self.found.known = true;
        append(&mut self.found.text, text, limit);
    }

    /// Whether the last of them ended the answer, or left no transcript open.
    pub(crate) fn has_ended(&self) -> bool {
        self.found.ended
    }

    /// What all of them say.
    pub(crate) fn found(mut self, limit: usize) -> Found {
        if let Some(interim) = self.interim {
            join(&mut self.found.transcript, &interim, limit);
        }
        self.found.usage = self.found.usage.settled().plus(self.earlier);
        self.found
    }

    /// The next answer or transcript begins, with counts of its own.
    fn begin(&mut self) {
        self.earlier = self.earlier.plus(std::mem::take(&mut self.found.usage).settled());
        self.found.ended = false;
        self.start = self.found.text.as_ref().map_or(0, String::len);
    }

    fn is_of_another(&self, next: &Found) -> bool {
        next.response_id.is_some() && next.response_id != self.found.response_id
    }
}

impl Found {
    /// Takes from `other` what is not known yet.
    pub(super) fn fill(&mut self, other: Self) {
        macro_rules! fill {
            ($($field:ident,)*) => {
                $(if self.$field.is_none() { self.$field = other.$field; })*
            };
        }
        fill! { model, response_id, text, transcript, confidence, language, is_final, }
        self.usage = self.usage.with(other.usage, Option::or);
        if self.finish_reasons.is_empty() {
            self.finish_reasons = other.finish_reasons;
        }
        self.ended |= other.ended;
        self.known |= other.known;
        self.whole |= other.whole;
        self.sentence |= other.sentence;
        self.continues |= other.continues;
    }

    /// Takes what comes next in a list.
    pub(super) fn follow(&mut self, mut next: Self, limit: usize) {
        let (text, transcript) = (next.text.take(), next.transcript.take());
        self.then(next);
        if let Some(text) = text {
            append(&mut self.text, &text, limit);
        }
        if let Some(transcript) = transcript {
            join(&mut self.transcript, &transcript, limit);
        }
    }

    /// Takes what comes next of the same, of which the last word counts; but for the texts.
    fn then(&mut self, mut next: Self) {
        next.text = self.text.take();
        next.transcript = self.transcript.take();
        next.fill(std::mem::take(self));
        *self = next;
    }

    /// What a model answers is the transcript where it was asked to transcribe.
    pub(crate) fn transcribed(mut self) -> Self {
        if self.known && self.transcript.is_none() {
            self.transcript = self.text.take();
            self.continues = !self.whole;
        }
        self
    }
}

impl Usage {
    /// Input and output with all that is part of them, whatever the vendor counts.
    pub(crate) fn settled(mut self) -> Self {
        if std::mem::take(&mut self.cache_is_extra) {
            let cached = [self.cache_read, self.cache_creation].into_iter().flatten();
            self.input = self.input.map(|input| cached.fold(input, i64::saturating_add));
        }
        if std::mem::take(&mut self.reasoning_is_extra) {
            self.output = self.output.map(|output| output.saturating_add(self.reasoning.unwrap_or(0)));
        }
        self
    }

    fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| {
            Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))).filter(|_| a.or(b).is_some())
        })
    }

    fn with(self, other: Self, of_both: impl Fn(Option<i64>, Option<i64>) -> Option<i64>) -> Self {
        Self {
            input: of_both(self.input, other.input),
            output: of_both(self.output, other.output),
            cache_read: of_both(self.cache_read, other.cache_read),
            cache_creation: of_both(self.cache_creation, other.cache_creation),
            reasoning: of_both(self.reasoning, other.reasoning),
            audio_input: of_both(self.audio_input, other.audio_input),
            audio_output: of_both(self.audio_output, other.audio_output),
            cache_is_extra: self.cache_is_extra || other.cache_is_extra,
            reasoning_is_extra: self.reasoning_is_extra || other.reasoning_is_extra,
        }
    }
}

fn is_said(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// Puts the next sentence behind those before it.
pub(super) fn join(transcript: &mut Option<String>, next: &str, limit: usize) {
    let joined =
        transcript.as_ref().is_none_or(|before| before.ends_with(char::is_whitespace) || before.is_empty());
    if !joined && !next.is_empty() && !next.starts_with(char::is_whitespace) {
        append(transcript, " ", limit);
    }
    append(transcript, next, limit);
}
