//! Writes spans, as a collector prints them or as they were sent, as one text. Invariant: the same call gives
//! the same text.

use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::fmt::Write;

/// A span in a collector's words.
#[derive(Clone, Debug, Default)]
pub struct Printed {
    /// In hexadecimal digits.
    pub trace_id: String,
    id: String,
    parent: String,
    name: String,
    kind: String,
    status: String,
    description: String,
    attributes: Vec<(String, String)>,
}

/// Reads everything that `rotel` has printed.
pub fn read(text: &str) -> Vec<Printed> {
    let mut spans = Vec::new();
    let mut is_span = false;
    for line in text.lines() {
        if line.starts_with("Span #") || line.starts_with("ResourceSpans #") {
            is_span = line.starts_with("Span #");
            spans.extend(is_span.then(Printed::default));
        } else if let Some(span) = spans.last_mut().filter(|_| is_span) {
            read_line(span, line);
        }
    }
    spans
}

fn read_line(span: &mut Printed, line: &str) {
    if let Some((key, value)) = line.strip_prefix("     -> ").and_then(|line| line.split_once(": ")) {
        span.attributes.push((key.to_owned(), value.to_owned()));
    } else if let Some((name, value)) = line.split_once(':') {
        let field = match name.trim() {
            "Trace ID" => &mut span.trace_id,
            "Parent ID" => &mut span.parent,
            "ID" => &mut span.id,
            "Name" => &mut span.name,
            "Kind" => &mut span.kind,
            "Status code" => &mut span.status,
            "Status message" => &mut span.description,
            _ => return,
        };
        value.trim().clone_into(field);
    }
}

impl From<&Span> for Printed {
    fn from(span: &Span) -> Self {
        let hex = |id: &[u8]| id.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let status = span.status.as_ref();
        let attributes = span.attributes.iter();
        Self {
            trace_id: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            name: span.name.clone(),
            kind: span.kind().as_str_name().to_owned(),
            status: status.map(|status| status.code().as_str_name().to_owned()).unwrap_or_default(),
            description: status.map(|status| status.message.clone()).unwrap_or_default(),
            attributes: attributes.map(|own| (own.key.clone(), shown(own.value.as_ref()))).collect(),
        }
    }
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::ArrayValue(array)) => {
            let values: Vec<_> = array.values.iter().map(|value| shown(Some(value))).collect();
            format!("Slice({})", values.join(", "))
        }
        Some(Value::BoolValue(value)) => format!("Bool({value})"),
        Some(Value::DoubleValue(value)) => format!("Double({value})"),
        Some(Value::IntValue(value)) => format!("Int({value})"),
        Some(Value::StringValue(value)) => format!("Str({value})"),
        other => panic!("{other:?} is in no span of ours"),
    }
}

/// Each span with its ancestors' names, status and attributes, without ids and times.
pub fn describe(spans: &[Printed]) -> String {
    let mut texts: Vec<_> = spans.iter().map(|span| description(span, spans)).collect();
    texts.sort();
    texts.concat()
}

fn description(span: &Printed, all: &[Printed]) -> String {
    let (kind, status) = (span.kind.replace("SPAN_KIND_", ""), span.status.replace("STATUS_CODE_", ""));
    let mut text = format!("{} ({kind})", path(span, all));
    if !["", "UNSET"].contains(&status.as_str()) {
        write!(text, " {status}: {}", span.description).unwrap();
    }
    let is_interrupted = span.attributes.iter().any(|(key, _)| key == "cekura.interrupted");
    let mut attributes: Vec<_> = span
        .attributes
        .iter()
        .filter(|(key, _)| !(is_interrupted && (varies(key) || key == "output.len")))
        .map(|(key, value)| format!("\n    {key} = {}", if varies(key) { "…" } else { value }))
        .collect();
    attributes.sort();
    text + &attributes.concat() + "\n"
}

fn path(span: &Printed, all: &[Printed]) -> String {
    let number = span.attributes.iter().find(|(key, _)| key == "turn.number");
    let number = number.map(|(_, value)| value.replace("Int(", " ").replace(')', "")).unwrap_or_default();
    let own = format!("{}{number}", span.name);
    match all.iter().find(|other| other.id == span.parent) {
        Some(parent) => format!("{} > {own}", path(parent, all)),
        None if span.parent.is_empty() => own,
        None => format!("? > {own}"),
    }
}

/// Times and what depends on them: only there or not, and what was interrupted may not have come so far.
fn varies(key: &str) -> bool {
    let starts = ["metrics.", "stream.", "llm.first_token_ms", "gen_ai.response.time_to_first_chunk"];
    starts.iter().any(|start| key.starts_with(start)) || key.ends_with("_seconds")
}
