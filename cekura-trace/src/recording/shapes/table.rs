//! The known responses as one tree of names: which places of a value are looked at, and what each one is. This file
//! does not know which of them make a response.
//!
//! Names are as on the wire in `snake_case`; `camelCase` of the same name is the same place. Sources: the vendors'
//! public API references, and the types of the crates `async-openai`, `genai`, `rig-core`, `misanthropic`,
//! `ollama-rs`, `deepgram` and `elevenlabs_rs`, which serialise under those names.

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
    nodes: &'static [Node],
    /// Fields that may stand here as well.
    also: Option<&'static Table>,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// Part of the model's answer.
    Answer,
    /// One of several answers; the text of the first counts.
    Choice,
    Confidence,
    Count(Count),
    /// A string that is text or base64, as the event's type says.
    Delta,
    Done,
    Event,
    Finish,
    Id,
    IsFinal,
    Language,
    Mark(u32),
    MessageType,
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
    ResponseId,
    /// Tokens of one modality.
    Row(Count),
    RowCount,
    RowModality,
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
    pub(in crate::recording::shapes) const CHAT: u32 = 1;
    pub(in crate::recording::shapes) const DELTA_IS_TEXT: u32 = 1 << 1;
    pub(in crate::recording::shapes) const DONE: u32 = 1 << 2;
    pub(in crate::recording::shapes) const ENDED: u32 = 1 << 3;
    /// One of Anthropic's stream events.
    pub(in crate::recording::shapes) const EVENT: u32 = 1 << 4;
    pub(in crate::recording::shapes) const GEMINI: u32 = 1 << 5;
    pub(in crate::recording::shapes) const MESSAGE: u32 = 1 << 6;
    pub(in crate::recording::shapes) const MODEL_IDENTITY: u32 = 1 << 7;
    pub(in crate::recording::shapes) const OUTPUT: u32 = 1 << 8;
    /// Says again what deltas have said.
    pub(in crate::recording::shapes) const REPEATS: u32 = 1 << 9;
    pub(in crate::recording::shapes) const RESPONSE: u32 = 1 << 10;
    pub(in crate::recording::shapes) const SPEECH: u32 = 1 << 11;
    pub(in crate::recording::shapes) const STATUS: u32 = 1 << 12;
    pub(in crate::recording::shapes) const STOP: u32 = 1 << 13;
    pub(in crate::recording::shapes) const TEXT: u32 = 1 << 14;
    pub(in crate::recording::shapes) const USAGE: u32 = 1 << 15;
    pub(in crate::recording::shapes) const WHOLE: u32 = 1 << 16;
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

const fn node(name: &'static str, slot: Slot) -> Node {
    Node { name, slot, fields: None, elements: None, first_only: false }
}

const fn count(name: &'static str, count: Count) -> Node {
    node(name, Slot::Count(count))
}

const fn inside(name: &'static str, fields: &'static Table) -> Node {
    node(name, Slot::Nothing).fields(fields)
}

const fn signs(name: &'static str, marks: u32) -> Node {
    node(name, Slot::Mark(marks))
}

const fn table(nodes: &'static [Node]) -> Table {
    Table { nodes, also: None }
}

/// The whole value.
pub(super) static ROOT: Node = inside("", &RESPONSE);

/// A value one level down, under a name that no shape has.
pub(super) static WRAPPED: Node = node("", Slot::Wrapped).fields(&RESPONSE);

static RESPONSE: Table = Table {
    also: Some(&USAGE),
    nodes: &[
        // Every vendor.
        node("id", Slot::Id),
        node("model", Slot::Model),
        node("usage", Slot::Mark(mark::USAGE)).fields(&USAGE),
        node("type", Slot::Type),
        node("object", Slot::Object),
        // What a user's own reply calls its text, ElevenLabs and Whisper their transcript.
        node("text", Slot::Text),
        // Anthropic: blocks. Ollama: a string. genai: parts.
        node("content", Slot::Plain).each(&PART).fields(&CONTENT),
        // OpenAI chat.
        node("choices", Slot::Nothing).each(&CHOICE),
        // OpenAI responses and realtime.
        node("output", Slot::Plain).each(&OUTPUT_ITEM),
        node("output_text", Slot::Plain),
        node("status", Slot::Status),
        inside("incomplete_details", &DETAILS),
        inside("status_details", &DETAILS),
        // Ollama generate: a string. OpenAI events: the response.
        node("response", Slot::Plain).fields(&RESPONSE),
        // Anthropic message_start, Ollama chat.
        inside("message", &RESPONSE),
        // Anthropic stream: an object. OpenAI events: a string.
        node("delta", Slot::Delta).fields(&DELTA),
        node("stop_reason", Slot::Finish),
        // Gemini.
        node("candidates", Slot::Nothing).each(&CANDIDATE),
        node("usage_metadata", Slot::Mark(mark::USAGE)).fields(&USAGE),
        node("model_version", Slot::Model),
        node("response_id", Slot::ResponseId),
        node("server_content", Slot::Mark(mark::GEMINI)).fields(&SERVER_CONTENT),
        // Ollama.
        node("done", Slot::Done),
        node("done_reason", Slot::Finish),
        inside("final_data", &USAGE),
        // genai, the model that answered first.
        node("provider_model_iden", Slot::Mark(mark::MODEL_IDENTITY)).fields(&MODEL_IDENTITY),
        // rig-core.
        node("choice", Slot::Nothing).each(&PART),
        // Deepgram.
        inside("channel", &CHANNEL),
        inside("results", &RESULTS),
        node("is_final", Slot::IsFinal),
        signs("turn_index", mark::SPEECH),
        node("event", Slot::Event),
        // Any recogniser.
        node("transcript", Slot::Transcript),
        node("confidence", Slot::Confidence),
        node("language", Slot::Language),
        node("language_code", Slot::Language),
        node("languages", Slot::Nothing).first(&LANGUAGE),
        signs("segments", mark::SPEECH),
        signs("words", mark::SPEECH),
        signs("duration", mark::SPEECH),
        signs("logprobs", mark::SPEECH),
        node("message_type", Slot::MessageType),
    ],
};

static USAGE: Table = table(&[
    // OpenAI chat, genai.
    count("prompt_tokens", Count::Input),
    count("completion_tokens", Count::Output),
    // OpenAI responses and realtime, Anthropic, rig-core.
    count("input_tokens", Count::Input),
    count("output_tokens", Count::Output),
    // The details are an object at OpenAI, rows at Gemini; realtime writes `token`, responses `tokens`.
    inside("prompt_tokens_details", &INPUT_DETAILS).each(&INPUT_ROW),
    inside("completion_tokens_details", &OUTPUT_DETAILS),
    inside("input_tokens_details", &INPUT_DETAILS),
    inside("output_tokens_details", &OUTPUT_DETAILS),
    inside("input_token_details", &INPUT_DETAILS),
    inside("output_token_details", &OUTPUT_DETAILS),
    // Anthropic.
    count("cache_read_input_tokens", Count::ExtraCacheRead),
    count("cache_creation_input_tokens", Count::ExtraCacheCreation),
    // rig-core.
    count("cached_input_tokens", Count::CacheRead),
    count("reasoning_tokens", Count::Reasoning),
    // Gemini.
    count("prompt_token_count", Count::Input),
    count("candidates_token_count", Count::Output),
    count("response_token_count", Count::Output),
    count("cached_content_token_count", Count::CacheRead),
    count("thoughts_token_count", Count::Thoughts),
    node("candidates_tokens_details", Slot::Nothing).each(&OUTPUT_ROW),
    node("response_tokens_details", Slot::Nothing).each(&OUTPUT_ROW),
    // Ollama.
    count("prompt_eval_count", Count::Input),
    count("eval_count", Count::Output),
]);

static INPUT_DETAILS: Table = table(&[
    count("cached_tokens", Count::CacheRead),
    count("cache_write_tokens", Count::CacheCreation),
    count("cache_creation_tokens", Count::CacheCreation),
    count("audio_tokens", Count::AudioInput),
]);
static OUTPUT_DETAILS: Table = table(&[
    count("reasoning_tokens", Count::Reasoning),
    count("thinking_tokens", Count::Reasoning),
    count("audio_tokens", Count::AudioOutput),
]);
static INPUT_ROW: Node = node("", Slot::Row(Count::AudioInput)).fields(&ROW);
static OUTPUT_ROW: Node = node("", Slot::Row(Count::AudioOutput)).fields(&ROW);
static ROW: Table = table(&[node("modality", Slot::RowModality), node("token_count", Slot::RowCount)]);

static CHOICE: Node = node("", Slot::Choice).fields(&table(&[
    node("message", Slot::Mark(mark::CHAT)).fields(&MESSAGE),
    node("delta", Slot::Mark(mark::CHAT)).fields(&MESSAGE),
    node("finish_reason", Slot::Finish),
]));
static MESSAGE: Table = table(&[
    node("content", Slot::Answer).each(&PART),
    inside("audio", &table(&[node("transcript", Slot::Answer)])),
]);

static CANDIDATE: Node = node("", Slot::Choice).fields(&table(&[
    node("content", Slot::Mark(mark::GEMINI)).fields(&CONTENT),
    node("finish_reason", Slot::Finish),
]));
static CONTENT: Table = table(&[node("parts", Slot::Nothing).each(&PART)]);
static SERVER_CONTENT: Table = table(&[
    inside("model_turn", &CONTENT),
    inside("output_transcription", &table(&[node("text", Slot::Answer)])),
    inside("input_transcription", &table(&[node("text", Slot::Transcript)])),
    node("turn_complete", Slot::Done),
    node("generation_complete", Slot::Done),
]);

static PART: Node = node("", Slot::Part).fields(&table(&[
    node("type", Slot::PartType),
    node("thought", Slot::Thought),
    node("text", Slot::Answer),
    // genai's `ContentPart::Text`.
    node("Text", Slot::Answer),
    // OpenAI realtime's spoken answer.
    node("transcript", Slot::Answer),
]));
static OUTPUT_ITEM: Node = inside("", &table(&[node("content", Slot::Mark(mark::OUTPUT)).each(&PART)]));
static DETAILS: Table = table(&[node("reason", Slot::Reason)]);
static DELTA: Table = table(&[node("text", Slot::Answer), node("stop_reason", Slot::Finish)]);
static MODEL_IDENTITY: Table = table(&[node("model_name", Slot::Model)]);

static RESULTS: Table = table(&[node("channels", Slot::Nothing).each(&PRERECORDED)]);
static PRERECORDED: Node = inside("", &CHANNEL);
static CHANNEL: Table = table(&[
    node("alternatives", Slot::Nothing).first(&ALTERNATIVE),
    node("detected_language", Slot::Language),
]);
static ALTERNATIVE: Node = inside(
    "",
    &table(&[
        node("transcript", Slot::Transcript),
        node("confidence", Slot::Confidence),
        node("languages", Slot::Nothing).first(&LANGUAGE),
    ]),
);
static LANGUAGE: Node = node("", Slot::Language);
