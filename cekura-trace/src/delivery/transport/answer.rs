//! What comes back for a request. Invariant: the words of a server are one line, safe to print, without what is secret.

use prost::Message;
use std::fmt;
use std::time::Duration;

/// What is said where nothing came back.
pub(crate) const NO_ANSWER: &str = "no answer in time";

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
    /// The connection broke.
    Connection,
    /// The host has no address.
    Name,
    /// The server speaks another protocol than it is asked in.
    Protocol,
    /// The proxy before it does not lead there; it may ask for a password.
    Proxy {
        wants_password: bool,
    },
    /// Nobody listens there.
    Refused,
    Timeout,
    Tls(Flaw),
    /// There is no way there, or nobody who takes the connection in time.
    Unconnected,
}

/// `ExportTraceServiceResponse` (OpenTelemetry's `trace_service.proto`).
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Exported {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected: i64,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

impl Answer {
    /// Nothing came back in time.
    pub(crate) fn late() -> Self {
        Self::None { failure: Failure::Timeout, message: NO_ANSWER.to_owned() }
    }

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

    /// Whether the server does not take the encoding of a request, or, over gRPC and by HTTP's 501, perhaps the request at all.
    pub(crate) fn refuses_encoding(&self) -> bool {
        matches!(self, Self::Http { status: 415 | 501, .. } | Self::Grpc { code: 12, .. })
    }

    /// Whether the server cannot make sense of a request.
    pub(crate) fn finds_fault(&self) -> bool {
        matches!(self, Self::Http { status: 400 | 422, .. } | Self::Grpc { code: 3, .. })
    }

    /// Whether a proxy before the server wants to know who asks.
    pub(crate) fn is_of_proxy(&self) -> bool {
        matches!(self, Self::Http { status: 407, .. })
    }

    /// Whether the next request is to go over another connection: one whose peer stalls never recovers by itself.
    pub(crate) fn blames_connection(&self) -> bool {
        match self {
            Self::Http { status, .. } => blames_connection(*status),
            Self::None { failure, .. } => *failure == Failure::Timeout,
            _ => false,
        }
    }

    /// Whether the server has added words of its own.
    pub(crate) fn has_message(&self) -> bool {
        !self.message().is_empty()
    }
}

/// Whether an HTTP status says that the connection was wrong, or that this end had hung up: 421, 426 and 431 are of
/// RFC 9110 and RFC 6585; 444, 494 and 499 are nginx's, 460 is that of a load balancer of AWS.
pub(crate) fn blames_connection(status: u16) -> bool {
    matches!(status, 421 | 426 | 431 | 444 | 460 | 494 | 499)
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

/// What came back for one request to Cekura's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// No answer. Where `was_sent` is false, the request has surely not arrived.
    None { failure: Failure, was_sent: bool, message: String },
    /// The whole answer, without the key if the server repeats it.
    Whole { status: u16, wait: Option<Duration>, body: String },
}

/// What is wrong with a server as TLS sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It asks for a client certificate, or does not trust the one that it gets.
    Client,
    /// It takes TLS only, and was asked without.
    Encrypted,
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
