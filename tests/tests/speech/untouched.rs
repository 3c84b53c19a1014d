//! Whatever compiles without the attribute compiles with it, and does the same: what cannot be wrapped is left alone.

use cekura::testing::{Span, capture};
use futures::channel::mpsc::{self, Receiver};
use futures::executor::{block_on, block_on_stream};
use futures::stream::{self, BoxStream, Iter, Stream, StreamExt};
use std::cell::RefCell;
use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::vec::IntoIter;

fn says_nothing(span: &Span) -> bool {
    span.text("text").is_none() && span.attribute("tts.characters").is_none()
}

fn strings() -> Iter<IntoIter<String>> {
    stream::iter(vec!["hello".to_owned()])
}

#[test]
fn a_stream_that_can_do_more_stays_what_it_is() {
    #[cekura::tts]
    fn cloned(text: impl Stream<Item = String> + Clone + Unpin) -> [usize; 2] {
        [text.clone(), text].map(|text| block_on_stream(text).count())
    }
    #[cekura::tts]
    fn shown(text: impl Stream<Item = String> + Debug) -> String {
        format!("{text:?}")
    }
    #[cekura::tts]
    fn generic<S: Stream<Item = String> + Unpin>(text: S) -> Option<S> {
        Some(text)
    }
    #[cekura::tts]
    fn named(text: Receiver<String>) -> Receiver<String> {
        text
    }
    #[cekura::tts]
    fn borrowed(text: &mut (impl Stream<Item = String> + Unpin)) -> Option<String> {
        block_on(text.next())
    }
    #[cekura::tts]
    fn moves(
        text: Pin<Box<dyn Stream<Item = String> + Send + Unpin>>,
    ) -> Pin<Box<dyn Stream<Item = String> + Send + Unpin>> {
        text
    }
    #[cekura::tts]
    fn listed(text: Vec<BoxStream<'static, String>>) -> usize {
        text.len()
    }
    #[cekura::tts]
    fn audio(frames: impl Stream<Item = Vec<u8>> + Unpin) -> Vec<u8> {
        block_on_stream(frames).flatten().collect()
    }
    let trace = capture(|| {
        assert_eq!(cloned(strings()), [1, 1]);
        assert!(shown(strings()).contains("hello"));
        assert_eq!(block_on_stream(generic(strings()).unwrap()).count(), 1);
        let (mut sender, text) = mpsc::channel(1);
        sender.try_send("hello".to_owned()).unwrap();
        assert_eq!(block_on_stream(named(text)).next().as_deref(), Some("hello"));
        assert_eq!(borrowed(&mut strings()).as_deref(), Some("hello"));
        assert_eq!(block_on_stream(moves(Box::pin(strings()))).count(), 1);
        assert_eq!(listed(vec![strings().boxed()]), 1);
        assert_eq!(audio(stream::iter([vec![1, 2]])), [1, 2]);
    });
    assert_eq!(trace.spans().len(), 8);
    assert!(trace.spans().iter().all(says_nothing), "{trace:?}");
}

/// Names that mean something else in the program.
mod own {
    pub(super) trait Stream {
        type Item;
        fn first(&self) -> Self::Item;
    }

    pub(super) struct String;

    pub(super) type BoxStream<'a, T> = Box<dyn Fn() -> T + 'a>;

    impl Stream for u8 {
        type Item = std::string::String;
        fn first(&self) -> std::string::String {
            self.to_string()
        }
    }
}

#[test]
fn names_of_the_programs_own_mean_what_they_mean() {
    #[cekura::tts]
    fn stream(text: impl own::Stream<Item = String>) -> String {
        text.first()
    }
    #[cekura::tts]
    fn boxed(text: own::BoxStream<'_, String>) -> String {
        text()
    }
    #[cekura::tts]
    fn item(text: impl Stream<Item = own::String> + Unpin) -> usize {
        block_on_stream(text).count()
    }
    #[cekura::tts]
    async fn items(text: BoxStream<'_, own::String>) -> usize {
        text.count().await
    }
    trait Give {
        fn give(&self, _: &str) {}
        fn text_of(&self) {}
    }
    impl<T> Give for T {}
    #[cekura::tts]
    async fn methods(text: BoxStream<'_, String>) -> usize {
        text.give("");
        text.text_of();
        text.count().await
    }
    let trace = capture(|| {
        assert_eq!(stream(7), "7");
        assert_eq!(boxed(Box::new(|| "8".to_owned())), "8");
        assert_eq!(item(stream::iter([own::String])), 1);
        assert_eq!(block_on(items(stream::iter([own::String]).boxed())), 1);
        assert_eq!(block_on(methods(strings().boxed())), 1);
    });
    let [others @ .., methods] = trace.spans() else { panic!("{trace}") };
    assert!(others.len() == 4 && others.iter().all(says_nothing), "{trace:?}");
    assert_eq!(methods.text("text"), Some("hello"));
}

#[test]
fn a_stream_keeps_its_bounds_and_its_size() {
    fn is_all<T: Send + Sync + Unpin + 'static>(_: &T) {}
    #[cekura::tts]
    fn all(text: impl Stream<Item = String> + Send + Sync + Unpin + 'static) -> (usize, Option<usize>) {
        is_all(&text);
        text.size_hint()
    }
    #[cekura::tts]
    fn spawned(text: impl Stream<Item = String> + Send + 'static) -> usize {
        std::thread::spawn(move || block_on(pin!(text).count())).join().unwrap()
    }
    #[cekura::tts]
    async fn local(text: impl Stream<Item = String>, log: Rc<RefCell<usize>>) {
        *log.borrow_mut() = text.count().await;
    }
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    #[cekura::tts]
    async fn sent(text: impl Stream<Item = String> + Send) -> usize {
        text.count().await
    }
    let log = Rc::default();
    let trace = capture(|| {
        assert_eq!(all(strings()), (1, Some(1)));
        assert_eq!(spawned(strings()), 1);
        block_on(local(strings(), Rc::clone(&log)));
        assert_eq!(block_on(is_send(sent(strings()))), 1);
    });
    assert_eq!(*log.borrow(), 1);
    let texts: Vec<_> = trace.spans().iter().map(|span| span.text("text")).collect();
    assert_eq!(texts, [None, Some("hello"), Some("hello"), Some("hello")], "nobody read the first");
}

#[test]
fn with_tracing_off_a_box_is_given_on_as_it_is() {
    #[cekura::tts]
    fn address(text: BoxStream<'_, String>) -> usize {
        std::ptr::from_ref(&*text).addr()
    }
    #[cekura::tts]
    fn size(text: impl Stream<Item = String>) -> usize {
        size_of_val(&text)
    }
    let text = strings().boxed();
    let place = std::ptr::from_ref(&*text).addr();
    assert_eq!(address(text), place);
    let text = strings();
    assert!(size(text) <= size_of::<Iter<IntoIter<String>>>() + size_of::<usize>());
}

/// A text that notes what happens to it.
struct Noted(&'static str, Rc<RefCell<Vec<&'static str>>>);

impl Stream for Noted {
    type Item = String;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<String>> {
        self.1.borrow_mut().push("polled");
        Poll::Ready(None)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[test]
fn a_text_is_dropped_where_it_would_be() {
    macro_rules! voices {
        ($(#[$attribute:meta])? $name:ident) => {
            fn $name() -> Vec<&'static str> {
                $(#[$attribute])?
                fn now(_first: Noted, text: impl Stream<Item = String>, _last: Noted) {
                    let _ = &text;
                }
                $(#[$attribute])?
                async fn later(first: Noted, text: impl Stream<Item = String>, _: Noted) {
                    drop(first);
                    assert_eq!(text.count().await, 0);
                }
                $(#[$attribute])?
                fn stream(first: Noted, text: std::pin::Pin<Box<dyn Stream<Item = String>>>) -> impl Stream<Item = usize> {
                    text.map(move |text| text.len() + first.0.len())
                }
                let log = Rc::default();
                let noted = |name| Noted(name, Rc::clone(&log));
                now(noted("a"), noted("text"), noted("c"));
                block_on(later(noted("a"), noted("text"), noted("c")));
                drop(later(noted("a"), noted("text"), noted("c")));
                drop(stream(noted("a"), Box::pin(noted("text"))));
                block_on(stream(noted("a"), Box::pin(noted("text"))).count());
                log.take()
            }
        };
    }
    voices!(plain);
    voices!(
        #[cekura::tts]
        annotated
    );
    let order = plain();
    assert_eq!(order[..3], ["c", "text", "a"]);
    assert_eq!(annotated(), order);
    let mut recorded = Vec::new();
    capture(|| recorded = annotated());
    assert_eq!(recorded, order);
}

#[test]
fn a_text_that_nobody_reads_is_unused_as_ever() {
    #[cekura::tts]
    fn unused(#[expect(unused_variables)] text: impl Stream<Item = String>) {}
    #[cekura::tts]
    async fn mutable(#[expect(unused_mut)] mut text: BoxStream<'_, String>) -> usize {
        text.count().await
    }
    #[cekura::tts(record("text.hint" = text.size_hint().0))]
    fn named(text: BoxStream<'_, String>) {}
    let trace = capture(|| {
        unused(strings());
        block_on(mutable(strings().boxed()));
        named(strings().boxed());
    });
    assert!(says_nothing(&trace.spans()[0]) && says_nothing(&trace.spans()[2]), "{trace:?}");
    assert_eq!(trace.spans()[1].text("text"), Some("hello"));
    assert_eq!(trace.spans()[2].attribute("text.hint"), Some(&1.into()));
}
