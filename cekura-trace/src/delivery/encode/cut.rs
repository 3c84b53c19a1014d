//! Cuts a span to a size, as far as its texts allow that. Invariant: no character is cut in two,
//! and an attribute that is cut says so.

use crate::semconv;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Below this a value is not cut.
const SHORTEST: usize = 256;

/// Cuts the longest strings of a span, marked as truncated, until it is no larger than `bytes` or nothing is left to
/// cut.
pub(super) fn fit(span: &mut Span, bytes: usize) {
    let mut longest = bytes / 2;
    while span.encoded_len() > bytes && longest >= SHORTEST {
        cut_text(&mut span.name, longest);
        if let Some(status) = &mut span.status {
            cut_text(&mut status.message, longest);
        }
        cut_attributes(&mut span.attributes, longest);
        for event in &mut span.events {
            cut_attributes(&mut event.attributes, longest);
        }
        for link in &mut span.links {
            cut_attributes(&mut link.attributes, longest);
        }
        longest /= 2;
    }
}

fn cut_attributes(attributes: &mut Vec<KeyValue>, longest: usize) {
    let mut marks = Vec::new();
    for attribute in attributes.iter_mut() {
        if attribute.value.as_mut().is_some_and(|value| cut_value(value, longest)) {
            marks.push(format!("{}{}", attribute.key, semconv::TRUNCATED_SUFFIX));
        }
    }
    for key in marks {
        if !attributes.iter().any(|attribute| attribute.key == key) {
            attributes.push(mark(&key));
        }
    }
}

fn cut_value(value: &mut AnyValue, longest: usize) -> bool {
    match &mut value.value {
        Some(any_value::Value::StringValue(text)) => cut_text(text, longest),
        Some(any_value::Value::ArrayValue(array)) => {
            array.values.iter_mut().filter_map(|value| cut_value(value, longest).then_some(())).count() > 0
        }
        _ => false,
    }
}

fn cut_text(text: &mut String, longest: usize) -> bool {
    let is_long = text.len() > longest;
    if is_long {
        let cut = (0..=longest).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(cut);
        text.shrink_to_fit();
    }
    is_long
}

/// A span attribute that says that something is so.
pub(super) fn mark(key: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::BoolValue(true)) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
