//! Finds what a known response says while a value is walked.
//!
//! Invariant: only values at a place of a known response take memory.
//!
//! A response is searched for at the root and one level below it: in a field that no response has (a user's
//! wrapper), or in an element of a tuple or list. `place::table` lists the places, `candidate` has the rules,
//! `together` combines several responses:
//!
//! | shape | known by |
//! | --- | --- |
//! | a usage, of any vendor | an input and an output count together, or one of them in `usage` or `usage_metadata` |
//! | `OpenAI` chat, completions | `object`, or a choice with a `message` or a `delta` |
//! | `OpenAI` responses, realtime | `object`, a `type` of theirs, or an output item's `content` beside `status` |
//! | Anthropic, Bedrock, Cohere | `type: "message"`, a usage beside a reason to stop, or a stream event |
//! | Gemini, Gemini Live | a candidate's `content`, `server_content`, `tool_call`, or a prompt's `block_reason` |
//! | Ollama | `done` beside `model` |
//! | genai | `provider_model_iden`, a `Chunk` with `content`, or what begins with `captured_` |
//! | Deepgram, any recogniser | an alternative's `transcript`, `transcript`, or the `type` of a transcription event |
//! | `AssemblyAI` | `turn_order` beside `transcript`, all of the turn so far |
//! | AWS, Google, Watson | `results` with alternatives |
//! | Azure | `DisplayText`, `NBest`, `combinedPhrases` |
//! | Gladia, Rev, Soniox, Speechmatics, Vosk | `utterance`; `elements`; `tokens`; `metadata.transcript`; `partial` |
//! | Deepgram's agent | `type: "ConversationText"`, which the two speak, as `role` tells |
//! | Whisper-like, Cartesia, `ElevenLabs`, Groq, `LiveKit` | `text` at the root; further down, alone or beside a language, a confidence, `is_final`, words, segments, a start, a duration or a usage |
//! | an enum of one's own | a field `Partial`, `Interim` or `Final`: what is inside is at the root, and final or not |
//! | a failure | `error` with a message or alone, `type: "error"`, a response whose status is `failed` |
//!
//! Without one of these, `id` and `model` are ignored, whatever they hold.

use crate::clip::clip;
use crate::recording::json::sink::Sink;
use candidate::Candidate;
use place::table::speech::AUDIO;
use place::table::{ROOT, WRAPPED};
use place::{Node, Slot};

pub(crate) use found::{Failed, Found};
pub(crate) use scalar::Scalar;
pub(crate) use together::Together;
pub(crate) use tools::ToolCalls;

mod candidate;
mod events;
mod found;
mod place;
mod scalar;
#[cfg(test)]
mod tests;
mod together;
mod tools;

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
    /// The whole value is written as a list.
    is_list: bool,
    /// The whole value is a list: each element comes after the one before it, as the items of a stream do.
    list: bool,
    /// The level at which the arguments of a tool stand that are no text, and their JSON, while the walk is in them.
    copy: Option<(u32, Sink)>,
    /// A response inside an unknown field of the root, while the walk is in it.
    inner: Option<Candidate>,
    root: Candidate,
    below: Found,
    /// What the elements of a list say; boxed, for few values are a list of responses.
    elements: Option<Box<Together>>,
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
            is_list: false,
            list: false,
            copy: None,
            inner: None,
            root: Candidate::default(),
            below: Found::default(),
            elements: None,
            limit: usize::MAX,
        }
    }
}

impl Shapes {
    /// Looks for the audio of a voice.
    pub(crate) fn of_audio() -> Self {
        Self { next: Some(&AUDIO), ..Self::default() }
    }

    /// Whether there is audio in what a voice gave; `None` where nothing has a name that audio goes by.
    pub(crate) fn has_audio(self) -> Option<bool> {
        let is_empty_list = self.is_list && self.frames[0].elements == 0;
        if is_empty_list { Some(false) } else { self.root.has_audio() }
    }

    /// Texts are kept up to this many bytes and one char.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Whether there is a place for the value that comes next.
    pub(super) fn is_watching(&self) -> bool {
        self.next.is_some() || self.copy.is_some()
    }

    /// The number of open containers.
    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// An array or an object begins, with that bracket.
    pub(super) fn enter(&mut self, opener: u8, tuple: bool) {
        let place = self.next.take();
        if self.level == 0 {
            self.tuple = tuple;
            self.is_list = opener == b'[';
        }
        if let Some(frame) = self.frames.get_mut(self.level as usize) {
            *frame = Frame { place, elements: 0 };
        }
        self.level += 1;
        match place.map(|place| place.slot) {
            Some(Slot::ToolArguments) => {
                self.copy = Some((self.level - 1, Sink::new(Vec::new(), usize::MAX, false, false)));
            }
            Some(Slot::Wrapped) => self.inner = Some(Candidate::default()),
            Some(slot) => self.candidate().enter(slot),
            None => {}
        }
        if let Some((_, copy)) = &mut self.copy {
            copy.open(opener);
            copy.stop_beyond(self.limit);
        }
    }

    /// The walk comes back to a container that it has entered.
    pub(super) fn back_to(&mut self, level: u32) {
        if level < self.level {
            self.level = level;
            self.next = None;
            if let Some((start, copy)) = &mut self.copy {
                copy.close_to(level.saturating_sub(*start));
            }
            if let Some((_, copy)) = self.copy.take_if(|(start, _)| level <= *start) {
                let (json, limit) = (String::from_utf8(copy.out).unwrap_or_default(), self.limit);
                self.candidate().arguments(&json, limit);
            }
            if level < 2
                && let Some(inner) = self.inner.take()
            {
                let mut found = inner.found(self.list);
                // Beside other fields, what failed is not the answer.
                if self.root.fields > 1 {
                    found.forget_failure();
                }
                if !self.list {
                    self.below.fill(found);
                } else if self.elements.is_some() || found != Found::default() {
                    self.elements.get_or_insert_default().transcript(found, self.limit);
                }
            }
        }
    }

    /// A field of the innermost container comes next.
    pub(super) fn key(&mut self, key: &str) {
        self.next = None;
        if let Some((_, copy)) = &mut self.copy {
            return copy.key(key);
        }
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
        if let Some((_, copy)) = &mut self.copy {
            return copy.element();
        }
        let wrapped = self.level == 1;
        self.list |= wrapped && !self.tuple;
        let Some(frame) = self.frame() else { return };
        let Some(place) = frame.place else { return };
        let taken = place.first_only && frame.elements > 0;
        frame.elements = 1;
        self.next = if wrapped { Some(&WRAPPED) } else { place.elements.filter(|_| !taken) };
    }

    pub(super) fn scalar(&mut self, scalar: Scalar<'_>) {
        if let Some((_, copy)) = &mut self.copy {
            match scalar {
                Scalar::Text(text) => copy.scalar(Scalar::Text(clip(text, self.limit))),
                other => copy.scalar(other),
            }
            return copy.stop_beyond(self.limit);
        }
        if let Some(place) = self.next.take() {
            let limit = self.limit;
            self.candidate().scalar(place.slot, scalar, limit);
        }
    }

    pub(crate) fn found(mut self) -> Found {
        self.back_to(0);
        let mut found = self.root.found(true);
        found.fill(self.below);
        if let Some(elements) = self.elements {
            found.fill(elements.found(self.limit));
        }
        found
    }

    fn frame(&mut self) -> Option<&mut Frame> {
        self.frames.get_mut((self.level as usize).checked_sub(1)?)
    }

    fn candidate(&mut self) -> &mut Candidate {
        self.inner.as_mut().unwrap_or(&mut self.root)
    }
}
