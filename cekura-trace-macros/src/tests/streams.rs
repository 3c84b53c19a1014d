//! Functions that return a stream: the recording closure is kept for the items, and a stream without a name
//! gets room for its span. Functions that take their text as a stream: the body gets a stream around it.

use super::{check, expand};
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

#[test]
fn a_text_that_arrives_as_a_stream_is_recorded_as_the_body_reads_it() {
    let item = "async fn speak(&self, mut text: impl Stream<Item = String> + Unpin, voice: &str) -> Vec<u8> { self.client.speak(text, voice).await }";
    let expected = expect![[r#"
        async fn speak(&self, text: impl Stream<Item = String> + Unpin, voice: &str) -> Vec<u8> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tts(
                "speak",
                ::core::concat!(::core::module_path!(), "::speak"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("voice", __CALLSITE.of(&voice).__get());
                    __sp.text_follows();
                });
            let __fut = async move {
                if false {
                    return ::cekura::__private::never::<Vec<u8>>();
                }
                #[allow(clippy::shadow_reuse)]
                let mut text = __CALLSITE.text_of(&text).__streamed().give(text);
                #[allow(clippy::shadow_same)]
                let voice = voice;
                self.client.speak(text, voice).await
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); }); }
            );
        }
    "#]];
    check(Tts, "", item, &expected);
}

#[test]
fn a_boxed_text_stays_in_its_box() {
    let item = "fn speak(hints: BoxStream<'_, &str>, text: Pin<Box<dyn Stream<Item = io::Result<Box<str>>> + '_>>) { play(hints, text); }";
    let expected = expect![[r#"
        fn speak(
            hints: BoxStream<'_, &str>,
            text: Pin<Box<dyn Stream<Item = io::Result<Box<str>>> + '_>>,
        ) {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tts(
                "speak",
                ::core::concat!(::core::module_path!(), "::speak"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("hints", __CALLSITE.of(&hints).__get());
                    __sp.text_follows();
                    __sp.record("hint", __CALLSITE.of(&text.size_hint().0).__get());
                })
                .run(
                    move || -> () {
                        #[allow(clippy::shadow_same)]
                        let hints = hints;
                        #[allow(unused_variables, clippy::shadow_reuse)]
                        let text = __CALLSITE.text_of(&text).__boxed().give(text);
                        {
                            play(hints, text);
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
    check(Tts, "text = text, record(hint = text.size_hint().0)", item, &expected);
}

/// How the body of a `tts` with these arguments gets its text.
fn given(args: &str, arguments: &str) -> Option<&'static str> {
    let code = expand(Tts, args, &format!("fn speak({arguments}) {{ play(); }}"));
    ["__streamed", "__boxed"].into_iter().find(|kind| code.contains(kind))
}

#[test]
fn only_a_stream_of_text_alone_is_the_text() {
    for stream in [
        "text: impl Stream<Item = String>",
        "mut text: (impl futures::Stream<Item = &'static str> + Send + Sync + Unpin + 'a)",
        "text: impl Stream<Item = Cow<'a, str>> + FusedStream",
        "text: impl Send + FusedStream<Item = Result<Arc<str>, Error>>",
        "r#in: impl Stream<Item = std::io::Result<std::string::String>>",
    ] {
        assert_eq!(given("", stream), Some("__streamed"), "{stream}");
    }
    for stream in [
        "text: BoxStream<'_, String>",
        "text: futures::stream::LocalBoxStream<'static, Box<str>>",
        "text: Pin<Box<dyn Stream<Item = &str> + Send + '_>>",
        "text: std::pin::Pin<std::boxed::Box<(dyn Stream<Item = String>)>>",
        "text: Box<dyn Stream<Item = String> + Unpin>",
    ] {
        assert_eq!(given("", stream), Some("__boxed"), "{stream}");
    }
    for other in [
        "text: impl Stream<Item = String> + Clone",
        "text: impl Stream<Item = String> + ?Sized",
        "text: impl Stream<Item = Vec<u8>>",
        "text: impl Stream<Item = impl AsRef<str>>",
        "text: impl Stream<Item = &mut str>",
        "text: impl Stream<Item = Result<Vec<String>, String>>",
        "text: impl Stream",
        "text: impl Iterator<Item = String>",
        "text: &mut BoxStream<'_, String>",
        "text: ReceiverStream<String>",
        "text: BoxFuture<'_, String>",
        "text: Pin<Box<dyn Future<Output = String>>>",
        "text: Vec<Box<dyn Stream<Item = String>>>",
        "ref text: BoxStream<'_, String>",
        "(text, _): (BoxStream<'_, String>, u8)",
        "_text: BoxStream<'_, String>",
        "#[cfg(x)] text: BoxStream<'_, String>",
        "a: BoxStream<'_, String>, b: impl Stream<Item = String>",
    ] {
        assert_eq!(given("", other), None, "{other}");
    }
}

#[test]
fn the_attribute_says_which_stream_is_the_text() {
    let two = "a: BoxStream<'_, String>, b: impl Stream<Item = String>";
    assert_eq!(given("text = a", two), Some("__boxed"));
    assert_eq!(given("text = (b), skip_all", two), Some("__streamed"));
    assert_eq!(given("skip(a)", two), Some("__streamed"));
    assert_eq!(given("debug(b), skip(b)", "a: String, b: BoxStream<'_, String>"), None);
    for none in
        ["skip_all", "skip(a, b)", "text = c", "text = |audio| audio.text", "text = a.name", "text = \"a\""]
    {
        assert_eq!(given(none, two), None, "{none}");
    }
    let other = expand(Llm, "", "fn ask(text: BoxStream<'_, String>) { play(); }");
    assert!(!other.contains("__boxed"), "{other}");
}
