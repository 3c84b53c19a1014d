//! Annotated functions whose parts come out of a macro, and so stand in invisible groups.

use std::future::Future;
use std::pin::Pin;

pub struct Pair(pub u8, pub String);

macro_rules! functions {
    ($(#[$meta:meta])* $visibility:vis $name:ident, $argument:ident: $type:ty, $pattern:pat, $of:ty, $returns:ty, $path:path, $body:block) => {
        #[cekura::span(name = "own", record(seen = $argument))]
        $(#[$meta])*
        $visibility fn $name($argument: $type, $pattern: $of) -> $returns $body

        pub mod later {
            use super::*;

            #[cekura::span]
            pub async fn $name($argument: $type, $pattern: $of) -> $returns $body
        }

        pub mod returned {
            use super::*;

            #[cekura::span]
            pub fn $name($argument: $type) -> impl $path + Send {
                std::future::ready($argument)
            }
        }
    };
}

functions! {
    /// Says it.
    #[must_use]
    pub(crate) count, number: u8, Pair(_, mut text), Pair, Result<usize, std::fmt::Error>, Future<Output = u8>,
    {
        text.push('!');
        Ok(text.len() + usize::from(number))
    }
}

macro_rules! nested {
    ($body:block, $future:ty) => {
        again!($body, $future);
    };
}

macro_rules! again {
    ($body:block, $future:ty) => {
        #[cekura::llm]
        pub fn boxed(prompt: String) -> $future {
            Box::pin(async move { Ok(prompt) })
        }

        #[cekura::span]
        pub fn twice() -> u8 $body

        #[cekura::span]
        pub fn tuple((a, _b): (u8, String)) -> u8 {
            let n: u8 = $body;
            n + a
        }
    };
}

nested!({ 7 }, Pin<Box<dyn Future<Output = Result<String, std::fmt::Error>> + Send>>);

macro_rules! whole {
    ($($function:item)*) => {
        $(#[cekura::span] $function)*
    };
}

whole! {
    pub fn plain(a: u8) -> u8 { a }
    pub async fn plain_later(a: String) -> String { a }
}

pub fn used() {
    _ = count(1, Pair(1, String::new()));
}
