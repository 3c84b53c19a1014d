//! Annotated functions come in, the code that is generated for them is compared with what was read and found good.
//! `UPDATE_EXPECT=1 cargo test -p cekura-trace-macros` writes it anew.

use crate::annotate;
use crate::args::SpanName;
use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use std::str::FromStr;

/// Expands `item` under `#[cekura::name(args)]`, and counts the lines that come with it.
#[track_caller]
fn check(name: SpanName, args: &str, item: &str, expected: &Expect) {
    let tokens = |code| TokenStream::from_str(code).expect("the test's own code");
    let print = |tokens| prettyplease::unparse(&syn::parse2(tokens).expect("items"));
    let expanded = print(annotate(name, tokens(args), tokens(item)));
    expected.assert_eq(&expanded);

    let added = expanded.lines().count() - print(tokens(item)).lines().count();
    let recorded = expanded.matches("span.argument(").count();
    let closures = args.matches('|').count() / 2;
    let allowed = 25 + recorded + 4 * closures + return_type_lines(item);
    assert!(added <= allowed, "{added} lines are added, {allowed} are allowed");
}

/// How many more lines than one the return type takes; it stands in the expansion once more.
fn return_type_lines(item: &str) -> usize {
    let Ok(syn::ItemFn { sig: syn::Signature { output: syn::ReturnType::Type(_, output), .. }, .. }) =
        syn::parse_str(item)
    else {
        return 0;
    };
    let closure = quote::quote!(fn f() { move || -> #output {} });
    prettyplease::unparse(&syn::parse2(closure).expect("a function")).lines().count() - 3
}

#[test]
fn sync_function() {
    check(
        SpanName::Llm,
        r#"provider = "openai", model = self.model, output_tokens = |reply| reply.usage.output, output = |reply| &reply.text"#,
        "fn ask(&self, prompt: &str, audio: &[u8]) -> Result<Reply, Error> { self.client.ask(prompt, audio) }",
        &expect![[r#"
            fn ask(&self, prompt: &str, audio: &[u8]) -> Result<Reply, Error> {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                    "ask",
                );
                CALLSITE
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
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                    let value = span.apply(returned, |reply| reply.usage.output);
                                    span.output_tokens(&value);
                                    let value = span.apply(returned, |reply| &reply.text);
                                    span.output(span.value(&value).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn unit() {
    check(
        SpanName::Span,
        r#"name = "network_in""#,
        "pub(crate) fn receive(packet: Packet) { queue(packet); }",
        &expect![[r#"
            pub(crate) fn receive(packet: Packet) {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::span(
                    "receive",
                );
                CALLSITE
                    .open(|span| {
                        span.argument("packet", span.value(&packet).get());
                        span.name(span.value(&"network_in").get());
                    })
                    .run(
                        move || -> () {
                            let (packet,) = (packet,);
                            {
                                queue(packet);
                            }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn nothing_to_record() {
    check(
        SpanName::Turn,
        "skip_all",
        "fn turn(&self, audio: &[u8]) -> Reply { reply(audio) }",
        &expect![[r#"
            fn turn(&self, audio: &[u8]) -> Reply {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::turn(
                    "turn",
                );
                CALLSITE
                    .open(|_| {})
                    .run(
                        move || -> Reply {
                            let (audio,) = (audio,);
                            { reply(audio) }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(failure, inside, |_, _| {});
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn async_function() {
    check(
        SpanName::Stt,
        r#"confidence = |heard| heard.confidence, record("my.key" = audio.rate, other.key = |heard| heard.words.len())"#,
        "pub async fn transcribe(&self, audio: Audio, mut words: Vec<String>) -> Result<Heard, Error> { words.clear(); self.client.hear(audio, words).await }",
        &expect![[r#"
            pub async fn transcribe(
                &self,
                audio: Audio,
                words: Vec<String>,
            ) -> Result<Heard, Error> {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::stt(
                    "transcribe",
                );
                CALLSITE
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
                            let (audio, mut words) = (audio, words);
                            {
                                words.clear();
                                self.client.hear(audio, words).await
                            }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                    let value = span.apply(returned, |heard| heard.confidence);
                                    span.confidence(&value);
                                    let value = span.apply(returned, |heard| heard.words.len());
                                    span.record("other.key", span.value(&value).get());
                                },
                            );
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn many_arguments() {
    check(
        SpanName::ToolCall,
        "",
        "async fn book(&self, customer: Customer, number_of_guests: u32, date: Date, time: Time, comment: Option<String>) -> Result<Booking, Error> { self.store.book(customer, number_of_guests, date, time, comment).await }",
        &expect![[r#"
            async fn book(
                &self,
                customer: Customer,
                number_of_guests: u32,
                date: Date,
                time: Time,
                comment: Option<String>,
            ) -> Result<Booking, Error> {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tool_call(
                    "book",
                );
                CALLSITE
                    .open(|span| {
                        span.argument("customer", span.value(&customer).get());
                        span.argument("number_of_guests", span.value(&number_of_guests).get());
                        span.argument("date", span.value(&date).get());
                        span.argument("time", span.value(&time).get());
                        span.argument("comment", span.value(&comment).get());
                    })
                    .future(
                        async move {
                            if false {
                                return ::cekura::__private::never::<Result<Booking, Error>>();
                            }
                            let (customer, number_of_guests) = (customer, number_of_guests);
                            let (date, time, comment) = (date, time, comment);
                            {
                                self.store
                                    .book(customer, number_of_guests, date, time, comment)
                                    .await
                            }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn boxed_future() {
    check(
        SpanName::Tts,
        "text = text",
        "fn speak<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> { Box::pin(async move { self.say(text).await }) }",
        &expect![[r#"
            fn speak<'a>(
                &'a self,
                text: &'a str,
            ) -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tts(
                    "speak",
                );
                CALLSITE
                    .prepare(|span| {
                        span.argument("text", span.value(&text).get());
                        span.text(span.value(&text).get());
                    })
                    .boxed(
                        move || -> Pin<Box<dyn Future<Output = Audio> + Send + 'a>> {
                            let (text,) = (text,);
                            { Box::pin(async move { self.say(text).await }) }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn box_future() {
    check(
        SpanName::S2s,
        "",
        "fn talk(&self, audio: Vec<i16>) -> BoxFuture<'_, Vec<i16>> { async move { audio }.boxed() }",
        &expect![[r#"
            fn talk(&self, audio: Vec<i16>) -> BoxFuture<'_, Vec<i16>> {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::s2s(
                    "talk",
                );
                CALLSITE
                    .prepare(|span| {
                        span.argument("audio", span.value(&audio).get());
                    })
                    .boxed(
                        move || -> BoxFuture<'_, Vec<i16>> {
                            let (audio,) = (audio,);
                            { async move { audio }.boxed() }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn opaque_future() {
    check(
        SpanName::Llm,
        "skip(history), parent = cx",
        "fn ask(cx: &Context, history: History) -> impl Future<Output = Result<impl Display, Error>> + Send { history.ask() }",
        &expect![[r#"
            fn ask(
                cx: &Context,
                history: History,
            ) -> impl Future<Output = Result<impl Display, Error>> + Send {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                    "ask",
                );
                CALLSITE
                    .prepare(|span| {
                        span.parent(&cx);
                        span.argument("cx", span.value(&cx).get());
                    })
                    .wrap(
                        move || {
                            let (cx, history) = (cx, history);
                            { history.ask() }
                        },
                        |span, returned: &Result<_, Error>| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn opaque_output() {
    check(
        SpanName::Llm,
        "",
        "fn ask() -> impl Future { async {} }",
        &expect![[r#"
            fn ask() -> impl Future {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                    "ask",
                );
                CALLSITE
                    .prepare(|_| {})
                    .wrap(
                        move || { async {} },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn opaque_value() {
    check(
        SpanName::Span,
        "",
        "fn words(text: &str) -> Result<impl Iterator<Item = &str>, Error> { Ok(text.split(' ')) }",
        &expect![[r#"
            fn words(text: &str) -> Result<impl Iterator<Item = &str>, Error> {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::span(
                    "words",
                );
                CALLSITE
                    .open(|span| {
                        span.argument("text", span.value(&text).get());
                    })
                    .run(
                        move || -> Result<_, Error> {
                            let (text,) = (text,);
                            { Ok(text.split(' ')) }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn never() {
    check(
        SpanName::Conversation,
        "call_id = id, client = handle, capture = CaptureContent::Metadata",
        "fn serve(id: u64, handle: &Cekura) -> ! { loop { work(id) } }",
        &expect![[r#"
            fn serve(id: u64, handle: &Cekura) -> ! {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                    "serve",
                );
                CALLSITE
                    .open(|span| {
                        span.client(&handle);
                        span.capture(CaptureContent::Metadata);
                        span.argument("id", span.value(&id).get());
                        span.argument("handle", span.value(&handle).get());
                        span.call_id(span.value(&id).get());
                    })
                    .run(
                        move || {
                            let (id, handle) = (id, handle);
                            {
                                loop {
                                    work(id)
                                }
                            }
                        },
                        |_, _| {},
                    )
            }
        "#]],
    );
}

#[test]
fn async_never() {
    check(
        SpanName::Conversation,
        "",
        "async fn serve(id: u64) -> ! { loop { work(id).await } }",
        &expect![[r#"
            async fn serve(id: u64) -> ! {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                    "serve",
                );
                CALLSITE
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
        "#]],
    );
}

#[test]
fn patterns() {
    check(
        SpanName::Span,
        "",
        r#"unsafe extern "C" fn add(_unused: u8, (a, mut b): (i32, i32), Point { x, y: [first, .., _] }: Point, r#type: u8, &(ref inner, _): &(u8, u8), whole @ Some(_): Option<u8>) -> i32 { b += a; b + x + first }"#,
        &expect![[r#"
            unsafe extern "C" fn add(
                _unused: u8,
                (a, b): (i32, i32),
                Point { x, y: [first, .., _] }: Point,
                r#type: u8,
                &(ref inner, _): &(u8, u8),
                whole @ Some(_): Option<u8>,
            ) -> i32 {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::span(
                    "add",
                );
                CALLSITE
                    .open(|span| {
                        span.argument("a", span.value(&a).get());
                        span.argument("b", span.value(&b).get());
                        span.argument("x", span.value(&x).get());
                        span.argument("first", span.value(&first).get());
                        span.argument("type", span.value(&r#type).get());
                        span.argument("inner", span.value(&inner).get());
                        span.argument("whole", span.value(&whole).get());
                    })
                    .run(
                        move || -> i32 {
                            let (a, mut b, x, first, r#type) = (a, b, x, first, r#type);
                            let (inner, whole) = (inner, whole);
                            {
                                b += a;
                                b + x + first
                            }
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn attributes_stay() {
    check(
        SpanName::Tts,
        "crate = my::cekura",
        "/// Says it.\n#[inline]\n#[must_use]\npub fn say<T: Into<String>, const N: usize>(text: T) -> [u8; N] where T: Clone { #![allow(unused)] let audio = [0; N]; audio }",
        &expect![[r#"
            /// Says it.
            #[inline]
            #[must_use]
            #[allow(unused)]
            pub fn say<T: Into<String>, const N: usize>(text: T) -> [u8; N]
            where
                T: Clone,
            {
                static CALLSITE: my::cekura::__private::Callsite = my::cekura::__private::Callsite::tts(
                    "say",
                );
                CALLSITE
                    .open(|span| {
                        span.argument("text", span.value(&text).get());
                    })
                    .run(
                        move || -> [u8; N] {
                            let (text,) = (text,);
                            {
                                let audio = [0; N];
                                audio
                            }
                        },
                        |span, returned| {
                            let failure = my::cekura::__private::failure(returned).get();
                            let inside = my::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn order_of_calls() {
    check(
        SpanName::Conversation,
        "call_id = sid.to_string(), link_headers = headers, trace_id_from = sid, record(a.b = 1), parent = cx",
        "fn handle(sid: &str, headers: &Headers, cx: &Context) {}",
        &expect![[r#"
            fn handle(sid: &str, headers: &Headers, cx: &Context) {
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                    "handle",
                );
                CALLSITE
                    .open(|span| {
                        span.parent(&cx);
                        span.trace_id_from(span.value(&sid).get());
                        span.link_headers(&headers);
                        span.argument("sid", span.value(&sid).get());
                        span.argument("headers", span.value(&headers).get());
                        span.argument("cx", span.value(&cx).get());
                        span.call_id(span.value(&sid.to_string()).get());
                        span.record("a.b", span.value(&1).get());
                    })
                    .run(
                        move || -> () {
                            let (sid, headers, cx) = (sid, headers, cx);
                            {}
                        },
                        |span, returned| {
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn async_trait_method() {
    check(
        SpanName::ToolCall,
        "",
        "fn call<'life0, 'async_trait>(&'life0 self, city: String, __arg1: (u8, u8)) -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = String> + ::core::marker::Send + 'async_trait>> where 'life0: 'async_trait, Self: 'async_trait { Box::pin(async move { let __self = self; let city = city; let (a, b) = __arg1; city }) }",
        &expect![[r#"
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
                static CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tool_call(
                    "call",
                );
                CALLSITE
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
                            let failure = ::cekura::__private::failure(returned).get();
                            let inside = ::cekura::__private::inside(returned).get();
                            span.end(
                                failure,
                                inside,
                                |span, returned| {
                                    span.returned(span.value(returned).get());
                                },
                            );
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn two_mistakes() {
    check(
        SpanName::Llm,
        "modle = 1, skip(propmt)",
        "fn ask(prompt: &str) {}",
        &expect![[r#"
        fn ask(prompt: &str) {}
        ::core::compile_error! {
            "`llm` has no argument `modle`; did you mean `model`?"
        }
        ::core::compile_error! {
            "the function has no argument `propmt`; it has `prompt`"
        }
    "#]],
    );
}
