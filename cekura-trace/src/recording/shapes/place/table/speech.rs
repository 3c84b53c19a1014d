//! The places in recognisers' responses, below their root.
//!
//! Invariant: if a transcript occurs twice in one response, its second place is one that is read only once
//! (`Display`), or is not listed.
//!
//! Sources: the public API references of Deepgram, `AssemblyAI` (streaming v3), AWS Transcribe (`TranscriptEvent` and
//! what a batch gives), Azure (speech to text REST, fast transcription), Gladia (v2), Google (Speech-to-Text v1, v2),
//! Rev AI, Soniox, Speechmatics and Vosk.

use super::LANGUAGE;
use crate::recording::shapes::place::{Node, Slot, Table, inside, node, sorted};

pub(super) static RESULTS: Table = table!([
    node("channels", Slot::Nothing).each(&PRERECORDED),
    // AWS, what a batch gives.
    node("transcripts", Slot::Nothing).each(&SENTENCE),
    node("language_code", Slot::Language),
]);
static PRERECORDED: Node = inside("", &CHANNEL);
pub(super) static CHANNEL: Table = table!([
    node("alternatives", Slot::Nothing).first(&ALTERNATIVE),
    node("detected_language", Slot::Language),
]);
pub(super) static ALTERNATIVE: Node = inside(
    "",
    &table!([
        node("transcript", Slot::Transcript),
        // Vosk.
        node("text", Slot::Transcript),
        node("confidence", Slot::Confidence),
        node("languages", Slot::Nothing).first(&LANGUAGE),
    ]),
);
pub(super) static METADATA: Table = table!([
    node("request_id", Slot::RequestId),
    inside("model_info", &table!([node("name", Slot::Model)])),
    // Speechmatics.
    node("transcript", Slot::Transcript),
    // Bedrock's stream.
    node("usage", Slot::Mark(super::mark::USAGE)).fields(&super::USAGE),
]);
pub(super) static SEGMENT: Node = inside(
    "",
    &table!([node("text", Slot::Segment), node("language", Slot::Language), node("final", Slot::IsFinal)]),
);

/// One of Google's or Watson's results.
pub(super) static RECOGNISED: Node = inside(
    "",
    &table!([
        node("alternatives", Slot::Nothing).first(&SENTENCE),
        node("is_final", Slot::IsFinal),
        node("final", Slot::IsFinal),
        node("is_partial", Slot::WillChange),
        node("stability", Slot::Stability),
        node("language_code", Slot::Language),
    ]),
);
static SENTENCE: Node =
    inside("", &table!([node("transcript", Slot::Sentence), node("confidence", Slot::Confidence)]));

/// AWS names as the wire has them; the fields of a Rust type are `snake_case`, as in [`RECOGNISED`].
pub(super) static AWS_EVENT: Table = table!([inside("Transcript", &AWS_TRANSCRIPT)]);
pub(super) static AWS_TRANSCRIPT: Table =
    table!([node("Results", Slot::Nothing).each(&AWS_RESULT)]).also(&super::RESPONSE);
static AWS_RESULT: Node = inside(
    "",
    &table!([
        node("Alternatives", Slot::Nothing).first(&AWS_ALTERNATIVE),
        node("IsPartial", Slot::WillChange),
        node("LanguageCode", Slot::Language),
    ]),
);
static AWS_ALTERNATIVE: Node = inside("", &table!([node("Transcript", Slot::Sentence)]));

/// Azure's best guess.
pub(super) static BEST: Node =
    inside("", &table!([node("Display", Slot::Display), node("Confidence", Slot::Confidence)]));
/// Azure's fast transcription.
pub(super) static PHRASE: Node = inside("", &table!([node("text", Slot::Sentence)]));

/// Gladia, an event's data or a batch's result.
pub(super) static GLADIA: Table = table!([
    node("is_final", Slot::IsFinal),
    inside("utterance", &UTTERANCE),
    inside("transcription", &WHOLE_TRANSCRIPT),
]);
pub(super) static UTTERANCE: Table = table!([
    node("text", Slot::Transcript),
    node("confidence", Slot::Confidence),
    node("language", Slot::Language),
]);
pub(super) static WHOLE_TRANSCRIPT: Table =
    table!([node("full_transcript", Slot::Transcript), node("languages", Slot::Nothing).first(&LANGUAGE)]);

/// Soniox.
pub(super) static TOKEN: Node = node("", Slot::Token).fields(&table!([
    node("text", Slot::TokenText),
    node("is_final", Slot::TokenIsFinal),
    node("language", Slot::Language),
]));

/// Rev AI.
pub(super) static ELEMENT: Node =
    inside("", &table!([node("type", Slot::ElementKind), node("value", Slot::Element)]));
pub(super) static MONOLOGUE: Node = inside("", &table!([node("elements", Slot::Nothing).each(&ELEMENT)]));

/// What a voice gives, under the names that Cartesia, `ElevenLabs`, Google and `OpenAI` use, and programs for their own.
pub(in crate::recording::shapes) static AUDIO: Node = inside(
    "",
    &table!([
        node("type", Slot::Type),
        node("audio", Slot::Audio).first(&SAMPLE).fields(&SIZE),
        node("audio_base64", Slot::Audio),
        node("audio_content", Slot::Audio).first(&SAMPLE).fields(&SIZE),
        node("bytes", Slot::Audio).first(&SAMPLE).fields(&SIZE),
        node("chunk", Slot::Audio).first(&SAMPLE).fields(&SIZE),
        node("data", Slot::Audio).first(&SAMPLE).fields(&SIZE),
        node("pcm", Slot::Audio).first(&SAMPLE).fields(&SIZE),
        node("samples", Slot::Audio).first(&SAMPLE).fields(&SIZE),
    ]),
);
static SAMPLE: Node = node("", Slot::Sample);
// A buffer that serialises as bytes is shown as its size.
static SIZE: Table =
    table!([node("len", Slot::Size), node("data", Slot::Audio), node("samples", Slot::Audio)]);
