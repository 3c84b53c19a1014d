//! Writes single values as the API takes them. Invariant: no null is left in them.

use serde_json::Value;

/// The value without members and elements that are null; `None` if it is null itself.
pub(super) fn without_nulls(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(values) => Some(values.into_iter().filter_map(without_nulls).collect()),
        Value::Object(members) => {
            let members = members.into_iter().filter_map(|(key, value)| Some((key, without_nulls(value)?)));
            Some(Value::Object(members.collect()))
        }
        other => Some(other),
    }
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}
