//! Has personal values replaced in what is about to leave, where that is asked for. Invariant: it is asked on the delivering thread
//! only.

use super::call_log::sealed::SealedCallLog;
use crate::redact::Redactor;
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

    pub(super) fn call_log(&self, mut log: SealedCallLog) -> SealedCallLog {
        let body = str::from_utf8(&log.body).unwrap_or_default();
        if let Some(redacted) = self.0.as_ref().and_then(|redactor| redactor.call_log(body)) {
            log.body = redacted.into();
        }
        log
    }

    #[cfg(feature = "exporter")]
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}
