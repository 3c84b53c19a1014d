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
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("prompt", __CALLSITE.of(&prompt).__get());
                });
            let __fut = ::cekura::__private::map(
                async move {
                    if false {
                        return ::cekura::__private::never::<Result<_, Error>>();
                    }
                    #[allow(clippy::shadow_same)]
                    let prompt = prompt;
                    self.client.ask(prompt).await
                },
                |__ret| __ret.map(::cekura::__private::stream::<Result<Chunk, Error>, _>),
            );
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); let
                __val = __CALLSITE.apply(__ret, | chunk | & chunk.text); __sp.output(__CALLSITE
                .of(& __val).__get()); }); }
            );
        }
    "#]];
    check(Llm, "output = |chunk| &chunk.text", item, &expected);
}

#[test]
fn a_boxed_stream_is_known_by_its_type() {
    let item = "fn speak(&self, text: String) -> BoxStream<'_, Vec<u8>> { self.client.speak(text) }";
    let expected = expect![[r#"
        fn speak(&self, text: String) -> BoxStream<'_, Vec<u8>> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tts(
                "speak",
                ::core::concat!(::core::module_path!(), "::speak"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("text", __CALLSITE.of(&text).__get());
                })
                .run(
                    move || -> BoxStream<'_, Vec<u8>> {
                        #[allow(clippy::shadow_same)]
                        let text = text;
                        self.client.speak(text)
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__stream().__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
        }
    "#]];
    check(Tts, "stream", item, &expected);
}

#[test]
fn a_future_of_a_stream() {
    let item = "fn ask(prompt: String) -> impl Future<Output = impl Stream<Item = String>> + Send { client().ask(prompt) }";
    let expected = expect![[r#"
        fn ask(prompt: String) -> impl Future<Output = impl Stream<Item = String>> + Send {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            return __CALLSITE
                .open(|_| {})
                .wrap(
                    ::cekura::__private::then(
                        move || {
                            #[allow(clippy::shadow_same)]
                            let prompt = prompt;
                            client().ask(prompt)
                        },
                        |__fut| ::cekura::__private::map(
                            __fut,
                            ::cekura::__private::stream::<String, _>,
                        ),
                    ),
                    |__sp, __ret: &mut _| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                        });
                    },
                );
        }
    "#]];
    check(Llm, "skip_all", item, &expected);
}
