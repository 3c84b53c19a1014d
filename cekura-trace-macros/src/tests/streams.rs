//! Functions that return a stream: the closure that records goes on for its items, and a stream without a name gets room
//! for its span.

use super::check;
use crate::args::SpanName::{Llm, Tts};
use expect_test::expect;

#[test]
fn a_stream_without_a_name_gets_room_for_its_span() {
    let item = "async fn ask(&self, prompt: &str) -> Result<impl Stream<Item = Result<Chunk, Error>> + use<'_>, Error> { self.client.ask(prompt).await }";
    let expected = expect![[r#"
        async fn ask(
            &self,
            prompt: &str,
        ) -> Result<impl Stream<Item = Result<Chunk, Error>> + use<'_>, Error> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("prompt", span.value(&prompt).get());
                })
                .future(
                    ::cekura::__private::map(
                        async move {
                            if false {
                                return ::cekura::__private::never::<Result<_, Error>>();
                            }
                            let (prompt,) = (prompt,);
                            { self.client.ask(prompt).await }
                        },
                        |returned| {
                            returned.map(::cekura::__private::stream::<Result<Chunk, Error>, _>)
                        },
                    ),
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                                let value = span.apply(returned, |chunk| &chunk.text);
                                span.output(span.value(&value).get());
                            });
                    },
                )
                .await
        }
    "#]];
    check(Llm, "output = |chunk| &chunk.text", item, &expected);
}

#[test]
fn a_boxed_stream_is_known_by_its_type() {
    let item = "fn speak(&self, text: String) -> BoxStream<'_, Vec<u8>> { self.client.speak(text) }";
    let expected = expect![[r#"
        fn speak(&self, text: String) -> BoxStream<'_, Vec<u8>> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tts(
                "speak",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("text", span.value(&text).get());
                })
                .run(
                    move || -> BoxStream<'_, Vec<u8>> {
                        let (text,) = (text,);
                        { self.client.speak(text) }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .stream()
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Tts, "stream", item, &expected);
}

#[test]
fn a_future_of_a_stream() {
    let item = "fn ask(prompt: String) -> impl Future<Output = impl Stream<Item = String>> + Send { client().ask(prompt) }";
    let expected = expect![[r#"
        fn ask(prompt: String) -> impl Future<Output = impl Stream<Item = String>> + Send {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .prepare(|_| {})
                .wrap(
                    ::cekura::__private::then(
                        move || {
                            let (prompt,) = (prompt,);
                            { client().ask(prompt) }
                        },
                        |future| ::cekura::__private::map(
                            future,
                            ::cekura::__private::stream::<String, _>,
                        ),
                    ),
                    |span, returned: &mut _| {
                        span.end(::cekura::__private::outcome(returned).get()).record(|_, _| {});
                    },
                )
        }
    "#]];
    check(Llm, "skip_all", item, &expected);
}
