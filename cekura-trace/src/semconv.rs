//! Every span name and span attribute key that this crate writes, each with its source. Invariant: each is
//! spelled once, here.
//!
//! Sources: "Cekura docs, OpenTelemetry Traces" · "OTel GenAI conventions 1.41" · "pipecat" (its OpenTelemetry spans,
//! which Cekura reads too). A key without a source is this crate's own.

/// The instrumentation scope of every span that an attribute opens.
pub const SCOPE: &str = "cekura";

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => { $($(#[$doc])* pub const $name: &str = $value;)* };
}

/// The keys of span attributes, and all of them in one list.
macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        names! { $($(#[$doc])* $name = $value;)* }

        #[cfg(any(feature = "redact", feature = "tracing"))]
        pub(crate) const KEYS: &[&str] = &[$($name),*];
    };
}

/// Span names: the attribute's name exactly.
pub mod span {
    names! {
        /// One call, the root of its trace (Cekura docs, OpenTelemetry Traces).
        CONVERSATION = "conversation";
        /// One exchange between the caller and the agent (pipecat).
        TURN = "turn";
        /// Speech to text (Cekura docs, OpenTelemetry Traces).
        STT = "stt";
        /// A language model's answer (Cekura docs, OpenTelemetry Traces).
        LLM = "llm";
        /// Text to speech (Cekura docs, OpenTelemetry Traces).
        TTS = "tts";
        /// Speech to speech (Cekura docs, OpenTelemetry Traces).
        S2S = "s2s";
        /// One run of a tool (Cekura docs, OpenTelemetry Traces).
        TOOL_CALL = "tool_call";
        /// What a diagnosis sends to see whether spans arrive.
        DOCTOR = "cekura.doctor";
    }
}

keys! {
    /// The id under which Cekura stores the call (Cekura docs, Send Calls).
    CALL_ID = "call_id";
    /// The call's id, or the trace id when it has none (pipecat).
    CONVERSATION_ID = "conversation.id";
    /// Always `voice` (pipecat).
    CONVERSATION_TYPE = "conversation.type";
    /// Who calls, an id of the program's own (OTel semantic conventions 1.41).
    USER_ID = "user.id";
    /// The session that the conversation is a part of (OTel semantic conventions 1.41).
    SESSION_ID = "session.id";
    /// The session, under the name by which messages are put together (OTel GenAI conventions 1.41).
    GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id";
    /// The simulation run that the call belongs to (Cekura docs, Custom Integration).
    CEKURA_RUN_ID = "cekura.run.id";
    /// The scenario of that run (Cekura docs, SIP headers).
    CEKURA_SCENARIO_ID = "cekura.scenario.id";
    /// The result that the run counts towards (Cekura docs, SIP headers).
    CEKURA_RESULT_ID = "cekura.result.id";

    /// Counts from 1 in each conversation, i64 (pipecat).
    TURN_NUMBER = "turn.number";
    /// Whether the turn, or an `llm`, `tts` or `s2s` in it, was dropped before its end, or an answer of a session was cut
    /// off while it was open, bool (pipecat).
    TURN_WAS_INTERRUPTED = "turn.was_interrupted";
    /// Voice-to-voice latency: from the moment the caller stopped speaking to the first audio of the answer, f64 seconds (pipecat).
    TURN_USER_BOT_LATENCY_SECONDS = "turn.user_bot_latency_seconds";
    /// Of that, from the moment the caller stopped speaking to the final transcript, f64 seconds.
    TURN_LATENCY_TRANSCRIPT_SECONDS = "turn.latency.transcript_seconds";
    /// Of that, the gap before an `llm` was begun, f64 seconds.
    TURN_LATENCY_BEFORE_LLM_SECONDS = "turn.latency.before_llm_seconds";
    /// Of that, until an `llm` gave its first token, or its whole answer where that is no stream, f64 seconds.
    TURN_LATENCY_FIRST_TOKEN_SECONDS = "turn.latency.first_token_seconds";
    /// Of that, the gap before a `tool_call` was begun, f64 seconds.
    TURN_LATENCY_BEFORE_TOOLS_SECONDS = "turn.latency.before_tools_seconds";
    /// Of that, while a `tool_call` ran, f64 seconds.
    TURN_LATENCY_TOOLS_SECONDS = "turn.latency.tools_seconds";
    /// Of that, the gap before a `tts` or `s2s` was begun, f64 seconds.
    TURN_LATENCY_BEFORE_TTS_SECONDS = "turn.latency.before_tts_seconds";
    /// Of that, until a `tts` or `s2s` gave its first audio, or all of it where that is no stream, f64 seconds.
    TURN_LATENCY_FIRST_BYTE_SECONDS = "turn.latency.first_byte_seconds";
    /// Of that, the gap before the first audio, where nothing is known of the voice, f64 seconds.
    TURN_LATENCY_BEFORE_AUDIO_SECONDS = "turn.latency.before_audio_seconds";
    /// Of that, from the voice's first audio until the caller heard it, f64 seconds.
    TURN_LATENCY_PLAY_OUT_SECONDS = "turn.latency.play_out_seconds";
    /// From the turn's start to its end, f64 seconds (pipecat).
    TURN_DURATION_SECONDS = "turn.duration_seconds";

    /// The vendor of the speech recognition (Cekura docs, OpenTelemetry Traces).
    STT_PROVIDER = "stt.provider";
    /// What the caller said (Cekura docs, OpenTelemetry Traces).
    STT_TRANSCRIPT = "stt.transcript";
    /// 0 to 1, f64 (Cekura docs, OpenTelemetry Traces).
    STT_CONFIDENCE = "stt.confidence";
    /// Language of the speech, as the provider names it (pipecat).
    LANGUAGE = "language";
    /// Whether the transcript is final, bool (pipecat).
    IS_FINAL = "is_final";

    /// The vendor of the voice (Cekura docs, OpenTelemetry Traces).
    TTS_PROVIDER = "tts.provider";
    /// Unicode scalar values of the spoken text, i64 (Cekura docs, OpenTelemetry Traces).
    TTS_CHARACTERS = "tts.characters";
    /// The voice (pipecat).
    VOICE_ID = "voice_id";
    /// The spoken text (pipecat).
    TEXT = "text";

    /// Name of the tool (Cekura docs, OpenTelemetry Traces).
    FUNCTION_NAME = "function.name";
    /// Arguments of the tool, one JSON object (Cekura docs, OpenTelemetry Traces).
    FUNCTION_INPUT = "function.input";
    /// What the tool gave, JSON (Cekura docs, OpenTelemetry Traces).
    FUNCTION_OUTPUT = "function.output";

    /// What a function returned; on `llm` and `s2s` the text of the answer (pipecat).
    OUTPUT = "output";
    /// Elements of the returned buffer, i64.
    OUTPUT_LEN = "output.len";
    /// Prefix of an argument's name.
    INPUT_PREFIX = "input.";
    /// Suffix: number of elements of a byte or sample buffer, i64.
    LEN_SUFFIX = ".len";
    /// Suffix: `true` where a content value was cut at the limit.
    TRUNCATED_SUFFIX = ".truncated";

    /// The annotated function, `crate::module::function` (OTel semantic conventions 1.41).
    CODE_FUNCTION_NAME = "code.function.name";
    /// The file in which a `tracing` span begins (OTel semantic conventions 1.41).
    CODE_FILE_PATH = "code.file.path";
    /// The line in which a `tracing` span begins, i64 (OTel semantic conventions 1.41).
    CODE_LINE_NUMBER = "code.line.number";

    /// From the span's start to the first chunk that says something, f64 seconds (pipecat).
    METRICS_TTFB = "metrics.ttfb";
    /// From the span's start to its first chunk, whatever that says, f64 seconds (OTel GenAI conventions 1.41).
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";
    /// `metrics.ttfb` on `llm`, f64 milliseconds.
    LLM_FIRST_TOKEN_MS = "llm.first_token_ms";
    /// How long the audio is that an `stt` is given whole, f64 seconds (pipecat).
    METRICS_AUDIO_SECONDS = "metrics.audio_seconds";
    /// Items that a stream gave, i64.
    STREAM_ITEMS = "stream.items";
    /// Bytes of a stream's items, where they are byte buffers, i64.
    STREAM_BYTES = "stream.bytes";
    /// The longest time between two items of a stream, f64 seconds.
    STREAM_LONGEST_GAP_SECONDS = "stream.longest_gap_seconds";

    /// `true` on a span that was dropped before its end (barge-in, timeout, abort).
    CEKURA_INTERRUPTED = "cekura.interrupted";
    /// `true` on the root of a conversation whose process died: it ends with the last span that was seen.
    CEKURA_INCOMPLETE = "cekura.incomplete";
    /// `true` on a span that had no room for more while it was open: what was set on it after that is missing.
    CEKURA_TRUNCATED = "cekura.truncated";
    /// Which part of the calls is sent that are like this one, f64, where not all are: 1 for one that is sent in any case.
    CEKURA_SAMPLE_RATE = "cekura.sample_rate";
    /// `true` on a span whose content was given up because memory was short while it was held.
    CEKURA_CONTENT_SHED = "cekura.content_shed";
    /// How many values were redacted in a span, i64.
    CEKURA_REDACTED = "cekura.redacted";
    /// `true` on a span that was open when its conversation was finished, and was ended by that.
    CEKURA_UNFINISHED = "cekura.unfinished";
    /// Type name of the error, or `panic` (OTel general conventions).
    ERROR_TYPE = "error.type";
    /// Prefix of a score's name on the root of a conversation, f64.
    SCORE_PREFIX = "voice.call.score.";
    /// Whether a guardrail has rejected what it was given, bool; set by the program.
    GUARDRAIL_REJECTED = "guardrail.rejected";
    /// Which guardrail it was, where the span's name does not say it; set by the program.
    GUARDRAIL_NAME = "guardrail.name";

    /// `chat`, `execute_tool`, or what the program says (OTel GenAI conventions 1.41).
    GEN_AI_OPERATION_NAME = "gen_ai.operation.name";
    /// The vendor (OTel GenAI conventions 1.41).
    GEN_AI_PROVIDER_NAME = "gen_ai.provider.name";
    /// The vendor, under the older name that Cekura's `llm` view reads (Cekura docs, OpenTelemetry Traces).
    GEN_AI_SYSTEM = "gen_ai.system";
    /// The model asked for (OTel GenAI conventions 1.41).
    GEN_AI_REQUEST_MODEL = "gen_ai.request.model";
    /// Sampling temperature, f64 (OTel GenAI conventions 1.41).
    GEN_AI_REQUEST_TEMPERATURE = "gen_ai.request.temperature";
    /// The most tokens asked for, i64 (OTel GenAI conventions 1.41).
    GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
    /// The model that answered (OTel GenAI conventions 1.41).
    GEN_AI_RESPONSE_MODEL = "gen_ai.response.model";
    /// Id of the answer (OTel GenAI conventions 1.41).
    GEN_AI_RESPONSE_ID = "gen_ai.response.id";
    /// What the model was given, JSON, where messages are asked for (OTel GenAI conventions 1.41).
    GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages";
    /// What the model answered, JSON, where messages are asked for (OTel GenAI conventions 1.41).
    GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages";
    /// The instructions that a request holds beside its messages, JSON (OTel GenAI conventions 1.41).
    GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
    /// Why the model stopped, array of strings (OTel GenAI conventions 1.41).
    GEN_AI_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
    /// Tokens read, cached ones included, i64 (OTel GenAI conventions 1.41).
    GEN_AI_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
    /// Tokens written, i64 (OTel GenAI conventions 1.41).
    GEN_AI_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
    /// Input tokens served from a cache, i64 (OTel GenAI conventions 1.41).
    GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens";
    /// Input tokens written to a cache, i64 (OTel GenAI conventions 1.41).
    GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = "gen_ai.usage.cache_creation.input_tokens";
    /// Output tokens spent on reasoning, i64 (OTel GenAI conventions 1.41).
    GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens";
    /// Input tokens of audio, i64 (pipecat).
    GEN_AI_USAGE_AUDIO_INPUT_TOKENS = "gen_ai.usage.audio.input_tokens";
    /// Output tokens of audio, i64 (pipecat).
    GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS = "gen_ai.usage.audio.output_tokens";
    /// Name of the tool (OTel GenAI conventions 1.41).
    GEN_AI_TOOL_NAME = "gen_ai.tool.name";
    /// Id that the model gave the tool call (OTel GenAI conventions 1.41).
    GEN_AI_TOOL_CALL_ID = "gen_ai.tool.call.id";
    /// Arguments of the tool, one JSON object (OTel GenAI conventions 1.41).
    GEN_AI_TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
    /// What the tool gave, JSON (OTel GenAI conventions 1.41).
    GEN_AI_TOOL_CALL_RESULT = "gen_ai.tool.call.result";
}

/// Those of the keys that hold content.
#[cfg(any(feature = "redact", feature = "tracing"))]
pub(crate) const CONTENT: &[&str] = &[
    FUNCTION_INPUT,
    FUNCTION_OUTPUT,
    GEN_AI_INPUT_MESSAGES,
    GEN_AI_OUTPUT_MESSAGES,
    GEN_AI_SYSTEM_INSTRUCTIONS,
    GEN_AI_TOOL_CALL_ARGUMENTS,
    GEN_AI_TOOL_CALL_RESULT,
    INPUT_PREFIX,
    OUTPUT,
    STT_TRANSCRIPT,
    TEXT,
];

/// Names of span events, and of their attributes.
pub(crate) mod event {
    /// The text of an error (OTel semantic conventions 1.41).
    #[cfg(any(feature = "redact", feature = "tracing"))]
    pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
    /// An error (OTel semantic conventions 1.41).
    #[cfg(feature = "tracing")]
    pub(crate) const EXCEPTION: &str = "exception";
    /// The level of an event (tracing-opentelemetry).
    #[cfg(feature = "tracing")]
    pub(crate) const LEVEL: &str = "level";
    /// The target of an event (tracing-opentelemetry).
    #[cfg(feature = "tracing")]
    pub(crate) const TARGET: &str = "target";
}

/// Keys of the resource, which is sent with all spans (OTel semantic conventions 1.41).
pub mod resource {
    names! {
        /// Where the program runs, such as `prod`.
        DEPLOYMENT_ENVIRONMENT_NAME = "deployment.environment.name";
        /// The program.
        SERVICE_NAME = "service.name";
        /// Its release.
        SERVICE_VERSION = "service.version";
    }
}

/// The parts of a turn's voice-to-voice latency, in the order in which they usually come.
pub(crate) const TURN_LATENCY_PARTS: [&str; 9] = [
    TURN_LATENCY_TRANSCRIPT_SECONDS,
    TURN_LATENCY_BEFORE_LLM_SECONDS,
    TURN_LATENCY_FIRST_TOKEN_SECONDS,
    TURN_LATENCY_BEFORE_TOOLS_SECONDS,
    TURN_LATENCY_TOOLS_SECONDS,
    TURN_LATENCY_BEFORE_TTS_SECONDS,
    TURN_LATENCY_FIRST_BYTE_SECONDS,
    TURN_LATENCY_BEFORE_AUDIO_SECONDS,
    TURN_LATENCY_PLAY_OUT_SECONDS,
];

/// Names of metrics, as OpenTelemetry has them, and of those labels that are no span attributes. In Prometheus a dot is `_`,
/// and the unit follows the name.
pub mod metric {
    names! {
        /// How long a turn took, seconds.
        TURN_DURATION = "turn.duration";
        /// Voice-to-voice latency: from the caller's last word to the agent's first audio, seconds.
        TURN_USER_BOT_LATENCY = "turn.user_bot_latency";
        /// How long a recognition took, seconds.
        STT_DURATION = "stt.duration";
        /// How long an answer took, seconds.
        LLM_DURATION = "llm.duration";
        /// How long a speech took, seconds.
        TTS_DURATION = "tts.duration";
        /// How long an answer of a speech model took, seconds.
        S2S_DURATION = "s2s.duration";
        /// Until the first token of an answer, seconds.
        LLM_FIRST_TOKEN = "llm.first_token";
        /// Until the first audio of a speech, seconds.
        TTS_FIRST_BYTE = "tts.first_byte";
        /// Until the first chunk of a speech model's answer, seconds.
        S2S_FIRST_CHUNK = "s2s.first_chunk";
        /// How long a tool took, seconds.
        TOOL_CALL_DURATION = "tool_call.duration";
        /// How long a span took, seconds.
        STAGE_DURATION = "stage.duration";
        /// Spans that failed.
        STAGE_ERRORS = "stage.errors";
        /// What guardrails looked at.
        GUARDRAIL_CHECKS = "guardrail.checks";
        /// Calls that have ended.
        VOICE_CALLS = "voice.calls";
        /// How long a call took, seconds.
        VOICE_CALL_DURATION = "voice.call.duration";
        /// Turns of a call.
        VOICE_CALL_TURNS = "voice.call.turns";
        /// Calls that run.
        VOICE_CALLS_OPEN = "voice.calls.open";
        /// Spans that were dropped before their end.
        VOICE_INTERRUPTIONS = "voice.interruptions";
        /// What a call was worth, by name of the score.
        VOICE_CALL_SCORE = "voice.call.score";
        /// How long a request to a model took, seconds (OTel GenAI conventions 1.41).
        GEN_AI_CLIENT_OPERATION_DURATION = "gen_ai.client.operation.duration";
        /// Until the first chunk of an answer, seconds (OTel GenAI conventions 1.41).
        GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk";
        /// Tokens of a request (OTel GenAI conventions 1.41).
        GEN_AI_CLIENT_TOKEN_USAGE = "gen_ai.client.token.usage";
        /// Spans that were accepted.
        CEKURA_SPANS_ACCEPTED = "cekura.spans.accepted";
        /// Spans that were delivered.
        CEKURA_SPANS_DELIVERED = "cekura.spans.delivered";
        /// Spans that were lost.
        CEKURA_SPANS_DROPPED = "cekura.spans.dropped";
        /// Bytes of the memory limit that are in use.
        CEKURA_QUEUE_BYTES = "cekura.queue.bytes";
        /// Values that found no series of their own.
        CEKURA_METRICS_OVERFLOWS = "cekura.metrics.overflows";

        /// Label: how a span or a call ended: `ok`, `error`, `interrupted`, `unfinished` or `incomplete`.
        OUTCOME = "outcome";
        /// Label: the span's name.
        STAGE = "stage";
        /// Label: the guardrail's name.
        GUARDRAIL = "guardrail";
        /// Label: `rejected` or `passed`.
        VERDICT = "verdict";
        /// Label: the score's name.
        SCORE = "score";
        /// Label: why spans were lost.
        REASON = "reason";
        /// Label: `input` or `output` (OTel GenAI conventions 1.41).
        GEN_AI_TOKEN_TYPE = "gen_ai.token.type";
        /// Label: `true` on the one series of all that found none of their own (OTel SDK specification).
        OTEL_METRIC_OVERFLOW = "otel.metric.overflow";
    }
}
