//! Checks the name, the connection and the certificate of one endpoint. It sends no request.

use super::{Check, Finding};
use crate::delivery::causes::Place;
use crate::delivery::config::{Protocol, Proxy, Settings};
use crate::delivery::transport::{Flaw, NO_ANSWER, shake_hands, tunnel};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// One endpoint, and when the time for all checks is over.
pub(super) struct Origin {
    pub(super) settings: Arc<Settings>,
    pub(super) place: Place,
    pub(super) deadline: Instant,
}

impl Origin {
    /// Looks at one layer after the other; what comes after a failure is skipped.
    pub(super) async fn examine(&self) -> Vec<Finding> {
        if self.place.is_programs() {
            let why = format!("to {}: left to the client of .http_client(…)", self.place.shown());
            return vec![Finding::skipped(Check::Connection, why)];
        }
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
            findings.push(Finding::skipped(check, format!("not tried with {}", self.place.shown())));
        }
        findings
    }

    /// A limit, or what is left of the whole if that is less.
    pub(super) fn within(&self, limit: Duration) -> Duration {
        limit.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    async fn name(&self) -> (Vec<SocketAddr>, Finding) {
        let (host, port) = self.place.first().address();
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
        (Vec::new(), Finding::of(Check::Name, &self.place.nameless(&wrong)))
    }

    async fn connection(&self, addresses: Vec<SocketAddr>) -> (Option<TcpStream>, Finding) {
        let (shown, limit) = (self.place.first().shown(), self.within(self.settings.timings.connect));
        let error = match (limited(limit, move || connect(&addresses, limit)).await, self.place.proxy()) {
            (Ok(stream), Some(proxy)) => return self.led(stream, proxy).await,
            (Ok(stream), None) => {
                let finding = Finding::good(Check::Connection, format!("{shown} accepts connections"));
                return (Some(stream), finding);
            }
            (Err(error), _) => error,
        };
        let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
        (None, Finding::of(Check::Connection, &self.place.unconnected(is_refused, &error.to_string())))
    }

    /// Asks the proxy for a way to the endpoint, where it does not send requests on.
    async fn led(&self, stream: TcpStream, proxy: &Proxy) -> (Option<TcpStream>, Finding) {
        let (shown, through) = (self.place.shown(), proxy.endpoint.shown());
        let good = |what| {
            Finding::good(
                Check::Connection,
                format!("{through}, the proxy of {}, {what} {shown}", proxy.setting),
            )
        };
        if !self.place.endpoint.is_encrypted() && self.settings.protocol == Protocol::Http {
            return (Some(stream), good("is used for"));
        }
        let limit = self.within(self.settings.timings.connect);
        let wrong = match timeout(limit, tunnel(stream, &self.place.endpoint, proxy)).await {
            Ok(Ok(Ok(stream))) => return (Some(stream), good("connects to")),
            Ok(Ok(Err(obstacle))) => {
                let remedy = if obstacle.wants_password() {
                    self.place.around(true)
                } else {
                    self.place.without_proxy(&format!("allow {shown} in the proxy"))
                };
                let wrong = format!("{through}: {obstacle}");
                return (None, Finding::failed(Check::Connection, wrong, remedy));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => NO_ANSWER.to_owned(),
        };
        let wrong = format!("{through}, the proxy of {}: {wrong}", proxy.setting);
        (None, Finding::failed(Check::Connection, wrong, self.place.around(false)))
    }

    async fn tls(&self, stream: TcpStream) -> Finding {
        let shown = self.place.shown();
        if !self.place.endpoint.is_encrypted() {
            let why =
                if self.place.endpoint.is_loopback() { "on this machine" } else { "allowed without TLS" };
            return Finding::skipped(
                Check::Tls,
                format!("not used: {} is {why}", self.place.endpoint.origin()),
            );
        }
        let (endpoint, settings) = (self.place.endpoint.clone(), self.settings.clone());
        let greet = move || Ok(shake_hands(&endpoint, &settings, stream));
        let greeted = limited(self.within(self.settings.timings.tls), greet).await;
        match greeted.unwrap_or_else(|error| Err((Flaw::Silent, error.to_string()))) {
            Ok(()) => Finding::good(Check::Tls, format!("the certificate of {shown} is trusted")),
            Err((flaw, message)) => {
                let (wrong, remedy) = self.place.flawed(flaw);
                Finding::failed(Check::Tls, format!("{wrong}: {message}"), remedy)
            }
        }
    }
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
