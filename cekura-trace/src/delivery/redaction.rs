//! Has personal values replaced in what is about to leave, where that is asked for. Invariant: it is asked on the delivering thread
//! only.

use crate::redact::Redactor;
use prost::bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// What is replaced, if anything is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction(Option<Arc<Redactor>>);

impl Redaction {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self(Some(Arc::new(redactor)))
    }

    pub(super) fn records<'a>(&self, records: &'a [u8]) -> Cow<'a, [u8]> {
        self.0.as_ref().map_or(records.into(), |redactor| redactor.records(records))
    }

    /// What is posted of a call.
    pub(super) fn call_log(&self, body: Bytes) -> Bytes {
        let redacted = self.0.as_ref().and_then(|redactor| redactor.call_log(str::from_utf8(&body).ok()?));
        redacted.map_or(body, Bytes::from)
    }

    #[cfg(feature = "exporter")]
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}
