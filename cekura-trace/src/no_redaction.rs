//! Stands in for what replaces personal values in a build without the feature `redact`. Invariant: it is never asked for, because the
//! settings refuse it.

use prost::bytes::Bytes;
use std::borrow::Cow;

#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction;

#[expect(clippy::unused_self, reason = "there is nothing to replace without the feature")]
impl Redaction {
    pub(crate) fn records<'a>(&self, records: &'a [u8]) -> Cow<'a, [u8]> {
        records.into()
    }

    pub(crate) fn call_log(&self, body: Bytes) -> Bytes {
        body
    }

    #[cfg(feature = "logs")]
    pub(crate) fn text(&self, _key: &str, _text: &str) -> Option<String> {
        None
    }

    #[cfg(feature = "logs")]
    pub(crate) fn scalar(&self, _key: &str, _scalar: &str) -> Option<String> {
        None
    }

    #[cfg(any(feature = "exporter", feature = "logs"))]
    pub(crate) fn is_on(&self) -> bool {
        false
    }
}
