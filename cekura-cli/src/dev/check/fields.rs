//! What a field may hold, and whether an object's fields hold it. Invariant: a value is never repeated, only its field and what it is
//! to be.

use super::{Wrong, time, trace_id};
use serde_json::{Map, Value};

pub(in crate::dev) type Fields = Map<String, Value>;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    Channel,
    Flag,
    List,
    /// Seconds or minutes.
    Number,
    Object,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text of at most so many characters.
    Text(usize),
    Time,
    TraceId,
    Whole,
}

/// What is wrong with the fields of an object at `path`.
pub(super) fn check(path: &str, fields: &Fields, known: &[(&str, Holds)]) -> Vec<Wrong> {
    let mut found = Vec::new();
    for (name, value) in fields {
        let field = format!("{path}{name}");
        let Some((_, holds)) = known.iter().find(|(known, _)| known == name) else {
            let what = format!("no such field is documented{}", nearest(name, known));
            found.push(Wrong { field, what, is_refused: false });
            continue;
        };
        if value.is_null() {
            let what = "is null: leave the field out".to_owned();
            found.push(Wrong { field, what, is_refused: false });
        } else if let Some(what) = holds.mistake(value) {
            found.push(Wrong { field, what, is_refused: true });
        } else {
            found.extend(nulls(&field, value, 0));
        }
    }
    found
}

/// The fields that must be there and are not.
pub(super) fn required(path: &str, fields: &Fields, names: &[&str]) -> Vec<Wrong> {
    let missing = names.iter().filter(|name| !fields.contains_key(**name));
    missing.map(|name| refused(format!("{path}{name}"), "This field is required.")).collect()
}

pub(super) fn refused(field: impl Into<String>, what: impl Into<String>) -> Wrong {
    Wrong { field: field.into(), what: what.into(), is_refused: true }
}

/// What only `--check` finds.
pub(super) fn strict(field: impl Into<String>, what: impl Into<String>) -> Wrong {
    Wrong { field: field.into(), what: what.into(), is_refused: false }
}

impl Holds {
    fn mistake(self, value: &Value) -> Option<String> {
        let text = value.as_str();
        let (is_good, what) = match self {
            Self::Channel => (matches!(value.as_u64(), Some(0 | 1)), "is to be 0 or 1"),
            Self::Flag => (value.is_boolean(), "is to be true or false"),
            Self::List => (value.is_array(), "is to be a list"),
            Self::Number => {
                (value.as_f64().is_some_and(|number| number >= 0.0), "is to be a number that is not negative")
            }
            Self::Object => (value.is_object(), "is to be an object"),
            Self::OneOf(words) => {
                let is_known = text.is_some_and(|text| words.contains(&text));
                return (!is_known).then(|| format!("is to be one of {}", words.join(", ")));
            }
            Self::Text(most) => {
                let is_short = text.is_some_and(|text| text.chars().count() <= most);
                return (!is_short).then(|| format!("is to be a text of at most {most} characters"));
            }
            Self::Time => (
                text.is_some_and(|text| time::read(text).is_some()),
                "is to be a time with its zone, such as 2026-01-31T09:30:00Z",
            ),
            Self::TraceId => (
                text.is_some_and(|text| trace_id(text).is_some()),
                "is to be the 32 lower-case hexadecimal digits of an OpenTelemetry trace id",
            ),
            Self::Whole => (value.is_u64(), "is to be a whole number"),
        };
        (!is_good).then(|| what.to_owned())
    }
}

/// Objects in objects that are looked at.
const DEEPEST: usize = 16;

fn nulls(path: &str, value: &Value, depth: usize) -> Vec<Wrong> {
    let below: Vec<(String, &Value)> = match value {
        Value::Null => return vec![strict(path, "is null: leave it out")],
        _ if depth >= DEEPEST => return Vec::new(),
        Value::Array(values) => {
            values.iter().enumerate().map(|(at, value)| (format!("{path}[{at}]"), value)).collect()
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (format!("{path}.{name}"), value)).collect()
        }
        _ => return Vec::new(),
    };
    below.iter().flat_map(|(path, value)| nulls(path, value, depth + 1)).collect()
}

/// Names of other endpoints, and how two names are called here that are often mistaken.
fn nearest(name: &str, known: &[(&str, Holds)]) -> String {
    const SAME: [(&str, &str); 6] = [
        ("agent_id", "agent"),
        ("agent", "agent_id"),
        ("transcript", "transcript_json"),
        ("traceId", "trace_id"),
        ("started_at", "startedAt"),
        ("ended_at", "endedAt"),
    ];
    let is_known = |word: &str| known.iter().any(|(known, _)| *known == word);
    let meant = SAME.iter().find(|(wrong, right)| *wrong == name && is_known(right));
    meant.map_or_else(|| ": leave it out".to_owned(), |(_, right)| format!(": it is `{right}` here"))
}
