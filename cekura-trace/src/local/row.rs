//! The text of one span's row: name, service, counts, bar, words. Invariant: it does not depend on the width of
//! the terminal.

use super::axis::{Bar, Shape};
use super::style::Paint;
use super::text;
use crate::finished::{Span, Tree};
use crate::semconv as key;
use opentelemetry::{Array, Value};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

/// What one span says.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) paint: Paint,
    pub(super) name: Cow<'a, str>,
    /// Provider and model, the longest form first.
    pub(super) service: Vec<Cow<'a, str>>,
    pub(super) bar: Bar,
    pub(super) duration: String,
    /// Tokens in and out, or characters spoken.
    pub(super) counts: String,
    pub(super) words: Vec<Piece<'a>>,
}

/// A piece of what was said; only `text` gives way when room is short.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) paint: Paint,
    pub(super) before: &'static str,
    pub(super) text: Cow<'a, str>,
    pub(super) after: &'static str,
}

pub(super) const ERROR: char = '✗';
pub(super) const INTERRUPTED: char = '■';

impl<'a> Row<'a> {
    pub(super) fn new(span: &'a Span, streams: &Streams<'_>) -> Self {
        let shape = match span.name.as_str() {
            key::span::CONVERSATION | key::span::TURN => Shape::Frame,
            _ if streams.brought_nothing(span) => Shape::Wait,
            _ => Shape::Work,
        };
        let sign = match (span.head.failed(), interrupted(span)) {
            (true, _) => Some(ERROR),
            (false, true) => Some(INTERRUPTED),
            (false, false) => None,
        };
        Self {
            paint: paint(&span.name),
            name: name(span),
            service: service(span),
            bar: Bar { start: span.head.start, end: span.head.end, first: first_chunk(span), shape, sign },
            duration: text::duration(length(span)),
            counts: counts(span),
            words: words(span, shape),
        }
    }
}

/// What gives its answers in chunks, as far as the spans of a drawing say: names with their services.
#[derive(Debug)]
pub(super) struct Streams<'a>(HashSet<(&'a str, Vec<Cow<'a, str>>)>);

impl<'a> Streams<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        let spans = tree.rows.iter().map(|(_, span)| span).filter(|span| wait(span).is_some());
        Self(spans.map(|span| (span.name.as_str(), service(span))).collect())
    }

    /// Whether a span is that of a stream of which no item came, or was dropped before there was a stream.
    pub(super) fn brought_nothing(&self, span: &Span) -> bool {
        let says_nothing = wait(span).is_none() && span.attribute(key::OUTPUT).is_none();
        let was_dropped = || interrupted(span) && self.0.contains(&(span.name.as_str(), service(span)));
        says_nothing && (number(span, key::STREAM_ITEMS) == Some(0) || was_dropped())
    }
}

pub(super) fn length(span: &Span) -> u64 {
    span.head.end.saturating_sub(span.head.start)
}

pub(super) fn interrupted(span: &Span) -> bool {
    span.attribute(key::CEKURA_INTERRUPTED) == Some(&Value::Bool(true))
}

/// Whether a turn was, or an answer in it.
pub(super) fn was_interrupted(span: &Span) -> bool {
    span.attribute(key::TURN_WAS_INTERRUPTED) == Some(&Value::Bool(true))
}

/// Whether anything says that it came in chunks.
pub(super) fn is_stream(span: &Span) -> bool {
    wait(span).is_some() || number(span, key::STREAM_ITEMS).is_some()
}

pub(super) fn number(span: &Span, key: &str) -> Option<u64> {
    match span.attribute(key)? {
        Value::I64(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// A string that says something.
pub(super) fn string<'a>(span: &'a Span, key: &str) -> Option<Cow<'a, str>> {
    span.attribute(key).map(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A time that is written in seconds, in nanoseconds.
pub(super) fn time(span: &Span, key: &str) -> Option<u64> {
    scaled(span, key, 1.0)
}

fn scaled(span: &Span, key: &str, per_second: f64) -> Option<u64> {
    let Value::F64(number) = span.attribute(key)? else { return None };
    let time = Duration::try_from_secs_f64(number / per_second).ok()?;
    u64::try_from(time.as_nanos()).ok()
}

/// From the caller's last word to the first audio of a turn, in nanoseconds.
pub(super) fn latency(span: &Span) -> Option<u64> {
    time(span, key::TURN_USER_BOT_LATENCY_SECONDS)
}

/// The measured parts of a turn's latency: the index in `TURN_LATENCY_PARTS`, and nanoseconds.
pub(super) fn parts(span: &Span) -> Vec<(usize, u64)> {
    let all = key::TURN_LATENCY_PARTS.iter().enumerate();
    all.filter_map(|(place, key)| Some((place, time(span, key)?))).collect()
}

/// What a part is called.
pub(super) fn part(place: usize) -> String {
    let key = key::TURN_LATENCY_PARTS[place];
    key.trim_start_matches("turn.latency.").trim_end_matches("_seconds").replace('_', " ")
}

/// The colour of a part: that of the stage that it belongs to. A gap has none.
pub(super) fn part_paint(place: usize) -> Paint {
    match key::TURN_LATENCY_PARTS[place] {
        key::TURN_LATENCY_TRANSCRIPT_SECONDS => Paint::Stt,
        key::TURN_LATENCY_FIRST_TOKEN_SECONDS => Paint::Llm,
        key::TURN_LATENCY_TOOLS_SECONDS => Paint::ToolCall,
        key::TURN_LATENCY_FIRST_BYTE_SECONDS => Paint::Tts,
        key::TURN_LATENCY_PLAY_OUT_SECONDS => Paint::S2s,
        _ => Paint::Dim,
    }
}

/// The parts that matter, in words: those of at least a twentieth, the largest first.
pub(super) fn shown_parts(span: &Span) -> String {
    let mut parts = parts(span);
    let sum = parts.iter().map(|(_, time)| *time).fold(0, u64::saturating_add);
    parts.retain(|(_, time)| time.saturating_mul(20) >= sum);
    parts.sort_by_key(|(_, time)| Reverse(*time));
    let words = parts.iter().map(|(place, time)| format!("{} {}", part(*place), text::duration(*time)));
    words.collect::<Vec<_>>().join(", ")
}

/// Whether a caller notices how long he waited.
pub(super) fn is_slow(span: &Span) -> bool {
    latency(span).is_some_and(|latency| latency > SLOW)
}

/// As the objective that `docs/operate.md` begins with, in nanoseconds.
pub(super) const SLOW: u64 = 1_200_000_000;

/// How long the first chunk of a stream took, in nanoseconds.
pub(super) fn wait(span: &Span) -> Option<u64> {
    let seconds = [key::METRICS_TTFB, key::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK];
    let seconds = seconds.into_iter().find_map(|key| time(span, key));
    seconds.or_else(|| scaled(span, key::LLM_FIRST_TOKEN_MS, 1_000.0))
}

/// When the first chunk of a stream came.
pub(super) fn first_chunk(span: &Span) -> Option<u64> {
    wait(span).map(|wait| span.head.start.saturating_add(wait))
}

/// What the field calls the first chunk of such a stream.
pub(super) fn first(span: &Span) -> &'static str {
    match span.name.as_str() {
        key::span::LLM => "first token ",
        key::span::TTS => "first byte ",
        _ => "first chunk ",
    }
}

/// The span's name with what tells it from its siblings: a turn's number, a tool's name.
pub(super) fn name(span: &Span) -> Cow<'_, str> {
    let detail = match span.name.as_str() {
        key::span::TOOL_CALL => string(span, key::FUNCTION_NAME),
        key::span::TURN => number(span, key::TURN_NUMBER).map(|number| number.to_string().into()),
        _ => None,
    };
    detail.map_or(Cow::Borrowed(span.name.as_str()), |detail| format!("{} {detail}", span.name).into())
}

pub(super) fn paint(name: &str) -> Paint {
    match name {
        key::span::CONVERSATION | key::span::TURN => Paint::Bold,
        key::span::LLM => Paint::Llm,
        key::span::S2S => Paint::S2s,
        key::span::STT => Paint::Stt,
        key::span::TOOL_CALL => Paint::ToolCall,
        key::span::TTS => Paint::Tts,
        _ => Paint::Plain,
    }
}

/// `provider/model`, then the model alone. A router's model names its vendor itself.
pub(super) fn service(span: &Span) -> Vec<Cow<'_, str>> {
    let providers = [key::STT_PROVIDER, key::TTS_PROVIDER, key::GEN_AI_PROVIDER_NAME, key::GEN_AI_SYSTEM];
    let models = [key::GEN_AI_REQUEST_MODEL, key::GEN_AI_RESPONSE_MODEL];
    let provider = providers.into_iter().find_map(|key| string(span, key));
    let model = models.into_iter().find_map(|key| string(span, key));
    match (provider, model) {
        (Some(provider), Some(model)) if !model.contains('/') => {
            vec![format!("{provider}/{model}").into(), model]
        }
        (_, Some(model)) => {
            let alone = model.rsplit('/').next().map(|alone| Cow::Owned(alone.to_owned()));
            [Some(model), alone].into_iter().flatten().collect()
        }
        (provider, None) => provider.into_iter().collect(),
    }
}

fn counts(span: &Span) -> String {
    let input = number(span, key::GEN_AI_USAGE_INPUT_TOKENS);
    let output = number(span, key::GEN_AI_USAGE_OUTPUT_TOKENS);
    let characters = number(span, key::TTS_CHARACTERS).map(text::count);
    match (input, output, characters) {
        (None, None, None) => String::new(),
        (None, None, Some(characters)) => format!("{characters} ch"),
        (input, output, _) => text::tokens(input, output),
    }
}

fn words(span: &Span, shape: Shape) -> Vec<Piece<'_>> {
    let mut words = Vec::new();
    if was_interrupted(span) || interrupted(span) {
        words.push(piece(Paint::Interrupted, "■ ", "interrupted", ""));
    }
    if let Some(time) = latency(span) {
        words.push(piece(Paint::Plain, "voice-to-voice ", text::duration(time), ""));
        let parts = shown_parts(span);
        words.extend((!parts.is_empty()).then(|| piece(Paint::Dim, "", parts, "")));
    }
    words.extend(wait(span).map(|time| piece(Paint::Dim, first(span), text::duration(time), "")));
    words.extend((shape == Shape::Wait).then(|| piece(Paint::Dim, "no ", first(span).trim_end(), "")));
    let facts = words.len();
    match span.name.as_str() {
        key::span::STT => words.extend(spoken(span, key::STT_TRANSCRIPT)),
        key::span::TTS => words.extend(spoken(span, key::TEXT)),
        key::span::LLM | key::span::S2S => {
            words.extend(spoken(span, key::OUTPUT).or_else(|| finish_reasons(span)));
        }
        key::span::TOOL_CALL => {
            words.extend(string(span, key::FUNCTION_INPUT).map(|text| piece(Paint::Plain, "", text, "")));
            let output = string(span, key::FUNCTION_OUTPUT);
            words.extend(output.map(|text| piece(Paint::Plain, "→ ", text, "")));
        }
        _ => words.extend(string(span, key::OUTPUT).map(|text| piece(Paint::Plain, "", text, ""))),
    }
    words.extend(error(span));
    let before_another = facts.min(words.len().saturating_sub(1));
    words[..before_another].iter_mut().for_each(|fact| fact.after = " ·");
    words
}

fn error(span: &Span) -> Option<Piece<'_>> {
    if !span.head.failed() {
        return None;
    }
    let description = Some(Cow::Borrowed(span.description.as_str())).filter(|text| !text.trim().is_empty());
    let kind = || string(span, key::ERROR_TYPE);
    Some(piece(Paint::Error, "✗ ", description.or_else(kind).unwrap_or("failed".into()), ""))
}

fn spoken<'a>(span: &'a Span, key: &str) -> Option<Piece<'a>> {
    string(span, key).map(|text| piece(Paint::Plain, "“", text, "”"))
}

/// What an answer without words ended with, such as `tool_calls`, where that says more than that it ended.
fn finish_reasons(span: &Span) -> Option<Piece<'_>> {
    let Some(Value::Array(Array::String(reasons))) = span.attribute(key::GEN_AI_RESPONSE_FINISH_REASONS)
    else {
        return None;
    };
    let reasons: Vec<_> = reasons.iter().map(opentelemetry::StringValue::as_str).collect();
    let says_more = !matches!(reasons[..], [] | ["completed"]);
    says_more.then(|| piece(Paint::Dim, "finished with ", reasons.join(", "), ""))
}

fn piece<'a>(
    paint: Paint,
    before: &'static str,
    text: impl Into<Cow<'a, str>>,
    after: &'static str,
) -> Piece<'a> {
    Piece { paint, before, text: text.into(), after }
}
