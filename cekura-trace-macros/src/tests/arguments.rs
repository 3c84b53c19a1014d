//! What the attribute's arguments add, and in which order.

use super::check;
use crate::args::SpanName::{Conversation, Llm, ToolCall, Turn};
use expect_test::expect;

#[test]
fn a_word_is_a_call() {
    let function = "async fn answer_call(id: &str) {}";
    let expected = expect![[r#"
        async fn answer_call(id: &str) {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::conversation(
                "answer_call",
                ::core::concat!(::core::module_path!(), "::answer_call"),
            );
            let mut __sp = __CALLSITE
                .around(|__sp| {
                    __sp.argument("id", __CALLSITE.of(&id).__get());
                    __sp.call_id(__CALLSITE.of(&id).__get());
                    __sp.observe();
                });
            let __fut = async move {
                if false {
                    return ::cekura::__private::never::<()>();
                }
                #[allow(unused_variables, clippy::shadow_same)]
                let id = id;
                {}
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); }); }
            );
        }
    "#]];
    check(Conversation, "observe, call_id = id", function, &expected);
}

#[test]
fn skip() {
    let item = "fn ask(prompt: &str, history: History) -> Reply { history.ask(prompt) }";
    let expected = expect![[r#"
        fn ask(prompt: &str, history: History) -> Reply {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("prompt", __CALLSITE.of(&prompt).__get());
                })
                .run(
                    move || -> Reply {
                        #[allow(clippy::shadow_reuse)]
                        let (prompt, history) = (prompt, history);
                        history.ask(prompt)
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
    check(Llm, "skip(history)", item, &expected);
}

#[test]
fn skip_all() {
    let item = "fn turn(&self, audio: &[u8]) -> Reply { reply(audio) }";
    let expected = expect![[r#"
        fn turn(&self, audio: &[u8]) -> Reply {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::turn(
                "turn",
                ::core::concat!(::core::module_path!(), "::turn"),
            );
            return __CALLSITE
                .open(|_| {})
                .run(
                    move || -> Reply {
                        #[allow(clippy::shadow_same)]
                        let audio = audio;
                        reply(audio)
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
    check(Turn, "skip_all", item, &expected);
}

#[test]
fn skip_all_with_own_arguments() {
    let item = "fn ask(prompt: &str) -> Reply { reply(prompt) }";
    let expected = expect![[r#"
        fn ask(prompt: &str) -> Reply {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.model(__CALLSITE.of(&"gpt-4o").__get());
                })
                .run(
                    move || -> Reply {
                        #[allow(clippy::shadow_same)]
                        let prompt = prompt;
                        reply(prompt)
                    },
                    |__sp, __ret| {
                        let __out = __sp.__outcome(__ret).__get().__error().__error();
                        let __sp = __sp.end(__out).__items().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned(__CALLSITE.of(__ret).__get());
                            let __val = __CALLSITE.apply(__ret, |reply| reply.tokens);
                            __sp.input_tokens(&__val);
                        });
                    },
                );
        }
    "#]];
    check(Llm, r#"skip_all, model = "gpt-4o", input_tokens = |reply| reply.tokens"#, item, &expected);
}

#[test]
fn first_what_opens_the_span() {
    let item = "fn handle(sid: &str, headers: &Headers, cx: &Context, handle: &Cekura) {}";
    let expected = expect![[r#"
        fn handle(sid: &str, headers: &Headers, cx: &Context, handle: &Cekura) {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::conversation(
                "handle",
                ::core::concat!(::core::module_path!(), "::handle"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.parent(&cx);
                    __sp.client(&handle);
                    __sp.capture(CaptureContent::Metadata);
                    __sp.trace_id_from(__CALLSITE.of(&sid).__get());
                    __sp.link_headers(&headers);
                    __sp.argument("sid", __CALLSITE.of(&sid).__get());
                    __sp.argument("headers", __CALLSITE.of(&headers).__get());
                    __sp.argument("cx", __CALLSITE.of(&cx).__get());
                    __sp.argument("handle", __CALLSITE.of(&handle).__get());
                    __sp.call_id(__CALLSITE.of(&sid.to_string()).__get());
                    __sp.run(&Run::from_headers(headers));
                    __sp.record("a.b", __CALLSITE.of(&1_i32).__get());
                })
                .run(
                    move || -> () {
                        #[allow(unused_variables, clippy::shadow_same)]
                        let sid = sid;
                        #[allow(unused_variables, clippy::shadow_same)]
                        let headers = headers;
                        #[allow(unused_variables, clippy::shadow_same)]
                        let cx = cx;
                        #[allow(unused_variables, clippy::shadow_same)]
                        let handle = handle;
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
    check(
        Conversation,
        "call_id = sid.to_string(), capture = CaptureContent::Metadata, link_headers = headers, trace_id_from = sid, run = Run::from_headers(headers), record(a.b = 1), client = handle, parent = cx",
        item,
        &expected,
    );
}

#[test]
fn operators_stand_in_parentheses() {
    let item = "fn turn(count: u8, done: bool) {}";
    let expected = expect![[r#"
        fn turn(count: u8, done: bool) {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::turn(
                "turn",
                ::core::concat!(::core::module_path!(), "::turn"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.argument("count", __CALLSITE.of(&count).__get());
                    __sp.argument("done", __CALLSITE.of(&done).__get());
                    __sp.number(&(count as i64));
                    __sp.record("sum", __CALLSITE.of(&(1 + 2)).__get());
                    __sp.record("not", __CALLSITE.of(&(!done)).__get());
                })
                .run(
                    move || -> () {
                        #[allow(unused_variables, clippy::shadow_same)]
                        let count = count;
                        #[allow(unused_variables, clippy::shadow_same)]
                        let done = done;
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
    check(Turn, "number = count as i64, record(sum = 1 + 2, not = !done)", item, &expected);
}

#[test]
fn own_path_of_the_runtime() {
    let item = "fn turn() {}";
    let expected = expect![[r#"
        fn turn() {
            static __CALLSITE: &::my::cekura::__private::Callsite = &::my::cekura::__private::Callsite::turn(
                "turn",
                ::core::concat!(::core::module_path!(), "::turn"),
            );
            return __CALLSITE
                .open(|_| {})
                .run(
                    move || -> () {},
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
    check(Turn, "crate = ::my::cekura", item, &expected);
}

#[test]
fn closures_with_patterns_and_types() {
    let item = "async fn ask() -> Reply { reply().await }";
    let expected = expect![[r#"
        async fn ask() -> Reply {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
                "ask",
                ::core::concat!(::core::module_path!(), "::ask"),
            );
            let mut __sp = __CALLSITE.around(|_| {});
            #[allow(clippy::async_yields_async)]
            let __fut = async move {
                if false {
                    return ::cekura::__private::never::<Reply>();
                }
                reply().await
            };
            return ::cekura::__private::polled!(
                __sp, __fut, | __sp, __ret | { let __out = __sp.__outcome(__ret).__get()
                .__error().__error(); let __sp = __sp.end(__out).__items().__error(); __sp
                .__record(| __sp, __ret | { __sp.returned(__CALLSITE.of(__ret).__get()); let
                __val = __CALLSITE.apply(__ret, | Reply { usage, .. } : & Reply | usage.output);
                __sp.output_tokens(& __val); let __val = __CALLSITE.apply(__ret, | reply | reply
                .all().first()); __sp.record("first", __CALLSITE.of(& __val).__get()); }); }
            );
        }
    "#]];
    check(
        Llm,
        r#"output_tokens = |Reply { usage, .. }: &Reply| usage.output, record("first" = |reply| reply.all().first())"#,
        item,
        &expected,
    );
}

#[test]
fn what_is_left_out_shown_otherwise_or_a_failure() {
    let item =
        "fn find(&self, slot: Slot, key: Key) -> Result<Answer, Box<dyn Error + '_>> { self.ask(slot, key) }";
    let expected = expect![[r#"
        fn find(&self, slot: Slot, key: Key) -> Result<Answer, Box<dyn Error + '_>> {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tool_call(
                "find",
                ::core::concat!(::core::module_path!(), "::find"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.debug_argument("slot", &slot);
                })
                .run(
                    move || -> Result<Answer, Box<dyn Error + '_>> {
                        #[allow(clippy::shadow_reuse)]
                        let (slot, key) = (slot, key);
                        self.ask(slot, key)
                    },
                    |__sp, __ret| {
                        let __out = __sp
                            .__outcome(__ret)
                            .__get()
                            .__borrowed()
                            .__error()
                            .__borrowed()
                            .__error();
                        let __sp = __sp.end(__out).__items().__borrowed().__error();
                        __sp.__record(|__sp, __ret| {
                            __sp.returned_without_content(__CALLSITE.of(__ret).__get());
                            let __val = __CALLSITE
                                .apply(__ret, |answer| answer.problem.as_ref());
                            __sp.error(::cekura::__private::failure(&__val).__error());
                        });
                    },
                );
        }
    "#]];
    check(
        ToolCall,
        "skip(self, key), skip_output, debug(slot), error = |answer| answer.problem.as_ref()",
        item,
        &expected,
    );
}

#[test]
fn arguments_in_one_piece() {
    let item = "fn run(name: &str, arguments: &str) { dispatch(name, arguments) }";
    let expected = expect![[r#"
        fn run(name: &str, arguments: &str) {
            static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::tool_call(
                "run",
                ::core::concat!(::core::module_path!(), "::run"),
            );
            return __CALLSITE
                .open(|__sp| {
                    __sp.name(__CALLSITE.of(&name).__get());
                    __sp.arguments(__CALLSITE.of(&arguments).__get());
                })
                .run(
                    move || -> () {
                        #[allow(unused_variables, clippy::shadow_same)]
                        let name = name;
                        #[allow(unused_variables, clippy::shadow_same)]
                        let arguments = arguments;
                        dispatch(name, arguments)
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
    check(ToolCall, "name = name, arguments = arguments", item, &expected);
}
