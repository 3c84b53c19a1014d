//! What is cut in the encoded span is what would be cut in OpenTelemetry's own types.

use super::shorten;
use crate::arbitrary::{buffer, config};
use crate::delivery::encode::wire::SpanEncoder;
use crate::{finished, semconv};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::{prop_assert_eq, proptest};
use prost::Message;

fn expected(mut span: Span, longest: usize) -> Span {
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
    span
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
fn mark(key: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::BoolValue(true)) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_span_is_cut_as_the_types_would(bytes in buffer(), longest in 0_usize..40) {
        let mut encoder = SpanEncoder::default();
        for (record, _) in finished::records(&bytes) {
            encoder.write(&record);
            let expected = expected(Span::decode(&*encoder.span).unwrap(), longest);
            shorten(&mut encoder.span, longest);
            // As bytes, for a float may be no number.
            prop_assert_eq!(Span::decode(&*encoder.span).unwrap().encode_to_vec(), expected.encode_to_vec());
        }
    }
}
