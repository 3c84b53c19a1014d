//! What one span of a call says for the transcript. Invariant: it is read from the span's record, so that nothing is said which
//! the content policy has kept back.

use super::clock::of_seconds;
use crate::finished::{self, Record, Value};
use crate::semconv;
use crate::transcript::text_bytes;
use opentelemetry::trace::SpanId;
use std::ops::Range;

/// What a span was for, as far as a transcript cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It understood the caller.
    Hears,
    /// It made the agent's speech.
    Speaks,
    RunsTool,
    Turn,
}

/// What a span says, with times in nanoseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    /// The turn that the span stands in, or is, by its key.
    pub(super) turn: Option<i64>,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// With the length of what it was understood from, where that is known, else 0.
    User(String, u64),
    Agent(String),
    Tool {
        id: String,
        name: String,
        arguments: String,
        result: String,
    },
    Turn {
        was_interrupted: bool,
    },
}

/// How much of a stream's text was said before its span ended, and when the rest began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) bytes: usize,
    pub(super) since: Option<u64>,
}

impl Said {
    /// A sentence of a stream.
    pub(crate) fn sentence(turn: Option<i64>, at: Range<u64>, is_of_agent: bool, text: String) -> Self {
        let what = if is_of_agent { What::Agent(text) } else { What::User(text, 0) };
        Self { turn, start: at.start, end: at.end, what }
    }

    /// What an ended span says; `None` if nothing that somebody heard. `told` gives what its stream said before.
    pub(super) fn read(
        stage: Stage,
        turn: Option<i64>,
        record: &[u8],
        told: impl FnOnce(SpanId) -> Told,
    ) -> Option<Self> {
        let (record, _) = finished::records(record).next()?;
        let fields = Fields::of(&record);
        let (start, end) = (record.head.start, record.head.end);
        let (start, what) = match stage {
            Stage::Hears => {
                let (start, text) = rest((start, fields.heard(&record)?), told(record.head.span_id))?;
                (start, What::User(text, fields.length()))
            }
            Stage::Speaks => {
                let (start, text) = rest(fields.spoken(&record)?, told(record.head.span_id))?;
                (start, What::Agent(text))
            }
            Stage::RunsTool => (start, fields.tool(&record)?),
            Stage::Turn => {
                (start, What::Turn { was_interrupted: fields.flag(semconv::TURN_WAS_INTERRUPTED) })
            }
        };
        Some(Self { turn, start, end: end.max(start), what })
    }

    /// When it began to be said, of what the agent says.
    #[cfg(feature = "audio")]
    pub(super) fn speech(&self) -> Option<u64> {
        matches!(self.what, What::Agent(_)).then_some(self.start)
    }

    /// Bytes of its texts as JSON.
    pub(super) fn bytes(&self) -> usize {
        match &self.what {
            What::User(text, _) | What::Agent(text) => text_bytes(text),
            What::Tool { id, name, arguments, result } => {
                // Both entries name them.
                2 * (text_bytes(id) + text_bytes(name)) + text_bytes(arguments) + text_bytes(result)
            }
            What::Turn { .. } => 0,
        }
    }
}

/// What a stream said after what was told, and from when on.
fn rest((start, text): (u64, String), told: Told) -> Option<(u64, String)> {
    let text = text.get(told.bytes..)?.trim();
    (!text.is_empty()).then(|| (told.since.unwrap_or(start), text.to_owned()))
}

/// The span attributes of a record.
struct Fields<'a>(Vec<(&'a str, Value<'a>)>);

impl<'a> Fields<'a> {
    fn of(record: &Record<'a>) -> Self {
        Self(record.attributes())
    }

    fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::Str(text) if !text.trim().is_empty() => Some((*text).to_owned()),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::Bool(true)))
    }

    /// What the caller said, unless that may still change.
    fn heard(&self, record: &Record<'_>) -> Option<String> {
        let is_interim = matches!(self.get(semconv::IS_FINAL), Some(Value::Bool(false)));
        self.text(semconv::STT_TRANSCRIPT).filter(|_| !is_interim && !record.head.failed())
    }

    /// How long the audio is that a recogniser was given whole, in nanoseconds.
    fn length(&self) -> u64 {
        match self.get(semconv::METRICS_AUDIO_SECONDS) {
            Some(Value::F64(seconds)) => of_seconds(*seconds),
            _ => 0,
        }
    }

    /// What the agent said and when its first audio was there; `None` where no audio came. A function that gives nothing
    /// plays its audio itself, so that one which has run to its end has spoken.
    fn spoken(&self, record: &Record<'_>) -> Option<(u64, String)> {
        let text = self.text(semconv::TEXT).or_else(|| self.text(semconv::OUTPUT))?;
        let (start, end) = (record.head.start, record.head.end);
        let is_stream = self.get(semconv::STREAM_ITEMS).is_some();
        let was_cut = record.head.failed() || self.flag(semconv::CEKURA_INTERRUPTED);
        let first = match (self.get(semconv::METRICS_TTFB), self.get(semconv::OUTPUT_LEN)) {
            (Some(Value::F64(wait)), _) => start.saturating_add(of_seconds(*wait)).min(end),
            (_, Some(Value::I64(elements))) if *elements > 0 && !is_stream => end,
            (None, None) if !is_stream && !was_cut => start,
            _ => return None,
        };
        Some((first, text))
    }

    fn tool(&self, record: &Record<'_>) -> Option<What> {
        let name = self.text(semconv::FUNCTION_NAME)?;
        let id = self.text(semconv::GEN_AI_TOOL_CALL_ID).unwrap_or_else(|| record.head.span_id.to_string());
        let arguments = self.text(semconv::FUNCTION_INPUT).unwrap_or_else(|| "{}".to_owned());
        let error = |text: &str| serde_json::json!({ "error": text }).to_string();
        let result = if record.head.failed() {
            error(record.description)
        } else if self.flag(semconv::CEKURA_INTERRUPTED) {
            error("interrupted")
        } else {
            let json = self.text(semconv::FUNCTION_OUTPUT).unwrap_or_else(|| "null".to_owned());
            // A text stands as it is.
            serde_json::from_str(&json).unwrap_or(json)
        };
        Some(What::Tool { id, name, arguments, result })
    }
}
