//! A place in a known response, and how its name is found among the others.

pub(super) mod table;

/// A place: what to do there with a scalar, inside an object, with the elements of an array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    name: &'static str,
    pub(super) slot: Slot,
    pub(super) fields: Option<&'static Table>,
    pub(super) elements: Option<&'static Node>,
    pub(super) first_only: bool,
}

#[derive(Debug)]
pub(super) struct Table {
    /// In the order of their first letters.
    nodes: &'static [Node],
    /// Where the names of each letter begin, for a look-up reads a dozen names at most.
    starts: [u8; LETTERS + 1],
    /// Fields that may stand here as well.
    also: Option<&'static Table>,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// Part of the model's answer.
    Answer,
    /// Where a voice's audio belongs.
    Audio,
    /// Part of the answer, and the sign that there is one.
    Chunk,
    /// Why the model does not answer at all.
    Blocked,
    /// One of several answers; the text of the one with index 0 counts.
    Choice,
    /// Which of them it is.
    ChoiceIndex,
    Confidence,
    Count(Count),
    /// Audio in base64, or as a list.
    Data,
    /// A string that is text or base64, as the event's type says.
    Delta,
    /// A transcript that may stand elsewhere too; the first one counts.
    Display,
    Done,
    /// A word or a sign of a transcript.
    Element,
    ElementKind,
    /// What went wrong.
    Error,
    /// As `ErrorKind`, which counts more.
    ErrorCode,
    ErrorKind,
    ErrorMessage,
    Event,
    Finish,
    Id,
    /// Which part of an answer an event is about.
    Index,
    /// True where the caller spoke before the answer's end.
    Interrupted,
    IsFinal,
    Language,
    Mark(u64),
    /// An object, the name of an event, or what went wrong.
    Message,
    MessageType,
    MimeType,
    Model,
    Nothing,
    Object,
    /// One part of an answer, which may turn out to be a thought.
    Part,
    /// The name of a tool, if this part is one.
    PartName,
    /// A transcript that the recogniser will still change.
    Partial,
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
    /// One sample of audio.
    Sample,
    /// A piece of a transcript that may stand elsewhere as a whole.
    Segment,
    /// One sentence of several.
    Sentence,
    /// How many bytes a buffer has.
    Size,
    /// Above 0, where the recogniser will still change what it says.
    Stability,
    Status,
    /// As `Plain`, but also the transcript, if this is one.
    Text,
    Thought,
    /// What the model thinks, which is no part of the answer.
    Thinking,
    /// One piece of a transcript, final or not.
    Token,
    TokenIsFinal,
    TokenText,
    /// A tool that the model asks for.
    Tool,
    ToolArguments,
    ToolIndex,
    ToolName,
    Transcript,
    /// The turn that a transcript is of, which grows from event to event.
    TurnOrder,
    Type,
    /// True where the recogniser will still change what it says.
    WillChange,
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
    /// Gemini's, not part of its input tokens.
    ToolUse,
    /// Gemini's, not part of its output tokens.
    Thoughts,
}

/// Signs by which a response is known, as bits.
pub(super) mod mark {
    macro_rules! marks {
        ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
            $($(#[$doc])* pub(in crate::recording::shapes) const $name: u64 = 1 << $bit;)*
        };
    }

    marks! {
        /// There is a place for audio.
        AUDIO = 0;
        /// Somebody cut in on the answer.
        CANCELLED = 1;
        CHAT = 2;
        /// Continues the interim transcript before it.
        CONTINUES = 3;
        DELTA_IS_TEXT = 4;
        DONE = 5;
        /// What may be the end of a stream that is a model's.
        END = 6;
        ENDED = 7;
        /// One of the events of a stream that say what they are.
        EVENT = 8;
        GEMINI = 9;
        /// What a recogniser says, maybe in between the events of a model.
        HEARD = 10;
        MESSAGE = 11;
        MODEL_IDENTITY = 12;
        OUTPUT = 13;
        /// Says again what deltas have said.
        REPEATS = 14;
        RESPONSE = 15;
        SPEECH = 16;
        STATUS = 17;
        STOP = 18;
        TEXT = 19;
        USAGE = 20;
        /// What the caller said.
        USER = 21;
        /// What one of the two said, as `role` tells.
        UTTERANCE = 22;
        WHOLE = 23;
        /// An answer begins, of which nothing is said yet.
        BEGINS = 24;
        /// The model refuses to answer at all.
        BLOCKED = 25;
        /// There is audio in it.
        DATA = 26;
        /// The delta is a piece of a tool's arguments.
        DELTA_IS_ARGUMENTS = 27;
        /// The delta is a piece of what the model thinks.
        DELTA_IS_THOUGHT = 34;
        /// The answer failed.
        FAILED = 28;
        /// Something is said: a word, a thought, a tool.
        SAYS = 29;
        /// An event that brings nothing of an answer, of whatever shape the others are.
        SILENT = 30;
        /// The tool that the event names.
        TOOL = 31;
        /// There is a place for a transcript.
        TRANSCRIPT = 32;
        /// A text at a place that no shape has.
        OTHER = 33;
        /// A transcript in words and signs.
        ELEMENTS = 35;
        /// A transcript in pieces, each of which is final or not.
        TOKENS = 36;
        /// Each word has a confidence, the transcript has none.
        WORD_BY_WORD = 37;
    }
}

impl Node {
    const fn fields(mut self, fields: &'static Table) -> Self {
        self.fields = Some(fields);
        self
    }

    const fn each(mut self, element: &'static Node) -> Self {
        self.elements = Some(element);
        self
    }

    const fn first(mut self, element: &'static Node) -> Self {
        self.elements = Some(element);
        self.first_only = true;
        self
    }
}

impl Table {
    /// A table of nodes that are sorted.
    const fn new(nodes: &'static [Node]) -> Self {
        let mut starts = [0; LETTERS + 1];
        let mut at = 0;
        while at < nodes.len() {
            starts[letter(nodes[at].name.as_bytes()) + 1] += 1;
            at += 1;
        }
        let mut at = 0;
        while at < LETTERS {
            starts[at + 1] += starts[at];
            at += 1;
        }
        Self { nodes, starts, also: None }
    }

    const fn also(mut self, table: &'static Self) -> Self {
        self.also = Some(table);
        self
    }

    pub(super) fn find(&self, key: &str) -> Option<&'static Node> {
        let letter = letter(key.as_bytes());
        let named = usize::from(self.starts[letter])..usize::from(self.starts[letter + 1]);
        let here = self.nodes[named].iter().find(|node| is_named(node.name, key));
        here.or_else(|| self.also?.find(key))
    }
}

/// As many as five bits tell apart.
const LETTERS: usize = 32;

/// Of a name or a key, whatever its case.
const fn letter(name: &[u8]) -> usize {
    if name.is_empty() { 0 } else { name[0] as usize % LETTERS }
}

/// The nodes of a table in the order of their first letters.
const fn sorted<const N: usize>(mut nodes: [Node; N]) -> [Node; N] {
    let mut end = 1;
    while end < N {
        let mut at = end;
        while at > 0 && letter(nodes[at - 1].name.as_bytes()) > letter(nodes[at].name.as_bytes()) {
            let before = nodes[at - 1];
            nodes[at - 1] = nodes[at];
            nodes[at] = before;
            at -= 1;
        }
        end += 1;
    }
    nodes
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

const fn node(name: &'static str, slot: Slot) -> Node {
    Node { name, slot, fields: None, elements: None, first_only: false }
}

const fn count(name: &'static str, count: Count) -> Node {
    node(name, Slot::Count(count))
}

const fn inside(name: &'static str, fields: &'static Table) -> Node {
    node(name, Slot::Nothing).fields(fields)
}

const fn signs(name: &'static str, marks: u64) -> Node {
    node(name, Slot::Mark(marks))
}
