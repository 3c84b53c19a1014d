//! The known responses as one tree of names: the places that are looked at, and what each one is.
//!
//! Invariant: a name occurs once in a table, whichever vendor uses it; `candidate` decides which names make a
//! response.
//!
//! Names are as on the wire in `snake_case`; `camelCase` of the same name is the same place. Sources: the vendors'
//! public API references, and the types of the crates `async-openai`, `genai`, `rig-core`, `misanthropic`,
//! `ollama-rs`, `deepgram` and `elevenlabs_rs`, which serialise under those names. Public references: `OpenAI` API (chat,
//! completions, responses, realtime), Anthropic Messages, Amazon Bedrock `Converse` and `ConverseStream`, Cohere Chat v2,
//! Gemini `generateContent` and Live, Ollama, `DeepSeek` and Moonshot (what a cache has read).

use super::{Count, Node, Slot, Table, count, inside, mark, node, signs, sorted};
use speech::{CHANNEL, ELEMENT, METADATA, MONOLOGUE, PHRASE, RECOGNISED, RESULTS, SEGMENT, TOKEN, UTTERANCE};

/// A table of the nodes in a list.
macro_rules! table {
    ([$($node:expr),* $(,)?]) => {
        Table::new(&sorted([$($node),*]))
    };
}

pub(in crate::recording::shapes) mod speech;

/// The whole value.
pub(in crate::recording::shapes) static ROOT: Node = inside("", &RESPONSE);

/// A value one level down, under a name that no shape has.
pub(in crate::recording::shapes) static WRAPPED: Node = node("", Slot::Wrapped).fields(&INNER);

/// What is itself one level below the root has a place of its own there.
static INNER: Table =
    table!([inside("data", &speech::GLADIA), inside("result", &speech::GLADIA)]).also(&RESPONSE);

static RESPONSE: Table = table!([
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
    signs("prompt_filter_results", mark::SILENT),
    node("error", Slot::Error).fields(&ERROR),
    node("code", Slot::ErrorCode),
    node("description", Slot::ErrorMessage),
    // OpenAI responses and realtime; Bedrock: an object with the message.
    node("output", Slot::Plain).each(&OUTPUT_ITEM).fields(&BEDROCK_OUTPUT),
    node("output_text", Slot::Plain),
    node("status", Slot::Status),
    inside("incomplete_details", &DETAILS),
    inside("status_details", &DETAILS),
    inside("session", &SESSION),
    // What events repeat of an answer is none by itself; a tool is named there alone.
    node("item", Slot::Nothing).fields(&TOOL),
    node("part", Slot::Nothing),
    node("index", Slot::Index),
    node("output_index", Slot::Index),
    // Ollama generate: a string. OpenAI events: the response.
    node("response", Slot::Plain).fields(&RESPONSE),
    // Anthropic message_start, Ollama chat, Cohere; Speechmatics: what the event is.
    node("message", Slot::Message).fields(&RESPONSE),
    // Ollama, Cohere.
    node("tool_calls", Slot::Nothing).each(&TOOL_CALL),
    node("finish_reason", Slot::Finish),
    // Anthropic stream: an object. OpenAI events: a string.
    node("delta", Slot::Delta).fields(&DELTA),
    node("content_block", Slot::Part).fields(&PARTS),
    // genai: in a variant.
    node("stop_reason", Slot::Finish).fields(&STOP_REASON),
    // Bedrock's stream.
    signs("message_start", mark::EVENT | mark::BEGINS),
    node("content_block_start", Slot::Mark(mark::EVENT)).fields(&BEDROCK_BLOCK),
    node("content_block_delta", Slot::Mark(mark::EVENT)).fields(&BEDROCK_BLOCK),
    signs("content_block_stop", mark::EVENT),
    node("message_stop", Slot::Mark(mark::EVENT)).fields(&BEDROCK_STOP),
    // Gemini.
    node("candidates", Slot::Nothing).each(&CANDIDATE),
    node("usage_metadata", Slot::Mark(mark::USAGE)).fields(&USAGE),
    node("model_version", Slot::Model),
    node("response_id", Slot::ResponseId),
    node("server_content", Slot::Mark(mark::GEMINI)).fields(&SERVER_CONTENT),
    node("prompt_feedback", Slot::Nothing).fields(&PROMPT_FEEDBACK),
    node("tool_call", Slot::Nothing).fields(&LIVE_TOOLS),
    signs("setup_complete", mark::SILENT),
    signs("session_resumption_update", mark::SILENT),
    // Ollama.
    node("done", Slot::Done),
    node("done_reason", Slot::Finish),
    node("thinking", Slot::Thinking),
    inside("final_data", &USAGE),
    // genai, the model that answered first.
    node("provider_model_iden", Slot::Mark(mark::MODEL_IDENTITY)).fields(&MODEL_IDENTITY),
    // genai's stream.
    inside("Chunk", &CHUNK),
    node("ReasoningChunk", Slot::Mark(mark::EVENT)).fields(&REASONING_CHUNK),
    node("ToolCallChunk", Slot::Mark(mark::EVENT)).fields(&TOOL_CHUNK),
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
    // Google, Watson, AWS: a list of sentences.
    inside("results", &RESULTS).each(&RECOGNISED),
    node("is_final", Slot::IsFinal),
    signs("turn_index", mark::SPEECH),
    node("event", Slot::Event),
    node("role", Slot::Role),
    // Deepgram's agent asks for tools.
    node("functions", Slot::Nothing).each(&TOOL_CALL),
    // Any recogniser.
    node("transcript", Slot::Transcript).fields(&speech::AWS_TRANSCRIPT),
    node("confidence", Slot::Confidence),
    node("language", Slot::Language),
    node("language_code", Slot::Language),
    node("languages", Slot::Nothing).first(&LANGUAGE),
    signs("segments", mark::SPEECH).each(&SEGMENT),
    signs("words", mark::SPEECH),
    signs("duration", mark::SPEECH),
    signs("logprobs", mark::SPEECH),
    // One segment.
    // An enum of one's own names its variants so.
    node("final", Slot::IsFinal).fields(&RESPONSE),
    node("Final", Slot::IsFinal).fields(&RESPONSE),
    node("interim", Slot::Partial).fields(&RESPONSE),
    node("Interim", Slot::Partial).fields(&RESPONSE),
    node("Partial", Slot::Partial).fields(&RESPONSE),
    signs("start", mark::SPEECH),
    signs("start_time", mark::SPEECH),
    signs("start_timestamp", mark::SPEECH),
    node("message_type", Slot::MessageType),
    // AssemblyAI.
    node("turn_order", Slot::TurnOrder),
    node("end_of_turn", Slot::IsFinal),
    // Azure.
    node("DisplayText", Slot::Display),
    node("NBest", Slot::Nothing).first(&speech::BEST),
    signs("RecognitionStatus", mark::SPEECH | mark::TRANSCRIPT),
    node("combined_phrases", Slot::Nothing).each(&PHRASE),
    // AWS Transcribe.
    inside("TranscriptEvent", &speech::AWS_EVENT),
    node("Transcript", Slot::Transcript).fields(&speech::AWS_TRANSCRIPT),
    // Gladia.
    inside("utterance", &UTTERANCE),
    inside("transcription", &speech::WHOLE_TRANSCRIPT),
    // Soniox; in a wrapper that says so, a usage.
    node("tokens", Slot::Nothing).each(&TOKEN).fields(&USAGE),
    // Vosk.
    node("partial", Slot::Partial).fields(&RESPONSE),
    node("alternatives", Slot::Nothing).first(&speech::ALTERNATIVE),
    // Rev.
    node("elements", Slot::Nothing).each(&ELEMENT),
    node("monologues", Slot::Nothing).each(&MONOLOGUE),
])
.also(&USAGE);

static USAGE: Table = table!([
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
    // Bedrock, which counts as Anthropic does.
    count("cache_write_input_tokens", Count::ExtraCacheCreation),
    // rig-core.
    count("cached_input_tokens", Count::CacheRead),
    count("reasoning_tokens", Count::Reasoning),
    // DeepSeek, Moonshot.
    count("prompt_cache_hit_tokens", Count::CacheRead),
    count("cached_tokens", Count::CacheRead),
    // Cohere, beside what is billed.
    inside("tokens", &USAGE),
    // Gemini.
    count("prompt_token_count", Count::Input),
    count("candidates_token_count", Count::Output),
    count("response_token_count", Count::Output),
    count("cached_content_token_count", Count::CacheRead),
    count("thoughts_token_count", Count::Thoughts),
    count("tool_use_prompt_token_count", Count::ToolUse),
    node("candidates_tokens_details", Slot::Nothing).each(&OUTPUT_ROW),
    node("response_tokens_details", Slot::Nothing).each(&OUTPUT_ROW),
    // Ollama.
    count("prompt_eval_count", Count::Input),
    count("eval_count", Count::Output),
]);

static INPUT_DETAILS: Table = table!([
    count("cached_tokens", Count::CacheRead),
    count("cache_write_tokens", Count::CacheCreation),
    count("cache_creation_tokens", Count::CacheCreation),
    count("audio_tokens", Count::AudioInput),
]);
static OUTPUT_DETAILS: Table = table!([
    count("reasoning_tokens", Count::Reasoning),
    count("thinking_tokens", Count::Reasoning),
    count("audio_tokens", Count::AudioOutput),
]);
static INPUT_ROW: Node = node("", Slot::Row(Count::AudioInput)).fields(&ROW);
static OUTPUT_ROW: Node = node("", Slot::Row(Count::AudioOutput)).fields(&ROW);
static ROW: Table = table!([node("modality", Slot::RowModality), node("token_count", Slot::RowCount)]);

static CHOICE: Node = node("", Slot::Choice).fields(&table!([
    node("message", Slot::Mark(mark::CHAT)).fields(&MESSAGE),
    node("delta", Slot::Mark(mark::CHAT)).fields(&MESSAGE),
    // Completions.
    node("text", Slot::Answer),
    node("finish_reason", Slot::Finish),
    node("index", Slot::ChoiceIndex),
    // What a filter says of an answer, maybe in a chunk of its own.
    signs("content_filter_results", mark::SILENT),
]));
static MESSAGE: Table = table!([
    node("content", Slot::Answer).each(&PART),
    node("refusal", Slot::Answer),
    node("tool_calls", Slot::Nothing).each(&TOOL_CALL),
    node("function_call", Slot::Tool).fields(&TOOL),
    node("reasoning_content", Slot::Thinking),
    node("reasoning", Slot::Thinking),
    inside("audio", &table!([node("transcript", Slot::Answer), node("data", Slot::Data)])),
]);

static CANDIDATE: Node = node("", Slot::Choice).fields(&table!([
    node("content", Slot::Mark(mark::GEMINI)).fields(&CONTENT),
    node("finish_reason", Slot::Finish),
    node("index", Slot::ChoiceIndex),
]));
// Cohere's stream has one part in its place.
static CONTENT: Table = table!([node("parts", Slot::Nothing).each(&PART)]).also(&PARTS);
static SERVER_CONTENT: Table = table!([
    inside("model_turn", &CONTENT),
    inside("output_transcription", &table!([node("text", Slot::Answer)])),
    inside("input_transcription", &table!([node("text", Slot::Transcript)])),
    node("turn_complete", Slot::Done),
    node("generation_complete", Slot::Done),
    node("interrupted", Slot::Interrupted),
]);
static PROMPT_FEEDBACK: Table = table!([node("block_reason", Slot::Blocked)]);

static PART: Node = node("", Slot::Part).fields(&PARTS);
static PARTS: Table = table!([
    node("type", Slot::PartType),
    node("thought", Slot::Thought),
    node("text", Slot::Answer),
    inside("inline_data", &table!([node("mime_type", Slot::MimeType), node("data", Slot::Data)])),
    // genai's `ContentPart::Text`.
    node("Text", Slot::Answer),
    // OpenAI realtime's spoken answer.
    node("transcript", Slot::Answer),
    node("refusal", Slot::Answer),
    node("thinking", Slot::Thinking),
    // Anthropic's tools.
    node("name", Slot::PartName),
    node("input", Slot::ToolArguments),
    // Gemini's, Bedrock's, genai's, rig's.
    node("function_call", Slot::Tool).fields(&TOOL),
    node("tool_use", Slot::Tool).fields(&TOOL),
    node("ToolCall", Slot::Tool).fields(&TOOL),
    node("function", Slot::Tool).fields(&TOOL),
    inside("reasoning_content", &table!([inside("reasoning_text", &REASONING)])),
]);
static OUTPUT_ITEM: Node =
    node("", Slot::Tool).fields(&table!([node("content", Slot::Mark(mark::OUTPUT)).each(&PART)]).also(&TOOL));
static TOOL_CALL: Node = node("", Slot::Tool).fields(&TOOL);
static TOOL: Table = table!([
    node("name", Slot::ToolName),
    node("arguments", Slot::ToolArguments),
    node("args", Slot::ToolArguments),
    node("input", Slot::ToolArguments),
    node("index", Slot::ToolIndex),
    inside("function", &TOOL),
    // genai.
    node("fn_name", Slot::ToolName),
    node("fn_arguments", Slot::ToolArguments),
]);
static LIVE_TOOLS: Table = table!([node("function_calls", Slot::Mark(mark::GEMINI)).each(&TOOL_CALL)]);
static TOOL_CHUNK: Table = table!([node("tool_call", Slot::Tool).fields(&TOOL)]);
static REASONING: Table = table!([node("text", Slot::Thinking)]);
static REASONING_CHUNK: Table = table!([node("content", Slot::Thinking)]);

static BEDROCK_OUTPUT: Table =
    table!([inside("message", &table!([node("content", Slot::Nothing).each(&PART)]))]);
static BEDROCK_BLOCK: Table = table!([
    node("content_block_index", Slot::Index),
    inside("start", &PARTS),
    inside("delta", &BEDROCK_DELTA),
]);
static BEDROCK_DELTA: Table = table!([inside("reasoning_content", &REASONING)]).also(&PARTS);
static BEDROCK_STOP: Table = table!([node("stop_reason", Slot::Finish)]);

static ERROR: Table = table!([
    node("message", Slot::ErrorMessage),
    node("type", Slot::ErrorKind),
    node("code", Slot::ErrorCode),
    node("status", Slot::ErrorCode),
]);
static DETAILS: Table = table!([node("reason", Slot::Reason), node("error", Slot::Error).fields(&ERROR)]);
static DELTA: Table = table!([
    node("text", Slot::Answer),
    node("thinking", Slot::Thinking),
    node("partial_json", Slot::ToolArguments),
    node("stop_reason", Slot::Finish),
    // Cohere.
    node("finish_reason", Slot::Finish),
    inside("message", &COHERE_MESSAGE),
    // misanthropic.
    node("usage", Slot::Mark(mark::USAGE)).fields(&USAGE),
]);
static COHERE_MESSAGE: Table = table!([
    inside("content", &CONTENT),
    node("tool_calls", Slot::Tool).fields(&TOOL),
    node("tool_plan", Slot::Thinking),
]);
static SESSION: Table = table!([node("model", Slot::Model)]);
static MODEL_IDENTITY: Table = table!([node("model_name", Slot::Model).fields(&MODEL_NAME)]);
// genai's `ModelName` is written as the variant that it is.
static MODEL_NAME: Table = table!([node("Shared", Slot::Model), node("Static", Slot::Model)]);
static STOP_REASON: Table = table!([
    node("Completed", Slot::Finish),
    node("ContentFilter", Slot::Finish),
    node("MaxTokens", Slot::Finish),
    node("Other", Slot::Finish),
    node("StopSequence", Slot::Finish),
    node("ToolCall", Slot::Finish),
]);
static CHUNK: Table = table!([node("content", Slot::Chunk)]);
static LANGUAGE: Node = node("", Slot::Language);
