//! Streams that are read inside an annotated function, or that it returns in a form its type does not show.
//! Invariant: the span stays open as long as a followed stream may give items.

use super::context::Place;
use super::current::current;
use super::seen::{Item, Seen};
use super::span::ending::panic_message;
use super::span::live::Live;
use crate::call::Unfinished;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

pin_project! {
    /// A stream whose items are recorded on the span that was current at [`follow`].
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct Follow<S>
    where
        S: Stream,
    {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        stream: Option<S>,
        follower: Option<Box<Follower<S::Item>>>,
    }

    impl<S> PinnedDrop for Follow<S>
    where
        S: Stream,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(mut follower) = this.follower.take() else { return };
            {
                let _entered = follower.place.enter();
                this.stream.set(None);
            }
            follower.live.release(true);
        }
    }
}

/// The span of a stream that is not over.
struct Follower<T> {
    place: Place,
    live: Arc<Live>,
    show: Show<T>,
}

/// Records the items of a stream on the current span, as if its function had returned the stream: times, sizes,
/// and what a known response says. The items themselves are not changed.
///
/// It is for a stream that the function reads itself, returns in a tuple or struct, or sends to another task.
/// If the function returns first, the span stays open until the stream ends, gives an `Err` or is dropped. An
/// `Err` makes the span an error even if the function goes on.
///
/// An item implements `Serialize`, is a byte buffer, or is a `Result` of one of these. If the error implements
/// both `Error` and `Serialize`, the compiler cannot choose: map it to a text with `map_err`. Inside a `tts`,
/// follow the audio, not the text.
///
/// ```
/// use futures::{Stream, StreamExt};
///
/// #[cekura::llm(provider = "openai")]
/// async fn answer(tokens: impl Stream<Item = String> + Unpin) -> String {
///     let mut tokens = cekura::follow(tokens);
///     let mut answer = String::new();
///     while let Some(token) = tokens.next().await {
///         answer += &token;
///     }
///     answer
/// }
/// # let tokens = futures::stream::iter(["From ten ", "to four."]).map(str::to_owned);
/// # let answer = answer(tokens);
/// # let trace = cekura::testing::capture(|| futures::FutureExt::now_or_never(answer));
/// # let llm = trace.span("llm").unwrap();
/// # assert_eq!(llm.text("output"), Some("From ten to four."));
/// # assert!(llm.attribute("metrics.ttfb").is_some());
/// ```
pub fn follow<S, How>(stream: S) -> Follow<S>
where
    S: Stream,
    S::Item: Item<How>,
{
    let live = current().into_live().filter(|live| live.hold(false));
    let follower = live.map(|live| {
        live.be_stream();
        Box::new(Follower { place: Place::current(), live, show: S::Item::show })
    });
    Follow { stream: Some(stream), follower }
}

impl<S: Stream> Stream for Follow<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        // It is there until the drop.
        let Some(stream) = this.stream.as_pin_mut() else { return Poll::Ready(None) };
        let Some(mut follower) = this.follower.take() else { return stream.poll_next(task) };
        let polled = {
            let _entered = follower.place.enter();
            catch_unwind(AssertUnwindSafe(|| stream.poll_next(task)))
        };
        let is_over = match &polled {
            Err(panic) => {
                follower.live.say(|attributes| attributes.panic(panic_message(&**panic)));
                true
            }
            Ok(Poll::Pending) => false,
            Ok(Poll::Ready(Some(item))) => follower.item(item),
            Ok(Poll::Ready(None)) => true,
        };
        if is_over {
            follower.live.release(false);
        } else {
            *this.follower = Some(follower);
        }
        polled.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<S: FusedStream> FusedStream for Follow<S> {
    fn is_terminated(&self) -> bool {
        self.stream.as_ref().is_none_or(FusedStream::is_terminated)
    }
}

/// Shows what an item is, by its type.
type Show<T> = fn(&T, &mut dyn FnMut(Seen<'_>));

impl<T> Follower<T> {
    /// Records an item. Returns whether it was an error.
    fn item(&self, item: &T) -> bool {
        let mut is_error = false;
        self.live.item(Instant::now(), |attributes| {
            (self.show)(item, &mut |seen| {
                is_error |= seen.is_failure();
                seen.record(attributes);
            });
        });
        is_error
    }
}

impl<S: Stream> fmt::Debug for Follow<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.follower.as_ref().map(|follower| &follower.live);
        f.debug_struct("Follow").field("span", &live).finish_non_exhaustive()
    }
}
