//! What is wrong with spans. Invariant: a finding never repeats a value that may be a key.

use crate::dev::stage;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

/// Shorter keys would be found in any text.
pub(super) const SHORTEST_KEY: usize = 8;

/// Of attributes that have no business in a span.
const NAMES: [&str; 8] =
    ["api_key", "api-key", "apikey", "authorization", "secret", "password", "access_token", "private_key"];
/// How the keys of vendors begin, which are at least [`LONG`] characters long.
const BEGINNINGS: [&str; 8] = ["sk-", "sk_", "xi-", "AIza", "AKIA", "ghp_", "xoxb-", "Bearer "];
const LONG: usize = 20;

/// A clock may be wrong by so much.
const TOLERANCE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn check(all: &[ResourceSpans], keys: &HashSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for from in all {
        let of_resource = from.resource.iter().flat_map(|resource| &resource.attributes);
        for key in of_resource.filter(|attribute| is_secret(attribute, keys)) {
            found.push(secret("the resource", key));
        }
        for (scope, span) in
            from.scope_spans.iter().flat_map(|scope| scope.spans.iter().map(move |span| (scope, span)))
        {
            let scope = scope.scope.as_ref().map_or("", |scope| &scope.name);
            let what = format!("span `{}`", stage::read(span, scope).name);
            let of_events = span.events.iter().flat_map(|event| &event.attributes);
            let of_links = span.links.iter().flat_map(|link| &link.attributes);
            let of_span = span.attributes.iter().chain(of_events).chain(of_links);
            found
                .extend(of_span.filter(|attribute| is_secret(attribute, keys)).map(|key| secret(&what, key)));
            found.extend(times(span).map(|why| format!("{what}: {why}")));
        }
    }
    found
}

fn times(span: &Span) -> Option<&'static str> {
    let [start, end] = [span.start_time_unix_nano, span.end_time_unix_nano].map(Duration::from_nanos);
    let latest = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + TOLERANCE;
    let outside = |time: u64| !(span.start_time_unix_nano..=span.end_time_unix_nano).contains(&time);
    if start.is_zero() || end.is_zero() {
        Some("it has no start or no end: set both, in nanoseconds since 1970")
    } else if end < start {
        Some("it ends before it begins: take both times from one clock")
    } else if end > latest {
        Some("it ends more than a day from now: times are nanoseconds since 1970")
    } else if span.events.iter().any(|event| outside(event.time_unix_nano)) {
        Some("one of its events is before its start or after its end: take all times from one clock")
    } else {
        None
    }
}

fn secret(what: &str, attribute: &KeyValue) -> String {
    let name: String = attribute.key.chars().take(100).collect();
    format!(
        "{what}: the attribute `{name}` seems to be a key or a password: do not record it, and replace that key"
    )
}

fn is_secret(attribute: &KeyValue, keys: &HashSet<String>) -> bool {
    let name = attribute.key.to_ascii_lowercase();
    let value = attribute.value.as_ref();
    let says_something =
        value.is_some_and(|value| matches!(&value.value, Some(Value::StringValue(text)) if !text.is_empty()));
    NAMES.iter().any(|word| name.contains(word)) && says_something
        || value.is_some_and(|value| has_key(value, keys, DEEPEST))
}

/// Lists in lists that are looked at.
const DEEPEST: usize = 8;

fn has_key(value: &AnyValue, keys: &HashSet<String>, depth: usize) -> bool {
    match value.value.as_ref() {
        Some(Value::StringValue(text)) => {
            keys.iter().any(|key| text.contains(&**key))
                || text.split([' ', '"', '\'', '=', ',']).any(is_vendors)
                || is_vendors(text)
        }
        Some(Value::ArrayValue(list)) if depth > 0 => {
            list.values.iter().any(|value| has_key(value, keys, depth - 1))
        }
        Some(Value::KvlistValue(list)) if depth > 0 => list
            .values
            .iter()
            .filter_map(|pair| pair.value.as_ref())
            .any(|value| has_key(value, keys, depth - 1)),
        _ => false,
    }
}

/// Whether a word is made as vendors make their keys.
fn is_vendors(word: &str) -> bool {
    let rest = BEGINNINGS.iter().find_map(|beginning| word.strip_prefix(beginning));
    rest.is_some_and(|rest| {
        let is_made = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        rest.len() >= LONG - 4 && rest.bytes().all(is_made) && rest.bytes().any(|byte| byte.is_ascii_digit())
    })
}
