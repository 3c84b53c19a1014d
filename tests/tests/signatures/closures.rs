//! Functions that return closures, whose parameters take their types from the signature.

use super::*;

#[cekura::span]
fn equals<'a>(text: &'a str) -> impl Fn(&str) -> bool + 'a {
    move |other| other == text
}

#[cekura::span]
fn pushes() -> impl FnMut(&mut Vec<u8>) {
    let mut n = 0;
    move |list| {
        n += 1;
        list.push(n);
    }
}

#[cekura::span]
fn measures(early: bool) -> impl Fn(&str) -> Pin<Box<dyn Future<Output = usize>>> {
    if !early {
        panic!("late");
    }
    return |text| {
        let length = text.len();
        Box::pin(async move { length })
    };
}

#[cekura::span]
fn once(text: String, _: Vec<u8>) -> impl FnOnce(&str) -> String {
    |more| text + more
}

#[cekura::span]
fn boxed_closure(text: String) -> Box<dyn Fn(&str) -> bool> {
    Box::new(move |other| other == text)
}

#[cekura::span]
async fn boxed_closure_later(text: String) -> Result<Box<dyn for<'a> Fn(&'a str) -> &'a str>, Failed> {
    drop(text);
    Ok(Box::new(|other| other))
}

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
    assert!(equals("a")("a"));
    let (mut list, mut push) = (Vec::new(), pushes());
    push(&mut list);
    push(&mut list);
    assert_eq!(list, [1, 2]);
    assert_eq!(block_on(measures(true)("four")), 4);
    std::panic::catch_unwind(|| drop(measures(false))).unwrap_err();
    assert_eq!(once("a".to_owned(), vec![])("b"), "ab");
    assert!(boxed_closure("a".to_owned())("a"));
    assert_eq!(block_on(boxed_closure_later(String::new())).unwrap()("x"), "x");
    7
}

/// What stands beside a future or a stream keeps what it promises.
mod more {
    use futures::future::FutureExt;
    use futures::stream::{self, Stream, StreamExt, TryStream, TryStreamExt};
    use std::error::Error;

    #[cekura::span]
    fn twice() -> impl Future<Output = u8> + Clone {
        std::future::ready(7)
    }

    #[cekura::llm]
    fn lengths(texts: Vec<&'static str>) -> impl TryStream<Ok = usize, Error = std::io::Error> + Send {
        stream::iter(texts).map(|text| Ok(text.len()))
    }

    #[cekura::span]
    fn doubled() -> impl AsyncFn(&str) -> usize {
        async |text| text.len() * 2
    }

    trait Api {
        type Error;
        fn call(&self) -> Result<u8, Self::Error>;
        fn list(&self) -> impl Stream<Item = u8>;
    }

    struct Client<'a>(&'a str);

    impl<'a> Api for Client<'a> {
        type Error = Box<dyn Error + 'a>;

        #[cekura::tool_call]
        fn call(&self) -> Result<u8, Self::Error> {
            Err(self.0.into())
        }

        #[cekura::llm]
        fn list(&self) -> impl Stream<Item = u8> {
            stream::iter([1])
        }
    }

    #[test]
    fn a_wrapper_takes_nothing_away() {
        let trace = cekura::testing::capture(|| {
            let future = twice();
            assert_eq!((future.clone().now_or_never(), future.now_or_never()), (Some(7), Some(7)));
            let read = lengths(vec!["a", "bcd"]).into_stream().map_ok(|length| length).count();
            assert_eq!(read.now_or_never(), Some(2));
            assert_eq!(doubled()("abc").now_or_never(), Some(6));
            let text = String::from("away");
            assert_eq!(Client(&text).call().unwrap_err().to_string(), "away");
            assert_eq!(Client(&text).list().count().now_or_never(), Some(1));
        });
        assert!(trace.spans().iter().any(|span| span.error() == "away"), "{trace}");
    }
}
