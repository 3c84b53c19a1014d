//! What tests share: a backend for spans that does as it is told, an authority for certificates, handles that deliver
//! fast, and compilers. Nothing here asserts anything.
#![expect(clippy::missing_panics_doc, reason = "a test that cannot be set up has failed")]

pub mod authority;
pub mod backend;
pub mod clinic;
pub mod compiler;
pub mod handles;
pub mod host;
pub mod tree;
mod wire;
