//! What tests of delivery share: a backend for spans that does as it is told, an authority for certificates, and
//! handles that deliver fast. Nothing here asserts anything.

pub mod authority;
pub mod backend;
pub mod handles;
mod wire;
