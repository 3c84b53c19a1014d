//! What tests of delivery share: a backend for spans that does as it is told, an authority for certificates, and
//! handles that deliver fast. Nothing here asserts anything.
#![expect(clippy::missing_panics_doc, reason = "a test that cannot be set up has failed")]

pub mod authority;
pub mod backend;
pub mod handles;
mod wire;
