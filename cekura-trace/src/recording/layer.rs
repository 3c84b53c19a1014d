//! Makes the program's `tracing` spans and events spans and span events of the conversation in which they stand. Invariant: a span
//! that begins outside any conversation is none of ours, and costs a look at the current context.

mod entered;
mod event;
mod fields;
mod traced;

use super::current::current;
use super::scope::Scope;
use super::thread::look;
use crate::destination;
use crate::say::is_own;
use opentelemetry::Context as SpanContext;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use traced::Traced;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// A layer that makes `tracing` spans and events inside a conversation its spans and span events, nested right with those of
/// annotated functions. Outside any conversation nothing is recorded.
///
/// A filter goes around it. Without one, spans of libraries that trace each frame of a connection arrive too.
///
/// ```
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// #[tracing::instrument(name = "llm", fields(gen_ai.request.model = "gpt-4o", output))]
/// fn think(heard: &str) -> String {
///     let answer = format!("You said: {heard}");
///     tracing::info!(words = 3, "answered");
///     tracing::Span::current().record("output", &answer);
///     answer
/// }
///
/// #[cekura::conversation(call_id = "call-1")]
/// fn answer_call() {
///     think("Hello?");
/// }
///
/// let subscriber = tracing_subscriber::registry().with(cekura::layer().with_filter(LevelFilter::INFO));
/// # let trace = tracing::subscriber::with_default(subscriber, || cekura::testing::capture(answer_call));
/// # assert_eq!(trace.to_string(), "conversation\n  llm\n");
/// # let llm = trace.span("llm").unwrap();
/// # assert_eq!((llm.text("heard"), llm.text("output")), (Some("Hello?"), Some("You said: Hello?")));
/// # assert_eq!(llm.text("gen_ai.request.model"), Some("gpt-4o"));
/// # assert_eq!(llm.events().count(), 1);
/// ```
///
/// The [guide](crate::guide::tracing) says what is recorded, and how such a span ends.
pub fn layer() -> TracingLayer {
    TracingLayer { open: AtomicUsize::new(0) }
}

/// The layer that [`layer`] gives.
#[derive(Debug)]
#[must_use = "it records nothing until it is added to a subscriber: `tracing_subscriber::registry().with(…)`"]
pub struct TracingLayer {
    /// How many spans are open. Without any, nobody looks for one.
    open: AtomicUsize,
}

impl TracingLayer {
    /// The span of ours that a `tracing` span is.
    fn traced<S>(&self, id: &Id, context: &Context<'_, S>) -> Option<Arc<Traced>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        // Who has the span has also seen it begin.
        if self.open.load(Ordering::Relaxed) == 0 { None } else { of(&context.span(id)?) }
    }
}

fn of<S>(span: &SpanRef<'_, S>) -> Option<Arc<Traced>>
where
    S: for<'span> LookupSpan<'span>,
{
    // Cloned, for what follows may run code of the program's that comes back here.
    span.extensions().get::<Arc<Traced>>().cloned()
}

/// The nearest span of ours among a span and those above it.
fn nearest<S>(span: &SpanRef<'_, S>) -> Option<Arc<Traced>>
where
    S: for<'span> LookupSpan<'span>,
{
    span.scope().find_map(|span| of(&span))
}

/// Whether a conversation is current on this thread.
fn is_in_conversation() -> bool {
    let is_inside =
        |context: &SpanContext| context.get::<Scope>().is_some_and(|scope| scope.call().is_some());
    look(is_inside).unwrap_or_default()
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        // A span with `parent: None` says that it is no part of what is current.
        if !destination::any_open() || attributes.is_root() || is_own(attributes.metadata().target()) {
            return;
        }
        // Only a parent that is named: what is current says the same of any other, and knows of annotated functions.
        let is_named = attributes.parent().is_some() && self.open.load(Ordering::Relaxed) > 0;
        if !is_named && !is_in_conversation() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        // Not looked for by its id: a filter may leave it out, and then one above it counts.
        let named = if is_named { span.parent().and_then(|parent| nearest(&parent)) } else { None };
        if is_named && named.is_none() && !is_in_conversation() {
            return;
        }
        if let Some(traced) = Traced::open(attributes, named.as_deref()) {
            self.open.fetch_add(1, Ordering::Relaxed);
            span.extensions_mut().insert(Arc::new(traced));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(traced) = self.traced(id, &context) {
            traced.record(values);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        if let (Some(traced), Some(follows)) = (self.traced(id, &context), self.traced(follows, &context)) {
            traced.follow(&follows);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !destination::any_open() || event.is_root() || is_own(event.metadata().target()) {
            return;
        }
        let named = event.parent().and_then(|parent| nearest(&context.span(parent)?));
        match named {
            Some(traced) => traced.live().inspect(|live| event::add(event, live, true)),
            None if !is_in_conversation() => None,
            None => current().into_live().as_ref().inspect(|live| {
                event::add(event, live, entered::is_entered(live));
            }),
        };
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(traced) = self.traced(id, &context) {
            entered::enter(traced);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(traced) = self.traced(id, &context) {
            entered::exit(&traced);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        let Some(span) = context.span(&id) else { return };
        let traced = span.extensions_mut().remove::<Arc<Traced>>();
        if let Some(traced) = traced {
            self.open.fetch_sub(1, Ordering::Relaxed);
            Traced::close(traced);
        }
    }
}
