//! Chooses the parent of a new span. Invariant: a parent outside the conversation's trace, or one that never
//! arrives, is replaced by the nearest ancestor that does.

use crate::call::Call;
use crate::recording::scope::Scope;
use crate::recording::span::live::Live;
use crate::recording::span::live::handle::live_of;
use opentelemetry::trace::{SpanContext, SpanId, SpanRef, TraceId};
use std::sync::Arc;

/// What a new span is a child of, unless it is a conversation.
pub(super) struct Parent {
    pub(super) trace_id: TraceId,
    /// Of the span of the context; or, where that is a host's and does not go where ours go, of the nearest one of ours.
    pub(super) span_id: SpanId,
    /// Set where it is a span of ours, and that of the context is in another trace or knows of no turn.
    pub(super) other: Option<Box<SpanContext>>,
}

impl Parent {
    /// The parent in a context that the attribute names.
    pub(super) fn named(span: &SpanRef<'_>, scope: Option<&Scope>) -> Self {
        let here = span.span_context();
        match scope.and_then(Scope::call) {
            Some(call) if call.root.trace_id() != here.trace_id() => Self::other(&call.root),
            Some(call) if !may_arrive(span, scope) => Self::here(here.trace_id(), call.root.span_id()),
            _ if here.is_valid() => Self::here(here.trace_id(), here.span_id()),
            _ => Self::NONE,
        }
    }

    /// The parent in the current context, `span` being its span.
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
                Self::here(trace_id, here.span_id())
            }
            (Some(ours), _) if is_here => Self::here(trace_id, ours.span_context().span_id()),
            (Some(ours), _) => Self::other(ours.span_context()),
            (None, Some(_)) if is_here && may_arrive(span, scope) => Self::here(trace_id, here.span_id()),
            (None, Some(call)) if is_here => Self::here(trace_id, call.root.span_id()),
            (None, Some(call)) => Self::other(&call.root),
            (None, None) => Self::NONE,
        }
    }

    /// Nothing: the span begins a trace.
    pub(super) const NONE: Self = Self::here(TraceId::INVALID, SpanId::INVALID);

    #[inline]
    pub(super) const fn here(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id, span_id, other: None }
    }

    pub(super) fn other(span: &SpanContext) -> Self {
        Self { other: Some(Box::new(span.clone())), ..Self::here(span.trace_id(), span.span_id()) }
    }

    /// The trace of its children: a new one where it is nothing.
    #[inline]
    pub(super) fn trace_id_of_child(&self) -> TraceId {
        match self.trace_id {
            TraceId::INVALID => TraceId::from(rand::random::<u128>().max(1)),
            trace_id => trace_id,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.span_id == SpanId::INVALID
    }
}

/// Whether a span of a call's trace may reach Cekura. Of those that a host does not sample only ours do.
fn may_arrive(span: &SpanRef<'_>, scope: Option<&Scope>) -> bool {
    let here = span.span_context();
    here.is_sampled() || scope.is_some_and(|scope| scope.is_of(here.span_id())) || live_of(span).is_some()
}
