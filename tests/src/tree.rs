//! Prints spans as text, one line each: children under their parents, in the order they started.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SpanData;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// What decides where a span stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The span's name.
    pub name: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent's id; invalid for a root.
    pub parent_id: SpanId,
    /// When it started.
    pub start: SystemTime,
}

impl From<&Span> for Node {
    fn from(span: &Span) -> Self {
        let parent = &span.parent_span_id;
        Self {
            name: span.name.clone(),
            trace_id: TraceId::from_bytes(span.trace_id.as_slice().try_into().unwrap()),
            span_id: SpanId::from_bytes(span.span_id.as_slice().try_into().unwrap()),
            parent_id: parent.as_slice().try_into().map_or(SpanId::INVALID, SpanId::from_bytes),
            start: SystemTime::UNIX_EPOCH + Duration::from_nanos(span.start_time_unix_nano),
        }
    }
}

impl From<&SpanData> for Node {
    fn from(span: &SpanData) -> Self {
        Self {
            name: span.name.to_string(),
            trace_id: span.span_context.trace_id(),
            span_id: span.span_context.span_id(),
            parent_id: span.parent_span_id,
            start: span.start_time,
        }
    }
}

/// Draws spans as an indented tree; one whose parent is not among them stands at the left, marked with `…`.
pub fn tree<'s, S>(spans: &'s [S]) -> String
where
    Node: From<&'s S>,
{
    let mut nodes: Vec<Node> = spans.iter().map(Node::from).collect();
    nodes.sort_by_key(|node| node.start);
    let has_parent = |node: &Node| nodes.iter().any(|parent| is_parent(parent, node));
    let mut text = String::new();
    for node in nodes.iter().filter(|node| !has_parent(node)) {
        if node.parent_id != SpanId::INVALID {
            text.push('…');
        }
        draw(node, &nodes, 0, &mut text);
    }
    text
}

fn is_parent(parent: &Node, node: &Node) -> bool {
    (parent.trace_id, parent.span_id) == (node.trace_id, node.parent_id)
}

fn draw(node: &Node, nodes: &[Node], depth: usize, text: &mut String) {
    writeln!(text, "{:indent$}{}", "", node.name, indent = depth * 2).unwrap();
    for child in nodes.iter().filter(|child| is_parent(node, child)) {
        draw(child, nodes, depth + 1, text);
    }
}
