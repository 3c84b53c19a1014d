//! How to use the library, one page for each subject. Each page is a file in `src/guide/`, which the repository shows too.

#[doc = include_str!("guide/recorded.md")]
pub mod recorded {}

#[doc = include_str!("guide/streams.md")]
pub mod streams {}

#[doc = include_str!("guide/tasks.md")]
pub mod tasks {}

#[doc = include_str!("guide/opentelemetry.md")]
pub mod opentelemetry {}

#[doc = include_str!("guide/tracing.md")]
pub mod tracing {}

#[doc = include_str!("guide/settings.md")]
pub mod settings {}

#[doc = include_str!("guide/delivery.md")]
pub mod delivery {}

#[doc = include_str!("guide/troubleshooting.md")]
pub mod troubleshooting {}
