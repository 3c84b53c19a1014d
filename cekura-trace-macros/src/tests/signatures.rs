//! The signature stays as it is, whatever stands in it.

use super::check;
use crate::args::SpanName::{Span, ToolCall, Tts, Turn};
use expect_test::expect;

#[test]
fn many_arguments() {
    let item = "async fn book(&self, customer: Customer, number_of_guests: u32, date: Date, time: Time, comment: Option<String>) -> Result<Booking, Error> { self.store.book(customer, date).await }";
    let expected = expect![[r#"
        async fn book(
            &self,
            customer: Customer,
            number_of_guests: u32,
            date: Date,
            time: Time,
            comment: Option<String>,
        ) -> Result<Booking, Error> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tool_call(
                "book",
                ::core::concat!(::core::module_path!(), "::book"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("customer", __CALLSITE.of(&customer).__get());
                    __sp.argument("number_of_guests", __CALLSITE.of(&number_of_guests).__get());
                    __sp.argument("date", __CALLSITE.of(&date).__get());
                    __sp.argument("time", __CALLSITE.of(&time).__get());
                    __sp.argument("comment", __CALLSITE.of(&comment).__get());
                });
            let __fut = async move {
                if false {
                    return ::cekura::__private::never::<Result<Booking, Error>>();
                }
                #[allow(clippy::shadow_reuse)]
                let (customer, number_of_guests) = (customer, number_of_guests);
                #[allow(clippy::shadow_reuse)]
                let (date, time, comment) = (date, time, comment);
                self.store.book(customer, date).await
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); }); }
            );
        }
    "#]];
    check(ToolCall, "", item, &expected);
}

#[test]
fn patterns() {
    let item = r#"unsafe extern "C" fn add(_unused: u8, (a, mut b): (i32, i32), Point { x, y: [first, .., _] }: Point, r#type: u8, &(ref inner, _): &(u8, u8), whole @ Some(_): Option<u8>) -> i32 { b += a; b + x + first }"#;
    let expected = expect![[r#"
        unsafe extern "C" fn add(
            _unused: u8,
            (a, b): (i32, i32),
            x: Point,
            r#type: u8,
            &(ref inner, _): &(u8, u8),
            whole: Option<u8>,
        ) -> i32 {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::span(
                "add",
                ::core::concat!(::core::module_path!(), "::add"),
            );
            return __CALLSITE
                .open(|__sp| {
                    let Point { x, y: [first, .., _] } = &x;
                    let whole @ Some(_) = &whole;
                    __sp.argument("a", __CALLSITE.of(&a).__get());
                    __sp.argument("b", __CALLSITE.of(&b).__get());
                    __sp.argument("x", __CALLSITE.of(x).__get());
                    __sp.argument("first", __CALLSITE.of(first).__get());
                    __sp.argument("type", __CALLSITE.of(&r#type).__get());
                    __sp.argument("inner", __CALLSITE.of(&inner).__get());
                    __sp.argument("whole", __CALLSITE.of(whole).__get());
                })
                .run(
                    move || -> i32 {
                        #[allow(clippy::shadow_reuse)]
                        let (a, mut b, x) = (a, b, x);
                        let Point { x, y: [first, .., _] } = x;
                        #[allow(clippy::shadow_reuse)]
                        let (r#type, inner, whole) = (r#type, inner, whole);
                        let whole @ Some(_) = whole;
                        {
                            b += a;
                            b + x + first
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
    check(Span, "", item, &expected);
}

#[test]
fn attributes_and_generics() {
    let item = "/// Says it.\n#[inline]\n#[must_use]\npub fn say<T: Into<String>, const N: usize>(text: T) -> [u8; N] where T: Clone { #![allow(unused)] let audio = [0; N]; audio }";
    let expected = expect![[r#"
        /// Says it.
        #[inline]
        #[must_use]
        #[allow(unused)]
        pub fn say<T: Into<String>, const N: usize>(text: T) -> [u8; N]
        where
            T: Clone,
        {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tts(
                "say",
                ::core::concat!(::core::module_path!(), "::say"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("text", __CALLSITE.of(&text).__get());
                })
                .run(
                    move || -> [u8; N] {
                        #[allow(clippy::shadow_same)]
                        let text = text;
                        {
                            let audio = [0; N];
                            audio
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
    check(Tts, "", item, &expected);
}

#[test]
fn opaque_inside_a_type() {
    let item = "fn words(text: &str) -> Result<(impl Iterator<Item = &str>, Box<dyn Fn(&str) -> bool>), Error> { split(text) }";
    let expected = expect![[r#"
        fn words(
            text: &str,
        ) -> Result<(impl Iterator<Item = &str>, Box<dyn Fn(&str) -> bool>), Error> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::span(
                "words",
                ::core::concat!(::core::module_path!(), "::words"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("text", __CALLSITE.of(&text).__get());
                })
                .run(
                    move || -> Result<(_, Box<dyn Fn(&str) -> bool>), Error> {
                        #[allow(clippy::shadow_same)]
                        let text = text;
                        split(text)
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
    check(Span, "", item, &expected);
}

#[test]
fn a_closure_is_returned() {
    let item = "fn matches<'a>(word: &'a str, _guard: Guard) -> impl Fn(&str) -> bool + 'a { move |other| other == word }";
    check(
        Span,
        "",
        item,
        &expect![[r#"
            fn matches<'a>(word: &'a str, _guard: Guard) -> impl Fn(&str) -> bool + 'a {
                static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::span(
                    "matches",
                    ::core::concat!(::core::module_path!(), "::matches"),
                );
                let __inside = __CALLSITE
                    .open(|__sp| {
                        __sp.argument("word", __CALLSITE.of(&word).__get());
                    })
                    .enter();
                {
                    #[allow(clippy::shadow_reuse)]
                    let (word, _guard) = (word, _guard);
                    move |other| other == word
                }
            }
        "#]],
    );
}

#[test]
fn receivers() {
    let item = "fn turn(mut self: Box<Self>) -> Box<Self> { self.turns += 1; self }";
    let expected = expect![[r#"
        #[allow(unused_assignments)]
        fn turn(mut self: Box<Self>) -> Box<Self> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::turn(
                "turn",
                ::core::concat!(::core::module_path!(), "::turn"),
            );
            return __CALLSITE
                .open(|_| {})
                .run(
                    move || -> Box<Self> {
                        let _ = &self;
                        {
                            self.turns += 1;
                            self
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
    check(Turn, "", item, &expected);
}

#[test]
fn conditional_argument() {
    let item = r#"fn turn(#[cfg(feature = "video")] picture: Picture, text: &str) {}"#;
    let expected = expect![[r#"
        fn turn(#[cfg(feature = "video")] picture: Picture, text: &str) {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::turn(
                "turn",
                ::core::concat!(::core::module_path!(), "::turn"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("text", __CALLSITE.of(&text).__get());
                })
                .run(
                    move || -> () {
                        #[cfg(feature = "video")]
                        #[allow(clippy::shadow_same)]
                        let picture = picture;
                        #[allow(clippy::shadow_same)]
                        let text = text;
                        {}
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
    check(Turn, "", item, &expected);
}

#[test]
fn an_async_function_returns_a_closure() {
    let item = "async fn matches<'a>(word: &'a str) -> impl for<'b> Fn(&'b str, &'a str) -> bool + 'a { move |other, _| other == word }";
    check(
        Span,
        "",
        item,
        &expect![[r#"
        async fn matches<'a>(word: &'a str) -> impl for<'b> Fn(&'b str, &'a str) -> bool + 'a {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::span(
                "matches",
                ::core::concat!(::core::module_path!(), "::matches"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("word", __CALLSITE.of(&word).__get());
                });
            #[allow(clippy::async_yields_async)]
            let __fut = async move {
                fn __typed<'a, __F: for<'b> Fn(&'b str, &'a str) -> bool>(__f: __F) -> __F {
                    __f
                }
                #[allow(clippy::shadow_same)]
                let word = word;
                __typed({ move |other, _| other == word })
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__borrowed().__error().__borrowed().__error(); let __sp = __sp.end(__out)
                .__items().__borrowed().__error(); __sp.__record(| __sp, __ret | { __sp
                .returned(__CALLSITE.of(__ret).__get()); }); }
            );
        }
    "#]],
    );
}

/// A type parameter cannot be named in an item.
#[test]
fn an_async_function_returns_a_closure_of_a_type_parameter() {
    let item = "async fn matches<T>(word: T) -> impl Fn(&T) -> bool { move |other: &T| other == word }";
    check(
        Span,
        "",
        item,
        &expect![[r#"
        async fn matches<T>(word: T) -> impl Fn(&T) -> bool {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::span(
                "matches",
                ::core::concat!(::core::module_path!(), "::matches"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("word", __CALLSITE.of(&word).__get());
                });
            #[allow(clippy::async_yields_async)]
            let __fut = async move {
                if false {
                    return ::cekura::__private::never::<_>();
                }
                #[allow(clippy::shadow_same)]
                let word = word;
                move |other: &T| other == word
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); }); }
            );
        }
    "#]],
    );
}
