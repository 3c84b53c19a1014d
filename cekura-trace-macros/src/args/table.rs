//! The arguments of the attributes: which attributes take each one, and which runtime call it becomes.
//! Invariant: every argument is listed once, here.

/// The attributes, named as their spans are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanName {
    Conversation,
    Llm,
    S2s,
    Span,
    Stt,
    ToolCall,
    Tts,
    Turn,
}

impl SpanName {
    pub(crate) const ALL: &[Self] = EVERY;

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Conversation => "conversation",
            Llm => "llm",
            S2s => "s2s",
            Span => "span",
            Stt => "stt",
            ToolCall => "tool_call",
            Tts => "tts",
            Turn => "turn",
        }
    }
}

/// One argument: its name, how it is given to the runtime, and the attributes that have it.
pub(crate) struct Rule {
    pub(crate) key: &'static str,
    pub(crate) given: Given,
    pub(crate) when: When,
    pub(super) of: &'static [SpanName],
}

/// What may stand behind the name, and how generated code hands it on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// The path in `crate = path`.
    Crate,
    /// Names of arguments in `debug(a, b)`.
    Debug,
    /// What says that a returned value is a failure.
    Failure,
    Flag,
    Float,
    Integer,
    /// Nothing, or `manual`.
    Observe,
    /// `CaptureContent`, which is moved.
    Policy,
    Record,
    /// A reference to what is described here.
    Reference(&'static str),
    Skip,
    SkipAll,
    SkipOutput,
    Stream,
    /// Any value, by its type.
    Value,
}

/// When a value must be known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// On return: a closure.
    After,
    /// Before or after the body, as the user likes.
    Any,
    /// Before the body: no closure.
    Before,
    /// Before anything else is recorded, in the order of the table: no closure.
    First,
}

use Given::{Crate, Debug, Failure, Flag, Float, Integer, Observe, Policy, Record};
use Given::{Reference, Skip, SkipAll, SkipOutput, Stream, Value};
use SpanName::{Conversation, Llm, S2s, Span, Stt, ToolCall, Tts, Turn};
use When::{After, Any, Before, First};

const EVERY: &[SpanName] = &[Conversation, Turn, Stt, Llm, Tts, S2s, ToolCall, Span];
const MODELS: &[SpanName] = &[Stt, Llm, Tts, S2s];
const GENERATORS: &[SpanName] = &[Llm, S2s];
const COUNTED: &[SpanName] = &[Llm, Tts, S2s];
const OPERATIONS: &[SpanName] = &[Conversation, Stt, Llm, Tts, S2s, ToolCall, Span];

/// Every argument; those that are `First` stand in the order in which the runtime needs them.
const RULES: &[Rule] = &[
    Rule {
        key: "parent",
        given: Reference("a guard, a `Turn`, a `Conversation` or an `opentelemetry::Context`"),
        when: First,
        of: EVERY,
    },
    Rule { key: "client", given: Reference("a handle (`Cekura`)"), when: First, of: &[Conversation] },
    Rule { key: "capture", given: Policy, when: First, of: &[Conversation] },
    Rule { key: "trace_id_from", given: Value, when: First, of: &[Conversation] },
    Rule { key: "link_headers", given: Reference("the caller's headers"), when: First, of: &[Conversation] },
    Rule { key: "call_id", given: Value, when: Before, of: &[Conversation] },
    Rule { key: "user_id", given: Value, when: Any, of: &[Conversation] },
    Rule { key: "session_id", given: Value, when: Any, of: &[Conversation] },
    Rule { key: "run", given: Reference("a `cekura::Run`"), when: Before, of: &[Conversation] },
    Rule { key: "observe", given: Observe, when: Before, of: &[Conversation] },
    Rule { key: "number", given: Integer, when: Before, of: &[Turn] },
    Rule { key: "provider", given: Value, when: Any, of: MODELS },
    Rule { key: "model", given: Value, when: Any, of: MODELS },
    Rule { key: "transcript", given: Value, when: Any, of: &[Stt] },
    Rule { key: "confidence", given: Float, when: Any, of: &[Stt] },
    Rule { key: "language", given: Value, when: Any, of: &[Stt] },
    Rule { key: "is_final", given: Flag, when: Any, of: &[Stt] },
    Rule { key: "voice", given: Value, when: Any, of: &[Tts] },
    Rule { key: "text", given: Value, when: Any, of: &[Tts] },
    Rule { key: "characters", given: Integer, when: Any, of: &[Tts] },
    Rule { key: "input_tokens", given: Integer, when: Any, of: COUNTED },
    Rule { key: "output_tokens", given: Integer, when: Any, of: COUNTED },
    Rule { key: "response_model", given: Value, when: Any, of: GENERATORS },
    Rule { key: "response_id", given: Value, when: Any, of: GENERATORS },
    Rule { key: "finish_reason", given: Value, when: Any, of: GENERATORS },
    Rule { key: "temperature", given: Float, when: Any, of: GENERATORS },
    Rule { key: "max_tokens", given: Integer, when: Any, of: GENERATORS },
    Rule { key: "output", given: Value, when: Any, of: GENERATORS },
    Rule { key: "name", given: Value, when: Before, of: &[ToolCall, Span] },
    Rule { key: "operation", given: Value, when: Any, of: OPERATIONS },
    Rule { key: "id", given: Value, when: Any, of: &[ToolCall] },
    Rule { key: "arguments", given: Value, when: Any, of: &[ToolCall] },
    Rule { key: "skip", given: Skip, when: Any, of: EVERY },
    Rule { key: "skip_all", given: SkipAll, when: Any, of: EVERY },
    Rule { key: "skip_output", given: SkipOutput, when: Any, of: EVERY },
    Rule { key: "debug", given: Debug, when: Any, of: EVERY },
    Rule { key: "error", given: Failure, when: After, of: EVERY },
    Rule { key: "record", given: Record, when: Any, of: EVERY },
    Rule { key: "stream", given: Stream, when: Any, of: EVERY },
    Rule { key: "crate", given: Crate, when: Any, of: EVERY },
];

impl Rule {
    pub(crate) fn find(key: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.key == key)
    }

    /// Its place in the table.
    pub(crate) fn position(&self) -> usize {
        RULES.iter().position(|rule| rule.key == self.key).unwrap_or(usize::MAX)
    }

    /// The names of all arguments of `name`'s attribute, its own first.
    pub(crate) fn keys(name: SpanName) -> impl Iterator<Item = &'static str> {
        let own = RULES.iter().filter(move |rule| rule.of != EVERY && rule.of.contains(&name));
        let common = RULES.iter().filter(|rule| rule.of == EVERY);
        own.chain(common).map(|rule| rule.key)
    }

    /// How to write it.
    pub(crate) fn usage(&self) -> String {
        let key = self.key;
        match (self.given, self.when) {
            (Crate, _) => "`crate = path`".into(),
            (Observe, _) => format!("`{key}` or `{key} = manual`"),
            (SkipAll | SkipOutput | Stream, _) => format!("`{key}`"),
            (Record, _) => "`record(\"my.key\" = expression)`".into(),
            (Debug | Skip, _) => format!("`{key}(a, b)`"),
            (_, After) => format!("`{key} = |returned| expression`"),
            (_, Any) => format!("`{key} = expression` or `{key} = |returned| expression`"),
            (_, Before | First) => format!("`{key} = expression`"),
        }
    }
}
