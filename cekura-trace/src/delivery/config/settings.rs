//! The settings of a handle when all of them are known. Invariant: every value can be used as it is.

use super::endpoint::Endpoint;
use super::metrics::Metering;
use super::proxy::Proxies;
use super::sampling::Sampling;
#[cfg(feature = "audio")]
use crate::call::audio::form::Audio;
use crate::call::consent::Consent;
use crate::delivery::parts;
use crate::delivery::timings::{SpoolLimits, Timings};
use crate::policy::CaptureContent;
use crate::redaction::Redaction;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls_pki_types::CertificateDer;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub(super) const AGENT: &str = "CEKURA_AGENT_ID";
pub(super) const PROJECT: &str = "CEKURA_PROJECT_ID";
/// The builder's methods for the same.
pub(super) const OWN_AGENT: &str = ".agent(…)";
pub(super) const OWN_PROJECT: &str = ".project(…)";

/// Where spans go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// To Cekura, or to another OTLP endpoint.
    #[default]
    Cloud,
    /// To Cekura, or to another OTLP endpoint, and each finished conversation is drawn and written as in local
    /// mode. The ledger counts only the delivery. Call logs are posted. The spans of a conversation are kept a second
    /// time until it is drawn, within the memory limit: where that is
    /// short, the oldest drawings go first.
    CloudAndLocal,
    /// Nowhere: each finished conversation is drawn in the terminal and written as one HTML page to
    /// `cekura-traces` in the working directory, which keeps the newest 200. It needs no account and no
    /// network. A page plays the recording of its call, where calls are recorded. Of a call of more than eight turns, each
    /// turn has a line in the terminal, of others each span; `CEKURA_DRAW` is `full`, `summary` or `off` for another wish.
    Local,
}

impl Mode {
    pub(crate) fn draws(self) -> bool {
        self != Self::Cloud
    }

    pub(crate) fn sends(self) -> bool {
        self != Self::Local
    }
}

/// How much of a conversation is drawn on standard error, where any is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Each span of a short call, each turn of a long one.
    #[default]
    Fitting,
    /// Each span.
    Full,
    /// Nothing: there is only the page.
    Off,
    /// Each turn.
    Summary,
}

impl Drawing {
    /// Whether each span is drawn, where that is said.
    #[cfg_attr(not(feature = "local"), expect(dead_code, reason = "nothing is drawn"))]
    pub(crate) fn is_whole(self) -> Option<bool> {
        match self {
            Self::Fitting | Self::Off => None,
            Self::Full => Some(true),
            Self::Summary => Some(false),
        }
    }
}

/// The protocol for spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP over HTTP with protobuf bodies.
    Http,
}

impl Protocol {
    /// Whether this build has it.
    pub(super) fn is_available(self) -> bool {
        match self {
            Self::Grpc => parts::GRPC,
            Self::Http => parts::HTTP,
        }
    }
}

/// How requests for spans and metrics are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// With gzip, as far as the server takes that.
    Gzip,
    /// Not at all.
    None,
}

/// Whose calls they are, and so where the call logs of conversations with `observe` go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Calls {
    /// Calls of real callers, which Cekura stores as calls.
    #[default]
    Observe,
    /// Calls that Cekura makes to test the agent: each call log goes to the run of its simulation, which
    /// [`Run`](crate::Run) names. Cekura takes it within 5 minutes after the end of the call; one that cannot be sent until then
    /// is dropped, and an event says so. A [`Hold`](crate::Hold) ends half a minute before. The metadata `from_phone_number` and
    /// `to_phone_number` are the numbers of the call, where they are a `+` and at most 14 digits. What
    /// [`observe`](crate::Cekura::observe) is given is stored as a call of a real caller.
    Simulate,
}

/// Whose certificates the delivery trusts, for [`Builder::roots`](crate::Builder::roots).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots<Pem> {
    /// Those that these authorities have signed, in PEM, and no others.
    Only(Pem),
}

impl<Pem> fmt::Debug for Roots<Pem> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Only")
    }
}

/// Everything that a handle needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) protocol: Protocol,
    pub(crate) endpoint: Endpoint,
    /// Sent with every request: Cekura's own and the user's.
    pub(crate) headers: HeaderMap,
    pub(crate) api: Endpoint,
    /// Sent with every request to the API: the key, or nothing.
    pub(crate) api_headers: HeaderMap,
    pub(crate) identity: Option<Identity>,
    pub(crate) calls: Calls,
    /// Where it is set.
    pub(crate) compression: Option<Compression>,
    pub(crate) proxies: Proxies,
    pub(crate) trusted: Trusted,
    pub(crate) client_certificate: Option<ClientCertificate>,
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) capture: CaptureContent,
    pub(crate) consent: Consent,
    pub(crate) redaction: Redaction,
    pub(crate) content_limit: usize,
    pub(crate) memory_limit: usize,
    #[cfg_attr(not(feature = "local"), expect(dead_code, reason = "nothing is drawn"))]
    pub(crate) drawing: Drawing,
    /// What has made the mode local, if it is.
    #[cfg_attr(not(feature = "local"), expect(dead_code, reason = "nothing is drawn"))]
    pub(crate) why_local: Option<&'static str>,
    /// Drawings have no colours.
    pub(crate) no_color: bool,
    /// The process's global tracer provider is to be this handle's.
    pub(crate) set_global: bool,
    pub(crate) spool: Option<Spooling>,
    /// How calls are recorded, if they are.
    #[cfg(feature = "audio")]
    pub(crate) audio: Option<Audio>,
    /// Where files are that vanish with the process.
    #[cfg(feature = "audio")]
    pub(crate) temporary: PathBuf,
    pub(crate) metrics: Metering,
    /// Where not all calls are sent.
    pub(crate) sampling: Option<Sampling>,
    pub(crate) timings: Timings,
}

impl Settings {
    /// Whether requests to this endpoint are compressed: also where nothing is set, unless they stay on this machine.
    pub(crate) fn compresses(&self, endpoint: &Endpoint) -> bool {
        self.compression.map_or_else(|| !endpoint.is_loopback(), |set| set == Compression::Gzip)
    }
}

/// Whose signatures are trusted.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// Neither the system's nor Mozilla's are trusted beside them.
    pub(crate) are_all: bool,
}

/// What the program shows to a server that asks who it is: a chain, and the key of its first certificate, both in PEM.
pub(crate) struct ClientCertificate {
    pub(crate) pem: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Where what is not delivered is kept.
#[derive(Debug)]
pub(crate) struct Spooling {
    pub(crate) directory: PathBuf,
    /// The name to blame.
    pub(crate) setting: &'static str,
    pub(crate) limits: SpoolLimits,
    /// Calls that are held by sampling are kept too.
    pub(crate) keeps_held: bool,
}

/// Whose calls they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Agent(u64),
    Project(u64),
}

impl Identity {
    /// What it is, and its number.
    fn parts(self) -> (&'static str, u64) {
        match self {
            Self::Agent(id) => ("agent", id),
            Self::Project(id) => ("project", id),
        }
    }

    /// The parameter of a request to the API.
    pub(crate) fn parameter(self) -> String {
        let (kind, id) = self.parts();
        format!("{kind}_id={id}")
    }

    /// The variable that names it.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Agent(_) => AGENT,
            Self::Project(_) => PROJECT,
        }
    }

    pub(super) fn header(self) -> (HeaderName, HeaderValue) {
        let (name, id) = match self {
            Self::Agent(id) => ("x-cekura-agent-id", id),
            Self::Project(id) => ("x-cekura-project-id", id),
        };
        (HeaderName::from_static(name), id.into())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        write!(f, "{kind} {id}")
    }
}
