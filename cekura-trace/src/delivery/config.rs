//! Resolves the settings of a handle, or names every mistake at once. Invariant: nothing else reads
//! the environment.
//!
//! Code wins over the environment, the environment over the default. A variable that is set to nothing counts as not
//! set. No `OTEL_*` variable is read.

mod builder;
mod endpoint;
mod metrics;
mod origin;
mod proxy;
mod reader;
mod sampling;
mod secret;
mod settings;

pub use builder::Builder;
pub(crate) use endpoint::Endpoint;
pub(crate) use metrics::{LONGEST_LABEL, Listen, Metering, OwnLabel};
pub(crate) use origin::KEY_HEADER;
pub(crate) use proxy::{Proxies, Proxy};
pub use sampling::Sampling;
#[cfg(any(feature = "grpc", feature = "http"))]
pub(crate) use settings::ClientCertificate;
pub use settings::{Calls, Compression, Mode, Protocol, Roots};
pub(crate) use settings::{Drawing, Identity, Settings, Spooling};

use super::error::Error;
use super::parts;
use super::timings::SpoolLimits;
#[cfg(feature = "audio")]
use crate::call::audio::form::Audio;
use crate::policy::{CONTENT_LIMIT, CaptureContent};
#[cfg(feature = "redact")]
use crate::redact::Redact;
use crate::redaction::Redaction;
use origin::{API_KEY, MODE, OTEL_ENDPOINT, PROTOCOL, api_headers};
use reader::{Given, QUOTED, Reader, Text, unquoted};
pub(crate) use secret::SHORTEST_SECRET;
use secret::Secret;
use settings::{AGENT, OWN_AGENT, OWN_PROJECT, PROJECT};
use std::path::PathBuf;

const MEMORY_LIMIT: usize = 32 << 20;
const SPOOL: Text = (".spool(…)", "CEKURA_SPOOL_DIR");
const SPOOL_HELD: Text = (".spool_held(…)", "CEKURA_SPOOL_HELD");
const CALLS: &str = "CEKURA_CALLS";
const COMPRESSION: &str = "CEKURA_COMPRESSION";
const DRAW: &str = "CEKURA_DRAW";
const CAPTURE: &str = "CEKURA_CAPTURE_CONTENT";
const ENABLED: &str = "CEKURA_TRACER_ENABLED";
const NO_ID: &str = "must be at least 1: copy it from Cekura's dashboard";
const AUDIO: &str = "CEKURA_AUDIO";
const REDACT: &str = "CEKURA_REDACT";
const INSECURE: &str = "CEKURA_ALLOW_INSECURE";

/// The settings, or `None` when tracing is switched off; nothing else is looked at then, so that the switch works
/// whatever the other settings say.
///
/// # Errors
///
/// Names every setting with a value that cannot be used.
pub(crate) fn resolve(mut code: Builder) -> Result<Option<Settings>, Error> {
    let lookup = code.lookup.take().unwrap_or_else(|| Box::new(|name| std::env::var_os(name)));
    let mut read = Reader { lookup: &*lookup, problems: Vec::new() };
    if read.flag(None, ENABLED) == Some(false) {
        return Ok(None);
    }
    let settings = read.settings(code);
    if read.problems.is_empty() { Ok(Some(settings)) } else { Err(Error::configuration(read.problems)) }
}

impl Reader<'_> {
    fn settings(&mut self, mut code: Builder) -> Settings {
        let redaction = self.redaction(&mut code);
        let key = self.text(code.api_key, API_KEY, Secret::new);
        let mode = self.mode(code.mode);
        #[cfg(not(feature = "audio"))]
        self.refuse_audio();
        let protocol = self.protocol(code.protocol);
        let insecure = self.flag(code.allow_insecure, INSECURE).unwrap_or_default();
        let identity = self.identity(code.agent, code.project);
        let endpoint = self.text(code.otel_endpoint, OTEL_ENDPOINT, |text| text);
        let has_nowhere_to_send = key.is_none() && endpoint.is_none();
        let default = if code.local_without_key && has_nowhere_to_send { Mode::Local } else { Mode::Cloud };
        let (mode, why) = mode.unwrap_or((default, "neither CEKURA_API_KEY nor CEKURA_OTEL_ENDPOINT is set"));
        let endpoint = self.traces_endpoint(endpoint, protocol, insecure).unwrap_or_else(Given::nowhere);
        let api = self.api_endpoint(code.api_url);
        self.check_mode(mode, protocol);
        self.check_key(key.as_ref());
        if mode.sends() {
            self.check_account(key.is_some(), identity.is_some(), endpoint.value.is_cekura());
        }
        let api_headers = api_headers(key.as_ref());
        let headers = self.headers(key, identity, code.headers, &endpoint);
        let metrics = self.metering(code.metrics, insecure, mode.sends());
        // Without a key nothing goes to the API.
        let asked = Some(&api).filter(|_| !api_headers.is_empty());
        let endpoints = [Some(&endpoint.value), asked, metrics.endpoint.as_ref()];
        let proxies = if mode.sends() { self.proxies(code.proxy, endpoints) } else { Proxies::default() };
        let calls = self.calls(code.calls);
        Settings {
            mode,
            protocol,
            headers,
            endpoint: endpoint.value,
            api,
            api_headers,
            identity,
            proxies,
            trusted: self.trusted(code.only_roots.as_deref(), &code.root_certificates),
            client_certificate: self.client_certificate(code.client_certificate),
            resource: self.resource([code.service_name, code.release, code.environment], code.resource),
            calls,
            compression: self.compression(code.compression),
            capture: self.capture(code.capture),
            consent: code.consent,
            redaction,
            content_limit: self.limit(code.content_limit, ".content_limit(…)", CONTENT_LIMIT),
            memory_limit: self.limit(code.memory_limit, ".memory_limit(…)", MEMORY_LIMIT),
            drawing: self.drawing(),
            why_local: (mode == Mode::Local).then_some(why),
            // A convention of its own, no-color.org; whatever it is set to.
            no_color: self.given("NO_COLOR").is_some(),
            set_global: code.set_global,
            spool: self.spool(code.spool, code.spool_limits, code.spool_held, mode),
            #[cfg(feature = "audio")]
            audio: self.audio(code.audio).filter(|_| calls == Calls::Observe),
            #[cfg(feature = "audio")]
            temporary: self.temporary(),
            metrics,
            // In local mode everything is shown.
            sampling: self.sampling(code.sampling).filter(|_| mode.sends()),
            timings: code.timings,
        }
    }

    #[cfg(feature = "audio")]
    fn temporary(&self) -> PathBuf {
        (self.lookup)("TMPDIR").filter(|path| !path.is_empty()).map_or("/tmp".into(), PathBuf::from)
    }

    #[cfg(feature = "audio")]
    fn audio(&mut self, code: Option<Audio>) -> Option<Audio> {
        let wanted = self.flag(code.map(|_| true), AUDIO) == Some(true);
        wanted.then(|| code.unwrap_or_else(Audio::stereo))
    }

    #[cfg(not(feature = "audio"))]
    fn refuse_audio(&mut self) {
        if self.flag(None, AUDIO) == Some(true) {
            self.refuse(AUDIO, "is set, but this build lacks the feature `audio` of cekura-trace");
        }
    }

    #[cfg(feature = "redact")]
    fn redaction(&mut self, code: &mut Builder) -> Redaction {
        let wanted = self.word(REDACT).filter(|_| code.redact.is_none());
        if wanted.as_ref().is_some_and(|word| word != "standard") {
            self.refuse(REDACT, "must be `standard`");
        }
        let Some(redact) = code.redact.take().or_else(|| wanted.map(|_| Redact::standard())) else {
            return Redaction::default();
        };
        let redactor = redact.compile();
        if redactor.is_none() {
            self.refuse(".redact(…)", "has a pattern that is no regular expression, or is too large");
        }
        redactor.map(Redaction::new).unwrap_or_default()
    }

    #[cfg(not(feature = "redact"))]
    fn redaction(&mut self, _code: &mut Builder) -> Redaction {
        if self.given(REDACT).is_some() {
            self.refuse(REDACT, "is set, but this build lacks the feature `redact` of cekura-trace");
        }
        Redaction
    }

    fn drawing(&mut self) -> Drawing {
        match self.word(DRAW).as_deref() {
            None => Drawing::default(),
            Some("full") => Drawing::Full,
            Some("off") => Drawing::Off,
            Some("summary") => Drawing::Summary,
            Some(_) => {
                self.refuse(DRAW, "must be `full`, `summary` or `off`");
                Drawing::default()
            }
        }
    }

    /// One mode, or both with a comma between them, and what says so where that is the local one.
    fn mode(&mut self, code: Option<Mode>) -> Option<(Mode, &'static str)> {
        if let Some(mode) = code {
            return Some((mode, ".mode(Mode::Local)"));
        }
        let text = self.word(MODE)?;
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
        mode.map(|mode| (mode, "CEKURA_MODE=local"))
    }

    fn protocol(&mut self, code: Option<Protocol>) -> Protocol {
        let known = code.or_else(|| match self.word(PROTOCOL)?.as_str() {
            "grpc" => Some(Protocol::Grpc),
            "http" => Some(Protocol::Http),
            _ => {
                self.refuse(PROTOCOL, "must be `grpc` or `http`");
                None
            }
        });
        known.unwrap_or_default()
    }

    fn calls(&mut self, code: Option<Calls>) -> Calls {
        let known = code.or_else(|| match self.word(CALLS)?.as_str() {
            "observe" => Some(Calls::Observe),
            "simulate" => Some(Calls::Simulate),
            _ => {
                self.refuse(CALLS, "must be `observe` or `simulate`");
                None
            }
        });
        known.unwrap_or_default()
    }

    fn compression(&mut self, code: Option<Compression>) -> Option<Compression> {
        code.or_else(|| match self.word(COMPRESSION)?.as_str() {
            "gzip" => Some(Compression::Gzip),
            "none" => Some(Compression::None),
            _ => {
                self.refuse(COMPRESSION, "must be `gzip` or `none`");
                None
            }
        })
    }

    fn capture(&mut self, code: Option<CaptureContent>) -> CaptureContent {
        code.unwrap_or_else(|| match self.flag(None, CAPTURE) {
            Some(false) => CaptureContent::Metadata,
            _ => CaptureContent::Full,
        })
    }

    /// In local mode nothing waits for anybody.
    fn spool(
        &mut self,
        code: Option<PathBuf>,
        limits: SpoolLimits,
        held: Option<bool>,
        mode: Mode,
    ) -> Option<Spooling> {
        let keeps_held = self.flag(held, SPOOL_HELD.1).unwrap_or_default();
        let (method, variable) = SPOOL;
        // A path need not be text.
        let found = || (self.lookup)(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        let given = code.map(|path| (path, method)).or_else(|| Some((found()?, variable)));
        if keeps_held && given.is_none() {
            let setting = if held.is_some() { SPOOL_HELD.0 } else { SPOOL_HELD.1 };
            self.refuse(setting, "needs a spool: set .spool(…) or CEKURA_SPOOL_DIR too");
        }
        let (directory, setting) = given?;
        if setting == variable && directory.to_str().is_some_and(|path| unquoted(path).is_some()) {
            self.refuse(setting, QUOTED);
        }
        if !parts::SPOOL {
            self.refuse(setting, "works on Unix systems only");
        }
        mode.sends().then_some(Spooling { directory, setting, limits, keeps_held })
    }

    fn limit(&mut self, code: Option<usize>, method: &'static str, default: usize) -> usize {
        if code == Some(0) {
            self.refuse(method, "must be at least 1 byte");
        }
        code.unwrap_or(default)
    }

    fn identity(&mut self, agent: Option<u64>, project: Option<u64>) -> Option<Identity> {
        for (setting, id) in [(OWN_AGENT, agent), (OWN_PROJECT, project)] {
            if id == Some(0) {
                self.refuse(setting, NO_ID);
            }
        }
        match (agent, project) {
            (Some(_), Some(_)) => {
                self.refuse(OWN_AGENT, "and .project(…) are both set: set only one of them");
                None
            }
            (Some(id), None) => Some(Identity::Agent(id)),
            (None, Some(id)) => Some(Identity::Project(id)),
            (None, None) => match (self.id(AGENT), self.id(PROJECT)) {
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

    /// The number of an agent or a project.
    fn id(&mut self, variable: &'static str) -> Option<u64> {
        let id = self.number(variable);
        if id == Some(0) {
            self.refuse(variable, NO_ID);
        }
        id
    }
}
