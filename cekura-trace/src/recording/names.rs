//! Names and ids as a program gives them: how long they may be, and the trace id that a call SID stands for. Invariant: a
//! blank one counts as none.

use opentelemetry::trace::TraceId;
use sha2::{Digest, Sha256};

/// The most bytes of a name or an id.
pub(super) const NAME_LIMIT: usize = 1024;

/// The most bytes of a name that is the value of a metric's label.
pub(super) const LABEL_LIMIT: usize = 64;

/// The most characters of a call's id (Cekura docs, Send Calls).
const ID_LIMIT: usize = 100;

/// Whether a name or an id says nothing.
pub(super) fn is_blank(name: &str) -> bool {
    name.chars().all(char::is_whitespace)
}

/// The id of a call whose carrier has given it this call SID, unless that is too long for one.
pub(super) fn id_from(sid: &str) -> Option<String> {
    (sid.chars().count() <= ID_LIMIT).then(|| sid.to_owned())
}

/// The trace id of a carrier's call: the first 16 bytes of the SHA-256 of its call SID.
pub(super) fn trace_id_from(sid: &str) -> Option<TraceId> {
    Sha256::digest(sid.as_bytes()).first_chunk().map(|bytes| TraceId::from_bytes(*bytes))
}
