//! What the name of an event or of an object says about a response.
//!
//! Invariant: a name that is not listed here has no effect, so a new event of a vendor changes nothing.

use super::place::mark;

pub(super) fn object(object: &str) -> u64 {
    match object {
        "chat.completion" | "chat.completion.chunk" | "text_completion" => mark::CHAT,
        "realtime.response" | "response" => mark::RESPONSE,
        _ => 0,
    }
}

/// What `type` tells.
pub(super) fn event(kind: &str) -> u64 {
    match kind {
        "message" => mark::MESSAGE,
        "FunctionCallRequest"
        | "content-delta"
        | "content-end"
        | "content-start"
        | "content_block_delta"
        | "content_block_start"
        | "content_block_stop"
        | "message_delta"
        | "tool-call-delta"
        | "tool-call-end"
        | "tool-call-start"
        | "tool-plan-delta" => mark::EVENT,
        "message_start" | "message-start" => mark::EVENT | mark::BEGINS,
        "AgentAudioDone" | "message_stop" | "message-end" => mark::EVENT | mark::ENDED,
        "session.created" | "session.updated" => mark::EVENT | mark::REPEATS,
        "UtteranceEnd" => mark::HEARD | mark::ENDED,
        "ConversationText" => mark::EVENT | mark::UTTERANCE,
        "Error" | "error" => mark::FAILED,
        "conversation.item.truncated" => mark::SILENT | mark::CANCELLED,
        "conversation.item.input_audio_transcription.delta" | "transcript.text.delta" => {
            mark::HEARD | mark::CONTINUES
        }
        "conversation.item.input_audio_transcription.completed" | "transcript.text.done" => mark::HEARD,
        "conversation.item.input_audio_transcription.segment" | "transcript.text.segment" => {
            mark::HEARD | mark::REPEATS
        }
        _ if kind.starts_with("response.") => response(kind),
        _ if is_silent(kind) => mark::SILENT,
        _ => 0,
    }
}

/// An event of `OpenAI`'s responses, or of a realtime session.
fn response(kind: &str) -> u64 {
    mark::RESPONSE
        | match kind {
            "response.completed" | "response.done" | "response.incomplete" => mark::ENDED | mark::WHOLE,
            "response.failed" => mark::ENDED | mark::WHOLE | mark::FAILED,
            "response.created" => mark::REPEATS | mark::BEGINS,
            "response.audio.transcript.delta"
            | "response.audio_transcript.delta"
            | "response.output_audio_transcript.delta"
            | "response.output_text.delta"
            | "response.refusal.delta"
            | "response.text.delta" => mark::DELTA_IS_TEXT,
            "response.audio.delta" | "response.output_audio.delta" => mark::REPEATS | mark::AUDIO,
            "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => {
                mark::REPEATS | mark::DELTA_IS_ARGUMENTS
            }
            "response.output_item.added" => mark::REPEATS | mark::TOOL,
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                mark::REPEATS | mark::DELTA_IS_THOUGHT
            }
            _ => mark::REPEATS,
        }
}

/// Events that come in between, and bring nothing of an answer or a transcript.
fn is_silent(kind: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "conversation.",
        "input_audio_buffer.",
        "output_audio_buffer.",
        "rate_limits.",
        "session.",
        "transcription_session.",
    ];
    const NAMES: [&str; 30] = [
        "AgentStartedSpeaking",
        "AgentThinking",
        "Begin",
        "Connected",
        "History",
        "KeepAlive",
        "LatencyReport",
        "Metadata",
        "PromptUpdated",
        "SettingsApplied",
        "SpeakUpdated",
        "SpeechStarted",
        "Termination",
        "UserStartedSpeaking",
        "Warning",
        "Welcome",
        "audio_chunk",
        "connected",
        "done",
        "end_recording",
        "end_session",
        "flush_done",
        "keepalive",
        "ping",
        "session_begins",
        "speech_end",
        "speech_start",
        "start_recording",
        "start_session",
        "timestamps",
    ];
    PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) || NAMES.contains(&kind)
}

/// What `message_type` tells, of `ElevenLabs` and of `AssemblyAI`'s second version: whether a transcript is final.
pub(super) fn message_type(kind: &str) -> (u64, Option<bool>) {
    let is_final = kind.starts_with("committed_transcript") || kind == "FinalTranscript";
    match kind {
        _ if is_final => (mark::SPEECH, Some(true)),
        "PartialTranscript" | "partial_transcript" => (mark::SPEECH, Some(false)),
        "SessionBegins" | "SessionTerminated" | "session_started" => (mark::SILENT, None),
        _ => (0, None),
    }
}

/// What `message` tells, of Speechmatics.
pub(super) fn message(kind: &str) -> (u64, Option<bool>) {
    match kind {
        "AddTranscript" => (mark::SPEECH | mark::WORD_BY_WORD, Some(true)),
        "AddPartialTranscript" => (mark::SPEECH | mark::WORD_BY_WORD, Some(false)),
        "AudioAdded" | "EndOfTranscript" | "EndOfUtterance" | "Info" | "RecognitionStarted" | "Warning" => {
            (mark::SILENT, None)
        }
        _ => (0, None),
    }
}

/// What `event` tells, of Deepgram's Flux: what a transcript is worth.
pub(super) fn turn(event: &str) -> Option<bool> {
    match event {
        "EndOfTurn" => Some(true),
        "EagerEndOfTurn" | "StartOfTurn" | "TurnResumed" | "Update" => Some(false),
        _ => None,
    }
}
