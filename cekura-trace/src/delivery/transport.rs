//! Sends one encoded request over gRPC or HTTP and gives its answer. Invariant: there is one answer
//! within the time limit, whatever the peer does.

// The same names come from a file that has no transport when its feature is off.
#[cfg_attr(not(feature = "http"), path = "transport/no_api.rs")]
pub(super) mod api;
#[cfg(feature = "http")]
mod client;
#[cfg_attr(not(feature = "grpc"), path = "transport/absent.rs")]
mod grpc;
#[cfg_attr(not(feature = "http"), path = "transport/absent.rs")]
mod http;
#[cfg_attr(not(any(feature = "grpc", feature = "http")), path = "transport/absent.rs")]
mod proxy;
#[cfg(any(feature = "grpc", feature = "http"))]
mod reply;
#[cfg_attr(not(any(feature = "grpc", feature = "http")), path = "transport/absent.rs")]
mod tls;

use super::config::{Endpoint, Protocol, Proxy, Settings};
use super::error::Error;
use prost::Message;
use prost::bytes::Bytes;
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use proxy::Obstacle;

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

/// `ExportTraceServiceResponse` (OpenTelemetry's `trace_service.proto`).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Exported {
    #[prost(message, optional, tag = "1")]
    pub(super) partial: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected: i64,
    #[prost(string, tag = "2")]
    pub(super) message: String,
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

    /// Whether the server knows what it is asked for and does not take it from this sender.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Http { status: 401..=403, .. } | Self::Grpc { code: 7 | 16, .. })
    }

    /// Whether a proxy before the server wants to know who asks.
    pub(crate) fn is_of_proxy(&self) -> bool {
        matches!(self, Self::Http { status: 407, .. })
    }

    /// Whether the server has added words of its own.
    pub(crate) fn has_message(&self) -> bool {
        !self.message().is_empty()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Accepted { .. } | Self::None { .. } => String::new(),
            Self::Grpc { code, .. } => format!("gRPC status {code} "),
            Self::Http { status, .. } => format!("HTTP status {status} "),
            Self::Unexpected { .. } => "unexpected answer: ".to_owned(),
        };
        f.write_str((kind + self.message()).trim_end())
    }
}

/// What is wrong with a server as TLS sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The certificate's time is over, or has not begun.
    Expired,
    /// Nobody who is trusted has signed the certificate.
    Issuer,
    /// The certificate is for other hosts.
    Name,
    Other,
    /// It speaks something else than TLS.
    Plain,
    Silent,
}

/// A request on its way.
pub(crate) type Sending<A = Answer> = Pin<Box<dyn Future<Output = A> + Send>>;

/// What came back for one request to Cekura's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// No answer. Where `was_sent` is false, the request has surely not arrived.
    None { failure: Failure, was_sent: bool, message: String },
    /// The whole answer, without the key if the server repeats it.
    Whole { status: u16, wait: Option<Duration>, body: String },
}

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

/// Does of a connection what comes before a request: the handshake, with the roots that the delivery trusts. Blocks.
///
/// # Errors
///
/// What is wrong, and the words that the delivery would have for it.
pub(crate) fn shake_hands(
    endpoint: &Endpoint,
    settings: &Settings,
    stream: TcpStream,
) -> Result<(), (Flaw, String)> {
    tls::shake_hands(endpoint, settings, stream)
}

/// Has a proxy lead a connection to it on to an endpoint.
///
/// # Errors
///
/// What the proxy says instead, and what the system says.
pub(crate) async fn tunnel(
    stream: TcpStream,
    to: &Endpoint,
    proxy: &Proxy,
) -> io::Result<Result<TcpStream, Obstacle>> {
    stream.set_nonblocking(true)?;
    let stream = tokio::net::TcpStream::from_std(stream)?;
    if let Err(obstacle) = proxy::tunnel(&stream, to, proxy).await {
        return Ok(Err(obstacle));
    }
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(Ok(stream))
}
