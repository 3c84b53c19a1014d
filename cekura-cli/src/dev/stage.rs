//! Spans of pipecat and of LiveKit's agents → the stages of this library: their own names and keys beside ours. Invariant: what a
//! span said before, it still says, but for an interruption that was none.
//!
//! Sources: pipecat's `utils/tracing`, LiveKit's `telemetry/trace_types`; both call some things as this library does.

use super::facts::{attribute, text, value};
use cekura::semconv as key;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use std::borrow::Cow;

/// What a span was called before it was given the name of a stage.
pub(super) const ORIGINAL: &str = "original.name";

/// A span's own name, the stage that it is, and which of its keys say what: the first that is there counts.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// By names that only LiveKit gives, or that stand beside its keys.
const LIVEKIT: &[Row] = &[
    ("agent_session", key::span::CONVERSATION, &[]),
    (
        "agent_turn",
        key::span::TURN,
        &[
            ("lk.e2e_latency", key::TURN_USER_BOT_LATENCY_SECONDS),
            ("lk.interrupted", key::TURN_WAS_INTERRUPTED),
        ],
    ),
    (
        "user_turn",
        key::span::STT,
        &[
            ("lk.pii.user_transcript", key::STT_TRANSCRIPT),
            ("lk.user_transcript", key::STT_TRANSCRIPT),
            ("lk.transcript_confidence", key::STT_CONFIDENCE),
            // From the end of the caller's speech, as `metrics.ttfb` of pipecat's is.
            ("lk.transcription_delay", key::TURN_LATENCY_TRANSCRIPT_SECONDS),
        ],
    ),
    (
        "llm_node",
        key::span::LLM,
        &[
            ("lk.pii.response.text", key::OUTPUT),
            ("lk.response.text", key::OUTPUT),
            ("lk.response.ttft", key::METRICS_TTFB),
        ],
    ),
    ("tts_node", key::span::TTS, &[("lk.response.ttfb", key::METRICS_TTFB)]),
    ("realtime_inference", key::span::S2S, &[]),
    (
        "function_tool",
        key::span::TOOL_CALL,
        &[
            ("lk.function_tool.name", key::FUNCTION_NAME),
            ("lk.function_tool.id", key::GEN_AI_TOOL_CALL_ID),
            ("lk.pii.function_tool.arguments", key::FUNCTION_INPUT),
            ("lk.function_tool.arguments", key::FUNCTION_INPUT),
            ("lk.pii.function_tool.output", key::FUNCTION_OUTPUT),
            ("lk.function_tool.output", key::FUNCTION_OUTPUT),
        ],
    ),
];

/// By the scope `pipecat` and those below it. Most of its names and keys are ours.
const PIPECAT: &[Row] = &[
    ("conversation", key::span::CONVERSATION, &[("conversation.id", key::CALL_ID)]),
    ("turn", key::span::TURN, &[]),
    (
        "stt",
        key::span::STT,
        &[("transcript", key::STT_TRANSCRIPT), ("metrics.ttfb", key::TURN_LATENCY_TRANSCRIPT_SECONDS)],
    ),
    (
        "tts",
        key::span::TTS,
        &[("metrics.character_count", key::TTS_CHARACTERS), ("tts.interrupted", key::CEKURA_INTERRUPTED)],
    ),
    ("llm_response", key::span::S2S, &[("output", key::OUTPUT), ("text_output", key::OUTPUT)]),
    (
        "llm_tool_call",
        key::span::TOOL_CALL,
        &[
            ("tool.function_name", key::FUNCTION_NAME),
            ("tool.call_id", key::GEN_AI_TOOL_CALL_ID),
            ("tool.arguments", key::FUNCTION_INPUT),
        ],
    ),
    ("llm_tool_result", "llm_tool_result", &[("tool.result", key::OUTPUT)]),
];

/// Set by pipecat with `turn.was_interrupted` on the last turn of each conversation: hanging up interrupts nobody.
const ENDED_BY_END: &str = "turn.ended_by_conversation_end";

fn is_true(span: &Span, key: &str) -> bool {
    matches!(value(&span.attributes, key), Some(Value::BoolValue(true)))
}

/// The span as one of ours, if it is one of theirs.
pub(super) fn read<'a>(span: &'a Span, scope: &str) -> Cow<'a, Span> {
    let table = match scope {
        "pipecat" => PIPECAT,
        _ if scope.starts_with("pipecat.") => PIPECAT,
        _ if scope.contains("livekit") || span.attributes.iter().any(|has| has.key.starts_with("lk.")) => {
            LIVEKIT
        }
        _ => return Cow::Borrowed(span),
    };
    let Some((theirs, ours, keys)) = table.iter().find(|(name, ..)| *name == span.name) else {
        return Cow::Borrowed(span);
    };
    let mut stage = span.clone();
    for (from, to) in *keys {
        if value(&stage.attributes, to).is_none()
            && let Some(value) = value(&stage.attributes, from).cloned()
        {
            stage.attributes.push(attribute(to, value));
        }
    }
    if is_true(&stage, ENDED_BY_END) {
        stage.attributes.retain(|has| has.key != key::TURN_WAS_INTERRUPTED);
    }
    let result = value(&stage.attributes, "tool.result_status");
    let is_error = matches!(result, Some(Value::StringValue(status)) if status == "error");
    if is_error || is_true(&stage, "lk.function_tool.is_error") {
        // Neither sets the status of a span whose tool has failed.
        let output =
            [key::FUNCTION_OUTPUT, key::OUTPUT].into_iter().find_map(|key| text(&stage.attributes, key));
        let message = output.unwrap_or_default().to_owned();
        stage.status = Some(Status { code: StatusCode::Error as i32, message });
    }
    if theirs != ours {
        (*ours).clone_into(&mut stage.name);
        stage.attributes.push(attribute(ORIGINAL, Value::StringValue((*theirs).to_owned())));
    }
    Cow::Owned(stage)
}
