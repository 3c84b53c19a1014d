//! What one value says goes in, item by item; what they say together comes out. This file does not know values.

use super::append;

/// What a known response says.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a response may tell or not")]
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
    /// It ends before its end: the caller cut in, or the client cancelled it.
    pub(crate) cancelled: bool,
    /// This is a known answer of a model, even if it says nothing else: an audio event, a keep-alive.
    pub(crate) known: bool,
    /// This brings audio of the answer.
    pub(crate) is_audio: bool,
    /// What an item is of a text in a stream; else an answer continues, and a transcript is a sentence.
    pub(crate) piece: Option<Piece>,
}

/// What an item is of the text before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Piece {
    /// What comes next in it.
    Continuation,
    /// A sentence of its own.
    Sentence,
    /// All of it again.
    Whole,
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
            self.found.ended |= next.ended && self.found.known;
            return;
        }
        let text = next.text.take();
        let piece = next.piece;
        let is_more = piece != Some(Piece::Whole) && is_said(text.as_ref());
        if self.found.ended && (is_more || self.is_of_another(&next)) {
            self.begin(&next);
        }
        self.found.then(next);
        let Some(text) = text else { return };
        if let (Some(Piece::Whole), Some(so_far)) = (piece, &mut self.found.text) {
            so_far.truncate(self.start);
        }
        if self.start > 0 && self.length() == self.start {
            append(&mut self.found.text, "\n", limit);
        }
        let put = if piece == Some(Piece::Sentence) { join } else { append };
        put(&mut self.found.text, &text, limit);
    }

    /// Takes an item of a recogniser's stream, or of a model's that transcribes.
    pub(crate) fn transcript(&mut self, mut next: Found, limit: usize) {
        let transcript = next.transcript.take();
        let Found { is_final, piece, .. } = next;
        let continues = piece == Some(Piece::Continuation);
        let put = if continues && !self.found.ended { append } else { join };
        if self.found.ended && is_said(transcript.as_ref()) {
            self.begin(&next);
        }
        if next.known {
            self.answer(next, limit);
        } else {
            self.found.then(next);
        }
        let Some(transcript) = transcript else { return };
        if is_final != Some(false) || !continues {
            self.interim = None;
        }
        if is_final == Some(false) {
            return append(&mut self.interim, &transcript, limit);
        }
        put(&mut self.found.transcript, &transcript, limit);
        self.found.ended |= is_final == Some(true);
    }

    /// Takes an item that is a text and nothing else.
    pub(crate) fn text(&mut self, text: &str, limit: usize) {
        self.found.known = true;
        append(&mut self.found.text, text, limit);
    }

    /// Whether the last of them ended the answer as it should, or left no transcript open.
    pub(crate) fn has_ended(&self) -> bool {
        self.found.ended && !self.found.cancelled
    }

    /// What all of them say.
    pub(crate) fn found(mut self, limit: usize) -> Found {
        if let Some(interim) = self.interim {
            join(&mut self.found.transcript, &interim, limit);
        }
        self.found.usage = self.found.usage.settled().plus(self.earlier);
        self.found
    }

    /// An answer or a transcript begins after one that has ended, with counts of its own.
    fn begin(&mut self, next: &Found) {
        (self.found.ended, self.found.cancelled) = (false, false);
        // Without either, this may still be part of the one before it, that came late.
        if self.is_of_another(next) || self.found.usage != Usage::default() {
            self.earlier = self.earlier.plus(std::mem::take(&mut self.found.usage).settled());
            self.found.finish_reasons.clear();
            self.start = self.length();
        }
    }

    /// The length of the text so far.
    fn length(&self) -> usize {
        self.found.text.as_ref().map_or(0, String::len)
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
        fill! { model, response_id, text, transcript, confidence, language, is_final, piece, }
        self.usage = self.usage.with(other.usage, Option::or);
        if self.finish_reasons.is_empty() {
            self.finish_reasons = other.finish_reasons;
        }
        self.ended |= other.ended;
        self.cancelled |= other.cancelled;
        self.known |= other.known;
        self.is_audio |= other.is_audio;
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

    /// Whether a recogniser will not change what this says.
    pub(crate) fn is_final_sentence(&self) -> bool {
        self.is_final == Some(true) && is_said(self.transcript.as_ref())
    }

    /// What a model answers is the transcript where it was asked to transcribe.
    pub(crate) fn transcribed(mut self) -> Self {
        if self.known && self.transcript.is_none() {
            self.transcript = self.text.take();
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
