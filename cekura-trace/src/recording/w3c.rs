//! Reads the W3C trace context headers of another process. Invariant: headers that are not as the specification says
//! name no span.

use http::{HeaderMap, HeaderName};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use std::collections::HashMap;
use std::hash::BuildHasher;

/// W3C trace context headers, for `link_headers`.
#[diagnostic::on_unimplemented(
    message = "`link_headers` takes W3C trace context headers, found `{Self}`",
    label = "expected a `HashMap<String, String>`, an `http::HeaderMap`, or a reference to an `opentelemetry::propagation::Extractor`"
)]
pub trait LinkHeaders {
    /// The span that the headers name, if they are valid.
    fn span_context(&self) -> Option<SpanContext>;
}

impl<T: Extractor + ?Sized> LinkHeaders for &T {
    fn span_context(&self) -> Option<SpanContext> {
        // Two parents are none; a state may come in parts (W3C Trace Context, 3.2 and 3.3).
        let [parent] = self.get_all("traceparent")?[..] else { return None };
        let state = self.get_all("tracestate").and_then(|parts| parts.join(",").parse().ok());
        read_traceparent(parent.trim(), state.unwrap_or_default())
    }
}

impl<S: BuildHasher> LinkHeaders for HashMap<String, String, S>
where
    Self: Extractor,
{
    fn span_context(&self) -> Option<SpanContext> {
        (&self).span_context()
    }
}

impl LinkHeaders for HeaderMap {
    fn span_context(&self) -> Option<SpanContext> {
        (&Headers(self)).span_context()
    }
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values: Option<Vec<_>> = self.0.get_all(key).iter().map(|value| value.to_str().ok()).collect();
        values.filter(|values| !values.is_empty())
    }
}

impl<T: LinkHeaders> LinkHeaders for Option<T> {
    fn span_context(&self) -> Option<SpanContext> {
        self.as_ref()?.span_context()
    }
}

fn read_traceparent(header: &str, state: TraceState) -> Option<SpanContext> {
    let is_lower_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = header.split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_well_formed = is_lower_hex(version, 2)
        && version != "ff"
        && is_lower_hex(trace_id, 32)
        && is_lower_hex(span_id, 16)
        && is_lower_hex(flags, 2)
        && (version != "00" || parts.next().is_none());
    if !is_well_formed {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace_id, span_id) = (TraceId::from_hex(trace_id).ok()?, SpanId::from_hex(span_id).ok()?);
    Some(SpanContext::new(trace_id, span_id, flags, true, state)).filter(SpanContext::is_valid)
}
