//! Checks the name, the connection and the certificate of one endpoint. It sends no request.

use super::{Check, Finding};
use crate::delivery::config::{Endpoint, Protocol, Proxy, Settings};
use crate::delivery::transport::{Flaw, NO_ANSWER, shake_hands, tunnel};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// One endpoint, the variable that names it, and when the time for all checks is over.
pub(super) struct Origin {
    pub(super) settings: Arc<Settings>,
    pub(super) endpoint: Endpoint,
    pub(super) variable: &'static str,
    pub(super) deadline: Instant,
}

impl Origin {
    /// Looks at one layer after the other; what comes after a failure is skipped.
    pub(super) async fn examine(&self) -> Vec<Finding> {
        let (addresses, name) = self.name().await;
        let mut findings = vec![name];
        if !addresses.is_empty() {
            let (stream, connection) = self.connection(addresses).await;
            findings.push(connection);
            if let Some(stream) = stream {
                findings.push(self.tls(stream).await);
            }
        }
        for check in [Check::Connection, Check::Tls].into_iter().skip(findings.len() - 1) {
            findings.push(Finding::skipped(check, format!("not tried with {}", self.shown())));
        }
        findings
    }

    /// Host and port.
    pub(super) fn shown(&self) -> String {
        self.endpoint.shown()
    }

    fn proxy(&self) -> Option<&Proxy> {
        self.settings.proxies.to(&self.endpoint)
    }

    /// What is connected to: the endpoint, or the proxy before it.
    fn first(&self) -> &Endpoint {
        self.proxy().map_or(&self.endpoint, |proxy| &proxy.endpoint)
    }

    /// A limit, or what is left of the whole if that is less.
    pub(super) fn within(&self, limit: Duration) -> Duration {
        limit.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    async fn name(&self) -> (Vec<SocketAddr>, Finding) {
        let (host, port) = self.first().address();
        let asked = (host.to_owned(), port);
        let look_up = move || Ok(asked.to_socket_addrs()?.collect::<Vec<_>>());
        let found = limited(self.within(self.settings.timings.lookup), look_up).await;
        let wrong = match found {
            Ok(addresses) if !addresses.is_empty() => {
                let finding = Finding::good(Check::Name, named(host, &addresses));
                return (addresses, finding);
            }
            Ok(_) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        let mut remedy = "check this machine's network and DNS".to_owned();
        let variable = self.proxy().map_or(self.variable, |proxy| proxy.setting);
        if !self.first().is_cekura() {
            remedy = format!("{remedy}, and the host in {variable}");
        }
        (Vec::new(), Finding::failed(Check::Name, format!("{host} cannot be resolved: {wrong}"), remedy))
    }

    async fn connection(&self, addresses: Vec<SocketAddr>) -> (Option<TcpStream>, Finding) {
        let (shown, limit) = (self.first().shown(), self.within(self.settings.timings.connect));
        let error = match (limited(limit, move || connect(&addresses, limit)).await, self.proxy()) {
            (Ok(stream), Some(proxy)) => return self.led(stream, proxy).await,
            (Ok(stream), None) => {
                let finding = Finding::good(Check::Connection, format!("{shown} accepts connections"));
                return (Some(stream), finding);
            }
            (Err(error), _) => error,
        };
        let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
        let remedy = match self.proxy() {
            Some(proxy) => {
                around(proxy, &self.endpoint, &format!("check host and port in {}", proxy.setting))
            }
            None if is_refused => {
                format!(
                    "start the server that should listen there, or check host and port in {}",
                    self.variable
                )
            }
            None => "allow this machine to connect to it (routes, firewall), or set the proxy in HTTPS_PROXY"
                .to_owned(),
        };
        let named = self.proxy().map(|proxy| format!(", the proxy of {}", proxy.setting)).unwrap_or_default();
        let wrong = format!("no connection to {shown}{named}: {error}");
        (None, Finding::failed(Check::Connection, wrong, remedy))
    }

    /// Asks the proxy for a way to the endpoint, where it does not send requests on.
    async fn led(&self, stream: TcpStream, proxy: &Proxy) -> (Option<TcpStream>, Finding) {
        let (shown, through) = (self.shown(), proxy.endpoint.shown());
        let good = |what| {
            Finding::good(
                Check::Connection,
                format!("{through}, the proxy of {}, {what} {shown}", proxy.setting),
            )
        };
        if !self.endpoint.is_encrypted() && self.settings.protocol == Protocol::Http {
            return (Some(stream), good("is used for"));
        }
        let limit = self.within(self.settings.timings.connect);
        let wrong = match timeout(limit, tunnel(stream, &self.endpoint, proxy)).await {
            Ok(Ok(Ok(stream))) => return (Some(stream), good("connects to")),
            Ok(Ok(Err(obstacle))) => {
                let remedy = if obstacle.wants_password() {
                    format!("write them in {}: http://user:password@host:port", proxy.setting)
                } else {
                    around(proxy, &self.endpoint, &format!("allow {shown} in the proxy"))
                };
                let wrong = format!("{through}: {obstacle}");
                return (None, Finding::failed(Check::Connection, wrong, remedy));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => NO_ANSWER.to_owned(),
        };
        let wrong = format!("{through}, the proxy of {}: {wrong}", proxy.setting);
        let remedy = around(proxy, &self.endpoint, &format!("check host and port in {}", proxy.setting));
        (None, Finding::failed(Check::Connection, wrong, remedy))
    }

    async fn tls(&self, stream: TcpStream) -> Finding {
        let shown = self.shown();
        if !self.endpoint.is_encrypted() {
            let why = if self.endpoint.is_loopback() { "on this machine" } else { "allowed without TLS" };
            return Finding::skipped(Check::Tls, format!("not used: {} is {why}", self.endpoint.origin()));
        }
        let (endpoint, settings) = (self.endpoint.clone(), self.settings.clone());
        let greet = move || Ok(shake_hands(&endpoint, &settings, stream));
        let greeted = limited(self.within(self.settings.timings.tls), greet).await;
        match greeted.unwrap_or_else(|error| Err((Flaw::Silent, error.to_string()))) {
            Ok(()) => Finding::good(Check::Tls, format!("the certificate of {shown} is trusted")),
            Err((flaw, message)) => {
                let (wrong, remedy) = self.flawed(flaw);
                Finding::failed(Check::Tls, format!("{wrong}: {message}"), remedy)
            }
        }
    }

    fn flawed(&self, flaw: Flaw) -> (String, String) {
        let (shown, variable) = (self.shown(), self.variable);
        match flaw {
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
                format!("check host and port in {variable}, and which TLS versions the server offers"),
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
}

/// What to do about a proxy that does not lead to an endpoint.
fn around(proxy: &Proxy, to: &Endpoint, remedy: &str) -> String {
    let is_own = proxy.setting.starts_with('.');
    let way = if is_own {
        "remove that setting".to_owned()
    } else {
        format!("name {} in NO_PROXY", to.address().0)
    };
    format!("{remedy}; if the endpoint can be reached without a proxy, {way}")
}

/// What blocks, on a thread of its own, for at most so long.
pub(super) async fn limited<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match timeout(limit, spawn_blocking(work)).await {
        Ok(done) => done.map_err(io::Error::other)?,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, NO_ANSWER)),
    }
}

fn named(host: &str, addresses: &[SocketAddr]) -> String {
    match addresses {
        _ if host.parse::<IpAddr>().is_ok() => format!("{host} is an address"),
        [first] => format!("{host} is {}", first.ip()),
        [first, more @ ..] => format!("{host} is {} (and {} more)", first.ip(), more.len()),
        [] => String::new(),
    }
}

/// The first that connects, each with its part of the time.
fn connect(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let part = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, part) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
