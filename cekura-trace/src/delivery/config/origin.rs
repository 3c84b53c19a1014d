//! Collects what is sent to one endpoint beside spans: key, headers, certificates, resource.
//! Invariant: the key goes to no other origin.

use super::endpoint::Endpoint;
use super::http_client::HttpClient;
use super::reader::{Given, QUOTED, Reader, Text, unquoted};
use super::secret::Secret;
use super::settings::{
    AGENT, ClientCertificate, Identity, Mode, OWN_AGENT, OWN_PROJECT, PROJECT, Protocol, Trusted,
};
use crate::delivery::parts;
use crate::semconv::resource;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;

const GRPC_ENDPOINT: &str = "https://otel.cekura.ai:443";
const HTTP_ENDPOINT: &str = "https://otel-http.cekura.ai/v1/traces";
const GRPC_HOST: &str = "otel.cekura.ai";
const HTTP_HOST: &str = "otel-http.cekura.ai";
const API_HOST: &str = "api.cekura.ai";
const TRACES_PATH: &str = "/v1/traces";
const API_ENDPOINT: &str = "https://api.cekura.ai";

const API_URL: Text = (".api_url(…)", "CEKURA_API_URL");
/// What has a setting of its own in the resource.
const NAMES: [(&str, Text); 3] = [
    (resource::SERVICE_NAME, (".service_name(…)", "CEKURA_SERVICE_NAME")),
    (resource::SERVICE_VERSION, (".release(…)", "CEKURA_RELEASE")),
    (resource::DEPLOYMENT_ENVIRONMENT_NAME, (".environment(…)", "CEKURA_ENVIRONMENT")),
];
pub(super) const API_KEY: Text = (".api_key(…)", "CEKURA_API_KEY");
pub(super) const OTEL_ENDPOINT: Text = (".otel_endpoint(…)", "CEKURA_OTEL_ENDPOINT");
const HTTP_CLIENT: &str = ".http_client(…)";
pub(super) const MODE: &str = "CEKURA_MODE";
pub(super) const PROTOCOL: &str = "CEKURA_PROTOCOL";

/// Headers that belong to the transport.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "user-agent",
];

pub(crate) const KEY_HEADER: HeaderName = HeaderName::from_static("x-cekura-api-key");

impl Reader<'_> {
    pub(super) fn traces_endpoint(
        &mut self,
        given: Option<Given<String>>,
        protocol: Protocol,
        insecure: bool,
    ) -> Option<Given<Endpoint>> {
        let default = match protocol {
            Protocol::Grpc => GRPC_ENDPOINT,
            Protocol::Http => HTTP_ENDPOINT,
        };
        let given =
            given.unwrap_or(Given { value: default.to_owned(), setting: OTEL_ENDPOINT.1, in_code: false });
        let (setting, in_code) = (given.setting, given.in_code);
        let endpoint = self.endpoint(&given, insecure)?;
        let mistaken = match endpoint.address().0.to_ascii_lowercase().as_str() {
            API_HOST => Some("is Cekura's API, which takes no spans: remove it"),
            GRPC_HOST if protocol == Protocol::Http => {
                Some("is Cekura's host for gRPC: remove it, or set CEKURA_PROTOCOL=grpc")
            }
            HTTP_HOST if protocol == Protocol::Grpc => {
                Some("is Cekura's host for HTTP: remove it, or set CEKURA_PROTOCOL=http")
            }
            _ => None,
        };
        if let Some(rule) = mistaken {
            self.refuse(setting, rule);
            return None;
        }
        let value = match (protocol, endpoint.has_path()) {
            (Protocol::Grpc, true) => {
                self.refuse(setting, "has a path, which only the protocol `http` uses: remove the path");
                return None;
            }
            (Protocol::Http, false) => endpoint.with_path(TRACES_PATH),
            _ => endpoint,
        };
        Some(Given { value, setting, in_code })
    }

    pub(super) fn endpoint(&mut self, given: &Given<String>, insecure: bool) -> Option<Endpoint> {
        let Some(endpoint) = Endpoint::parse(&given.value) else {
            self.refuse(given.setting, url_rule(&given.value));
            return None;
        };
        if endpoint.is_private() {
            return Some(endpoint);
        }
        if endpoint.is_cekura() {
            self.refuse(given.setting, "must begin with https://: Cekura accepts nothing else");
        } else if !insecure {
            self.refuse(
                given.setting,
                "is plain http to another machine: use https, or set CEKURA_ALLOW_INSECURE=true",
            );
        }
        Some(endpoint)
    }

    /// Where Cekura's API is. The key always goes there, so that plain http to another host is never allowed.
    pub(super) fn api_endpoint(&mut self, code: Option<String>) -> Endpoint {
        let Some(given) = self.text(code, API_URL, |text| text) else {
            return Endpoint::parse(API_ENDPOINT).unwrap_or_default();
        };
        match Endpoint::parse(&given.value) {
            None => self.refuse(given.setting, url_rule(&given.value)),
            Some(endpoint) if endpoint.uri().query().is_some() => {
                self.refuse(given.setting, "must not have a query");
            }
            Some(endpoint) if endpoint.is_cekura() && endpoint.has_path() => {
                self.refuse(given.setting, "must not have a path: Cekura's API is `https://api.cekura.ai`");
            }
            Some(endpoint) if [GRPC_HOST, HTTP_HOST].contains(&endpoint.address().0) => {
                self.refuse(given.setting, "is Cekura's host for spans: remove it");
            }
            Some(endpoint) if endpoint.is_private() => return endpoint,
            Some(_) => self.refuse(given.setting, "must begin with https://: the API key is sent there"),
        }
        Endpoint::default()
    }

    pub(super) fn check_mode(&mut self, mode: Mode, protocol: Protocol) {
        if mode.draws() && !parts::LOCAL {
            self.refuse(MODE, "contains `local`, but this build lacks the feature `local` of cekura-trace");
        }
        if mode.sends() && !protocol.is_available() {
            self.refuse(
                PROTOCOL,
                "must be a protocol that this build has, with the feature `grpc` or `http` of cekura-trace (`grpc` unless set)",
            );
        }
    }

    /// A client of the program's own takes all that goes over HTTP, in its own way.
    pub(super) fn check_client(
        &mut self,
        client: Option<&HttpClient>,
        connects_by_itself: bool,
        protocol: Protocol,
    ) {
        let Some(client) = client else { return };
        if protocol == Protocol::Grpc {
            self.refuse(
                HTTP_CLIENT,
                "cannot carry gRPC: add .protocol(Protocol::Http), or set CEKURA_PROTOCOL=http",
            );
        }
        if client.follows_redirects() {
            self.refuse(
                HTTP_CLIENT,
                "must not follow redirects, which may take the API key to another host: make it with .redirect(Policy::none())",
            );
        }
        if connects_by_itself {
            self.refuse(
                HTTP_CLIENT,
                "has proxies and certificates of its own: remove .proxy(…), .no_proxy(), .root_certificate(…), .roots(…) and \
                 .client_certificate(…)",
            );
        }
    }

    pub(super) fn check_key(&mut self, key: Option<&Given<Secret>>) {
        let Some(Given { value: key, setting, .. }) = key else { return };
        if unquoted(key.text()).is_some() {
            self.refuse(setting, QUOTED);
        } else if !key.is_key() {
            self.refuse(setting, "must be visible ASCII without spaces or line breaks");
        } else if key.is_short() {
            let what =
                "has only a few characters, which no key has: copy the whole key from Cekura's dashboard";
            tracing::warn!(target: "cekura", "{setting} {what}");
        }
    }

    pub(super) fn check_account(&mut self, has_key: bool, has_identity: bool, is_needed: bool) {
        if is_needed && !has_key {
            self.refuse(API_KEY.1, "is not set; Cekura's own endpoints need it (CEKURA_MODE=local does not)");
        }
        let told = [AGENT, PROJECT, OWN_AGENT, OWN_PROJECT];
        let is_told = self.problems.iter().any(|problem| told.contains(&problem.setting));
        if (is_needed || has_key) && !has_identity && !is_told {
            self.refuse(AGENT, "or CEKURA_PROJECT_ID must be set with an API key");
        }
    }

    /// Cekura's headers, where they may go, and the user's.
    pub(super) fn headers(
        &mut self,
        key: Option<Given<Secret>>,
        identity: Option<Identity>,
        own: Vec<(String, Secret)>,
        endpoint: &Given<Endpoint>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let chosen = |key: &Given<Secret>| key.in_code && endpoint.in_code;
        let key = key.filter(|key| endpoint.value.is_cekura() || chosen(key));
        let private = endpoint.value.is_private();
        if key.is_some() && !private {
            tracing::warn!(target: "cekura", "the API key is not sent with spans, because their endpoint is plain http");
        }
        if let Some(key) = key.filter(|_| private).and_then(|key| key.value.header()) {
            headers.insert(KEY_HEADER, key);
            let Some((name, id)) = identity.map(Identity::header) else { return headers };
            headers.insert(name, id);
        }
        for (name, value) in own {
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            match name.zip(value.header()) {
                None => self.refuse(".header(…)", "must be a name and a value that HTTP allows"),
                Some((name, value)) => self.header(&mut headers, name, value),
            }
        }
        headers
    }

    fn header(&mut self, headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        let reserved = RESERVED.contains(&name.as_str()) || name.as_str().starts_with("grpc-");
        if reserved || headers.contains_key(&name) {
            self.refuse(".header(…)", "names a header that the library sets itself, or a header twice");
            return;
        }
        headers.insert(name, value);
    }

    /// Those of `only` in place of the ones that are trusted otherwise, and in any case `more`.
    pub(super) fn trusted(&mut self, only: Option<&[u8]>, more: &[Vec<u8>]) -> Trusted {
        let mut certificates = Vec::new();
        let more = more.iter().map(|pem| (".root_certificate(…)", &**pem));
        for (setting, pem) in only.map(|pem| (".roots(…)", pem)).into_iter().chain(more) {
            match certificates_in(pem) {
                Some(found) => certificates.extend(found),
                None => self.refuse(setting, "must contain certificates in PEM"),
            }
        }
        Trusted { certificates, are_all: only.is_some() }
    }

    pub(super) fn client_certificate(
        &mut self,
        given: Option<(Vec<u8>, Vec<u8>)>,
    ) -> Option<ClientCertificate> {
        const SETTING: &str = ".client_certificate(…)";
        let (pem, key) = given?;
        if certificates_in(&pem).is_none() {
            self.refuse(SETTING, "must begin with certificates in PEM, the program's own first");
        }
        if PrivateKeyDer::from_pem_slice(&key).is_err() {
            self.refuse(SETTING, "must end with a private key in PEM that has no password");
        }
        Some(ClientCertificate { pem, key })
    }

    pub(super) fn resource(
        &mut self,
        names: [Option<String>; 3],
        mut own: Vec<(String, String)>,
    ) -> BTreeMap<String, String> {
        let mut resource = BTreeMap::from(
            [
                (resource::SERVICE_NAME, executable()),
                ("telemetry.sdk.language", "rust".to_owned()),
                ("telemetry.sdk.name", "cekura-trace".to_owned()),
                ("telemetry.sdk.version", env!("CARGO_PKG_VERSION").to_owned()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        if own.iter().any(|(key, _)| key.is_empty()) {
            self.refuse(".resource(…)", "must have a key that is not empty");
        }
        for ((key, setting), name) in NAMES.into_iter().zip(names) {
            let Some(name) = self.text(name, setting, |text| text) else { continue };
            if name.value.trim().is_empty() {
                self.refuse(name.setting, "must not be blank");
            }
            // What code says wins.
            if name.in_code || own.iter().all(|(known, _)| known != key) {
                own.push((key.to_owned(), name.value));
            }
        }
        resource.extend(own);
        resource
    }
}

/// All that are in there, if there are any and each can be read.
fn certificates_in(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|certificates| !certificates.is_empty())
}

/// What is wrong with a text that is no URL.
fn url_rule(text: &str) -> &'static str {
    if unquoted(text).is_some() {
        QUOTED
    } else if Endpoint::parse(text.trim()).is_some() {
        "has spaces or line breaks around it: remove them"
    } else {
        "must be a URL such as `https://host:port`"
    }
}

/// The key alone: headers for the traces' endpoint are no concern of the API's.
pub(super) fn api_headers(key: Option<&Given<Secret>>) -> HeaderMap {
    key.and_then(|key| key.value.header()).map(|key| (KEY_HEADER, key)).into_iter().collect()
}

fn executable() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_ref().and_then(|path| path.file_stem());
    name.map_or_else(|| "unknown_service".to_owned(), |name| name.to_string_lossy().into_owned())
}
