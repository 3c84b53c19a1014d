//! Holds what code says about a handle, one method per setting. Nothing is checked before `build`
//! or `install`.

use super::metrics::{OwnLabel, Wanted};
use super::proxy::Own;
use super::reader::Lookup;
use super::sampling::Sampling;
use super::secret::Secret;
use super::settings::{Calls, Compression, Mode, Protocol, Roots};
#[cfg(feature = "audio")]
use crate::call::audio::form::Audio;
use crate::call::consent::Consent;
use crate::delivery::timings::{SpoolLimits, Timings};
use crate::policy::CaptureContent;
#[cfg(feature = "redact")]
use crate::redact::Redact;
use crate::semconv::SCOPE;
use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::MeterProvider;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Settings of a handle. A setting in code overrides the environment.
///
/// ```no_run
/// # fn main() -> Result<(), cekura::Error> {
/// let cekura = cekura::Cekura::builder()
///     .api_key("…")
///     .agent(123)
///     .service_name("my-voice-agent")
///     .environment("prod")
///     .release(env!("CARGO_PKG_VERSION"))
///     .install()?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "settings do nothing until `install` or `build`"]
pub struct Builder {
    pub(super) api_key: Option<Secret>,
    pub(super) agent: Option<u64>,
    pub(super) project: Option<u64>,
    pub(super) service_name: Option<String>,
    pub(super) release: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) resource: Vec<(String, String)>,
    pub(super) protocol: Option<Protocol>,
    pub(super) otel_endpoint: Option<String>,
    pub(super) api_url: Option<String>,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) proxy: Own,
    pub(super) root_certificates: Vec<Vec<u8>>,
    pub(super) only_roots: Option<Vec<u8>>,
    pub(super) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) allow_insecure: Option<bool>,
    pub(super) mode: Option<Mode>,
    pub(super) local_without_key: bool,
    pub(super) calls: Option<Calls>,
    pub(super) compression: Option<Compression>,
    pub(super) capture: Option<CaptureContent>,
    pub(super) consent: Consent,
    #[cfg(feature = "redact")]
    pub(super) redact: Option<Redact>,
    pub(super) content_limit: Option<usize>,
    pub(super) memory_limit: Option<usize>,
    pub(super) set_global: bool,
    pub(super) spool: Option<PathBuf>,
    pub(super) spool_held: Option<bool>,
    pub(super) spool_limits: SpoolLimits,
    #[cfg(feature = "audio")]
    pub(super) audio: Option<Audio>,
    pub(super) metrics: Wanted,
    pub(super) sampling: Option<Sampling>,
    pub(super) lookup: Option<Box<Lookup>>,
    pub(super) timings: Timings,
}

impl Builder {
    /// The API key (`CEKURA_API_KEY`).
    ///
    /// It is sent over TLS, to Cekura's API and to Cekura's hosts. To another endpoint for spans it is sent
    /// only if code gives both the key and the endpoint: a key from the environment is never sent to a
    /// collector that the environment names. It is kept out of whatever a server says, if it has at least six characters.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(Secret::new(key));
        self
    }

    /// The agent that the calls belong to (`CEKURA_AGENT_ID`). Give this or [`project`](Self::project).
    pub fn agent(mut self, id: u64) -> Self {
        self.agent = Some(id);
        self
    }

    /// The project that the calls belong to (`CEKURA_PROJECT_ID`). Give this or [`agent`](Self::agent).
    pub fn project(mut self, id: u64) -> Self {
        self.project = Some(id);
        self
    }

    /// The resource's `service.name` (`CEKURA_SERVICE_NAME`); the executable's name unless set.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The resource's `service.version` (`CEKURA_RELEASE`): the release of the program that runs, such as
    /// `env!("CARGO_PKG_VERSION")` or a commit.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// The resource's `deployment.environment.name` (`CEKURA_ENVIRONMENT`), such as `prod` or `staging`.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// Adds an attribute to the resource, which is sent with every span, such as `host.name`. A key that has a setting of its
    /// own, such as [`service_name`](Self::service_name), is better given there.
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.push((key.into(), value.into()));
        self
    }

    /// The protocol for spans (`CEKURA_PROTOCOL` = `grpc` or `http`); gRPC unless set.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// The endpoint for spans (`CEKURA_OTEL_ENDPOINT`): Cekura's unless set, or any OTLP endpoint.
    ///
    /// `host:port` without a scheme means https. `/v1/traces` is added to an HTTP endpoint without a path; a
    /// path that is given stays as it is.
    pub fn otel_endpoint(mut self, url: impl Into<String>) -> Self {
        self.otel_endpoint = Some(url.into());
        self
    }

    /// Cekura's API (`CEKURA_API_URL`), to which call logs are posted; `https://api.cekura.ai` unless set.
    ///
    /// `host:port` without a scheme means https. A path is put before the API's own paths. The API key is sent
    /// there, so plain http is an error, except to this machine.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = Some(url.into());
        self
    }

    /// Adds a header to every request to the endpoint for spans, for example for a gateway.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Secret::new(value)));
        self
    }

    /// Uses this HTTP proxy for every endpoint that is not on this machine, such as
    /// `http://user:password@host:port`.
    ///
    /// Without this and without [`no_proxy`](Self::no_proxy), the variables `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY` decide, in lower or upper case. The lower-case variable wins; an empty or
    /// blank one counts as not set. A variable that does not name an `http://` proxy is an error only if an
    /// endpoint would use it. No endpoint uses it on this machine, if `NO_PROXY` names its host, or if its
    /// scheme is another one. An entry of `NO_PROXY` that cannot be read is ignored, and an event says so. The
    /// port is 80 unless the URL has one. In a CGI program, where `REQUEST_METHOD` is set, `HTTP_PROXY` is
    /// ignored.
    ///
    /// Data that is encrypted, which the API key always is, is encrypted for the endpoint: the proxy sees the
    /// endpoint's name and nothing else. For a proxy that decrypts TLS, trust its authority with
    /// [`root_certificate`](Self::root_certificate).
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Own::Only(Secret::new(url));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Own::None;
        self
    }

    /// Trusts the certificates in a PEM file, in addition to the system's and Mozilla's.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Trusts the certificates in a PEM file in place of the system's and Mozilla's. Those of
    /// [`root_certificate`](Self::root_certificate) are trusted too.
    ///
    /// ```no_run
    /// use cekura::{Cekura, Roots};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Cekura::builder()
    ///     .otel_endpoint("https://collector.internal:4317")
    ///     .roots(Roots::Only(std::fs::read("ca.pem")?))
    ///     .client_certificate(std::fs::read("agent.pem")?, std::fs::read("agent.key")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn roots(mut self, roots: Roots<impl Into<Vec<u8>>>) -> Self {
        let Roots::Only(pem) = roots;
        self.only_roots = Some(pem.into());
        self
    }

    /// Shows this certificate to every server that asks who connects (mutual TLS): a chain in PEM, the program's own
    /// certificate first, and its private key in PEM, without a password. [`roots`](Self::roots) has an example.
    pub fn client_certificate(mut self, pem: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some((pem.into(), key.into()));
        self
    }

    /// Allows plain http to another machine (`CEKURA_ALLOW_INSECURE`), such as a collector in the cluster. The
    /// API key is not sent over plain http.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = Some(allow);
        self
    }

    /// Cloud mode, local mode or both (`CEKURA_MODE`: `cloud`, `local` or `cloud,local`); cloud unless set.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Uses local mode if neither a key, an endpoint nor a mode is set. An example or a new checkout then runs
    /// without an account.
    pub fn local_without_key(mut self) -> Self {
        self.local_without_key = true;
        self
    }

    /// Whether real callers call or Cekura does to test the agent (`CEKURA_CALLS` = `observe` or `simulate`); real callers
    /// unless set.
    pub fn calls(mut self, calls: Calls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// How requests for spans and metrics are compressed (`CEKURA_COMPRESSION` = `gzip` or `none`): with gzip unless set, but for
    /// an endpoint on this machine.
    ///
    /// A server that answers a compressed request with the status 415 or 501, or over gRPC with `Unimplemented`, gets it as it
    /// was, and all later ones too. So does one that finds fault with the first compressed request and accepts it then. The
    /// exporter of `span_exporter` compresses as OpenTelemetry's own settings say.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// How much of a call's content spans carry (`CEKURA_CAPTURE_CONTENT`); everything unless set.
    pub fn capture(mut self, capture: CaptureContent) -> Self {
        self.capture = Some(capture);
        self
    }

    /// What of a call waits until its caller agrees: nothing unless set.
    ///
    /// ```
    /// use cekura::{Cekura, Consent, current_conversation};
    ///
    /// #[cekura::turn]
    /// fn ask_for_consent(answer: &str) {
    ///     let call = current_conversation().unwrap_or_default();
    ///     if answer == "yes" { call.grant() } else { call.abort() }
    /// }
    ///
    /// # fn start() -> Result<(), cekura::Error> {
    /// let cekura = Cekura::builder().consent(Consent::Everything).install()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn consent(mut self, consent: Consent) -> Self {
        self.consent = consent;
        self
    }

    /// Replaces personal values in spans and call logs before anything leaves (`CEKURA_REDACT` = `standard`); nothing is replaced
    /// unless set. [`Redact`] has an example. Needs the feature `redact`.
    ///
    /// Spans that an attached tracer provider gives to the program's own exporters are not redacted, nor are recordings.
    #[cfg(feature = "redact")]
    pub fn redact(mut self, redact: Redact) -> Self {
        self.redact = Some(redact);
        self
    }

    /// Records calls with a call log, that is with `observe`, and posts the recording with it (`CEKURA_AUDIO`: `true` or `false`); off unless set. The
    /// program hands both sides over: [`Conversation::audio`](crate::Conversation::audio). Needs the feature `audio`.
    ///
    /// Of each call 4 MiB stay in memory while it runs; the rest, and all of it when the call is over, goes to a file in the
    /// temporary directory that nobody else can open and that vanishes with the process. A recording has at most 2 hours and 512 MiB, all running calls together 2 GiB; what is
    /// more is left out, and the call log says `metadata.recording_truncated`. A recording that Cekura does not take
    /// is left out too, and counted. Nothing is recorded under the policy `Metadata`.
    ///
    /// In local mode the page of a call plays its recording, up to 16 MiB of it as FLAC.
    #[cfg(feature = "audio")]
    pub fn audio(mut self, audio: Audio) -> Self {
        self.audio = Some(audio);
        self
    }

    /// The most bytes of one content value; 32 KiB unless set.
    ///
    /// A value that is longer is shortened, and `<key>.truncated = true` marks it:
    ///
    /// * A text keeps its first and last part, with `[58112 bytes missing]` between them.
    /// * A list keeps its first and last items, with `"[430 items missing]"` between them.
    /// * A field of an object takes at most half of the remaining room if other fields may follow it.
    ///
    /// JSON stays valid JSON. Below a limit of 256 bytes, only the beginning of JSON is kept. The same holds if
    /// a value of unknown length has 10,000 more entries after the limit.
    ///
    /// Of audio and blobs only the size is recorded, whatever the limit: more than 64 numbers in a row become
    /// `"[16000 numbers]"`. A string of more than 512 bytes that is a `data:` URL or base64 becomes
    /// `"[base64, 1.0 MB]"`, the length of the string in decimal units. A string counts as base64 if its first,
    /// middle and last 128 bytes consist only of the standard or the URL-safe alphabet (padding and line breaks
    /// allowed), and contain a capital letter, or a small letter, a digit and a sign (`+/-_=`).
    pub fn content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = Some(bytes);
        self
    }

    /// The most bytes of ended spans and call logs that may wait for delivery; 32 MiB unless set. Above the limit, the
    /// oldest requests are dropped, their spans counted, and their traces marked incomplete. With a
    /// [`spool`](Self::spool) they wait on disk instead.
    ///
    /// Neither spans nor call logs take what the others need. An eighth is kept free for call logs, and a quarter stays
    /// theirs once they wait. They may use up to two thirds while nobody else needs it; above that the oldest of them goes:
    /// whoever waits for it gets an error, or an event names its call. With a spool its content waits on disk. Changes of
    /// stored calls that wait take at most a sixteenth; more of them are refused.
    ///
    /// What is still open takes at most half of the limit: the notes of calls, their sound before it goes to a file, and
    /// what spans hold beyond 2 KiB each. What finds no room there is not recorded, and an event says so; such a span has
    /// `cekura.truncated`.
    /// Whether a trace is complete is remembered of 16,384 traces at a time, the newest. The [metrics](crate::Metrics) are not
    /// in it: their series are limited by number, and take at most about 6 MiB.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Makes a tracer provider of this handle the process's global one. Spans that are made with the
    /// OpenTelemetry API alone are then delivered too, if they are inside a conversation. It is for programs
    /// without a tracer provider of their own: it replaces the global one.
    ///
    /// ```
    /// # fn start() -> Result<(), cekura::Error> {
    /// use cekura::opentelemetry::{global, trace::Tracer};
    ///
    /// let cekura = cekura::Cekura::builder().set_global().install()?;
    /// // inside a conversation this span is delivered:
    /// global::tracer("database").in_span("SELECT slots", |_| { /* … */ });
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_global(mut self) -> Self {
        self.set_global = true;
        self
    }

    /// Keeps spans and call logs that are not delivered yet in a directory (`CEKURA_SPOOL_DIR`), so that they
    /// survive the process.
    ///
    /// A handle delivers what ended processes left there for the same agent or project, with the same key and
    /// headers. It uses its own endpoint, so an endpoint that was wrong can be corrected. Without an agent or
    /// project, or without a key, the endpoint must be the same too. What was left for others stays there; an
    /// event says for whom, how much, and until when. If you replace the API key, let a handle with the old one
    /// deliver what waits first.
    ///
    /// A span that ended more than a second ago survives a crash and a power cut, as long as the disk keeps up.
    /// If it does not, an event says so, and [`FlushReport::spool_is_behind`](crate::FlushReport) is true. After a
    /// crash, the next process sends the root spans of conversations that were open, with `cekura.incomplete`,
    /// and posts the call logs that were not posted; those of calls that ran as they were a second before, with
    /// `metadata.incomplete`. A span that the backend acknowledges within a quarter of a
    /// second is never written to disk.
    ///
    /// At most 256 MiB are kept, for seven days; of the time between two runs at most one day counts, because
    /// the clock may have been set. What waits for others takes at most half of that. What is known of it in
    /// memory takes at most an eighth of the [memory limit](Self::memory_limit). The API key is never written.
    ///
    /// A missing directory is created, for this user only. A directory that others can write to is an error.
    /// A relative path is taken from the directory in which the handle is built. Files that are damaged or of
    /// another version are moved to `aside` in it. Several processes may share a directory. Unix only.
    pub fn spool(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spool = Some(directory.into());
        self
    }

    /// Keeps calls that wait for their verdict in the [`spool`](Self::spool) too, where there is [`sampling`](Self::sampling)
    /// (`CEKURA_SPOOL_HELD`: `true` or `false`); not unless set. They then survive the process as other spans do. After a crash the next process
    /// sends all of them, also those that would not have been sent: nobody knows how they would have ended.
    ///
    /// They take at most half of the spool's bytes, and a quarter of what may be known of it in memory. Where that is not enough,
    /// an event says so, and [`FlushReport::spool_is_behind`](crate::FlushReport) is true. Without a spool it is an error.
    pub fn spool_held(mut self, held: bool) -> Self {
        self.spool_held = Some(held);
        self
    }

    /// Serves the metrics of this handle at `/metrics` of an address of this machine, such as `127.0.0.1:9464`
    /// (`CEKURA_METRICS_LISTEN`), for Prometheus. The page `docs/operate.md` lists them.
    ///
    /// It answers over HTTP without TLS and asks nobody for a password, so any other address needs
    /// [`metrics_public`](Self::metrics_public). It is served until the shutdown. An address that is in use is an error.
    pub fn metrics_listen(mut self, address: impl Into<String>) -> Self {
        self.metrics.listen = Some(address.into());
        self
    }

    /// Lets the metrics be served at an address that other machines reach (`CEKURA_METRICS_PUBLIC`), such as `0.0.0.0:9464`.
    pub fn metrics_public(mut self, is_public: bool) -> Self {
        self.metrics.public = Some(is_public);
        self
    }

    /// Sends the metrics of this handle to an OTLP endpoint (`CEKURA_METRICS_ENDPOINT`), a collector's or a database's: every
    /// 60 s, at each flush and at the shutdown, over HTTP, as totals since the start.
    ///
    /// `/v1/metrics` is added to a URL without a path. Neither the API key nor a [`header`](Self::header) is sent there.
    /// Cekura takes no metrics, so an endpoint of Cekura's is an error. While the endpoint is away nothing is lost but the
    /// points in between, for the next one has all. In local mode nothing is sent.
    pub fn metrics_endpoint(mut self, url: impl Into<String>) -> Self {
        self.metrics.endpoint = Some(url.into());
        self
    }

    /// Records the metrics of this handle in this meter provider too, as the meter `cekura`: its views, readers and exporters
    /// apply. It must use the same version of `opentelemetry` as [`cekura::opentelemetry`](crate::opentelemetry).
    ///
    /// It records them on a thread of its own, with a flush at the latest; there are no exemplars.
    ///
    /// ```
    /// use cekura::opentelemetry::metrics::MeterProvider;
    ///
    /// # fn start(provider: &dyn MeterProvider) -> Result<(), cekura::Error> {
    /// let cekura = cekura::Cekura::builder().meter_provider(provider).install()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn meter_provider(mut self, provider: &dyn MeterProvider) -> Self {
        let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION"));
        self.metrics.meter = Some(provider.meter_with_scope(scope.build()));
        self
    }

    /// Adds a label to the metrics of all spans that have a span attribute of this key, for example of the tenant. It has one
    /// of these values, or `other`: a label with a new value for each call would make a series for each call.
    ///
    /// ```
    /// # fn start() -> Result<(), cekura::Error> {
    /// let cekura = cekura::Cekura::builder().metric_label("tenant", ["acme", "globex"]).install()?;
    /// # Ok(())
    /// # }
    ///
    /// #[cekura::conversation(record("tenant" = tenant))]
    /// async fn answer(tenant: &str) { /* … */ }
    /// ```
    pub fn metric_label<V: Into<String>>(
        mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.metrics.labels.push(OwnLabel { key: key.into(), values });
        self
    }

    /// Sends only a part of all calls, and those that went wrong (`CEKURA_SAMPLE`, such as `0.1`, which sends those too in which a
    /// span failed or was interrupted); all calls unless set. [`Sampling`] has an example.
    ///
    /// Calls that wait for their verdict take at most half of the [memory limit](Self::memory_limit), and do not survive the
    /// process, unless [`spool_held`](Self::spool_held) is set. What is drawn and written in local mode is not sampled.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Some(sampling);
        self
    }

    /// Sets the limits of the spool.
    #[doc(hidden)]
    pub fn spool_limits(mut self, limits: SpoolLimits) -> Self {
        self.spool_limits = limits;
        self
    }

    /// Reads variables from `lookup` instead of the process's environment.
    #[doc(hidden)]
    pub fn variables(mut self, lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        self.lookup = Some(Box::new(move |name| lookup(name).map(OsString::from)));
        self
    }

    /// Sets the delays and time limits of the delivery.
    #[doc(hidden)]
    pub fn timings(mut self, timings: Timings) -> Self {
        self.timings = timings;
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("agent", &self.agent)
            .field("project", &self.project)
            .field("service_name", &self.service_name)
            .field("release", &self.release)
            .field("environment", &self.environment)
            .field("protocol", &self.protocol)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
