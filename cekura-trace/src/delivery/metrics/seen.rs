//! What the metrics take from one span. Invariant: a value that is no number, or is below zero, is not taken.

use super::instruments::{Label, MEASURES, Measure, Of};
use crate::delivery::config::{LONGEST_LABEL, OwnLabel};
use crate::finished::{Head, Raw, Record, ValueOf};
use crate::semconv::{self, span};
use opentelemetry::trace::SpanId;
use std::time::Duration;

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    #[default]
    Ok,
    Error,
    Interrupted,
    Unfinished,
    Incomplete,
}

impl Outcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What an own label says where its value is not one of those.
const OTHER: &str = "other";

/// The span attributes that are labels.
const TEXTS: [(&str, Label); 6] = [
    (semconv::GEN_AI_PROVIDER_NAME, Label::Provider),
    (semconv::GEN_AI_REQUEST_MODEL, Label::Model),
    (semconv::GEN_AI_OPERATION_NAME, Label::Operation),
    (semconv::ERROR_TYPE, Label::ErrorType),
    (semconv::FUNCTION_NAME, Label::Function),
    (semconv::GUARDRAIL_NAME, Label::Guardrail),
];

/// Those that are measures.
const NUMBERS: [(&str, Measure); 7] = [
    (semconv::TURN_USER_BOT_LATENCY_SECONDS, Measure::Latency),
    (semconv::LLM_FIRST_TOKEN_MS, Measure::FirstToken),
    (semconv::METRICS_TTFB, Measure::Ttfb),
    (semconv::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, Measure::FirstChunk),
    (semconv::GEN_AI_USAGE_INPUT_TOKENS, Measure::InputTokens),
    (semconv::GEN_AI_USAGE_OUTPUT_TOKENS, Measure::OutputTokens),
    (semconv::TTS_CHARACTERS, Measure::Characters),
];

/// Those that say yes or no.
const FLAGS: [&str; 4] = [
    semconv::CEKURA_INTERRUPTED,
    semconv::CEKURA_UNFINISHED,
    semconv::CEKURA_INCOMPLETE,
    semconv::GUARDRAIL_REJECTED,
];

/// What an attribute is to the metrics.
#[derive(Clone, Copy)]
enum Part<'a> {
    Text(usize),
    Number(usize),
    Flag(usize),
    Own(usize),
    Score(&'a [u8]),
}

/// By a hash of the key, for each span attribute of each span is looked for.
static PARTS: [Option<(&[u8], Part<'_>)>; 64] = {
    let mut parts: [Option<(&[u8], Part<'_>)>; 64] = [const { None }; 64];
    let mut at = 0;
    while at < TEXTS.len() + NUMBERS.len() + FLAGS.len() {
        let (key, part) = if at < TEXTS.len() {
            (TEXTS[at].0, Part::Text(at))
        } else if at < TEXTS.len() + NUMBERS.len() {
            (NUMBERS[at - TEXTS.len()].0, Part::Number(at - TEXTS.len()))
        } else {
            let at = at - TEXTS.len() - NUMBERS.len();
            (FLAGS[at], Part::Flag(at))
        };
        let place = place(key.as_bytes());
        // Where the compiler stops here, `place` is to be another one.
        assert!(parts[place].is_none());
        parts[place] = Some((key.as_bytes(), part));
        at += 1;
    }
    parts
};

const fn place(key: &[u8]) -> usize {
    let length = key.len();
    if length < 4 {
        return 0;
    }
    (length + key[length - 1] as usize * 3 + key[length - 4] as usize) % 64
}

#[inline]
fn part(key: &[u8]) -> Option<Part<'_>> {
    PARTS[place(key)].filter(|(known, _)| *known == key).map(|(_, part)| part)
}

/// The score that a key names.
fn score(key: &[u8]) -> Option<Part<'_>> {
    key.strip_prefix(semconv::SCORE_PREFIX.as_bytes()).map(Part::Score)
}

/// One span.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) head: &'a Head,
    pub(super) name: &'a str,
    pub(super) outcome: Outcome,
    pub(super) is_rejected: bool,
    /// By their places in [`TEXTS`].
    texts: [Option<&'a [u8]>; TEXTS.len()],
    values: [f64; MEASURES],
    /// Which of the values there are, one bit each.
    present: u16,
    /// Of each own label that it has: the place of its value, or of none.
    own: Vec<(usize, Option<usize>)>,
    /// What its conversation was worth.
    pub(super) scores: Vec<(&'a [u8], f64)>,
    is_of_host: bool,
}

impl<'a> Seen<'a> {
    pub(super) fn of(record: &'a Record<'a>, labels: &[OwnLabel]) -> Self {
        let mut seen = Self {
            head: &record.head,
            name: record.name,
            outcome: Outcome::default(),
            is_rejected: false,
            texts: [None; TEXTS.len()],
            values: [0.0; MEASURES],
            present: 0,
            own: Vec::new(),
            scores: Vec::new(),
            is_of_host: false,
        };
        let (mut flags, mut found_texts) = ([None; FLAGS.len()], 0_u8);
        let own = |key: &[u8]| labels.iter().position(|label| label.key.as_bytes() == key);
        let wants = |key| part(key).or_else(|| own(key).map(Part::Own)).or_else(|| score(key));
        let is_of_host = record.pick(wants, |part, value, found| match (part, value) {
            (Part::Text(at), ValueOf::Str(Raw(text))) => {
                // A found one gives way to one that was set.
                let is_set = seen.texts[at].is_some() && found_texts & 1 << at == 0;
                if !(found && is_set) {
                    seen.texts[at] = Some(text);
                    found_texts = found_texts & !(1 << at) | u8::from(found) << at;
                }
            }
            (Part::Number(at), value) => {
                let measure = NUMBERS[at].1;
                if let Some(value) = number(&value).filter(|_| !(found && seen.has(measure))) {
                    let scale = if measure == Measure::FirstToken { 1e-3 } else { 1.0 };
                    seen.set(measure, value * scale);
                }
            }
            (Part::Flag(at), ValueOf::Bool(is_so)) => flags[at] = Some(is_so),
            (Part::Own(at), value) => seen.set_own(at, &value, &labels[at]),
            (Part::Score(name), value) => seen.set_score(name, &value),
            (Part::Text(_) | Part::Flag(_), _) => {}
        });
        seen.is_of_host = is_of_host;
        seen.conclude(flags);
        seen
    }

    fn set_score(&mut self, name: &'a [u8], value: &ValueOf<Raw<'a>>) {
        if let Some(value) = number(value).filter(|_| self.is_call()) {
            self.scores.retain(|(known, _)| *known != name);
            self.scores.push((name, value));
        }
    }

    fn set_own(&mut self, at: usize, value: &ValueOf<Raw<'a>>, label: &OwnLabel) {
        let is_it = |known: &String| match value {
            ValueOf::Str(Raw(text)) => known.as_bytes() == *text,
            ValueOf::Bool(is_so) => *known == is_so.to_string(),
            ValueOf::I64(number) => *known == number.to_string(),
            ValueOf::Array(_) | ValueOf::F64(_) => false,
        };
        self.own.retain(|(known, _)| *known != at);
        self.own.push((at, label.values.iter().position(is_it)));
    }

    fn conclude(&mut self, flags: [Option<bool>; FLAGS.len()]) {
        let [interrupted, unfinished, incomplete, rejected] = flags;
        let is_interrupted = interrupted == Some(true);
        self.outcome = if self.head.failed() {
            Outcome::Error
        } else if incomplete == Some(true) {
            Outcome::Incomplete
        } else if unfinished == Some(true) {
            Outcome::Unfinished
        } else if is_interrupted {
            Outcome::Interrupted
        } else {
            Outcome::Ok
        };
        let took = Duration::from_nanos(self.head.end.saturating_sub(self.head.start));
        self.set(Measure::Duration, took.as_secs_f64());
        self.set(Measure::Once, 1.0);
        if self.head.failed() {
            self.set(Measure::Failures, 1.0);
        }
        if is_interrupted {
            self.set(Measure::Interruptions, 1.0);
        }
        if let Some(is_rejected) = rejected {
            self.is_rejected = is_rejected;
            self.set(Measure::Guarded, 1.0);
        }
    }

    fn set(&mut self, measure: Measure, value: f64) {
        self.values[measure as usize] = value;
        self.present |= 1 << measure as usize;
    }

    pub(super) fn has(&self, measure: Measure) -> bool {
        (measure as usize) < MEASURES && self.present & 1 << measure as usize != 0
    }

    /// As it is for one that it has.
    pub(super) fn value(&self, measure: Measure) -> f64 {
        self.values.get(measure as usize).copied().unwrap_or_default()
    }

    /// Whether it is the root of a conversation.
    pub(super) fn is_call(&self) -> bool {
        self.head.parent_id == SpanId::INVALID && self.name == span::CONVERSATION
    }

    /// Whether a metric counts it.
    pub(super) fn is(&self, of: Of) -> bool {
        match of {
            Of::All => true,
            Of::Calls => self.is_call(),
            Of::Ledger => false,
            Of::Models => self.asks_model(),
            Of::Spans(name) => self.name == name,
            Of::Tokens => self.asks_model() || [span::STT, span::TTS].contains(&self.name),
        }
    }

    /// What a host's own span has of a request stands on ours too.
    fn asks_model(&self) -> bool {
        const OF_TOOLS: &[u8] = b"execute_tool";
        [span::LLM, span::S2S].contains(&self.name)
            || !self.is_of_host && self.text(Label::Operation).is_some_and(|operation| operation != OF_TOOLS)
    }

    fn text(&self, label: Label) -> Option<&'a [u8]> {
        let at = TEXTS.iter().position(|(_, known)| *known == label)?;
        self.texts[at].filter(|text| !text.is_empty())
    }

    /// The value of a label, if it has that.
    pub(super) fn label(&self, label: Label, measure: Measure) -> Option<&'a [u8]> {
        match label {
            Label::ErrorType => self.head.failed().then(|| self.text(label).unwrap_or(b"_OTHER")),
            Label::Guardrail => Some(self.text(label).unwrap_or(self.name.as_bytes())),
            Label::Outcome => Some(self.outcome.as_str().as_bytes()),
            Label::Stage => Some(self.name.as_bytes()),
            Label::TokenType => Some(if measure == Measure::InputTokens { b"input" } else { b"output" }),
            Label::Verdict => Some(if self.is_rejected { b"rejected" } else { b"passed" }),
            Label::Function | Label::Model | Label::Operation | Label::Provider => self.text(label),
            Label::Overflow | Label::Own(_) | Label::Reason | Label::Score => None,
        }
    }

    /// The program's own labels that it has, with their values.
    pub(super) fn own<'l>(&self, labels: &'l [OwnLabel]) -> impl Iterator<Item = (Label, &'l str)> {
        let mut own = self.own.clone();
        own.sort_unstable();
        own.into_iter().map(|(at, value)| {
            (Label::Own(at), value.map_or(OTHER, |value| labels[at].values[value].as_str()))
        })
    }

    /// Writes what decides which series it counts in: equal for two spans that count in the same.
    pub(super) fn identify(&self, key: &mut Vec<u8>) {
        const END: u8 = 0xff;
        let marks =
            u8::from(self.is_call()) | u8::from(self.is_of_host) << 1 | u8::from(self.is_rejected) << 2;
        key.clear();
        key.extend_from_slice(&[self.outcome as u8, marks]);
        key.extend_from_slice(&self.present.to_le_bytes());
        key.extend_from_slice(cut(self.name.as_bytes()));
        for (at, text) in self.texts.iter().enumerate() {
            if let Some(text) = text {
                key.extend_from_slice(&[END, at.to_le_bytes()[0]]);
                key.extend_from_slice(cut(text));
            }
        }
        for (at, value) in &self.own {
            key.push(END);
            key.extend_from_slice(&at.to_le_bytes());
            key.extend_from_slice(&value.unwrap_or(usize::MAX).to_le_bytes());
        }
    }
}

/// As many bytes of a text as a label may have, in whole characters.
pub(super) fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= LONGEST_LABEL {
        return text;
    }
    let is_begin = |at: &usize| text[*at] & 0b1100_0000 != 0b1000_0000;
    &text[..(0..=LONGEST_LABEL).rev().find(is_begin).unwrap_or(0)]
}

/// A number that can be counted.
#[expect(clippy::cast_precision_loss, reason = "2^53 tokens are as good as exact")]
fn number(value: &ValueOf<Raw<'_>>) -> Option<f64> {
    let number = match value {
        ValueOf::F64(value) => *value,
        ValueOf::I64(value) => *value as f64,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}
