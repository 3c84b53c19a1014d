//! What a signature promises of its value. Invariant: the attribute takes none of it away.

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

/// Futures and streams that may be polled where a panic is caught.
mod unwind_safe {
    use futures::FutureExt;
    use futures::stream::{self, Stream, StreamExt};

    #[cekura::llm]
    async fn ask(question: String) -> String {
        question
    }

    #[cekura::span]
    fn later() -> impl Future<Output = u8> {
        std::future::ready(7)
    }

    #[cekura::llm]
    fn tokens() -> impl Stream<Item = u8> {
        stream::iter([1])
    }

    #[test]
    fn a_panic_may_be_caught_around_them() {
        let caught = || {
            assert_eq!(ask("yes".to_owned()).catch_unwind().now_or_never().unwrap().unwrap(), "yes");
            assert_eq!(later().catch_unwind().now_or_never().unwrap().unwrap(), 7);
            assert_eq!(tokens().catch_unwind().count().now_or_never(), Some(1));
        };
        caught();
        cekura::testing::capture(caught);
    }
}
