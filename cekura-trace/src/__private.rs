//! The complete list of names that generated code uses. Nothing here is for people: it changes without notice.

pub use crate::__polled as polled;
pub use crate::recording::callsite::Callsite;
pub use crate::recording::failure::failure;
pub use crate::recording::future::polled;
pub use crate::recording::opaque::{map, pinned_stream, stream, then};
pub use crate::recording::outcome::never;
pub use std::pin::pin;
