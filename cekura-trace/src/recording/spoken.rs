//! A `tts` text that arrives as a stream: each part is recorded as the body reads it. Invariant: the body gets
//! a stream that can do what the given one could, and a box of the same type.
//!
//! Generated code recognises the argument by the tokens of its type. The type itself decides whether it can be
//! wrapped, as in `value`: a program may have a `Stream` or a `BoxStream` of its own.

#![expect(clippy::unused_self, reason = "generated code finds each method by the type it is called on")]

use super::callsite::Callsite;
use super::current::current;
use super::span::live::Live;
use super::stream::for_boxed_streams;
use super::value::Value;
use crate::destination;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// A part of a text.
pub trait Part {
    /// `None` of a failure.
    fn part(&self) -> Option<&str>;
}

macro_rules! parts {
    ($($text:ty),*) => {
        $(impl Part for $text {
            fn part(&self) -> Option<&str> {
                Some(self)
            }
        })*
    };
}

parts!(&str, Arc<str>, Box<str>, Cow<'_, str>, String);

impl<T: Part, E> Part for Result<T, E> {
    fn part(&self) -> Option<&str> {
        self.as_ref().ok().and_then(Part::part)
    }
}

impl Callsite {
    /// Wraps an argument for `.__streamed()` or `.__boxed()`, which say how the body is given it.
    pub fn text_of<'a, T>(&self, _: &'a T) -> Texts<'a, T> {
        Texts(Other(PhantomData))
    }
}

layer!(Texts over Other);
/// Anything that is no stream of text, or in a box that cannot be replaced.
pub struct Other<'a, T>(PhantomData<&'a T>);

impl<T: Stream<Item: Part>> Texts<'_, T> {
    pub fn __streamed(&self) -> Wrapped {
        Wrapped
    }
}

impl<T: Boxed> Texts<'_, T> {
    pub fn __boxed(&self) -> Replaced {
        Replaced
    }
}

impl<T> Other<'_, T> {
    pub fn __streamed(&self) -> AsItIs {
        AsItIs
    }

    pub fn __boxed(&self) -> AsItIs {
        AsItIs
    }
}

/// What stands as `impl Stream` in the signature, so that nothing can name its type.
pub struct Wrapped;

/// What stands with its whole type in the signature.
pub struct Replaced;

pub struct AsItIs;

impl Wrapped {
    pub fn give<S: Stream<Item: Part>>(self, stream: S) -> Text<S> {
        Text { stream, listener: Listener::current() }
    }
}

impl Replaced {
    pub fn give<S: Boxed>(self, stream: S) -> S {
        match Listener::current() {
            Listener(None) => stream,
            listener => stream.tell(listener),
        }
    }
}

impl AsItIs {
    pub fn give<S>(self, stream: S) -> S {
        stream
    }
}

/// The span of the `tts` whose body begins here, until its text is over.
pub struct Listener(Option<Arc<Live>>);

impl Listener {
    fn current() -> Self {
        let is_on = destination::any_open();
        Self(is_on.then(|| current().into_live()).flatten().filter(|live| live.speaks()))
    }
}

pin_project! {
    /// A stream of text that tells its parts to a span, while there is one.
    pub struct Text<S> {
        #[pin]
        stream: S,
        listener: Listener,
    }
}

impl<S: Stream<Item: Part>> Stream for Text<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let polled = this.stream.poll_next(task);
        if let Listener(Some(live)) = this.listener {
            match &polled {
                Poll::Pending => {}
                Poll::Ready(Some(item)) => item.part().map_or((), |part| live.text(part)),
                Poll::Ready(None) => *this.listener = Listener(None),
            }
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S: FusedStream<Item: Part>> FusedStream for Text<S> {
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}

/// A stream of text in a box, for which another one can stand.
pub trait Boxed {
    fn tell(self, listener: Listener) -> Self;
}

macro_rules! boxed {
    ($($container:ident<$boxed:ty>,)*) => {
        $(impl<'a, T: Part + 'a> Boxed for $boxed {
            fn tell(self, listener: Listener) -> Self {
                boxed!(@ $container Text { stream: self, listener })
            }
        })*
    };
    (@ Pinned $stream:expr) => { Box::pin($stream) };
    (@ Unpinned $stream:expr) => { Box::new($stream) };
}

for_boxed_streams!(boxed);

// What a guard can do as well.
impl Live {
    /// The next part of the spoken text is here.
    pub(super) fn text(&self, part: &str) {
        self.tell_asked(Instant::now());
        self.say(|attributes| attributes.text(Value::Str(part)));
    }
}
