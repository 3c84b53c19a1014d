//! Streams of annotated functions, with their span. Invariant: the span is current at each poll and while the
//! stream is dropped.

use super::attributes::Attributes;
use super::span::ending::Ending;
use super::span::open::Open;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// Sets what one item says. In a box, whose type does not say how long items live; empty closures take no memory.
pub(super) type Each<T> = Box<dyn Fn(&mut Attributes, &T) + Send + Sync>;

/// A place with a stream in it, to which a span can be given.
#[diagnostic::on_unimplemented(
    message = "no span can follow `{Self}` to its end",
    label = "`stream` needs a stream that can be wrapped",
    note = "return `impl Stream<Item = …>`, `BoxStream<'_, …>`, `LocalBoxStream<'_, …>` or \
            `Pin<Box<dyn Stream<Item = …>>>`, or a `Result` or an `Option` of one of these",
    note = "to keep a stream of another type, leave `stream` out and return `cekura::follow(…)` of it, or read it through that (items with `Serialize`)"
)]
pub trait Slot {
    type Item;

    /// Gives a span to the stream.
    fn fill(&mut self, span: Ending, each: Each<Self::Item>);
}

pin_project! {
    /// The stream of an annotated function.
    pub struct Streamed<S>
    where
        S: Stream,
    {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        stream: Option<S>,
        followed: Option<Box<Followed<S::Item>>>,
    }

    impl<S> PinnedDrop for Streamed<S>
    where
        S: Stream,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(mut followed) = this.followed.take() else { return };
            let dropped = followed.open.inside(|| {
                // All of it was read, but not its end: `take(n)` asks no further.
                let rest = this.stream.as_ref().as_pin_ref().map(|stream| stream.size_hint());
                this.stream.set(None);
                rest == Some((0, Some(0)))
            });
            let has_items = followed.open.live().is_some_and(|live| live.has_items());
            match dropped {
                Ok(true) if has_items => followed.open.end_now(),
                Ok(_) => followed.open.let_go(),
                Err(panic) => followed.open.panicked(panic, |_| {}),
            }
        }
    }
}

/// A span, and how the items of its stream are recorded.
struct Followed<T> {
    open: Open,
    each: Each<T>,
}

// Its closure has nothing of the program's but that of the attribute.
impl<T> UnwindSafe for Followed<T> {}
impl<T> RefUnwindSafe for Followed<T> {}

impl<S: Stream> Streamed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: Some(stream), followed: None }
    }
}

impl<S: Stream> Slot for Streamed<S> {
    type Item = S::Item;

    fn fill(&mut self, span: Ending, each: Each<S::Item>) {
        self.followed = Some(Box::new(Followed::new(span, each)));
    }
}

impl<S: Stream> Slot for Pin<Box<Streamed<S>>> {
    type Item = S::Item;

    fn fill(&mut self, span: Ending, each: Each<S::Item>) {
        *self.as_mut().project().followed = Some(Box::new(Followed::new(span, each)));
    }
}

macro_rules! slots {
    ($($container:ident<$boxed:ty>,)*) => {
        $(impl<'a, T: 'a> Slot for $boxed {
            type Item = T;

            fn fill(&mut self, span: Ending, each: Each<T>) {
                let stream = std::mem::replace(self, slots!(@ $container Never::<Self>(PhantomData)));
                let followed = Some(Box::new(Followed::new(span, each)));
                *self = slots!(@ $container Streamed { stream: Some(stream), followed });
            }
        })*
    };
    (@ Pinned $stream:expr) => { Box::pin($stream) };
    (@ Unpinned $stream:expr) => { Box::new($stream) };
}

/// The streams in a box for which another one can stand.
macro_rules! for_boxed_streams {
    ($then:ident) => {
        $then! {
            Pinned<Pin<Box<dyn Stream<Item = T> + 'a>>>,
            Pinned<Pin<Box<dyn Stream<Item = T> + Send + 'a>>>,
            Pinned<Pin<Box<dyn Stream<Item = T> + Send + Sync + 'a>>>,
            Unpinned<Box<dyn Stream<Item = T> + Unpin + 'a>>,
            Unpinned<Box<dyn Stream<Item = T> + Send + Unpin + 'a>>,
            Unpinned<Box<dyn Stream<Item = T> + Send + Sync + Unpin + 'a>>,
        }
    };
}
pub(super) use for_boxed_streams;

for_boxed_streams!(slots);

/// Stands in for a stream while that is taken out of its place.
struct Never<S>(PhantomData<S>);

impl<S: Stream> Stream for Never<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Poll::Ready(None)
    }
}

impl<S: Stream> Stream for Streamed<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        // It is there until the drop.
        let Some(stream) = this.stream.as_pin_mut() else { return Poll::Ready(None) };
        match this.followed.take() {
            None => stream.poll_next(task),
            Some(followed) => followed.poll(stream, this.followed, task),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<S: FusedStream> FusedStream for Streamed<S> {
    fn is_terminated(&self) -> bool {
        self.stream.as_ref().is_none_or(FusedStream::is_terminated)
    }
}

impl<T> Followed<T> {
    fn new(span: Ending, each: Each<T>) -> Self {
        let open = span.go_on();
        open.live().inspect(|live| live.be_stream());
        Self { open, each }
    }

    /// Polls the stream in the span, which goes back to its `place` unless it is over.
    fn poll<S: Stream<Item = T>>(
        mut self: Box<Self>,
        stream: Pin<&mut S>,
        place: &mut Option<Box<Self>>,
        task: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        let polled = match self.open.inside(|| stream.poll_next(task)) {
            Ok(polled) => polled,
            Err(panic) => self.open.panicked(panic, |_| {}),
        };
        let is_over = match &polled {
            Poll::Pending => false,
            Poll::Ready(Some(item)) => self.item(item),
            Poll::Ready(None) => true,
        };
        if is_over {
            self.open.end_now();
        } else {
            *place = Some(self);
        }
        polled
    }

    /// Records an item, and says whether it was an error.
    fn item(&self, item: &T) -> bool {
        let record = |attributes: &mut Attributes| (self.each)(attributes, item);
        self.open.live().is_some_and(|live| live.item(Instant::now(), record))
    }
}
