//! What a place in a known response is, and how its name is found among others. This file does not know which places
//! there are.

/// A place: what to do there with a scalar, inside an object, with the elements of an array.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) slot: Slot,
    pub(super) fields: Option<&'static Table>,
    pub(super) elements: Option<&'static Node>,
    pub(super) first_only: bool,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) nodes: &'static [Node],
    /// Fields that may stand here as well.
    pub(super) also: Option<&'static Table>,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// Part of the model's answer.
    Answer,
    /// Part of the answer, and the sign that there is one.
    Chunk,
    /// One of several answers; the text of the first counts.
    Choice,
    /// Which of them it is.
    ChoiceIndex,
    Confidence,
    Count(Count),
    /// A string that is text or base64, as the event's type says.
    Delta,
    Done,
    Event,
    Finish,
    Id,
    /// True where the caller spoke before the answer's end.
    Interrupted,
    IsFinal,
    Language,
    Mark(u32),
    MessageType,
    MimeType,
    Model,
    Nothing,
    Object,
    /// One part of an answer, which may turn out to be a thought.
    Part,
    PartType,
    /// A string that is the answer, if this is one.
    Plain,
    /// Why a response did not end as it should.
    Reason,
    RequestId,
    ResponseId,
    Role,
    /// Tokens of one modality.
    Row(Count),
    RowCount,
    RowModality,
    /// A piece of a transcript that may stand elsewhere as a whole.
    Segment,
    Status,
    /// As `Plain`, but also the transcript, if this is one.
    Text,
    Thought,
    Transcript,
    Type,
    /// A field that no shape has: a response may be inside.
    Wrapped,
}

/// A number of tokens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    AudioInput,
    AudioOutput,
    CacheCreation,
    CacheRead,
    /// Anthropic's, not part of its input tokens.
    ExtraCacheCreation,
    ExtraCacheRead,
    Input,
    Output,
    Reasoning,
    /// Gemini's, not part of its output tokens.
    Thoughts,
}

/// Signs by which a response is known, as bits.
pub(super) mod mark {
    pub(in crate::recording::shapes) const AUDIO: u32 = 1;
    /// Somebody cut in on the answer.
    pub(in crate::recording::shapes) const CANCELLED: u32 = 1 << 1;
    pub(in crate::recording::shapes) const CHAT: u32 = 1 << 2;
    /// Continues the interim transcript before it.
    pub(in crate::recording::shapes) const CONTINUES: u32 = 1 << 3;
    pub(in crate::recording::shapes) const DELTA_IS_TEXT: u32 = 1 << 4;
    pub(in crate::recording::shapes) const DONE: u32 = 1 << 5;
    /// What may be the end of a stream that is a model's.
    pub(in crate::recording::shapes) const END: u32 = 1 << 6;
    pub(in crate::recording::shapes) const ENDED: u32 = 1 << 7;
    /// One of the events of a stream that say what they are.
    pub(in crate::recording::shapes) const EVENT: u32 = 1 << 8;
    pub(in crate::recording::shapes) const GEMINI: u32 = 1 << 9;
    /// What a recogniser says, maybe in between the events of a model.
    pub(in crate::recording::shapes) const HEARD: u32 = 1 << 10;
    pub(in crate::recording::shapes) const MESSAGE: u32 = 1 << 11;
    pub(in crate::recording::shapes) const MODEL_IDENTITY: u32 = 1 << 12;
    pub(in crate::recording::shapes) const OUTPUT: u32 = 1 << 13;
    /// Says again what deltas have said.
    pub(in crate::recording::shapes) const REPEATS: u32 = 1 << 14;
    pub(in crate::recording::shapes) const RESPONSE: u32 = 1 << 15;
    pub(in crate::recording::shapes) const SPEECH: u32 = 1 << 16;
    pub(in crate::recording::shapes) const STATUS: u32 = 1 << 17;
    pub(in crate::recording::shapes) const STOP: u32 = 1 << 18;
    pub(in crate::recording::shapes) const TEXT: u32 = 1 << 19;
    pub(in crate::recording::shapes) const USAGE: u32 = 1 << 20;
    /// What the caller said.
    pub(in crate::recording::shapes) const USER: u32 = 1 << 21;
    /// What one of the two said, as `role` tells.
    pub(in crate::recording::shapes) const UTTERANCE: u32 = 1 << 22;
    pub(in crate::recording::shapes) const WHOLE: u32 = 1 << 23;
}

impl Node {
    pub(super) const fn fields(mut self, fields: &'static Table) -> Self {
        self.fields = Some(fields);
        self
    }

    pub(super) const fn each(mut self, element: &'static Node) -> Self {
        self.elements = Some(element);
        self
    }

    pub(super) const fn first(mut self, element: &'static Node) -> Self {
        self.elements = Some(element);
        self.first_only = true;
        self
    }
}

impl Table {
    pub(super) fn find(&self, key: &str) -> Option<&'static Node> {
        let here = self.nodes.iter().find(|node| is_named(node.name, key));
        here.or_else(|| self.also?.find(key))
    }
}

/// Whether `key` is `name`, or `name` in camel case.
fn is_named(name: &str, key: &str) -> bool {
    if name.as_bytes().first() != key.as_bytes().first() {
        return false;
    }
    if key.len() >= name.len() {
        return name == key;
    }
    let mut key = key.bytes();
    let mut capital = false;
    let same = name.bytes().all(|byte| {
        if byte == b'_' {
            capital = true;
            return true;
        }
        let expected = if capital { byte.to_ascii_uppercase() } else { byte };
        capital = false;
        key.next() == Some(expected)
    });
    same && key.next().is_none()
}

pub(super) const fn node(name: &'static str, slot: Slot) -> Node {
    Node { name, slot, fields: None, elements: None, first_only: false }
}

pub(super) const fn count(name: &'static str, count: Count) -> Node {
    node(name, Slot::Count(count))
}

pub(super) const fn inside(name: &'static str, fields: &'static Table) -> Node {
    node(name, Slot::Nothing).fields(fields)
}

pub(super) const fn signs(name: &'static str, marks: u32) -> Node {
    node(name, Slot::Mark(marks))
}

pub(super) const fn table(nodes: &'static [Node]) -> Table {
    Table { nodes, also: None }
}
