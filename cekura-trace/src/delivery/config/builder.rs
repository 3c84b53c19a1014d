//! Holds what code says about a handle, one method per setting. Nothing is checked before `build`
//! or `install`.

use super::proxy::Own;
use super::secret::Secret;
use super::{Mode, Protocol};
use crate::delivery::timings::{SpoolLimits, Timings};
use crate::destination::CaptureContent;
use std::fmt;
use std::path::PathBuf;

/// Settings of a handle; what is set here wins over the environment.
///
/// ```no_run
/// # fn main() -> Result<(), cekura::Error> {
/// let cekura = cekura::Cekura::builder()
///     .api_key("…")
///     .agent(123)
///     .service_name("my-voice-agent")
///     .resource("deployment.environment", "prod")
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
    pub(super) resource: Vec<(String, String)>,
    pub(super) protocol: Option<Protocol>,
    pub(super) otel_endpoint: Option<String>,
    pub(super) api_url: Option<String>,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) proxy: Own,
    pub(super) root_certificates: Vec<Vec<u8>>,
    pub(super) allow_insecure: Option<bool>,
    pub(super) mode: Option<Mode>,
    pub(super) local_without_key: bool,
    pub(super) capture: Option<CaptureContent>,
    pub(super) content_limit: Option<usize>,
    pub(super) memory_limit: Option<usize>,
    pub(super) set_global: bool,
    pub(super) spool: Option<PathBuf>,
    pub(super) spool_limits: SpoolLimits,
    pub(super) lookup: Option<Box<Lookup>>,
    pub(super) timings: Timings,
}

/// Gives the value of an environment variable.
pub(super) type Lookup = dyn Fn(&str) -> Option<String>;

impl Builder {
    /// The API key (`CEKURA_API_KEY`).
    ///
    /// It goes to the API, and to Cekura's hosts, over TLS. To another endpoint for spans it goes only when both are
    /// given in code: a key in the environment never leaves for a collector that the environment names.
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

    /// The resource's `service.name` (`CEKURA_SERVICE_NAME`); otherwise the executable's name.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Adds an attribute to the resource that every span is sent with, such as `deployment.environment`.
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.push((key.into(), value.into()));
        self
    }

    /// How spans are sent (`CEKURA_PROTOCOL` = `grpc` or `http`); gRPC unless set.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Where spans are sent (`CEKURA_OTEL_ENDPOINT`): Cekura unless set, or any OTLP endpoint.
    ///
    /// `host:port` without a scheme means https. An HTTP endpoint without a path gets `/v1/traces`, one with a path
    /// is taken as it is.
    pub fn otel_endpoint(mut self, url: impl Into<String>) -> Self {
        self.otel_endpoint = Some(url.into());
        self
    }

    /// Cekura's API (`CEKURA_API_URL`), where call logs go; `https://api.cekura.ai` unless set.
    ///
    /// `host:port` without a scheme means https; a path stands before those of the API. The key goes there, so that
    /// plain http is an error but to this machine.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = Some(url.into());
        self
    }

    /// Sends a header of your own with every request to the endpoint for spans, as a gateway may need.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Secret::new(value)));
        self
    }

    /// Reaches every endpoint that is not on this machine through an HTTP proxy, such as `http://user:password@host:port`.
    ///
    /// Unless this or [`no_proxy`](Self::no_proxy) is said, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count,
    /// in lower or upper case; of both the lower counts, and an empty or blank one is not set. One that names no `http://`
    /// proxy is an error only where an endpoint would use it: not for this machine, for a host of `NO_PROXY`, nor for
    /// another scheme. An entry of `NO_PROXY` that cannot be read is ignored, and an event says so. The port is 80 unless
    /// the URL has one. In a CGI program, where `REQUEST_METHOD` is set, `HTTP_PROXY` does not count.
    ///
    /// What is encrypted, the API key always, is encrypted for the endpoint: the proxy sees its name and nothing else. A
    /// proxy that opens TLS needs [`root_certificate`](Self::root_certificate).
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Own::Only(Secret::new(url));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Own::None;
        self
    }

    /// Trusts the certificates of a PEM file besides the system's and Mozilla's.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Allows plain http to a host that is not this machine (`CEKURA_ALLOW_INSECURE`), such as a collector in the
    /// cluster. The API key is not sent over it.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = Some(allow);
        self
    }

    /// Cloud or local (`CEKURA_MODE`); cloud unless set.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Local mode when nothing gives a key, an endpoint or a mode: an example or a new checkout then runs without an
    /// account.
    pub fn local_without_key(mut self) -> Self {
        self.local_without_key = true;
        self
    }

    /// How much of a call's content spans carry (`CEKURA_CAPTURE_CONTENT`); all unless set.
    pub fn capture(mut self, capture: CaptureContent) -> Self {
        self.capture = Some(capture);
        self
    }

    /// The most bytes of one content value; 32 KiB unless set.
    ///
    /// Of a text that is longer the first and the last part stay, with `[58112 bytes missing]` between them; of a list
    /// the first and the last items, with `"[430 items missing]"`; a field of an object takes at most half of the room
    /// where others may follow it. JSON stays valid JSON, and `<key>.truncated = true` marks it. Below 256 bytes only the
    /// beginning of JSON is kept; also where a value of unknown length goes on for 10,000 entries after the limit.
    ///
    /// Audio and blobs are only their size, whatever the limit: more than 64 numbers in a row are `"[16000 numbers]"`,
    /// and a string of more than 512 bytes that is a `data:` URL or base64 is `"[base64, 1.0 MB]"`, the length of the
    /// string in decimal units. It is base64 where its first, middle and last 128 bytes are all of the standard or the
    /// URL-safe alphabet (padding and line breaks allowed), and among them is a capital letter, or a small one, a digit
    /// and a sign (`+/-_=`).
    pub fn content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = Some(bytes);
        self
    }

    /// The most bytes of ended spans and call logs that wait for delivery; 32 MiB unless set. Spans leave an eighth of it
    /// to call logs. Where that is not enough, the oldest requests are dropped, their spans counted, and their traces marked
    /// incomplete; with a [`spool`](Self::spool) they wait on disk instead.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Makes a tracer provider of this handle's the process's global one, so that spans made with the OpenTelemetry API
    /// alone arrive where they are inside conversations. For programs without a tracer provider of their own: the one that
    /// is global when the handle is made is replaced.
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

    /// Keeps what is not delivered yet in a directory (`CEKURA_SPOOL_DIR`), so that it survives the process. At its start a
    /// handle delivers what ended processes have left for the same agent or project, to its own endpoint: an endpoint that
    /// was wrong can be corrected. Without an agent or project, endpoint and headers must be the same. What belongs to others
    /// stays; an event says for whom it is, how much it is, and until when it stays.
    ///
    /// A span that ended more than a second ago survives a crash. After a crash the next process sends the roots of the
    /// conversations that were open, with `cekura.incomplete`, and posts the call logs that were not posted. What the backend
    /// acknowledges within a quarter of a second is never written. At most 256 MiB are kept, for seven days; the key never is.
    ///
    /// The directory is made where it is missing, for this user only; one that others can write to is refused. Several
    /// processes may have the same. Unix only.
    pub fn spool(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spool = Some(directory.into());
        self
    }

    /// Sets when the spool keeps what.
    #[doc(hidden)]
    pub fn spool_limits(mut self, limits: SpoolLimits) -> Self {
        self.spool_limits = limits;
        self
    }

    /// Reads variables from `lookup` instead of the process's environment.
    #[doc(hidden)]
    pub fn environment(mut self, lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        self.lookup = Some(Box::new(lookup));
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
            .field("protocol", &self.protocol)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
