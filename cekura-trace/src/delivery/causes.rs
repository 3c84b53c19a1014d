//! What keeps requests from an endpoint, in words that tell what to do: one table for the doctor, the events and the last
//! line of a handle. Invariant: of a server's own words there is only the excerpt that its answer holds.

mod last;

use super::config::{Endpoint, Identity, KEY_HEADER, Protocol, Proxy, Settings};
use super::transport::{Answer, Failure, Flaw, NO_ANSWER};
use super::verdict::{Verdict, verdict};
use std::fmt;

pub(crate) use last::LastCause;
use last::Told;

/// What is wrong, and what a person can do. It prints as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) wrong: String,
    /// What the server or the system says of it; may be empty.
    pub(crate) said: String,
    pub(crate) remedy: String,
}

/// Where requests go, as a person knows it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    /// Which setting names it.
    pub(crate) variable: &'static str,
    proxy: Option<Proxy>,
    /// The program's own client connects to it.
    is_programs: bool,
    protocol: Protocol,
    /// The key is sent there.
    has_key: bool,
    identity: Option<Identity>,
    is_api: bool,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, said, remedy } = self;
        if said.is_empty() { write!(f, "{wrong}: {remedy}") } else { write!(f, "{wrong} ({said}): {remedy}") }
    }
}

impl Cause {
    fn new(wrong: String, said: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self { wrong, said: said.to_string(), remedy: remedy.into() }
    }
}

impl From<&Cause> for Told {
    fn from(cause: &Cause) -> Self {
        Self { whole: cause.to_string(), brief: format!("{}: {}", cause.wrong, cause.remedy) }
    }
}

impl From<Cause> for Told {
    fn from(cause: Cause) -> Self {
        Self::from(&cause)
    }
}

impl Place {
    /// Where spans go.
    pub(crate) fn of_spans(settings: &Settings) -> Self {
        Self::new(settings, &settings.endpoint, false)
    }

    /// Where call logs go.
    pub(crate) fn of_api(settings: &Settings) -> Self {
        Self::new(settings, &settings.api, true)
    }

    fn new(settings: &Settings, endpoint: &Endpoint, is_api: bool) -> Self {
        Self {
            endpoint: endpoint.clone(),
            variable: if is_api { "CEKURA_API_URL" } else { "CEKURA_OTEL_ENDPOINT" },
            proxy: settings.proxies.to(endpoint).cloned(),
            is_programs: settings.http_client.is_some(),
            protocol: settings.protocol,
            has_key: is_api || settings.headers.contains_key(KEY_HEADER),
            identity: settings.identity,
            is_api,
        }
    }

    /// Host and port.
    pub(crate) fn shown(&self) -> String {
        self.endpoint.shown()
    }

    /// Whether the program's own client connects to it.
    pub(crate) fn is_programs(&self) -> bool {
        self.is_programs
    }

    /// The proxy on the way there.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// What is connected to: the endpoint, or the proxy before it.
    pub(crate) fn first(&self) -> &Endpoint {
        self.proxy().map_or(&self.endpoint, |proxy| &proxy.endpoint)
    }

    /// What is wrong where nothing comes back.
    pub(crate) fn unanswered(&self, failure: Failure, said: &str) -> Cause {
        let mut cause = self.unanswered_by_own(failure, said);
        if self.is_programs && !matches!(failure, Failure::Connection | Failure::Protocol | Failure::Timeout)
        {
            cause.remedy = format!(
                "check the client of .http_client(…): its resolver, proxies and certificates, and {}",
                self.variable
            );
        }
        cause
    }

    fn unanswered_by_own(&self, failure: Failure, said: &str) -> Cause {
        let shown = self.shown();
        let (wrong, remedy) = match failure {
            Failure::Name => return self.nameless(said),
            Failure::Refused | Failure::Unconnected => {
                return self.unconnected(failure == Failure::Refused, said);
            }
            Failure::Tls(flaw @ Flaw::Encrypted) => {
                // Its own words are of a connection that breaks.
                let (wrong, remedy) = self.flawed(flaw);
                return Cause::new(wrong, "", remedy);
            }
            Failure::Tls(flaw) => self.flawed(flaw),
            Failure::Proxy { wants_password } => {
                // The words name the proxy's setting.
                return Cause::new(said.to_owned(), "", self.around(wants_password));
            }
            Failure::Protocol if self.is_api => return self.not_the_api(said),
            Failure::Protocol => return self.foreign(""),
            Failure::Connection => {
                (format!("{shown} closes the connection"), self.checked("scheme, host and port"))
            }
            Failure::Timeout => (format!("{shown} does not answer"), self.checked("the port")),
        };
        Cause::new(wrong, said, remedy)
    }

    /// What is said where the end comes before an answer.
    pub(crate) fn unanswered_at_the_end(&self) -> Cause {
        let mut cause = self.unanswered(Failure::Timeout, NO_ANSWER);
        cause.remedy.push_str(", or give shutdown(…) a longer deadline");
        cause
    }

    /// The first host on the way cannot be found.
    pub(crate) fn nameless(&self, said: &str) -> Cause {
        let (host, _) = self.first().address();
        let mut remedy = "check this machine's network and DNS".to_owned();
        if !self.first().is_cekura() {
            let variable = self.proxy().map_or(self.variable, |proxy| proxy.setting);
            remedy = format!("{remedy}, and the host in {variable}");
        }
        Cause::new(format!("{host} cannot be resolved"), said, remedy)
    }

    /// The first host on the way takes no connection.
    pub(crate) fn unconnected(&self, is_refused: bool, said: &str) -> Cause {
        let shown = self.first().shown();
        let wrong = format!("no connection to {shown}");
        match self.proxy() {
            Some(proxy) => {
                let wrong = format!("{wrong}, the proxy of {}", proxy.setting);
                Cause::new(wrong, said, self.around(false))
            }
            None if is_refused && !self.endpoint.is_cekura() => {
                let check = format!("check host and port in {}", self.variable);
                Cause::new(wrong, said, format!("start the server that should listen there, or {check}"))
            }
            None => {
                let remedy =
                    "allow this machine to connect to it (routes, firewall), or set the proxy in HTTPS_PROXY";
                Cause::new(wrong, said, remedy)
            }
        }
    }

    /// What to do about a proxy that does not lead there.
    pub(crate) fn around(&self, wants_password: bool) -> String {
        match self.proxy() {
            None => "check HTTPS_PROXY and HTTP_PROXY".to_owned(),
            Some(proxy) if wants_password => {
                format!("write them in {}: http://user:password@host:port", proxy.setting)
            }
            Some(proxy) => self.without_proxy(&format!("check host and port in {}", proxy.setting)),
        }
    }

    /// What to do first, and how the proxy is left out.
    pub(crate) fn without_proxy(&self, remedy: &str) -> String {
        let is_own = self.proxy().is_some_and(|proxy| proxy.setting.starts_with('.'));
        let way = if is_own {
            "remove that setting".to_owned()
        } else {
            format!("name {} in NO_PROXY", self.endpoint.address().0)
        };
        format!("{remedy}; if the endpoint can be reached without a proxy, {way}")
    }

    /// What is wrong with the encryption, and what to do.
    pub(crate) fn flawed(&self, flaw: Flaw) -> (String, String) {
        let (shown, variable) = (self.shown(), self.variable);
        match flaw {
            Flaw::Client => (
                format!("{shown} does not accept this program's client certificate, or asks for one"),
                "give it one that it trusts, with .client_certificate(pem, key)".to_owned(),
            ),
            Flaw::Encrypted => {
                (format!("{shown} speaks TLS only"), format!("write https:// in {variable}"))
            }
            Flaw::Expired => (
                format!("the certificate of {shown} is not valid today"),
                "renew it, or set this machine's clock".to_owned(),
            ),
            Flaw::Issuer => (
                format!("the certificate of {shown} is not signed by a trusted authority"),
                "trust its authority with .root_certificate(pem) or in this machine's certificate store; if a \
                 proxy decrypts TLS, trust the proxy's authority"
                    .to_owned(),
            ),
            Flaw::Name => (
                format!("the certificate of {shown} is for another host"),
                format!("set {variable} to a host name in the certificate"),
            ),
            Flaw::Other => (
                format!("the TLS handshake with {shown} failed"),
                format!(
                    "check host and port in {variable}, which TLS versions the server offers, and whether it asks for a \
                     client certificate"
                ),
            ),
            Flaw::Plain => (
                format!("{shown} does not speak TLS"),
                format!("set {variable} to its port for TLS, or to http:// if it has none"),
            ),
            Flaw::Silent => (
                format!("{shown} does not answer the TLS handshake"),
                format!("check the port in {variable}, and firewalls on the way"),
            ),
        }
    }

    /// What an answer to spans says, of so many bytes; `what` is one span or all.
    pub(crate) fn spans(&self, answer: &Answer, bytes: usize, what: &str) -> Cause {
        let shown = self.shown();
        if let Answer::None { failure, message } = answer {
            return self.unanswered(*failure, message);
        }
        if answer.is_of_proxy() {
            let setting = self.proxy().map_or("HTTP_PROXY", |proxy| proxy.setting);
            let setting = if setting == "http_proxy" { "HTTP_PROXY" } else { setting };
            let remedy = format!("write them in {setting}: http://user:password@host:port");
            return Cause::new("the proxy asks for a user and password".to_owned(), answer, remedy);
        }
        let is_http = matches!(answer, Answer::Http { status: 404 | 405 | 415, .. });
        let (wrong, remedy) = match verdict(answer, bytes) {
            Verdict::Stop if matches!(answer, Answer::Http { status: 402, .. }) && self.has_key => {
                let remedy = "add credits on Cekura's dashboard";
                return Cause::new("the Cekura account is out of credits".to_owned(), answer, remedy);
            }
            Verdict::Stop if answer.is_refusal() && self.has_key => {
                (format!("refuses {what}"), "check CEKURA_API_KEY, and CEKURA_AGENT_ID or CEKURA_PROJECT_ID")
            }
            Verdict::Stop if answer.is_refusal() => (
                format!("refuses {what}"),
                "set the credentials that it needs with .header(name, value); CEKURA_API_KEY is sent only to \
                 Cekura's hosts",
            ),
            Verdict::Stop if is_http && self.protocol == Protocol::Grpc => {
                return self.foreign(&answer.to_string());
            }
            Verdict::Stop | Verdict::Drop(_) => (
                "does not accept spans".to_owned(),
                "check CEKURA_OTEL_ENDPOINT (also its path) and CEKURA_PROTOCOL",
            ),
            Verdict::Retry { .. } | Verdict::RetryOnce(_) => (
                "accepts no spans at the moment".to_owned(),
                "try again later; an agent keeps its spans and retries for some minutes",
            ),
            _ => (format!("rejects {what}"), "ask its operator what is wrong with the span"),
        };
        Cause::new(format!("{shown} {wrong}"), answer, remedy)
    }

    /// The other protocol is spoken there.
    fn foreign(&self, said: &str) -> Cause {
        let shown = self.shown();
        match self.protocol {
            Protocol::Grpc => {
                Cause::new(format!("{shown} answered gRPC with HTTP"), said, "set CEKURA_PROTOCOL=http")
            }
            Protocol::Http => {
                Cause::new(format!("{shown} answered HTTP with gRPC"), said, "set CEKURA_PROTOCOL=grpc")
            }
        }
    }

    /// What an answer of Cekura's API says that is not the one hoped for; `log` is what was posted, if anything was.
    pub(crate) fn api(&self, status: u16, said: &str, log: Option<&str>) -> Cause {
        let shown = self.shown();
        let account = || self.identity.map_or_else(|| "this account".to_owned(), |known| known.to_string());
        let variable = self.identity.map_or("CEKURA_AGENT_ID", Identity::variable);
        let known =
            if said.is_empty() { format!("status {status}") } else { format!("status {status}: {said}") };
        let (wrong, remedy) = match (status, log) {
            (401, _) => (
                format!("{shown} rejects the API key"),
                "copy it again from Cekura's dashboard into CEKURA_API_KEY".to_owned(),
            ),
            (402, _) => (
                "the Cekura account is out of credits".to_owned(),
                "add credits on Cekura's dashboard".to_owned(),
            ),
            (403, _) => (
                format!("the API key is not valid for {}", account()),
                format!("check {variable}, and that CEKURA_API_KEY belongs to the same account"),
            ),
            (200..=399 | 404 | 405, _) => return self.not_the_api(&known),
            (400 | 409 | 413 | 422, Some(log)) => {
                (format!("{shown} rejects {log}"), "correct what it names".to_owned())
            }
            (400 | 422, None) => {
                (format!("{shown} does not accept {}", account()), format!("check {variable}"))
            }
            _ => {
                let wrong = format!("{shown} answers with status {status}");
                return Cause::new(wrong, said, "try again later");
            }
        };
        Cause::new(wrong, known, remedy)
    }

    fn not_the_api(&self, said: &str) -> Cause {
        let wrong = format!("{} is not Cekura's API", self.shown());
        Cause::new(wrong, said, "unset CEKURA_API_URL, or check it if you were given one")
    }

    /// What to look at where the other side says nothing.
    fn checked(&self, part: &str) -> String {
        let variable = self.variable;
        if self.is_api {
            format!("check {variable}; if it is not set, try again later")
        } else {
            format!("check {part} in {variable}, and CEKURA_PROTOCOL")
        }
    }
}
