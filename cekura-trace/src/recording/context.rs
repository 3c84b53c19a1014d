//! Carries the conversation and the current span into other tasks, threads and processes. Invariant: carried
//! work runs in the conversation it was carried from, wherever it runs.

use super::scope::Scope;
use super::span::live::Live;
use super::thread::{Entered, current, look};
use crate::call::{self, Unfinished};
use futures_core::Stream;
use futures_core::stream::FusedStream;
use opentelemetry::Context as SpanContext;
use opentelemetry::trace::TraceContextExt;
use pin_project_lite::pin_project;
use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

pin_project! {
    /// A value together with the conversation and span it comes from; made by [`carry`].
    ///
    /// It dereferences to the value. A carried future is a future and a carried stream is a stream: it is
    /// polled, and dropped, in the conversation.
    #[derive(Clone, Debug)]
    #[must_use = "a carried message must be sent, and a carried future does nothing unless it is polled"]
    pub struct Carried<T> {
        // An `Option` only so that it can be dropped inside the place.
        #[pin]
        value: Option<T>,
        place: Place,
        hold: Option<MessageHold>,
    }

    impl<T> PinnedDrop for Carried<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.value.is_some() {
                let _entered = this.place.enter();
                this.value.set(None);
            }
        }
    }
}

/// Attaches the current conversation and span to a value, to send it through a channel or into a thread.
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
///
/// A carried future can run wherever a future can: in a `JoinSet`, in `FuturesUnordered`, in any runtime's
/// `spawn`. [`spawn`] carries a future into `tokio::spawn`. A carried value keeps an annotated conversation
/// open until it is taken, polled or dropped; if that does not happen within a minute after the conversation's
/// function has returned, an event names the call. A future given to [`spawn`] does not.
///
/// ```
/// use cekura::context::carry;
/// use tokio::task::JoinSet;
///
/// #[cekura::tool_call]
/// async fn look_up(source: &str) -> String {
///     // …
/// #   source.to_owned()
/// }
///
/// #[cekura::conversation]
/// async fn call() {
///     let mut tools = JoinSet::new();
///     tools.spawn(carry(look_up("calendar")));
///     tools.spawn(carry(look_up("customers")));
///     while let Some(found) = tools.join_next().await {
///         // …
/// #       found.unwrap();
///     }
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = runtime.block_on(cekura::testing::capture_async(call()));
/// # assert_eq!(trace.to_string(), "conversation\n  tool_call\n  tool_call\n");
/// ```
///
/// A task that serves many conversations belongs to none of them. Each message brings its own conversation:
///
/// ```
/// use cekura::context::{Carried, carry};
/// use tokio::sync::{mpsc, oneshot};
///
/// struct Question(String, oneshot::Sender<String>);
///
/// #[cekura::llm]
/// async fn think(question: &str) -> String {
///     // …
/// #   question.to_uppercase()
/// }
///
/// async fn serve(mut inbox: mpsc::Receiver<Carried<Question>>) {
///     while let Some(message) = inbox.recv().await {
///         let answered = message.run(async |Question(text, reply)| reply.send(think(&text).await));
///         answered.await.ok();
///     }
/// }
///
/// #[cekura::conversation]
/// async fn call(brain: mpsc::Sender<Carried<Question>>) {
///     let (reply, answer) = oneshot::channel();
///     brain.send(carry(Question("Do you open on Sundays?".into(), reply))).await.ok();
/// #   assert_eq!(
///     answer.await
/// #   .unwrap(), "DO YOU OPEN ON SUNDAYS?");
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let (brain, inbox) = mpsc::channel(8);
/// # let trace = runtime.block_on(async {
/// #     tokio::spawn(serve(inbox));
/// #     cekura::testing::capture_async(call(brain)).await
/// # });
/// # assert_eq!(trace.to_string(), "conversation\n  llm\n");
/// ```
///
/// A carried stream keeps the conversation open: if an annotated conversation returns before the stream is
/// over, as the handler of a web server does, the conversation ends when the stream ends or is dropped.
///
/// ```
/// use futures::{Stream, StreamExt};
///
/// #[cekura::tool_call]
/// fn look_up(word: &str) -> String {
///     // …
/// #   word.to_uppercase()
/// }
///
/// #[cekura::conversation(skip_all)]
/// async fn handle(words: impl Stream<Item = String>) -> impl Stream<Item = String> {
///     cekura::context::carry(words.map(|word| look_up(&word)))
/// }
/// # let words = futures::stream::iter(["ten", "four"]).map(str::to_owned);
/// # let read = async { handle(words).await.count().await };
/// # let trace = cekura::testing::capture(|| futures::FutureExt::now_or_never(read));
/// # assert_eq!(trace.to_string(), "conversation\n  tool_call\n  tool_call\n");
/// # assert!(trace.spans()[0].end() >= trace.spans()[2].end());
/// ```
pub fn carry<T>(value: T) -> Carried<T> {
    Carried { value: Some(value), place: Place::current(), hold: MessageHold::of_call() }
}

/// Like [`carry`], but does not keep the call open.
pub(super) fn goes_on<T>(value: T) -> Carried<T> {
    Carried { value: Some(value), place: Place::current(), hold: None }
}

/// A callback that runs in the current conversation and span, however often and wherever it is called: for an
/// API that takes a function rather than a value. It is `Send` and `Sync` if the function is.
///
/// ```
/// use cekura::context::carry_fn;
///
/// #[cekura::tool_call]
/// fn look_up(word: String) -> usize {
///     // …
/// #   word.len()
/// }
///
/// #[cekura::conversation]
/// fn call() {
///     let on_word = carry_fn(|word: String| look_up(word));
///     let session = std::thread::spawn(move || on_word("ten".into()) + on_word("four".into()));
/// #   assert_eq!(
///     session.join().unwrap()
/// #   , 7);
/// }
/// # let trace = cekura::testing::capture(call);
/// # assert_eq!(trace.to_string(), "conversation\n  tool_call\n  tool_call\n");
/// ```
pub fn carry_fn<M, R>(callback: impl Fn(M) -> R) -> impl Fn(M) -> R {
    let place = Place::current();
    move |message| {
        let Place { context, mut live } = place.clone();
        let _entered = Entered::new(|| context, &mut live);
        callback(message)
    }
}

impl<T> Carried<T> {
    /// A value carried to another place than the current one.
    pub(crate) fn to(context: SpanContext, live: Option<Arc<Live>>, value: T) -> Self {
        Self { value: Some(value), place: Place { context, live }, hold: None }
    }

    /// Calls a function with the value, in its conversation.
    pub fn in_scope<R>(mut self, function: impl FnOnce(T) -> R) -> R {
        let value = self.take();
        // The call need not wait for what has arrived.
        self.hold = None;
        let Place { context, live } = &mut self.place;
        let _entered = Entered::new(|| std::mem::take(context), live);
        function(value)
    }

    /// Makes a future from the value; the future runs in the value's conversation.
    pub fn run<F: Future>(self, function: impl FnOnce(T) -> F) -> Carried<F> {
        self.in_scope(|value| goes_on(function(value)))
    }

    /// The value, without its conversation.
    pub fn into_inner(mut self) -> T {
        self.take()
    }

    fn take(&mut self) -> T {
        self.value.take().expect("only who owns it takes the value out")
    }
}

impl<T> Deref for Carried<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only who owns it takes the value out")
    }
}

impl<T> DerefMut for Carried<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("only who owns it takes the value out")
    }
}

impl<S: Stream> Stream for Carried<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let _entered = this.place.enter();
        // It is there until the drop.
        let polled = this.value.as_pin_mut().map_or(Poll::Ready(None), |stream| stream.poll_next(task));
        if let Some(hold) = this.hold {
            hold.read();
            hold.has_more = !matches!(polled, Poll::Ready(None));
            if !hold.has_more {
                *this.hold = None;
            }
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.value.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<S: FusedStream> FusedStream for Carried<S> {
    fn is_terminated(&self) -> bool {
        self.value.as_ref().is_none_or(FusedStream::is_terminated)
    }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        *this.hold = None;
        let _entered = this.place.enter();
        // It is there until the drop.
        this.value.as_pin_mut().map_or(Poll::Pending, |future| future.poll(task))
    }
}

/// W3C trace context headers of the current span, for a request to another process: `traceparent`, and
/// `tracestate` if there is one. Empty if no span is current.
///
/// In the other process, [`link_headers`](crate::conversation) or any other W3C propagator reads them. Baggage
/// is not included: use the program's own propagator for it.
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
    call::know_trace();
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

/// [`tokio::spawn`] in the current conversation and span.
///
/// # Panics
///
/// Outside a tokio runtime, as tokio's own function does.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(goes_on(future))
}

/// [`tokio::task::spawn_local`] in the current conversation and span.
///
/// # Panics
///
/// Outside a `LocalSet`, as tokio's own function does.
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    tokio::task::spawn_local(goes_on(future))
}

/// [`tokio::task::spawn_blocking`] in the current conversation and span.
///
/// # Panics
///
/// Outside a tokio runtime, as tokio's own function does.
pub fn spawn_blocking<R: Send + 'static>(function: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let carried = goes_on(function);
    tokio::task::spawn_blocking(move || carried.in_scope(|function| function()))
}

/// Keeps a call open after the function of its conversation has returned.
struct MessageHold {
    call: Arc<dyn Unfinished>,
    /// Whether what holds it is being read.
    is_read: bool,
    /// True for a stream that is not over.
    has_more: bool,
}

impl MessageHold {
    fn of_call() -> Option<Self> {
        let call = look(|context| context.get::<Scope>()?.call().cloned()).flatten()?;
        let call = call.span()?;
        call.hold(true).then_some(Self { call, is_read: false, has_more: false })
    }

    fn read(&mut self) {
        if !std::mem::replace(&mut self.is_read, true) {
            self.call.read();
        }
    }
}

impl Clone for MessageHold {
    fn clone(&self) -> Self {
        // Where that fails the call is over, and releasing it does nothing.
        self.call.hold(true);
        Self { call: self.call.clone(), is_read: false, has_more: self.has_more }
    }
}

impl Drop for MessageHold {
    fn drop(&mut self) {
        self.read();
        self.call.release(self.has_more);
    }
}

impl fmt::Debug for MessageHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageHold")
    }
}

/// A context, and the span of this crate that is current in it.
#[derive(Clone)]
pub(super) struct Place {
    context: SpanContext,
    live: Option<Arc<Live>>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.context.span().span_context().clone();
        f.debug_tuple("Place").field(&span.trace_id()).field(&span.span_id()).finish()
    }
}

impl Place {
    pub(super) fn current() -> Self {
        Self { context: look(SpanContext::clone).unwrap_or_default(), live: current() }
    }

    pub(super) fn enter(&mut self) -> Entered<'_> {
        Entered::new(|| self.context.clone(), &mut self.live)
    }
}
