//! What one value says: text, tokens, model, transcript.
//!
//! Invariant: a text is never empty, except the part of an answer in one item.

use super::tools::Tool;
use crate::clip::{append, clip};

/// What a known response says.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a response may tell or not")]
pub(crate) struct Found {
    pub(crate) usage: Usage,
    pub(crate) model: Option<String>,
    pub(crate) response_id: Option<String>,
    /// With the index of the answer that each belongs to, in its order.
    pub(crate) finish_reasons: Vec<(i64, String)>,
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
    /// Whether something is said: a word, a thought, a tool, audio. `None` where it is not known what this is.
    pub(crate) says: Option<bool>,
    /// An answer begins.
    pub(super) begins: bool,
    /// There is no answer, for the prompt was refused.
    pub(crate) is_blocked: bool,
    /// What an item is of a text in a stream; else an answer continues, and a transcript is a sentence.
    pub(crate) piece: Option<Piece>,
    /// Boxed, for few responses have any of it.
    pub(super) rare: Option<Box<Rare>>,
}

/// What few responses say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rare {
    /// What the model asks for.
    pub(super) tools: Vec<Tool>,
    pub(super) failure: Option<Failed>,
    /// What follows the transcript and may still change.
    pub(super) changing: Option<String>,
    /// The turn that the transcript is of, all of it so far.
    pub(super) turn: Option<i64>,
}

/// Why there is no answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Failed {
    pub(super) message: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) code: Option<i64>,
    /// It stands in an object of its own.
    pub(super) is_object: bool,
    /// It stands under the name of an error.
    pub(super) is_named: bool,
}

/// What an item is of the text before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Piece {
    /// What comes next in it.
    Continuation,
    /// A sentence of its own.
    Sentence,
    /// What comes next, with its own spaces.
    Token,
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
    /// Part of `input` once settled.
    pub(super) tool_use: Option<i64>,
    /// `input` is without the cache, as Anthropic counts.
    pub(super) cache_is_extra: bool,
    /// `output` is without `reasoning`, as Gemini counts.
    pub(super) reasoning_is_extra: bool,
}

impl Found {
    /// Takes from `other` what is not known yet.
    pub(super) fn fill(&mut self, other: Self) {
        macro_rules! fill {
            ($($field:ident),*; $($flag:ident),*) => {
                $(if self.$field.is_none() { self.$field = other.$field; })*
                $(self.$flag |= other.$flag;)*
            };
        }
        fill! {
            model, response_id, text, transcript, confidence, language, is_final, piece, rare;
            ended, cancelled, known, is_audio, is_blocked, begins
        }
        self.usage = self.usage.with(other.usage, Option::or);
        for (index, reason) in other.finish_reasons {
            if let Err(at) = self.finish_reasons.binary_search_by_key(&index, |(index, _)| *index) {
                self.finish_reasons.insert(at, (index, reason));
            }
        }
        self.says = self.says.max(other.says);
    }

    /// Takes what comes next of the same, of which the last word counts; but for the texts.
    pub(super) fn then(&mut self, mut next: Self) {
        next.text = self.text.take();
        next.transcript = self.transcript.take();
        next.fill(std::mem::take(self));
        *self = next;
    }

    /// What the model asks for.
    pub(crate) fn tools(&self) -> &[Tool] {
        self.rare.as_ref().map_or(&[], |rare| &rare.tools)
    }

    /// Whether there is an answer, or what it asks for.
    pub(crate) fn has_output(&self) -> bool {
        is_said(self.text.as_ref()) || !self.tools().is_empty()
    }

    /// Whether somebody was heard; `None` where it is not known what this is.
    pub(crate) fn heard(&self) -> Option<bool> {
        let changing = self.rare.as_ref().and_then(|rare| rare.changing.as_ref());
        let is_heard = [self.text.as_ref(), self.transcript.as_ref(), changing].into_iter().any(is_said);
        (is_heard || self.known || self.says.is_some()).then_some(is_heard)
    }

    /// Why there is no answer, if this says so.
    pub(crate) fn failure(&self) -> Option<&Failed> {
        self.rare.as_ref()?.failure.as_ref()
    }

    pub(super) fn forget_failure(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.failure = None;
        }
    }

    /// Whether a recogniser will not change what this says.
    pub(crate) fn is_final_sentence(&self) -> bool {
        self.is_final == Some(true) && is_said(self.transcript.as_ref())
    }

    /// With the transcript that the program names, whatever else it says of words.
    pub(crate) fn named(mut self, transcript: String, is_final: Option<bool>) -> Self {
        (self.text, self.transcript, self.piece, self.is_final) = (None, Some(transcript), None, is_final);
        if let Some(rare) = &mut self.rare {
            (rare.changing, rare.turn) = (None, None);
        }
        self
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
        if let Some(tool_use) = self.tool_use.take() {
            self.input = Some(self.input.unwrap_or(0).saturating_add(tool_use));
        }
        if std::mem::take(&mut self.reasoning_is_extra) {
            self.output = self.output.map(|output| output.saturating_add(self.reasoning.unwrap_or(0)));
        }
        self
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| {
            Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))).filter(|_| a.or(b).is_some())
        })
    }

    fn with(self, other: Self, of_both: impl Fn(Option<i64>, Option<i64>) -> Option<i64>) -> Self {
        macro_rules! both {
            ($($count:ident),*; $($flag:ident),*) => {
                Self { $($count: of_both(self.$count, other.$count),)* $($flag: self.$flag || other.$flag,)* }
            };
        }
        both! {
            input, output, cache_read, cache_creation, reasoning, audio_input, audio_output, tool_use;
            cache_is_extra, reasoning_is_extra
        }
    }
}

impl Failed {
    pub(super) fn say(&mut self, message: &str) {
        const LONGEST: usize = 4096;
        self.message.get_or_insert_with(|| clip(message, LONGEST).to_owned());
    }

    /// What went wrong, in the server's words.
    pub(crate) fn message(&self) -> &str {
        let words = [&self.message, &self.kind, &self.name].into_iter().flatten().next();
        words.map_or("the answer failed", String::as_str)
    }

    /// The server's name for it.
    pub(crate) fn kind(&self) -> String {
        let code = self.code.map(|code| code.to_string());
        self.kind.clone().or(self.name.clone()).or(code).unwrap_or_else(|| "error".to_owned())
    }
}

pub(super) fn is_said(text: Option<&String>) -> bool {
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
