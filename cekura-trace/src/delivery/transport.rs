//! One encoded request comes in, one answer goes out, over gRPC or HTTP. Nothing here knows spans, retries or what an
//! answer means.

// The same two names come from a file that has no transport when its feature is off.
#[cfg_attr(not(feature = "http"), path = "transport/no_api.rs")]
pub(super) mod api;
#[cfg_attr(not(feature = "grpc"), path = "transport/absent.rs")]
mod grpc;
#[cfg_attr(not(feature = "http"), path = "transport/absent.rs")]
mod http;
#[cfg(any(feature = "grpc", feature = "http"))]
mod reply;
#[cfg(any(feature = "grpc", feature = "http"))]
mod tls;

use super::config::{Protocol, Settings};
use super::error::Error;
use prost::bytes::Bytes;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What came back for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Success that parses; `rejected` spans were not taken.
    Accepted { rejected: u64, message: String },
    /// A gRPC status other than `OK`.
    Grpc { code: i32, wait: Option<Duration>, message: String },
    /// An HTTP status other than 2xx.
    Http { status: u16, wait: Option<Duration>, message: String },
    /// No answer.
    None { failure: Failure, message: String },
    /// An answer that no backend for spans gives.
    Unexpected { message: String },
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Connection,
    Timeout,
    Tls,
}

impl Answer {
    fn message(&self) -> &str {
        match self {
            Self::Accepted { message, .. }
            | Self::Grpc { message, .. }
            | Self::Http { message, .. }
            | Self::None { message, .. }
            | Self::Unexpected { message } => message,
        }
    }

    /// Whether the server has added words of its own.
    pub(crate) fn has_message(&self) -> bool {
        !self.message().is_empty()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { .. } | Self::None { .. } => {}
            Self::Grpc { code, .. } => write!(f, "gRPC status {code} ")?,
            Self::Http { status, .. } => write!(f, "HTTP status {status} ")?,
            Self::Unexpected { .. } => f.write_str("unexpected answer: ")?,
        }
        f.write_str(self.message())
    }
}

pub(crate) type Sending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What came back for one request to Cekura's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// No answer. Where `was_sent` is false, the request has surely not arrived.
    None { failure: Failure, was_sent: bool, message: String },
    /// The whole answer, without the key if the server repeats it.
    Whole { status: u16, wait: Option<Duration>, body: String },
}

pub(crate) type Asking = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Sends requests to one endpoint.
pub(crate) trait Transport: Send + Sync {
    /// Sends an `ExportTraceServiceRequest` that stands behind the five bytes of gRPC's framing; the first of them says
    /// whether it is compressed, with gzip.
    fn send(&self, frame: Bytes) -> Sending;
}

/// Bytes in front of the message in a frame.
pub(crate) const FRAMING: usize = 5;

fn is_compressed(frame: &Bytes) -> bool {
    frame.first() == Some(&1)
}

pub(crate) fn is_available(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Grpc => grpc::AVAILABLE,
        Protocol::Http => http::AVAILABLE,
    }
}

/// Prepares the connection; must run inside the runtime that will send.
///
/// # Errors
///
/// When a certificate cannot be used, or the transport is not part of this build.
pub(crate) fn connect(settings: &Settings) -> Result<Arc<dyn Transport>, Error> {
    match settings.protocol {
        Protocol::Grpc => grpc::connect(settings),
        Protocol::Http => http::connect(settings),
    }
}
