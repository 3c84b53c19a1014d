//! The message of each mistake. Invariant: the function comes out untouched beside it.

use super::expand;
use crate::args::SpanName::{Llm, Turn};
use expect_test::expect;

#[test]
fn every_mistake_at_once() {
    expect![[r#"
        fn ask(prompt: &str) {}
        ::core::compile_error! {
            "`llm` has no argument `modle`; did you mean `model`?"
        }
        ::core::compile_error! {
            "`llm` has no argument `voice`; it belongs to `tts`"
        }
        ::core::compile_error! {
            "the function has no argument `propmt`; it has `prompt`"
        }
    "#]]
    .assert_eq(&expand(Llm, "modle = 1, skip(propmt), voice = 2", "fn ask(prompt: &str) {}"));
}

#[test]
fn not_a_function() {
    expect![[r#"
        struct Turn {
            number: u8,
        }
        ::core::compile_error! {
            "this attribute goes on a function, not on a type"
        }
    "#]]
    .assert_eq(&expand(Turn, "", "struct Turn { number: u8 }"));
}
