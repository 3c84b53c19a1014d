//! One function of each shape: the way it gives its value decides what is written around the body.

use super::check;
use crate::args::SpanName::{Conversation, Llm, S2s, Span, Stt, ToolCall, Tts};
use expect_test::expect;

#[test]
fn sync() {
    let item = "fn ask(&self, prompt: &str, audio: &[u8]) -> Result<Reply, Error> { self.client.ask(prompt, audio) }";
    let expected = expect![[r#"
        fn ask(&self, prompt: &str, audio: &[u8]) -> Result<Reply, Error> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("prompt", __CALLSITE.of(&prompt).__get());
                    __sp.argument("audio", __CALLSITE.of(&audio).__get());
                    __sp.provider(__CALLSITE.of(&"openai").__get());
                    __sp.model(__CALLSITE.of(&self.model).__get());
                })
                .run(
                    move || -> Result<Reply, Error> {
                        #[allow(clippy::shadow_reuse)]
                        let (prompt, audio) = (prompt, audio);
                        self.client.ask(prompt, audio)
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                            let __val = __CALLSITE.apply(__ret, |reply| reply.usage.output);
                            __sp.output_tokens(&__val);
                            let __val = __CALLSITE.apply(__ret, |reply| &reply.text);
                            __sp.output(__CALLSITE.of(&__val).__get());
                        });
                    },
                );
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
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::span(
                "network_in",
                ::core::concat!(::core::module_path!(), "::receive"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("packet", __CALLSITE.of(&packet).__get());
                })
                .run(
                    move || -> () {
                        #[allow(clippy::shadow_same)]
                        let packet = packet;
                        {
                            queue(packet);
                        }
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
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
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::stt(
                "transcribe",
                ::core::concat!(::core::module_path!(), "::transcribe"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("audio", __CALLSITE.of(&audio).__get());
                    __sp.argument("words", __CALLSITE.of(&words).__get());
                    __sp.record("my.key", __CALLSITE.of(&audio.rate).__get());
                });
            let __fut = async move {
                if false {
                    return ::cekura::__private::never::<Result<Heard, Error>>();
                }
                #[allow(unused_variables, clippy::shadow_same)]
                let audio = audio;
                #[allow(clippy::shadow_same)]
                let mut words = words;
                {
                    words.clear();
                    self.client.hear(audio, words).await
                }
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); let
                __val = __CALLSITE.apply(__ret, | heard | heard.confidence); __sp.confidence(&
                __val); let __val = __CALLSITE.apply(__ret, | heard | heard.words.len()); __sp
                .record("other.key", __CALLSITE.of(& __val).__get()); }); }
            );
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
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tts(
                "speak",
                ::core::concat!(::core::module_path!(), "::speak"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("text", __CALLSITE.of(&text).__get());
                    __sp.text(__CALLSITE.of(&text).__get());
                })
                .boxed(
                    move || -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> {
                        #[allow(unused_variables, clippy::shadow_same)]
                        let text = text;
                        Box::pin(async move { self.say(text).await })
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
        }
    "#]];
    check(Tts, "text = text", item, &expected);
}

#[test]
fn boxed_alias() {
    let item = "fn talk(&self, audio: Vec<i16>) -> BoxFuture<'_, Vec<i16>> { async move { audio }.boxed() }";
    let expected = expect![[r#"
        fn talk(&self, audio: Vec<i16>) -> BoxFuture<'_, Vec<i16>> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::s2s(
                "talk",
                ::core::concat!(::core::module_path!(), "::talk"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("audio", __CALLSITE.of(&audio).__get());
                })
                .boxed(
                    move || -> BoxFuture<'_, Vec<i16>> {
                        #[allow(clippy::shadow_same)]
                        let audio = audio;
                        async move { audio }.boxed()
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
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
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tool_call(
                "call",
                ::core::concat!(::core::module_path!(), "::call"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("city", __CALLSITE.of(&city).__get());
                })
                .boxed(
                    move || -> ::core::pin::Pin<
                        Box<
                            dyn ::core::future::Future<
                                Output = String,
                            > + ::core::marker::Send + 'async_trait,
                        >,
                    > {
                        #[allow(clippy::shadow_same)]
                        let city = city;
                        Box::pin(async move {
                            let __self = self;
                            let city = city;
                            let (a, b) = __arg1;
                            city
                        })
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
        }
    "#]];
    check(ToolCall, "", item, &expected);
}

#[test]
fn opaque() {
    let item = "fn ask(history: History) -> impl Future<Output = Result<impl Display, Error>> + Send { history.ask() }";
    let expected = expect![[r#"
        fn ask(history: History) -> impl Future<Output = Result<impl Display, Error>> + Send {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("history", __CALLSITE.of(&history).__get());
                })
                .wrap(
                    move || {
                        #[allow(clippy::shadow_same)]
                        let history = history;
                        history.ask()
                    },
                    |__sp, __ret: &mut Result<_, Error>| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
        }
    "#]];
    check(Llm, "", item, &expected);
}

#[test]
fn opaque_without_output() {
    let item = "fn ask() -> impl Future { async {} }";
    let expected = expect![[r#"
        fn ask() -> impl Future {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            return __CALLSITE
                .open(|_| {})
                .wrap(
                    move || { async {} },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
        }
    "#]];
    check(Llm, "", item, &expected);
}

#[test]
fn never() {
    let item = "fn serve(id: u64) -> ! { loop { work(id) } }";
    let expected = expect![[r#"
        fn serve(id: u64) -> ! {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::conversation(
                "serve",
                ::core::concat!(::core::module_path!(), "::serve"),
            );
            __CALLSITE
                .open(|__sp| {
                    __sp.argument("id", __CALLSITE.of(&id).__get());
                })
                .run(
                    move || {
                        #[allow(clippy::shadow_same)]
                        let id = id;
                        loop {
                            work(id)
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
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::conversation(
                "serve",
                ::core::concat!(::core::module_path!(), "::serve"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("id", __CALLSITE.of(&id).__get());
                });
            let __fut = async move {
                #[allow(clippy::shadow_same)]
                let id = id;
                loop {
                    work(id).await
                }
            };
            ::cekura::__private::polled!(__sp, __fut, | _, _ | {})
        }
    "#]];
    check(Conversation, "", item, &expected);
}
