//! The body of a request to Cekura's API: nothing, JSON, or a form whose parts are made while it is sent. Invariant: its length is
//! known before its first byte.

use http::HeaderValue;
use prost::bytes::Bytes;
use std::io;
use tokio::sync::mpsc::Receiver;

/// What a request carries.
pub(crate) enum Payload {
    Nothing,
    Json(Bytes),
    #[cfg_attr(not(feature = "audio"), expect(dead_code, reason = "only recordings are sent so"))]
    Form(Form),
}

/// A form of several parts.
pub(crate) struct Form {
    pub(crate) content_type: HeaderValue,
    pub(crate) length: u64,
    pub(crate) parts: Receiver<io::Result<Bytes>>,
}
