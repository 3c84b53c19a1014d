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
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tool_call(
                "book",
            );
            __CALLSITE
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
                        { self.store.book(customer, date).await }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
                .await
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
            Point { x, y: [first, .., _] }: Point,
            r#type: u8,
            &(ref inner, _): &(u8, u8),
            whole @ Some(_): Option<u8>,
        ) -> i32 {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::span(
                "add",
            );
            __CALLSITE
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
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
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
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::tts(
                "say",
            );
            __CALLSITE
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
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
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
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::span(
                "words",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("text", span.value(&text).get());
                })
                .run(
                    move || -> Result<(_, Box<dyn Fn(&str) -> bool>), Error> {
                        let (text,) = (text,);
                        { split(text) }
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
    check(Span, "", item, &expected);
}

#[test]
fn receivers() {
    let item = "fn turn(mut self: Box<Self>) -> Box<Self> { self.turns += 1; self }";
    let expected = expect![[r#"
        fn turn(mut self: Box<Self>) -> Box<Self> {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::turn(
                "turn",
            );
            __CALLSITE
                .open(|_| {})
                .run(
                    move || -> Box<Self> {
                        self.turns += 1;
                        self
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
    check(Turn, "", item, &expected);
}

#[test]
fn conditional_argument() {
    let item = r#"fn turn(#[cfg(feature = "video")] picture: Picture, text: &str) {}"#;
    let expected = expect![[r#"
        fn turn(#[cfg(feature = "video")] picture: Picture, text: &str) {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::turn(
                "turn",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("text", span.value(&text).get());
                })
                .run(
                    move || -> () {
                        let (text,) = (text,);
                        {}
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
    check(Turn, "", item, &expected);
}
