//! Work that leaves the current task or thread comes in; the same work in the same conversation goes out. This file
//! does not know spans.

use super::conversation::look;
use super::span::{Entered, Live, current};
use opentelemetry::Context as SpanContext;
use opentelemetry::trace::TraceContextExt;
use pin_project_lite::pin_project;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// A value with the conversation and span it comes from; made by [`carry`].
#[derive(Clone, Debug)]
pub struct Carried<T> {
    value: T,
    place: Place,
}

/// Takes a value along with the conversation and span that are current here: through a channel, or into a thread.
///
/// ```
/// # use std::sync::mpsc;
/// # struct Audio;
/// # fn play(_: Audio) {}
/// let (sender, receiver) = mpsc::channel();
/// sender.send(cekura::context::carry(Audio))?;
/// // in another thread:
/// receiver.recv()?.in_scope(|audio| play(audio)); // what `play` traces belongs to the sender's call
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn carry<T>(value: T) -> Carried<T> {
    Carried { value, place: Place::current() }
}

impl<T> Carried<T> {
    /// Calls a function with the value, in its conversation.
    pub fn in_scope<R>(mut self, function: impl FnOnce(T) -> R) -> R {
        let _entered = self.place.enter();
        function(self.value)
    }

    /// Runs the future that a function makes of the value, in its conversation.
    pub fn run<F: Future>(self, function: impl FnOnce(T) -> F) -> impl Future<Output = F::Output> {
        let Self { value, mut place } = self;
        let future = {
            let _entered = place.enter();
            function(value)
        };
        InPlace { future, place }
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

/// W3C trace context headers of the span that is current here, for a request to another process: `traceparent`, and
/// `tracestate` where there is one. Empty where no span is current.
///
/// There, [`link_headers`](crate::conversation) takes them, as does any other W3C propagator. Baggage is the program's:
/// its own propagator sends it.
///
/// ```
/// #[cekura::tool_call(skip_all)]
/// fn look_up(request: &mut Vec<(String, String)>) {
///     request.extend(cekura::context::headers());
/// }
/// # let mut request = Vec::new();
/// # let trace = cekura::testing::capture(|| look_up(&mut request));
/// # let span = trace.span("tool_call").unwrap();
/// # let parent = format!("00-{}-{}-01", span.trace_id(), span.span_id());
/// # assert_eq!(request, [("traceparent".to_owned(), parent)]);
/// ```
#[must_use]
pub fn headers() -> HashMap<String, String> {
    let context = look(|context| context.span().span_context().clone());
    let Some(context) = context.filter(opentelemetry::trace::SpanContext::is_valid) else {
        return HashMap::new();
    };
    let (trace_id, span_id) = (context.trace_id(), context.span_id());
    let flags = u8::from(context.is_sampled());
    let parent = ("traceparent", format!("00-{trace_id}-{span_id}-{flags:02x}"));
    let state = ("tracestate", context.trace_state().header());
    let headers = [parent, state].into_iter().filter(|(_, value)| !value.is_empty());
    headers.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// [`tokio::spawn`], with the conversation and span that are current here.
///
/// # Panics
///
/// Outside a tokio runtime, as tokio's own function does.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(InPlace { future, place: Place::current() })
}

/// [`tokio::task::spawn_local`], with the conversation and span that are current here.
///
/// # Panics
///
/// Outside a `LocalSet`, as tokio's own function does.
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    tokio::task::spawn_local(InPlace { future, place: Place::current() })
}

/// [`tokio::task::spawn_blocking`], with the conversation and span that are current here.
///
/// # Panics
///
/// Outside a tokio runtime, as tokio's own function does.
pub fn spawn_blocking<R: Send + 'static>(function: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let carried = carry(function);
    tokio::task::spawn_blocking(move || carried.in_scope(|function| function()))
}

/// A context and the cekura span entered in it.
#[derive(Clone, Debug)]
struct Place {
    context: SpanContext,
    live: Option<Arc<Live>>,
}

impl Place {
    fn current() -> Self {
        Self { context: look(SpanContext::clone).unwrap_or_default(), live: current() }
    }

    fn enter(&mut self) -> Entered<'_> {
        Entered::new(self.context.clone(), &mut self.live)
    }
}

pin_project! {
    /// A future whose every poll is in one place.
    struct InPlace<F> {
        #[pin]
        future: F,
        place: Place,
    }
}

impl<F: Future> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.place.enter();
        this.future.poll(task)
    }
}
