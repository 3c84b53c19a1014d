//! One function of each shape: how it gives its value decides what is written around the body.

use super::check;
use crate::args::SpanName::{Conversation, Llm, S2s, Span, Stt, ToolCall, Tts};
use expect_test::expect;

#[test]
fn sync() {
    let item = "fn ask(&self, prompt: &str, audio: &[u8]) -> Result<Reply, Error> { self.client.ask(prompt, audio) }";
    let expected = expect![[r#"
        fn ask(&self, prompt: &str, audio: &[u8]) -> Result<Reply, Error> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("prompt", span.value(&prompt).get());
                    span.argument("audio", span.value(&audio).get());
                    span.provider(span.value(&"openai").get());
                    span.model(span.value(&self.model).get());
                })
                .run(
                    move || -> Result<Reply, Error> {
                        let (prompt, audio) = (prompt, audio);
                        { self.client.ask(prompt, audio) }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                                let value = span.apply(returned, |reply| reply.usage.output);
                                span.output_tokens(&value);
                                let value = span.apply(returned, |reply| &reply.text);
                                span.output(span.value(&value).get());
                            });
                    },
                )
        }
    "#]];
    check(
        Llm,
        r#"provider = "openai", model = self.model, output_tokens = |reply| reply.usage.output, output = |reply| &reply.text"#,
        item,
        &expected,
    );
}

#[test]
fn sync_unit() {
    let item = "pub(crate) fn receive(packet: Packet) { queue(packet); }";
    let expected = expect![[r#"
        pub(crate) fn receive(packet: Packet) {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::span(
                "network_in",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("packet", span.value(&packet).get());
                })
                .run(
                    move || -> () {
                        let (packet,) = (packet,);
                        {
                            queue(packet);
                        }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Span, r#"name = "network_in""#, item, &expected);
}

#[test]
fn async_fn() {
    let item = "pub async fn transcribe(&self, audio: Audio, mut words: Vec<String>) -> Result<Heard, Error> { words.clear(); self.client.hear(audio, words).await }";
    let expected = expect![[r#"
        pub async fn transcribe(
            &self,
            audio: Audio,
            words: Vec<String>,
        ) -> Result<Heard, Error> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::stt(
                "transcribe",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("audio", span.value(&audio).get());
                    span.argument("words", span.value(&words).get());
                    span.record("my.key", span.value(&audio.rate).get());
                })
                .future(
                    async move {
                        if false {
                            return ::cekura::__private::never::<Result<Heard, Error>>();
                        }
                        let (mut words,) = (words,);
                        {
                            words.clear();
                            self.client.hear(audio, words).await
                        }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                                let value = span.apply(returned, |heard| heard.confidence);
                                span.confidence(&value);
                                let value = span.apply(returned, |heard| heard.words.len());
                                span.record("other.key", span.value(&value).get());
                            });
                    },
                )
                .await
        }
    "#]];
    check(
        Stt,
        r#"confidence = |heard| heard.confidence, record("my.key" = audio.rate, other.key = |heard| heard.words.len())"#,
        item,
        &expected,
    );
}

#[test]
fn boxed() {
    let item = "fn speak<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> { Box::pin(async move { self.say(text).await }) }";
    let expected = expect![[r#"
        fn speak<'a>(
            &'a self,
            text: &'a str,
        ) -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tts(
                "speak",
            );
            __CALLSITE
                .prepare(|span| {
                    span.argument("text", span.value(&text).get());
                    span.text(span.value(&text).get());
                })
                .boxed(
                    move || -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> {
                        Box::pin(async move { self.say(text).await })
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Tts, "text = text", item, &expected);
}

#[test]
fn boxed_alias() {
    let item = "fn talk(&self, audio: Vec<i16>) -> BoxFuture<'_, Vec<i16>> { async move { audio }.boxed() }";
    let expected = expect![[r#"
        fn talk(&self, audio: Vec<i16>) -> BoxFuture<'_, Vec<i16>> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::s2s(
                "talk",
            );
            __CALLSITE
                .prepare(|span| {
                    span.argument("audio", span.value(&audio).get());
                })
                .boxed(
                    move || -> BoxFuture<'_, Vec<i16>> {
                        let (audio,) = (audio,);
                        { async move { audio }.boxed() }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(S2s, "", item, &expected);
}

#[test]
fn boxed_by_async_trait() {
    let item = "fn call<'life0, 'async_trait>(&'life0 self, city: String, __arg1: (u8, u8)) -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = String> + ::core::marker::Send + 'async_trait>> where 'life0: 'async_trait, Self: 'async_trait { Box::pin(async move { let __self = self; let city = city; let (a, b) = __arg1; city }) }";
    let expected = expect![[r#"
        fn call<'life0, 'async_trait>(
            &'life0 self,
            city: String,
            __arg1: (u8, u8),
        ) -> ::core::pin::Pin<
            Box<
                dyn ::core::future::Future<Output = String> + ::core::marker::Send + 'async_trait,
            >,
        >
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tool_call(
                "call",
            );
            __CALLSITE
                .prepare(|span| {
                    span.argument("city", span.value(&city).get());
                })
                .boxed(
                    move || -> ::core::pin::Pin<
                        Box<
                            dyn ::core::future::Future<
                                Output = String,
                            > + ::core::marker::Send + 'async_trait,
                        >,
                    > {
                        let (city,) = (city,);
                        {
                            Box::pin(async move {
                                let __self = self;
                                let city = city;
                                let (a, b) = __arg1;
                                city
                            })
                        }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(ToolCall, "", item, &expected);
}

#[test]
fn opaque() {
    let item = "fn ask(history: History) -> impl Future<Output = Result<impl Display, Error>> + Send { history.ask() }";
    let expected = expect![[r#"
        fn ask(history: History) -> impl Future<Output = Result<impl Display, Error>> + Send {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .prepare(|span| {
                    span.argument("history", span.value(&history).get());
                })
                .wrap(
                    move || {
                        let (history,) = (history,);
                        { history.ask() }
                    },
                    |span, returned: &mut Result<_, Error>| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Llm, "", item, &expected);
}

#[test]
fn opaque_without_output() {
    let item = "fn ask() -> impl Future { async {} }";
    let expected = expect![[r#"
        fn ask() -> impl Future {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .prepare(|_| {})
                .wrap(
                    move || { async {} },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Llm, "", item, &expected);
}

#[test]
fn never() {
    let item = "fn serve(id: u64) -> ! { loop { work(id) } }";
    let expected = expect![[r#"
        fn serve(id: u64) -> ! {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                "serve",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("id", span.value(&id).get());
                })
                .run(
                    move || {
                        let (id,) = (id,);
                        {
                            loop {
                                work(id)
                            }
                        }
                    },
                    |_, _| {},
                )
        }
    "#]];
    check(Conversation, "", item, &expected);
}

#[test]
fn async_never() {
    let item = "async fn serve(id: u64) -> ! { loop { work(id).await } }";
    let expected = expect![[r#"
        async fn serve(id: u64) -> ! {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                "serve",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("id", span.value(&id).get());
                })
                .future(
                    async move {
                        let (id,) = (id,);
                        {
                            loop {
                                work(id).await
                            }
                        }
                    },
                    |_, _| {},
                )
                .await
        }
    "#]];
    check(Conversation, "", item, &expected);
}
