//! Has personal values replaced in what is about to leave, where that is asked for. Invariant: records and call logs are redacted on
//! the delivering thread, and lines of a log on the thread that writes them.

use crate::redact::Redactor;
use prost::bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// What is replaced, if anything is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction(Option<Arc<Redactor>>);

impl Redaction {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self(Some(Arc::new(redactor)))
    }

    pub(crate) fn records<'a>(&self, records: &'a [u8]) -> Cow<'a, [u8]> {
        self.0.as_ref().map_or(records.into(), |redactor| redactor.records(records))
    }

    /// What is posted of a call.
    pub(crate) fn call_log(&self, body: Bytes) -> Bytes {
        let redacted = self.0.as_ref().and_then(|redactor| redactor.call_log(str::from_utf8(&body).ok()?));
        redacted.map_or(body, Bytes::from)
    }

    /// What stands in the place of a text of a log line, if that is to change.
    #[cfg(feature = "logs")]
    pub(crate) fn text(&self, key: &str, text: &str) -> Option<String> {
        self.0.as_ref()?.log_text(key, text)
    }

    /// The same for a number, `true` or `false`.
    #[cfg(feature = "logs")]
    pub(crate) fn scalar(&self, key: &str, scalar: &str) -> Option<String> {
        self.0.as_ref()?.log_scalar(key, scalar)
    }

    #[cfg(any(feature = "exporter", feature = "logs"))]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}
