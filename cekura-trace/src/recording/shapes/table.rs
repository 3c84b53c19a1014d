//! The known responses as one tree of names: which places of a value are looked at, and what each one is. This file
//! does not know which of them make a response.
//!
//! Names are as on the wire in `snake_case`; `camelCase` of the same name is the same place. Sources: the vendors'
//! public API references, and the types of the crates `async-openai`, `genai`, `rig-core`, `misanthropic`,
//! `ollama-rs`, `deepgram` and `elevenlabs_rs`, which serialise under those names.

use super::place::{Count, Node, Slot, Table, count, inside, mark, node, signs, table};

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
        inside("session", &SESSION),
        // What events repeat of an answer is none by itself.
        node("item", Slot::Nothing),
        node("part", Slot::Nothing),
        // Ollama generate: a string. OpenAI events: the response.
        node("response", Slot::Plain).fields(&RESPONSE),
        // Anthropic message_start, Ollama chat.
        inside("message", &RESPONSE),
        // Anthropic stream: an object. OpenAI events: a string.
        node("delta", Slot::Delta).fields(&DELTA),
        node("content_block", Slot::Part).fields(&PARTS),
        // genai: in a variant.
        node("stop_reason", Slot::Finish).fields(&STOP_REASON),
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
        // genai's stream.
        inside("Chunk", &CHUNK),
        node("End", Slot::Mark(mark::END)).fields(&RESPONSE),
        node("captured_usage", Slot::Mark(mark::EVENT | mark::ENDED)).fields(&USAGE),
        node("captured_stop_reason", Slot::Mark(mark::EVENT)).fields(&STOP_REASON),
        node("captured_content", Slot::Mark(mark::EVENT | mark::ENDED | mark::WHOLE)).each(&PART),
        node("captured_response_id", Slot::ResponseId),
        // rig-core.
        node("choice", Slot::Nothing).each(&PART),
        // Deepgram.
        node("request_id", Slot::RequestId),
        inside("metadata", &METADATA),
        inside("channel", &CHANNEL),
        inside("results", &RESULTS),
        node("is_final", Slot::IsFinal),
        signs("turn_index", mark::SPEECH),
        node("event", Slot::Event),
        node("role", Slot::Role),
        // Any recogniser.
        node("transcript", Slot::Transcript),
        node("confidence", Slot::Confidence),
        node("language", Slot::Language),
        node("language_code", Slot::Language),
        node("languages", Slot::Nothing).first(&LANGUAGE),
        signs("segments", mark::SPEECH).each(&SEGMENT),
        signs("words", mark::SPEECH),
        signs("duration", mark::SPEECH),
        signs("logprobs", mark::SPEECH),
        // One segment.
        node("final", Slot::IsFinal),
        signs("start", mark::SPEECH),
        signs("start_time", mark::SPEECH),
        signs("start_timestamp", mark::SPEECH),
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
    node("index", Slot::ChoiceIndex),
]));
static MESSAGE: Table = table(&[
    node("content", Slot::Answer).each(&PART),
    node("refusal", Slot::Answer),
    inside("audio", &table(&[node("transcript", Slot::Answer)])),
]);

static CANDIDATE: Node = node("", Slot::Choice).fields(&table(&[
    node("content", Slot::Mark(mark::GEMINI)).fields(&CONTENT),
    node("finish_reason", Slot::Finish),
    node("index", Slot::ChoiceIndex),
]));
static CONTENT: Table = table(&[node("parts", Slot::Nothing).each(&PART)]);
static SERVER_CONTENT: Table = table(&[
    inside("model_turn", &CONTENT),
    inside("output_transcription", &table(&[node("text", Slot::Answer)])),
    inside("input_transcription", &table(&[node("text", Slot::Transcript)])),
    node("turn_complete", Slot::Done),
    node("generation_complete", Slot::Done),
    node("interrupted", Slot::Interrupted),
]);

static PART: Node = node("", Slot::Part).fields(&PARTS);
static PARTS: Table = table(&[
    node("type", Slot::PartType),
    node("thought", Slot::Thought),
    node("text", Slot::Answer),
    inside("inline_data", &table(&[node("mime_type", Slot::MimeType)])),
    // genai's `ContentPart::Text`.
    node("Text", Slot::Answer),
    // OpenAI realtime's spoken answer.
    node("transcript", Slot::Answer),
    node("refusal", Slot::Answer),
]);
static OUTPUT_ITEM: Node = inside("", &table(&[node("content", Slot::Mark(mark::OUTPUT)).each(&PART)]));
static DETAILS: Table = table(&[node("reason", Slot::Reason)]);
static DELTA: Table = table(&[
    node("text", Slot::Answer),
    node("stop_reason", Slot::Finish),
    // misanthropic.
    node("usage", Slot::Mark(mark::USAGE)).fields(&USAGE),
]);
static SESSION: Table = table(&[node("model", Slot::Model)]);
static MODEL_IDENTITY: Table = table(&[node("model_name", Slot::Model).fields(&MODEL_NAME)]);
// genai's `ModelName` is written as the variant that it is.
static MODEL_NAME: Table = table(&[node("Shared", Slot::Model), node("Static", Slot::Model)]);
static STOP_REASON: Table = table(&[
    node("Completed", Slot::Finish),
    node("ContentFilter", Slot::Finish),
    node("MaxTokens", Slot::Finish),
    node("Other", Slot::Finish),
    node("StopSequence", Slot::Finish),
    node("ToolCall", Slot::Finish),
]);
static CHUNK: Table = table(&[node("content", Slot::Chunk)]);

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
static METADATA: Table =
    table(&[node("request_id", Slot::RequestId), inside("model_info", &table(&[node("name", Slot::Model)]))]);
static SEGMENT: Node = inside(
    "",
    &table(&[node("text", Slot::Segment), node("language", Slot::Language), node("final", Slot::IsFinal)]),
);
