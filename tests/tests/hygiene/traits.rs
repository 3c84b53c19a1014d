//! Traits for every type have the methods that generated code calls, by value and by reference; items have the names that
//! it binds.
#![allow(dead_code, non_camel_case_types, non_upper_case_globals)]

use std::future::Future;
use std::pin::Pin;

macro_rules! traits {
    ($name:ident $receiver:tt $($method:ident)*) => {
        pub trait $name: Sized {
            $(method!($method $receiver);)*
        }
        impl<T> $name for T {}
    };
}

macro_rules! method {
    ($method:ident ($($receiver:tt)*)) => {
        fn $method($($receiver)*) -> Wrong { Wrong }
    };
}

pub struct Wrong;

macro_rules! with_all_methods {
    ($name:ident $receiver:tt) => {
        traits! {
            $name $receiver get value of record stream apply open run end future around polled argument returned boxed
                wrap map prepare close call into into_future poll pin outcome deref provider model output output_tokens
                input_tokens name confidence text observe call_id then never clone record_json inside
        }
    };
}

macro_rules! functions {
    () => {
        pub struct Reply {
            pub tokens: i64,
            pub text: String,
        }

        pub struct Pair(String, u8);

        #[cekura::llm(model = prompt, provider = "openai", output_tokens = |reply| reply.tokens, output = |reply| &reply.text, record("k" = number, more = |reply| reply.tokens))]
        pub fn ask(prompt: &str, number: u8, _hidden: String, _: Vec<u8>) -> Result<Reply, std::fmt::Error> {
            Ok(Reply { tokens: i64::from(number), text: prompt.to_owned() })
        }

        #[cekura::llm(model = prompt, output_tokens = |reply| reply.tokens, output = |reply| &reply.text)]
        pub async fn ask_later(prompt: &str, Pair(text, _): Pair) -> Result<Option<Reply>, std::fmt::Error> {
            Ok(Some(Reply { tokens: 1, text }))
        }

        #[cekura::conversation(call_id = id, observe)]
        pub fn boxed_later(id: String) -> Pin<Box<dyn Future<Output = Option<String>>>> {
            Box::pin(async move { Some(id) })
        }

        #[cekura::tool_call(name = "find", id = 7)]
        pub fn opaque(city: String) -> impl Future<Output = Result<String, std::fmt::Error>> {
            async move { Ok(city) }
        }

        #[cekura::span]
        pub fn diverges(code: u8) -> ! {
            panic!("{}", u32::from(code))
        }

        #[cekura::span]
        pub fn outer(n: u8) -> u8 {
            #[cekura::span]
            fn inner(n: u8) -> u8 {
                n
            }
            inner(n)
        }
    };
}

pub mod by_value {
    use super::*;
    with_all_methods!(Tr(self));
    functions!();
}

pub mod by_reference {
    use super::*;
    with_all_methods!(Tr(&self));
    functions!();
}

pub mod by_mutable_reference {
    use super::*;
    with_all_methods!(Tr(&mut self));
    functions!();
}

pub mod items {
    use super::*;
    pub const span: u8 = 1;
    pub const value: u8 = 1;
    pub static returned: u8 = 1;
    pub struct future;
    pub struct callsite;
    pub enum Names {
        body,
        outcome,
        room,
        stream,
        unnamed,
        runtime,
        place,
    }
    pub use Names::*;
    functions!();
}
