//! Converts records to owned spans and trees, for the terminal and for tests, which keep whole traces.
//! Invariant: reading records keeps no reference to their bytes.

use super::entry::{Entry, Value};
use super::record::{Head, Record};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::{Array, StringValue, Value as ApiValue};
use std::collections::{HashMap, HashSet};

/// An ended span that owns its parts.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) head: Head,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) attributes: Vec<(String, ApiValue)>,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    /// It goes on: its end is that of what is shown, and it counts for no measurement.
    #[cfg_attr(not(feature = "local"), expect(dead_code, reason = "pages show it"))]
    pub(crate) is_open: bool,
}

#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "local"), expect(dead_code, reason = "pages show all of it"))]
pub(crate) struct Event {
    pub(crate) name: String,
    /// Nanoseconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) attributes: Vec<(String, ApiValue)>,
}

#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "local"), expect(dead_code, reason = "pages show all of it"))]
pub(crate) struct Link {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) attributes: Vec<(String, ApiValue)>,
}

impl Span {
    pub(crate) fn attribute(&self, key: &str) -> Option<&ApiValue> {
        self.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }
}

impl From<&Record<'_>> for Span {
    fn from(record: &Record<'_>) -> Self {
        let mut events = Vec::new();
        let mut links = Vec::new();
        for entry in record.entries() {
            match entry {
                Entry::Attribute { .. } | Entry::Description(_) | Entry::Name(_) | Entry::Scope { .. } => {}
                Entry::Event { name, time, attributes } => {
                    events.push(Event { name: name.to_owned(), time, attributes: owned(attributes) });
                }
                Entry::Link { trace_id, span_id, attributes, .. } => {
                    links.push(Link { trace_id, span_id, attributes: owned(attributes) });
                }
            }
        }
        Self {
            head: record.head.clone(),
            name: record.name.to_owned(),
            description: record.description.to_owned(),
            attributes: owned(record.attributes()),
            events,
            links,
            is_open: false,
        }
    }
}

fn owned<'a>(pairs: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Vec<(String, ApiValue)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

impl From<Value<'_>> for ApiValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::F64(value) => Self::F64(value),
            Value::I64(value) => Self::I64(value),
            Value::Str(value) => Self::String(StringValue::from(value.to_owned())),
            Value::Array(values) => Self::Array(array(&values)),
        }
    }
}

fn array(values: &[Value<'_>]) -> Array {
    fn all<'v, T>(values: &'v [Value<'_>], one: impl Fn(&'v Value<'_>) -> Option<T>) -> Vec<T> {
        values.iter().filter_map(one).collect()
    }
    match values.first() {
        Some(Value::Bool(_)) => {
            Array::Bool(all(values, |v| if let Value::Bool(v) = v { Some(*v) } else { None }))
        }
        Some(Value::F64(_)) => {
            Array::F64(all(values, |v| if let Value::F64(v) = v { Some(*v) } else { None }))
        }
        Some(Value::I64(_)) => {
            Array::I64(all(values, |v| if let Value::I64(v) = v { Some(*v) } else { None }))
        }
        _ => Array::String(all(values, |v| {
            if let Value::Str(v) = v { Some(StringValue::from((*v).to_owned())) } else { None }
        })),
    }
}

/// The spans of one or more traces in drawing order: each parent before its children, siblings by start.
/// A span whose parent is not among them stands as a root.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Each span with its depth; roots have depth 0.
    pub(crate) rows: Vec<(usize, Span)>,
}

impl From<Vec<Span>> for Tree {
    fn from(mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| (span.head.start, std::cmp::Reverse(span.head.end)));
        let known: HashSet<_> = spans.iter().map(|span| span.head.span_id).collect();
        let mut children: HashMap<_, Vec<usize>> = HashMap::new();
        let mut roots = Vec::new();
        for (at, span) in spans.iter().enumerate() {
            if known.contains(&span.head.parent_id) {
                children.entry(span.head.parent_id).or_default().push(at);
            } else {
                roots.push(at);
            }
        }
        let mut spans: Vec<_> = spans.into_iter().map(Some).collect();
        let mut rows = Vec::with_capacity(spans.len());
        // Spans that are above each other are under no root.
        for root in roots.into_iter().chain(0..spans.len()) {
            let mut waiting = vec![(0, root)];
            while let Some((depth, at)) = waiting.pop() {
                let Some(span) = spans[at].take() else { continue };
                let below = children.remove(&span.head.span_id).unwrap_or_default();
                waiting.extend(below.into_iter().rev().map(|child| (depth + 1, child)));
                rows.push((depth, span));
            }
        }
        Self { rows }
    }
}
