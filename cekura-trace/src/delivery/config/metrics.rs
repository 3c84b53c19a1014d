//! Settings of the metrics: who reads them, where they are sent, which labels the program adds. Invariant: none is sent to
//! Cekura, and a label has a closed list of values.

use super::endpoint::Endpoint;
use super::reader::{Given, Reader, Text};
use crate::delivery::parts;
use crate::semconv::{self, metric};
use opentelemetry::metrics::Meter;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const LISTEN: Text = (".metrics_listen(…)", "CEKURA_METRICS_LISTEN");
const ENDPOINT: Text = (".metrics_endpoint(…)", "CEKURA_METRICS_ENDPOINT");
const PUBLIC: &str = "CEKURA_METRICS_PUBLIC";
const LABEL: &str = ".metric_label(…)";
const METRICS_PATH: &str = "/v1/metrics";

/// The most bytes of a label's value.
pub(crate) const LONGEST_LABEL: usize = 64;
/// The most values of a label of the program's.
const MOST_VALUES: usize = 100;
/// The most labels of the program's.
const MOST_LABELS: usize = 8;

/// Keys that a label of the program may not have: those of other labels, and ids of single calls.
const RESERVED: [&str; 20] = [
    "le",
    "quantile",
    "span_id",
    "trace_id",
    metric::GEN_AI_TOKEN_TYPE,
    metric::GUARDRAIL,
    metric::OTEL_METRIC_OVERFLOW,
    metric::OUTCOME,
    metric::REASON,
    metric::SCORE,
    metric::STAGE,
    metric::VERDICT,
    semconv::CALL_ID,
    semconv::CONVERSATION_ID,
    semconv::ERROR_TYPE,
    semconv::FUNCTION_NAME,
    semconv::GEN_AI_OPERATION_NAME,
    semconv::GEN_AI_PROVIDER_NAME,
    semconv::GEN_AI_REQUEST_MODEL,
    semconv::GEN_AI_RESPONSE_ID,
];

/// What code says of metrics.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) listen: Option<String>,
    pub(super) public: Option<bool>,
    pub(super) endpoint: Option<String>,
    pub(super) labels: Vec<OwnLabel>,
    pub(super) meter: Option<Meter>,
}

/// Who gets metrics.
#[derive(Debug, Default)]
pub(crate) struct Metering {
    /// Where they are served.
    pub(crate) listen: Option<Listen>,
    /// Where they are sent.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) labels: Vec<OwnLabel>,
    /// Whose instruments take them too.
    pub(crate) meter: Option<Meter>,
}

/// An address to listen at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    /// The name to blame.
    pub(crate) setting: &'static str,
}

/// A label that the program has named, with all values that it may have.
#[derive(Clone, Debug)]
pub(crate) struct OwnLabel {
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn metering(&mut self, code: Wanted, insecure: bool, sends: bool) -> Metering {
        let public = self.flag(code.public, PUBLIC).unwrap_or_default();
        let listen = self.text(code.listen, LISTEN, |text| text);
        let listen = listen.and_then(|given| self.listen(&given, public));
        let endpoint = self.text(code.endpoint, ENDPOINT, |text| text);
        let endpoint = endpoint.and_then(|given| self.metrics_endpoint(&given, insecure));
        self.check_labels(&code.labels);
        // In local mode nothing is sent.
        let endpoint = endpoint.filter(|_| sends);
        Metering { listen, endpoint, labels: code.labels, meter: code.meter }
    }

    fn listen(&mut self, given: &Given<String>, public: bool) -> Option<Listen> {
        let setting = given.setting;
        let address = address(given.value.trim());
        let Some(address) = address.filter(|address| address.port() != 0) else {
            self.refuse(setting, "must be an IP address and a port, such as `127.0.0.1:9464`");
            return None;
        };
        if !address.ip().is_loopback() && !public {
            self.refuse(
                setting,
                "may be another address than one of this machine alone, such as `127.0.0.1:9464`, only with CEKURA_METRICS_PUBLIC=true",
            );
        }
        Some(Listen { address, setting })
    }

    fn metrics_endpoint(&mut self, given: &Given<String>, insecure: bool) -> Option<Endpoint> {
        let endpoint = self.endpoint(given, insecure)?;
        if endpoint.is_cekura() {
            self.refuse(
                given.setting,
                "must not be Cekura, which takes no metrics: name a collector or a database of yours",
            );
            return None;
        }
        if !parts::HTTP {
            self.refuse(given.setting, "is set, but this build lacks the feature `http` of cekura-trace");
        }
        Some(if endpoint.has_path() { endpoint } else { endpoint.with_path(METRICS_PATH) })
    }

    fn check_labels(&mut self, labels: &[OwnLabel]) {
        let word = |key: &str| key.replace('.', "_");
        for (at, OwnLabel { key, values }) in labels.iter().enumerate() {
            let is_word = key.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
                && key.chars().all(|char| char.is_ascii_alphanumeric() || "_.".contains(char));
            if !is_word {
                self.refuse(
                    LABEL,
                    "must have a key of letters, digits, `_` and `.` that begins with a letter",
                );
            } else if RESERVED.iter().any(|reserved| word(reserved) == word(key)) {
                self.refuse(LABEL, "must not have the key of a label that is there, or of an id of one call");
            } else if labels[..at].iter().any(|other| word(&other.key) == word(key)) {
                self.refuse(LABEL, "must not have the same key twice");
            }
            let is_short = |value: &String| !value.is_empty() && value.len() <= LONGEST_LABEL;
            if values.is_empty() || values.len() > MOST_VALUES || !values.iter().all(is_short) {
                self.refuse(LABEL, "must have 1 to 100 values of 1 to 64 bytes: every other one is `other`");
            }
        }
        if labels.len() > MOST_LABELS {
            self.refuse(LABEL, "may be given at most 8 times");
        }
    }
}

/// An address as a person writes it.
fn address(text: &str) -> Option<SocketAddr> {
    let of_this_machine = || {
        let port = text.strip_prefix("localhost:")?.parse().ok()?;
        Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    };
    text.parse().ok().or_else(of_this_machine)
}
