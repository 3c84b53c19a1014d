//! Every metric, as one table: its name, unit, labels, and what of which spans it counts. Invariant: what is counted, written
//! and sent reads this table and knows no metric by name.

use crate::semconv::{self, metric, span};

/// One metric.
#[derive(Debug)]
pub(super) struct Instrument {
    /// As OpenTelemetry has it.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: Unit,
    pub(super) kind: Kind,
    pub(super) of: Of,
    /// What is counted of each; a span that lacks it is left out.
    pub(super) measures: &'static [Measure],
    pub(super) labels: &'static [Label],
}

/// What a value is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    /// Things, in UCUM's braces.
    Each(&'static str),
    Seconds,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// With its bounds, each of which belongs to the bucket below it.
    Histogram(&'static [f64]),
}

/// Which spans count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// None: it is read where it is.
    Ledger,
    /// Roots of conversations.
    Calls,
    /// Requests to models.
    Models,
    /// Those of this name.
    Spans(&'static str),
    /// Requests to models, and what recognises and speaks.
    Tokens,
    All,
}

/// What is known of a span as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Characters,
    Duration,
    /// 1 where it failed.
    Failures,
    FirstChunk,
    FirstToken,
    Guarded,
    InputTokens,
    Interruptions,
    Latency,
    Once,
    OutputTokens,
    Ttfb,
    /// These have no place in a span: what a conversation has is known after its root, or by name.
    Score,
    Turns,
}

/// How many of them a span has.
pub(super) const MEASURES: usize = Measure::Ttfb as usize + 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label {
    ErrorType,
    Function,
    Guardrail,
    Model,
    Operation,
    Outcome,
    Overflow,
    /// One that the program has named, by its place.
    Own(usize),
    Provider,
    Reason,
    Score,
    Stage,
    TokenType,
    Verdict,
}

impl Label {
    /// Its key as OpenTelemetry has it, where it is not the program's own.
    pub(super) fn key(self) -> Option<&'static str> {
        Some(match self {
            Self::ErrorType => semconv::ERROR_TYPE,
            Self::Function => semconv::FUNCTION_NAME,
            Self::Guardrail => metric::GUARDRAIL,
            Self::Model => semconv::GEN_AI_REQUEST_MODEL,
            Self::Operation => semconv::GEN_AI_OPERATION_NAME,
            Self::Outcome => metric::OUTCOME,
            Self::Overflow => metric::OTEL_METRIC_OVERFLOW,
            Self::Own(_) => return None,
            Self::Provider => semconv::GEN_AI_PROVIDER_NAME,
            Self::Reason => metric::REASON,
            Self::Score => metric::SCORE,
            Self::Stage => metric::STAGE,
            Self::TokenType => metric::GEN_AI_TOKEN_TYPE,
            Self::Verdict => metric::VERDICT,
        })
    }
}

impl Unit {
    /// As UCUM has it.
    pub(super) fn ucum(self) -> &'static str {
        match self {
            Self::Bytes => "By",
            Self::Each(things) => things,
            Self::Seconds => "s",
        }
    }

    /// The word that Prometheus puts behind a name.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Self::Bytes => Some("bytes"),
            Self::Each(_) => None,
            Self::Seconds => Some("seconds"),
        }
    }
}

const SECONDS: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// Calls take minutes.
const CALL_SECONDS: &[f64] = &[
    0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1800.0, 3600.0,
];
const TURNS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0];
/// Shares, grades and percentages.
const SCORES: &[f64] = &[
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0,
];
/// OTel GenAI conventions 1.41.
const MODEL_SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// OTel GenAI conventions 1.41.
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

macro_rules! instruments {
    ($($name:path, $kind:expr, $unit:expr, $of:expr, [$($measure:ident)*], [$($label:ident)*], $help:literal;)*) => {
        pub(super) const INSTRUMENTS: &[Instrument] = &[$(Instrument {
            name: $name,
            help: $help,
            unit: $unit,
            kind: $kind,
            of: $of,
            measures: &[$(Measure::$measure),*],
            labels: &[$(Label::$label),*],
        }),*];
    };
}

use Kind::{Counter, Gauge, Histogram};
use Of::{All, Calls, Ledger, Models, Spans, Tokens};
use Unit::{Bytes, Each, Seconds};

const TIMES: Kind = Histogram(SECONDS);
const REQUESTS: Kind = Histogram(MODEL_SECONDS);

instruments! {
    metric::TURN_DURATION, TIMES, Seconds, Spans(span::TURN), [Duration], [Outcome],
        "How long turns took.";
    metric::TURN_USER_BOT_LATENCY, TIMES, Seconds, Spans(span::TURN), [Latency], [],
        "Voice-to-voice latency: from the caller's last word to the agent's first audio.";
    metric::STT_DURATION, TIMES, Seconds, Spans(span::STT), [Duration], [Provider Model Outcome],
        "How long speech recognition took.";
    metric::LLM_DURATION, TIMES, Seconds, Spans(span::LLM), [Duration], [Provider Model Outcome],
        "How long answers of language models took.";
    metric::TTS_DURATION, TIMES, Seconds, Spans(span::TTS), [Duration], [Provider Model Outcome],
        "How long speech synthesis took.";
    metric::S2S_DURATION, TIMES, Seconds, Spans(span::S2S), [Duration], [Provider Model Outcome],
        "How long answers of speech models took.";
    metric::LLM_FIRST_TOKEN, TIMES, Seconds, Spans(span::LLM), [FirstToken], [Provider Model],
        "Until the first token of an answer.";
    metric::TTS_FIRST_BYTE, TIMES, Seconds, Spans(span::TTS), [Ttfb], [Provider Model],
        "Until the first audio of a speech.";
    metric::S2S_FIRST_CHUNK, TIMES, Seconds, Spans(span::S2S), [Ttfb], [Provider Model],
        "Until the first chunk of a speech model's answer that says something.";
    metric::TOOL_CALL_DURATION, TIMES, Seconds, Spans(span::TOOL_CALL), [Duration], [Function Outcome],
        "How long tools took.";
    metric::STAGE_DURATION, TIMES, Seconds, All, [Duration], [Stage Outcome],
        "How long spans took, by name.";
    metric::STAGE_ERRORS, Counter, Each("{span}"), All, [Failures], [Stage ErrorType],
        "Spans that failed.";
    metric::GUARDRAIL_CHECKS, Counter, Each("{check}"), All, [Guarded], [Guardrail Verdict],
        "What guardrails have looked at.";
    metric::VOICE_CALLS, Counter, Each("{call}"), Calls, [Once], [Outcome],
        "Calls that have ended.";
    metric::VOICE_CALL_DURATION, Histogram(CALL_SECONDS), Seconds, Calls, [Duration], [Outcome],
        "How long calls took.";
    metric::VOICE_CALL_TURNS, Histogram(TURNS), Each("{turn}"), Calls, [Turns], [Outcome],
        "How many turns calls had.";
    metric::VOICE_CALLS_OPEN, Gauge, Each("{call}"), Ledger, [], [],
        "Calls that run.";
    metric::VOICE_INTERRUPTIONS, Counter, Each("{span}"), All, [Interruptions], [Stage],
        "Spans that were dropped before their end.";
    metric::VOICE_CALL_SCORE, Histogram(SCORES), Each("1"), Calls, [Score], [Score],
        "What calls were worth, by name of the score.";
    metric::GEN_AI_CLIENT_OPERATION_DURATION, REQUESTS, Seconds, Models, [Duration],
        [Operation Provider Model ErrorType],
        "How long requests to models took.";
    metric::GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK, REQUESTS, Seconds, Models, [FirstChunk],
        [Operation Provider Model],
        "Until the first chunk of an answer.";
    metric::GEN_AI_CLIENT_TOKEN_USAGE, Histogram(TOKENS), Each("{token}"), Tokens, [InputTokens OutputTokens],
        [Operation Provider Model TokenType],
        "Tokens of requests to models.";
    semconv::TTS_CHARACTERS, Counter, Each("{character}"), Spans(span::TTS), [Characters], [Provider Model],
        "Characters that were spoken.";
    metric::CEKURA_SPANS_ACCEPTED, Counter, Each("{span}"), Ledger, [], [],
        "Spans that ended and were handed over.";
    metric::CEKURA_SPANS_DELIVERED, Counter, Each("{span}"), Ledger, [], [],
        "Spans that the backend has acknowledged.";
    metric::CEKURA_SPANS_DROPPED, Counter, Each("{span}"), Ledger, [], [Reason],
        "Spans that were lost, by reason.";
    metric::CEKURA_QUEUE_BYTES, Gauge, Bytes, Ledger, [], [],
        "Bytes of the memory limit that are in use.";
    metric::CEKURA_METRICS_OVERFLOWS, Counter, Each("{value}"), Ledger, [], [],
        "Values that found no series of their own.";
}
