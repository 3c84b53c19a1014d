//! What is measured of the stages of a call, span by span. Invariant: what a span says later of another one, such as a turn of its
//! transcript, is a measure of its own.

use super::facts::{seconds, value};
use super::times::Times;
use cekura::semconv as key;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;

/// What of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// From the caller's last word to the first audio of a turn.
    Answer = 0,
    /// From the begin to the end of a span.
    Length = 1,
    /// From its begin to its first token or audio.
    First = 2,
    /// From the caller's last word to the transcript, where a span says so. A recogniser that streams listens as long as the caller talks.
    Transcript = 3,
}

impl Measure {
    pub(super) fn of(number: i64) -> Option<Self> {
        let all = [Self::Answer, Self::Length, Self::First, Self::Transcript];
        all.into_iter().find(|measure| *measure as i64 == number)
    }
}

/// The times of stages, by the names of their spans.
pub(super) type Stages = BTreeMap<(String, Measure), Times>;

/// Characters of a span's name that count.
const NAME: usize = 64;

pub(super) fn add(stages: &mut Stages, span: &Span) {
    let of = &*span.attributes;
    let mut measured = |name: &str, measure, ns| {
        stages.entry((name.chars().take(NAME).collect(), measure)).or_default().add(ns);
    };
    let as_u64 = |ns: i64| u64::try_from(ns).ok();
    let transcript = seconds(of, key::TURN_LATENCY_TRANSCRIPT_SECONDS).and_then(as_u64);
    if let Some(ns) = transcript {
        measured(key::span::STT, Measure::Transcript, ns);
    }
    match &*span.name {
        // It lasts as long as the people talk.
        key::span::CONVERSATION => {}
        key::span::TURN => {
            if let Some(ns) = seconds(of, key::TURN_USER_BOT_LATENCY_SECONDS).and_then(as_u64) {
                measured(key::span::TURN, Measure::Answer, ns);
            }
        }
        name => {
            let first = first(span).and_then(as_u64);
            let is_stt = name == key::span::STT;
            let is_stream = first.is_some() || value(of, key::STREAM_ITEMS).is_some();
            let listens = is_stt && (is_stream || transcript.is_some());
            if !listens {
                let length = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
                measured(name, Measure::Length, length);
            }
            if let Some(ns) = first.filter(|_| !is_stt) {
                measured(name, Measure::First, ns);
            }
        }
    }
}

/// When the first token or audio came, in nanoseconds since the begin.
fn first(span: &Span) -> Option<i64> {
    let of = &*span.attributes;
    let keys = [key::METRICS_TTFB, key::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK];
    let milliseconds = || match value(of, key::LLM_FIRST_TOKEN_MS)? {
        Value::DoubleValue(number) => super::facts::nanoseconds(number / 1_000.0),
        _ => None,
    };
    keys.into_iter().find_map(|key| seconds(of, key)).or_else(milliseconds)
}
