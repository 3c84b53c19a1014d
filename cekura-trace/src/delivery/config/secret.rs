//! Holds a key or a header's value. Invariant: `Debug` never shows it.

use http::HeaderValue;
use std::fmt;

/// What is shorter is found in harmless words too, and so not kept out of what servers say.
pub(crate) const SHORTEST_SECRET: usize = 6;

/// Text that appears in no log, error or `Debug` output.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether this can be an API key: visible ASCII and nothing else.
    pub(crate) fn is_key(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Whether it has so few characters that they are found in harmless words too.
    pub(super) fn is_short(&self) -> bool {
        self.0.len() < SHORTEST_SECRET
    }

    /// What nobody else may see.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The value as a header that HTTP clients keep out of their own logs too.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.0).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}
