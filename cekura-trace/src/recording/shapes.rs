//! The places of a value come in while it is walked; what a known response says goes out. This file does not know how
//! a value is walked, nor what its JSON looks like.
//!
//! A response is looked for at the root and one level below it, in a field that no response has (a user's wrapper) or
//! in an element of a tuple. `table` lists the places, `candidate` the rules:
//!
//! | shape | known by |
//! | --- | --- |
//! | a usage, of any vendor | an input and an output count together, or one of them in `usage` or `usage_metadata` |
//! | `OpenAI` chat | `object`, or a choice with a `message` or a `delta` |
//! | `OpenAI` responses, realtime | `object`, a `type` that begins with `response.`, or an output item's `content` beside `status` |
//! | Anthropic | `type: "message"` beside `stop_reason`, or the `type` of a stream event |
//! | Gemini, Gemini Live | a candidate's `content`, or `server_content` |
//! | Ollama | `done` beside `model` |
//! | genai | `provider_model_iden` |
//! | Deepgram, any recogniser | an alternative's `transcript`, or `transcript` |
//! | Whisper-like, `ElevenLabs` | `text`, alone or beside a language, words, segments, a duration or a usage |
//!
//! Without one of these, `id`, `model` and `text` say nothing, whatever they hold.

use candidate::Candidate;
use table::{Node, ROOT, Slot, WRAPPED};

mod candidate;
mod table;
#[cfg(test)]
mod tests;

/// A value without inner values. Integers beyond `i64` have no place in a response and are not shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    F64(f64),
    I64(i64),
    Null,
    Text(&'a str),
}

/// What a known response says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Cached tokens included, whatever the vendor counts.
    pub(crate) input_tokens: Option<i64>,
    /// Reasoning tokens included.
    pub(crate) output_tokens: Option<i64>,
    pub(crate) cache_read_input_tokens: Option<i64>,
    pub(crate) cache_creation_input_tokens: Option<i64>,
    pub(crate) reasoning_output_tokens: Option<i64>,
    pub(crate) audio_input_tokens: Option<i64>,
    pub(crate) audio_output_tokens: Option<i64>,
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
}

/// The levels at which there are places.
const LEVELS: usize = 8;

/// Follows a walk through the places of the known responses.
#[derive(Debug)]
pub(crate) struct Shapes {
    /// The place of the value that comes next.
    next: Option<&'static Node>,
    frames: [Frame; LEVELS],
    level: u32,
    tuple: bool,
    /// A response inside an unknown field of the root, while the walk is in it.
    inner: Option<Candidate>,
    root: Candidate,
    below: Found,
    limit: usize,
}

/// An open container.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    place: Option<&'static Node>,
    elements: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            next: Some(&ROOT),
            frames: Default::default(),
            level: 0,
            tuple: false,
            inner: None,
            root: Candidate::default(),
            below: Found::default(),
            limit: usize::MAX,
        }
    }
}

impl Shapes {
    /// Texts are kept up to this many bytes and one char.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Whether there is a place for the value that comes next.
    pub(super) fn is_watching(&self) -> bool {
        self.next.is_some()
    }

    /// The number of open containers.
    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// An array or an object begins.
    pub(super) fn enter(&mut self, tuple: bool) {
        let place = self.next.take();
        if self.level == 0 {
            self.tuple = tuple;
        }
        if let Some(frame) = self.frames.get_mut(self.level as usize) {
            *frame = Frame { place, elements: 0 };
        }
        self.level += 1;
        match place.map(|place| place.slot) {
            Some(Slot::Wrapped) => self.inner = Some(Candidate::default()),
            Some(slot) => self.candidate().enter(slot),
            None => {}
        }
    }

    /// The walk comes back to a container that it has entered.
    pub(super) fn back_to(&mut self, level: u32) {
        if level < self.level {
            self.level = level;
            self.next = None;
            if level < 2
                && let Some(inner) = self.inner.take()
            {
                self.below.fill(inner.found());
            }
        }
    }

    /// A field of the innermost container comes next.
    pub(super) fn key(&mut self, key: &str) {
        self.next = None;
        let Some(place) = self.frame().and_then(|frame| frame.place) else { return };
        self.next = place.fields.and_then(|fields| fields.find(key));
        if self.level == 1 {
            self.root.fields += 1;
            self.next = self.next.or(Some(&WRAPPED));
        } else if let (2, Some(inner)) = (self.level, &mut self.inner) {
            inner.fields += 1;
        }
    }

    /// An element of the innermost container comes next.
    pub(super) fn element(&mut self) {
        self.next = None;
        let wrapped = self.level == 1 && self.tuple;
        let Some(frame) = self.frame() else { return };
        let Some(place) = frame.place else { return };
        let taken = place.first_only && frame.elements > 0;
        frame.elements = 1;
        self.next = if wrapped { Some(&WRAPPED) } else { place.elements.filter(|_| !taken) };
    }

    pub(super) fn scalar(&mut self, scalar: Scalar<'_>) {
        if let Some(place) = self.next.take() {
            let limit = self.limit;
            self.candidate().scalar(place.slot, scalar, limit);
        }
    }

    pub(crate) fn found(mut self) -> Found {
        self.back_to(0);
        let mut found = self.root.found();
        found.fill(self.below);
        found
    }

    fn frame(&mut self) -> Option<&mut Frame> {
        self.frames.get_mut((self.level as usize).checked_sub(1)?)
    }

    fn candidate(&mut self) -> &mut Candidate {
        self.inner.as_mut().unwrap_or(&mut self.root)
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
        fill! {
            input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,
            reasoning_output_tokens, audio_input_tokens, audio_output_tokens, model, response_id, text, transcript,
            confidence, language, is_final,
        }
        if self.finish_reasons.is_empty() {
            self.finish_reasons = other.finish_reasons;
        }
        self.ended |= other.ended;
        self.known |= other.known;
        self.whole |= other.whole;
    }
}
