//! What the attribute's arguments add, and in which order.

use super::check;
use crate::args::SpanName::{Conversation, Llm, Turn};
use expect_test::expect;

#[test]
fn a_word_is_a_call() {
    let function = "async fn answer_call(id: &str) {}";
    let expected = expect![[r#"
        async fn answer_call(id: &str) {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                "answer_call",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("id", span.value(&id).get());
                    span.call_id(span.value(&id).get());
                    span.observe();
                })
                .future(
                    async move {
                        if false {
                            return ::cekura::__private::never::<()>();
                        }
                        {}
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
    check(Conversation, "observe, call_id = id", function, &expected);
}

#[test]
fn skip() {
    let item = "fn ask(prompt: &str, history: History) -> Reply { history.ask(prompt) }";
    let expected = expect![[r#"
        fn ask(prompt: &str, history: History) -> Reply {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("prompt", span.value(&prompt).get());
                })
                .run(
                    move || -> Reply {
                        let (prompt, history) = (prompt, history);
                        { history.ask(prompt) }
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
    check(Llm, "skip(history)", item, &expected);
}

#[test]
fn skip_all() {
    let item = "fn turn(&self, audio: &[u8]) -> Reply { reply(audio) }";
    let expected = expect![[r#"
        fn turn(&self, audio: &[u8]) -> Reply {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::turn(
                "turn",
            );
            __CALLSITE
                .open(|_| {})
                .run(
                    move || -> Reply {
                        let (audio,) = (audio,);
                        { reply(audio) }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get()).record(|_, _| {});
                    },
                )
        }
    "#]];
    check(Turn, "skip_all", item, &expected);
}

#[test]
fn skip_all_with_own_arguments() {
    let item = "fn ask(prompt: &str) -> Reply { reply(prompt) }";
    let expected = expect![[r#"
        fn ask(prompt: &str) -> Reply {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .open(|span| {
                    span.model(span.value(&"gpt-4o").get());
                })
                .run(
                    move || -> Reply {
                        let (prompt,) = (prompt,);
                        { reply(prompt) }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                let value = span.apply(returned, |reply| reply.tokens);
                                span.input_tokens(&value);
                            });
                    },
                )
        }
    "#]];
    check(Llm, r#"skip_all, model = "gpt-4o", input_tokens = |reply| reply.tokens"#, item, &expected);
}

#[test]
fn first_what_opens_the_span() {
    let item = "fn handle(sid: &str, headers: &Headers, cx: &Context, handle: &Cekura) {}";
    let expected = expect![[r#"
        fn handle(sid: &str, headers: &Headers, cx: &Context, handle: &Cekura) {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::conversation(
                "handle",
            );
            __CALLSITE
                .open(|span| {
                    span.parent(&cx);
                    span.client(&handle);
                    span.capture(CaptureContent::Metadata);
                    span.trace_id_from(span.value(&sid).get());
                    span.link_headers(&headers);
                    span.argument("sid", span.value(&sid).get());
                    span.argument("headers", span.value(&headers).get());
                    span.argument("cx", span.value(&cx).get());
                    span.argument("handle", span.value(&handle).get());
                    span.call_id(span.value(&sid.to_string()).get());
                    span.record("a.b", span.value(&1).get());
                })
                .run(
                    move || -> () {},
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(
        Conversation,
        "call_id = sid.to_string(), capture = CaptureContent::Metadata, link_headers = headers, trace_id_from = sid, record(a.b = 1), client = handle, parent = cx",
        item,
        &expected,
    );
}

#[test]
fn operators_stand_in_parentheses() {
    let item = "fn turn(count: u8, done: bool) {}";
    let expected = expect![[r#"
        fn turn(count: u8, done: bool) {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::turn(
                "turn",
            );
            __CALLSITE
                .open(|span| {
                    span.argument("count", span.value(&count).get());
                    span.argument("done", span.value(&done).get());
                    span.number(&(count as i64));
                    span.record("sum", span.value(&(1 + 2)).get());
                    span.record("not", span.value(&(!done)).get());
                })
                .run(
                    move || -> () {},
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Turn, "number = count as i64, record(sum = 1 + 2, not = !done)", item, &expected);
}

#[test]
fn own_path_of_the_runtime() {
    let item = "fn turn() {}";
    let expected = expect![[r#"
        fn turn() {
            static __CALLSITE: ::my::cekura::__private::Callsite = ::my::cekura::__private::Callsite::turn(
                "turn",
            );
            __CALLSITE
                .open(|_| {})
                .run(
                    move || -> () {},
                    |span, returned| {
                        span.end(::my::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                            });
                    },
                )
        }
    "#]];
    check(Turn, "crate = ::my::cekura", item, &expected);
}

#[test]
fn closures_with_patterns_and_types() {
    let item = "async fn ask() -> Reply { reply().await }";
    let expected = expect![[r#"
        async fn ask() -> Reply {
            static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::llm(
                "ask",
            );
            __CALLSITE
                .open(|_| {})
                .future(
                    async move {
                        if false {
                            return ::cekura::__private::never::<Reply>();
                        }
                        { reply().await }
                    },
                    |span, returned| {
                        span.end(::cekura::__private::outcome(returned).get())
                            .record(|span, returned| {
                                span.returned(span.value(returned).get());
                                let value = span
                                    .apply(returned, |Reply { usage, .. }: &Reply| usage.output);
                                span.output_tokens(&value);
                                let value = span.apply(returned, |reply| reply.all().first());
                                span.record("first", span.value(&value).get());
                            });
                    },
                )
                .await
        }
    "#]];
    check(
        Llm,
        r#"output_tokens = |Reply { usage, .. }: &Reply| usage.output, record("first" = |reply| reply.all().first())"#,
        item,
        &expected,
    );
}
