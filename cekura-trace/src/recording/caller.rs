//! The span that has sent the request which is worked on, as the context carries it. Invariant: only a conversation looks for it.

use super::thread::look;
use opentelemetry::Context;
use opentelemetry::trace::SpanContext;

pub(super) struct Caller(SpanContext);

impl Caller {
    /// The current context, with a caller.
    pub(super) fn in_current(span: SpanContext) -> Option<Context> {
        look(|context| context.with_value(Self(span)))
    }

    pub(super) fn of(context: &Context) -> Option<&SpanContext> {
        context.get::<Self>().map(|caller| &caller.0)
    }
}
