//! Names and ids as a program gives them: how long they may be, and the trace id that a call SID stands for. Invariant: a
//! blank one counts as none.

use opentelemetry::trace::TraceId;
use sha2::{Digest, Sha256};

/// The most bytes of a name or an id.
pub(super) const NAME_LIMIT: usize = 1024;

/// Whether a name or an id says nothing.
pub(super) fn is_blank(name: &str) -> bool {
    name.chars().all(char::is_whitespace)
}

/// The trace id of a carrier's call: the first 16 bytes of the SHA-256 of its call SID.
pub(super) fn trace_id_from(sid: &str) -> Option<TraceId> {
    Sha256::digest(sid.as_bytes()).first_chunk().map(|bytes| TraceId::from_bytes(*bytes))
}
