//! Every form in which a text can arrive in parts, and every shape of function that reads it. Each reads all of it.

use async_trait::async_trait;
use cekura::opentelemetry::Value;
use cekura::testing::{Span, Trace, capture};
use futures::executor::{block_on, block_on_stream};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FusedStream, LocalBoxStream, Stream, StreamExt};
use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;

const PARTS: [&str; 2] = ["Grüß ", "dich"];

fn strings() -> impl Stream<Item = String> + Send + Sync + Unpin {
    stream::iter(PARTS).map(str::to_owned)
}

async fn read<T: AsRef<str>>(text: impl Stream<Item = T>) -> Vec<u8> {
    let mut text = pin!(text);
    let mut audio = Vec::new();
    while let Some(part) = text.next().await {
        audio.extend(part.as_ref().bytes());
    }
    audio
}

#[track_caller]
fn says_all(span: &Span) {
    assert_eq!(span.text("text"), Some("Grüß dich"), "{span:?}");
    assert_eq!(span.attribute("tts.characters"), Some(&Value::I64(9)), "{span:?}");
    assert_eq!(span.attribute("output.len"), Some(&Value::I64(11)), "{span:?}");
    assert!(span.attributes().all(|(key, _)| !key.starts_with("input.")), "{span:?}");
}

/// All spans say the whole text.
#[track_caller]
fn all_say_all(trace: &Trace, count: usize) {
    assert_eq!(trace.spans().len(), count, "{trace}");
    trace.spans().iter().for_each(says_all);
}

#[test]
fn a_text_without_a_name_is_joined_and_counted() {
    #[cekura::tts]
    async fn later(text: impl Stream<Item = String>) -> Vec<u8> {
        read(text).await
    }
    #[cekura::tts]
    fn now(text: impl Stream<Item = &'static str> + Unpin) -> Vec<u8> {
        block_on_stream(text).flat_map(str::bytes).collect()
    }
    #[cekura::tts]
    fn future<'a>(
        text: impl Stream<Item = Cow<'a, str>> + Send + 'a,
    ) -> impl Future<Output = Vec<u8>> + Send {
        read(text)
    }
    #[cekura::tts]
    fn boxed<'a>(text: impl Stream<Item = Box<str>> + Send + Sync + 'a) -> BoxFuture<'a, Vec<u8>> {
        Box::pin(read(text))
    }
    #[cekura::tts]
    async fn next(mut text: impl FusedStream<Item = Arc<str>> + Unpin) -> Vec<u8> {
        let mut audio = Vec::new();
        while !text.is_terminated() {
            audio.extend(text.next().await.iter().flat_map(|part| part.bytes()));
        }
        audio
    }
    let trace = capture(|| {
        block_on(later(strings()));
        now(stream::iter(PARTS));
        block_on(future(stream::iter(PARTS).map(Cow::Borrowed)));
        block_on(boxed(stream::iter(PARTS).map(Box::from)));
        block_on(next(stream::iter(PARTS).map(Arc::from).fuse()));
    });
    all_say_all(&trace, 5);
}

#[test]
fn a_text_in_a_box_stays_in_a_box_of_the_same_type() {
    #[cekura::tts]
    async fn sent(text: BoxStream<'_, String>) -> Vec<u8> {
        let same: BoxStream<'_, String> = text;
        read(same).await
    }
    #[cekura::tts]
    async fn local(mut text: LocalBoxStream<'_, &str>) -> Vec<u8> {
        let mut audio = Vec::new();
        while let Some(part) = text.next().await {
            audio.extend(part.bytes());
        }
        audio
    }
    #[cekura::tts]
    async fn pinned(text: Pin<Box<dyn Stream<Item = String> + Send + Sync>>) -> Vec<u8> {
        let same: Pin<Box<dyn Stream<Item = String> + Send + Sync>> = text;
        read(same).await
    }
    #[cekura::tts]
    fn unpin(text: Box<dyn Stream<Item = std::string::String> + Send + Unpin + '_>) -> Vec<u8> {
        block_on_stream(text).flat_map(String::into_bytes).collect()
    }
    let trace = capture(|| {
        block_on(sent(strings().boxed()));
        block_on(local(stream::iter(PARTS).boxed_local()));
        block_on(pinned(Box::pin(strings())));
        unpin(Box::new(strings()));
    });
    all_say_all(&trace, 4);
}

#[test]
fn the_good_parts_of_a_text_that_may_fail_are_its_text() {
    struct Broken;
    #[cekura::tts]
    async fn speak(text: impl Stream<Item = Result<String, Broken>>) -> Vec<u8> {
        read(text.filter_map(async |part| part.ok())).await
    }
    #[cekura::tts]
    async fn boxed(text: BoxStream<'_, std::io::Result<&str>>) -> Vec<u8> {
        read(text.filter_map(async |part| part.ok())).await
    }
    let trace = capture(|| {
        block_on(speak(stream::iter([Ok("Grüß ".to_owned()), Err(Broken), Ok("dich".to_owned())])));
        block_on(boxed(stream::iter([Err(std::io::Error::other("gone")), Ok("Grüß "), Ok("dich")]).boxed()));
    });
    all_say_all(&trace, 2);
    assert!(trace.spans().iter().all(|span| !span.is_error()), "how it goes on is the function's to decide");
}

#[test]
fn a_text_that_the_returned_stream_reads_is_recorded_as_that_is_polled() {
    #[cekura::tts]
    fn speak(text: BoxStream<'static, String>) -> BoxStream<'static, Vec<u8>> {
        text.map(String::into_bytes).boxed()
    }
    #[cekura::tts]
    fn opaque(text: impl Stream<Item = String>) -> impl Stream<Item = Vec<u8>> {
        text.map(String::into_bytes)
    }
    #[cekura::tts]
    async fn later<'a>(
        text: impl Stream<Item = String> + Send + 'a,
    ) -> Result<impl Stream<Item = Vec<u8>> + Send + 'a, ()> {
        Ok(text.map(String::into_bytes))
    }
    let trace = capture(|| {
        block_on_stream(speak(strings().boxed())).for_each(drop);
        block_on_stream(opaque(strings())).for_each(drop);
        block_on_stream(Box::pin(block_on(later(strings())).unwrap())).for_each(drop);
    });
    all_say_all(&trace, 3);
    for span in trace.spans() {
        assert_eq!(
            span.attribute("stream.items"),
            Some(&Value::I64(2)),
            "only the audio's items count: {span:?}"
        );
    }
}

#[test]
fn a_voice_behind_a_trait_hears_its_text_too() {
    #[async_trait]
    trait Voice {
        async fn speak(&self, text: BoxStream<'_, String>) -> Vec<u8>;
        async fn say(&self, text: impl Stream<Item = String> + Send) -> Vec<u8>
        where
            Self: Sized;
    }
    struct Cloud;
    #[async_trait]
    impl Voice for Cloud {
        #[cekura::tts]
        async fn speak(&self, text: BoxStream<'_, String>) -> Vec<u8> {
            read(text).await
        }
        #[cekura::tts]
        async fn say(&self, text: impl Stream<Item = String> + Send) -> Vec<u8> {
            read(text).await
        }
    }
    impl Cloud {
        #[cekura::tts]
        async fn method(&self, mut text: impl Stream<Item = String> + Unpin) -> Vec<u8> {
            let mut audio = Vec::new();
            while let Some(part) = text.next().await {
                audio.extend(part.bytes());
            }
            audio
        }
    }
    let trace = capture(|| {
        block_on(Cloud.speak(strings().boxed()));
        block_on(Cloud.say(strings()));
        block_on(Cloud.method(strings()));
    });
    all_say_all(&trace, 3);
}

#[test]
fn a_macro_may_write_the_type() {
    macro_rules! voice {
        ($name:ident, $type:ty) => {
            #[cekura::tts]
            async fn $name(text: $type) -> Vec<u8> {
                read(text).await
            }
        };
    }
    macro_rules! voice_of {
        ($name:ident, $item:ty) => {
            #[cekura::tts]
            fn $name(text: Pin<Box<dyn Stream<Item = $item> + '_>>) -> Vec<u8> {
                block_on(read(text))
            }
        };
    }
    voice_of!(borrowed, &str);
    voice!(sent, BoxStream<'_, String>);
    voice!(opaque, impl Stream<Item = String>);
    let trace = capture(|| {
        block_on(sent(strings().boxed()));
        block_on(opaque(strings()));
        borrowed(Box::pin(stream::iter(PARTS)));
    });
    all_say_all(&trace, 3);
}
