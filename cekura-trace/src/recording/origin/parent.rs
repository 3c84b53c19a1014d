//! Chooses the parent of a new span. Invariant: a parent outside the conversation's trace, or one that never
//! arrives, is replaced by the nearest ancestor that does.

use crate::call::{Call, Turn};
use crate::recording::scope::Scope;
use crate::recording::span::live::Live;
use crate::recording::span::live::handle::live_of;
use opentelemetry::trace::{SpanContext, SpanId, SpanRef, TraceId};
use std::sync::Arc;

/// What a new span is a child of, unless it is a conversation.
pub(super) enum Parent {
    /// The span of the context, in whose trace it is; or, where that is a host's and does not go where ours go, the id
    /// of the nearest one of ours.
    Here(TraceId, SpanId),
    /// Nothing: it begins a trace.
    None,
    /// A span of ours, where that of the context is in another trace, or knows of no turn.
    Other(Box<SpanContext>),
}

impl Parent {
    /// The parent in a context that the attribute names.
    pub(super) fn named(span: &SpanRef<'_>, scope: Option<&Scope>) -> Self {
        let here = span.span_context();
        match scope.and_then(Scope::call) {
            Some(call) if call.root.trace_id() != here.trace_id() => Self::root(call),
            Some(call) if !may_arrive(span, scope) => Self::Here(here.trace_id(), call.root.span_id()),
            _ if here.is_valid() => Self::Here(here.trace_id(), here.span_id()),
            _ => Self::None,
        }
    }

    /// The parent in the current context, `span` being its span.
    #[inline]
    pub(super) fn current(span: &SpanRef<'_>, scope: Option<&Scope>, live: Option<&Arc<Live>>) -> Self {
        let here = span.span_context();
        let call = scope.and_then(Scope::call);
        let trace_id = call.map_or(here.trace_id(), |call| call.root.trace_id());
        let ours = live.filter(|live| live.trace_id() == trace_id);
        let is_here = here.trace_id() == trace_id;
        // Of ours, these are known in a context that was carried by hand; others may be a host's.
        let is_known = || scope.is_some_and(|scope| scope.is_of(here.span_id()));
        let is_of_host = |call: &Arc<Call>| call.is_of_host(here.span_id());
        match (ours, call) {
            (_, call) if is_here && (is_known() || call.is_some_and(is_of_host)) => {
                Self::Here(trace_id, here.span_id())
            }
            (Some(ours), _) if is_here => Self::Here(trace_id, ours.span_context().span_id()),
            (Some(ours), _) => Self::Other(Box::new(ours.span_context().clone())),
            (None, Some(_)) if is_here && may_arrive(span, scope) => Self::Here(trace_id, here.span_id()),
            (None, Some(call)) if is_here => Self::Here(trace_id, call.root.span_id()),
            (None, Some(call)) => Self::root(call),
            (None, None) => Self::None,
        }
    }

    fn root(call: &Call) -> Self {
        Self::Other(Box::new(call.root.clone()))
    }

    pub(super) fn span_id(&self) -> SpanId {
        match self {
            Self::Here(_, span_id) => *span_id,
            Self::Other(parent) => parent.span_id(),
            Self::None => SpanId::INVALID,
        }
    }

    /// A turn, of a span whose context knows of none.
    #[cold]
    pub(super) fn turn(turn: &Turn) -> Self {
        Self::Other(Box::new(turn.span.clone()))
    }
}

/// Whether a span of a call's trace may reach Cekura. Of those that a host does not sample only ours do.
fn may_arrive(span: &SpanRef<'_>, scope: Option<&Scope>) -> bool {
    let here = span.span_context();
    here.is_sampled() || scope.is_some_and(|scope| scope.is_of(here.span_id())) || live_of(span).is_some()
}
