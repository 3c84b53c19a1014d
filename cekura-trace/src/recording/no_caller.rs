//! Stands in for the span that has sent a request in a build without the feature `tower`.

use opentelemetry::Context;
use opentelemetry::trace::SpanContext;

pub(super) enum Caller {}

impl Caller {
    pub(super) fn of(_: &Context) -> Option<&SpanContext> {
        None
    }
}
