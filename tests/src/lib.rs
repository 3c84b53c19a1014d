//! What tests share: calls, a backend for spans and an API that do as they are told, an authority for certificates, handles
//! that deliver fast, programs, compilers and other tools. Nothing here asserts anything.
#![expect(clippy::missing_panics_doc, reason = "a test that cannot be set up has failed")]

pub mod api;
pub mod authority;
pub mod backend;
pub mod calls;
pub mod clinic;
pub mod compiler;
pub mod events;
pub mod handles;
pub mod host;
pub mod http_proxy;
pub mod metrics;
pub mod polls;
pub mod program;
pub mod proxy;
pub mod rotel;
pub mod spools;
pub mod strangers;
pub mod tone;
pub mod tools;
pub mod tree;
pub mod vendors;
pub mod webhook;
mod wire;

// Every block of Rust on these pages compiles. They are here because the package of the library has no file outside itself.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/operate.md")]
struct Operate;

#[cfg(doctest)]
#[doc = include_str!("../../docs/calls.md")]
struct Calls;
