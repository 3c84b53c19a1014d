//! Resolves the settings of a handle, or names every mistake at once. Invariant: nothing else reads
//! the environment.
//!
//! Code wins over the environment, the environment over the default. A variable that is set to nothing counts as not
//! set. No `OTEL_*` variable is read.

mod builder;
mod endpoint;
mod origin;
mod proxy;
mod secret;

pub use builder::Builder;
pub(crate) use endpoint::Endpoint;

use super::error::{Error, Problem};
use super::parts;
use super::timings::{SpoolLimits, Timings};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use http::{HeaderMap, HeaderName, HeaderValue};
pub(crate) use origin::KEY_HEADER;
use origin::api_headers;
pub(crate) use proxy::{Proxies, Proxy};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where spans go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// To Cekura, or to another OTLP endpoint.
    #[default]
    Cloud,
    /// To Cekura, or to another OTLP endpoint, and each finished conversation is drawn and written as in local
    /// mode. The ledger counts only the delivery. Call logs are posted. The spans of a conversation are kept a second
    /// time until it is drawn, at most as many bytes as the memory limit.
    CloudAndLocal,
    /// Nowhere: each finished conversation is drawn in the terminal and written as one HTML page to
    /// `cekura-traces` in the working directory, which keeps the newest 200. It needs no account and no
    /// network.
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

/// The protocol for spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP over HTTP with protobuf bodies.
    Http,
}

impl Protocol {
    /// Whether this build has it.
    fn is_available(self) -> bool {
        match self {
            Self::Grpc => parts::GRPC,
            Self::Http => parts::HTTP,
        }
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
    pub(crate) proxies: Proxies,
    pub(crate) root_certificates: Vec<CertificateDer<'static>>,
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) capture: CaptureContent,
    pub(crate) content_limit: usize,
    pub(crate) memory_limit: usize,
    /// Drawings have no colours.
    pub(crate) no_color: bool,
    /// The process's global tracer provider is to be this handle's.
    pub(crate) set_global: bool,
    pub(crate) spool: Option<Spooling>,
    pub(crate) timings: Timings,
}

/// Where what is not delivered is kept.
#[derive(Debug)]
pub(crate) struct Spooling {
    pub(crate) directory: PathBuf,
    /// The name to blame.
    pub(crate) setting: &'static str,
    pub(crate) limits: SpoolLimits,
}

const MEMORY_LIMIT: usize = 32 << 20;
const GRPC_ENDPOINT: &str = "https://otel.cekura.ai:443";
const HTTP_ENDPOINT: &str = "https://otel-http.cekura.ai/v1/traces";
const TRACES_PATH: &str = "/v1/traces";
const API_ENDPOINT: &str = "https://api.cekura.ai";

/// A setting with a fixed set of values.
struct Choice<T: 'static> {
    variable: &'static str,
    rule: &'static str,
    values: &'static [(&'static str, T)],
}

const ENABLED: Choice<bool> = Choice {
    variable: "CEKURA_TRACER_ENABLED",
    rule: "must be `true`, `1` or `yes`, or `false`, `0` or `no`",
    values: &[("true", true), ("1", true), ("yes", true), ("false", false), ("0", false), ("no", false)],
};
const PROTOCOL: Choice<Protocol> = Choice {
    variable: "CEKURA_PROTOCOL",
    rule: "must be `grpc` or `http`",
    values: &[("grpc", Protocol::Grpc), ("http", Protocol::Http)],
};
const CAPTURE: Choice<CaptureContent> = Choice {
    variable: "CEKURA_CAPTURE_CONTENT",
    rule: "must be `true` or `false`",
    values: &[("true", CaptureContent::Full), ("false", CaptureContent::Metadata)],
};
const INSECURE: Choice<bool> = Choice {
    variable: "CEKURA_ALLOW_INSECURE",
    rule: "must be `true` or `false`",
    values: &[("true", true), ("false", false)],
};

/// A setting that is free text: its builder method and its variable.
type Text = (&'static str, &'static str);

const API_KEY: Text = (".api_key(…)", "CEKURA_API_KEY");
const OTEL_ENDPOINT: Text = (".otel_endpoint(…)", "CEKURA_OTEL_ENDPOINT");
const API_URL: Text = (".api_url(…)", "CEKURA_API_URL");
const SERVICE_NAME: Text = (".service_name(…)", "CEKURA_SERVICE_NAME");
const SPOOL: Text = (".spool(…)", "CEKURA_SPOOL_DIR");
const MODE: &str = "CEKURA_MODE";
const AGENT: &str = "CEKURA_AGENT_ID";
const PROJECT: &str = "CEKURA_PROJECT_ID";

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

/// The settings, or `None` when tracing is switched off; nothing else is looked at then, so that the switch works
/// whatever the other settings say.
///
/// # Errors
///
/// Names every setting with a value that cannot be used.
pub(crate) fn resolve(mut code: Builder) -> Result<Option<Settings>, Error> {
    let lookup = code.lookup.take().unwrap_or_else(|| Box::new(|name| std::env::var_os(name)));
    let mut read = Reader { lookup: &*lookup, problems: Vec::new() };
    if read.choice(None, &ENABLED) == Some(false) {
        return Ok(None);
    }
    let settings = read.settings(code);
    if read.problems.is_empty() { Ok(Some(settings)) } else { Err(Error::configuration(read.problems)) }
}

/// A value and where it came from.
struct Given<T> {
    value: T,
    /// The name to blame.
    setting: &'static str,
    in_code: bool,
}

impl Given<Endpoint> {
    /// Stands in for an endpoint that was refused, so that the settings after it are checked too.
    fn nowhere() -> Self {
        Self { value: Endpoint::default(), setting: "", in_code: false }
    }
}

/// Whose calls they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Agent(u64),
    Project(u64),
}

struct Reader<'a> {
    lookup: &'a builder::Lookup,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn settings(&mut self, code: Builder) -> Settings {
        let key = self.text(code.api_key, API_KEY, Secret::new);
        let mode = code.mode.or_else(|| self.mode());
        let protocol = self.choice(code.protocol, &PROTOCOL).unwrap_or_default();
        let insecure = self.choice(code.allow_insecure, &INSECURE).unwrap_or_default();
        let identity = self.identity(code.agent, code.project);
        let endpoint = self.text(code.otel_endpoint, OTEL_ENDPOINT, |text| text);
        let has_nowhere_to_send = key.is_none() && endpoint.is_none();
        let default = if code.local_without_key && has_nowhere_to_send { Mode::Local } else { Mode::Cloud };
        let mode = mode.unwrap_or(default);
        let endpoint = self.traces_endpoint(endpoint, protocol, insecure).unwrap_or_else(Given::nowhere);
        let api = self.api_endpoint(code.api_url);
        self.check_mode(mode, protocol);
        self.check_key(key.as_ref());
        if mode.sends() {
            self.check_account(key.is_some(), identity.is_some(), endpoint.value.is_cekura());
        }
        let api_headers = api_headers(key.as_ref());
        let headers = self.headers(key, identity, code.headers, &endpoint);
        let proxies = if mode.sends() {
            // An endpoint that was refused is empty; without a key nothing goes to the API.
            let known = |endpoint: &&Endpoint| **endpoint != Endpoint::default();
            let api = Some(&api).filter(|_| !api_headers.is_empty()).filter(known);
            self.proxies(code.proxy, [Some(&endpoint.value).filter(known), api])
        } else {
            Proxies::default()
        };
        Settings {
            mode,
            protocol,
            headers,
            endpoint: endpoint.value,
            api,
            api_headers,
            identity,
            proxies,
            root_certificates: self.certificates(&code.root_certificates),
            resource: self.resource(code.service_name, code.resource),
            capture: self.choice(code.capture, &CAPTURE).unwrap_or_default(),
            content_limit: self.limit(code.content_limit, ".content_limit(…)", CONTENT_LIMIT),
            memory_limit: self.limit(code.memory_limit, ".memory_limit(…)", MEMORY_LIMIT),
            // A convention of its own, no-color.org; whatever it is set to.
            no_color: self.variable("NO_COLOR").is_some(),
            set_global: code.set_global,
            spool: self.spool(code.spool, code.spool_limits, mode),
            timings: code.timings,
        }
    }

    fn refuse(&mut self, setting: &'static str, rule: &'static str) {
        self.problems.push(Problem { setting, rule });
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    }

    fn choice<T: Copy>(&mut self, code: Option<T>, choice: &Choice<T>) -> Option<T> {
        let text = match code {
            None => self.variable(choice.variable)?,
            explicit => return explicit,
        };
        let known = choice.values.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if known.is_none() {
            self.refuse(choice.variable, choice.rule);
        }
        known
    }

    /// One mode, or both with a comma between them.
    fn mode(&mut self) -> Option<Mode> {
        let text = self.variable(MODE)?.to_ascii_lowercase();
        let modes = text.split(',').map(|word| match word.trim() {
            "cloud" => Some(Mode::Cloud),
            "local" => Some(Mode::Local),
            _ => None,
        });
        let both = |one: Option<Mode>, other| {
            let (one, other) = (one?, other?);
            Some(if one == other { one } else { Mode::CloudAndLocal })
        };
        let mode = modes.reduce(both).flatten();
        if mode.is_none() {
            self.refuse(MODE, "must be `cloud`, `local` or `cloud,local`");
        }
        mode
    }

    fn text<T>(&self, code: Option<T>, name: Text, from: fn(String) -> T) -> Option<Given<T>> {
        let (method, variable) = name;
        let said = code.map(|value| Given { value, setting: method, in_code: true });
        let found =
            || Some(Given { value: from(self.variable(variable)?), setting: variable, in_code: false });
        said.or_else(found)
    }

    fn number(&mut self, variable: &'static str) -> Option<u64> {
        let number = self.variable(variable)?.parse().ok();
        if number.is_none() {
            self.refuse(variable, "must be a whole number");
        }
        number
    }

    /// In local mode nothing waits for anybody.
    fn spool(&mut self, code: Option<PathBuf>, limits: SpoolLimits, mode: Mode) -> Option<Spooling> {
        let (method, variable) = SPOOL;
        // A path need not be text.
        let found = || (self.lookup)(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        let given = code.map(|path| (path, method)).or_else(|| Some((found()?, variable)));
        let (directory, setting) = given?;
        if !parts::SPOOL {
            self.refuse(setting, "works on Unix systems only");
        }
        mode.sends().then_some(Spooling { directory, setting, limits })
    }

    fn limit(&mut self, code: Option<usize>, method: &'static str, default: usize) -> usize {
        if code == Some(0) {
            self.refuse(method, "must be at least 1 byte");
        }
        code.unwrap_or(default)
    }

    fn identity(&mut self, agent: Option<u64>, project: Option<u64>) -> Option<Identity> {
        match (agent, project) {
            (Some(_), Some(_)) => {
                self.refuse(".agent(…)", "and .project(…) are both set: set only one of them");
                None
            }
            (Some(id), None) => Some(Identity::Agent(id)),
            (None, Some(id)) => Some(Identity::Project(id)),
            (None, None) => match (self.number(AGENT), self.number(PROJECT)) {
                (Some(agent), project) => {
                    if project.is_some() {
                        tracing::warn!(target: "cekura", "{AGENT} and {PROJECT} are both set: the agent is used");
                    }
                    Some(Identity::Agent(agent))
                }
                (None, project) => project.map(Identity::Project),
            },
        }
    }
}
