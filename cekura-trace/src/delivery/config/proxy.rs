//! The proxy between this machine and an endpoint, as code or the environment names it. An endpoint on this machine never
//! has one, so that the key, which plain http carries to this machine only, is never readable by a proxy.
//!
//! The variables mean what they mean to curl (its manual, "Environment"), but that a port which is not named is 80. They
//! are the machine's: one that cannot be used is an error only where an endpoint would use it.

use super::endpoint::Endpoint;
use super::reader::{Given, Reader};
use super::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use std::net::IpAddr;

/// The builder's method, and the variables; of two, the first that is set counts.
const METHOD: &str = ".proxy(…)";
const HTTPS: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
const HTTP: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
const ALL: [&str; 2] = ["all_proxy", "ALL_PROXY"];
const NONE: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Set where a web server runs the program, which then makes `HTTP_PROXY` of a header that anybody can send.
const CGI: &str = "REQUEST_METHOD";

const RULE: &str = "must be the URL of an HTTP proxy such as `http://host:port` or `http://user:password@host:port`, with \
                    special characters of the password percent-encoded";

/// A proxy, by the name of the setting that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) endpoint: Endpoint,
    /// For the header `Proxy-Authorization`.
    pub(crate) credentials: Option<HeaderValue>,
    /// The name to blame.
    pub(crate) setting: &'static str,
}

/// Which endpoints are reached through which proxy.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    none: Vec<Exception>,
}

/// What the builder says.
#[derive(Default)]
pub(super) enum Own {
    None,
    Only(Secret),
    #[default]
    Unsaid,
}

impl Proxies {
    pub(crate) fn to(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        let proxy = if endpoint.is_encrypted() { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !is_direct(endpoint, &self.none))
    }
}

fn is_direct(endpoint: &Endpoint, none: &[Exception]) -> bool {
    let (host, port) = endpoint.address();
    endpoint.is_loopback() || none.iter().any(|exception| exception.is_for(host, port))
}

impl Reader<'_> {
    /// The proxies of these endpoints: those that requests go to. One that was refused is empty.
    pub(super) fn proxies(&mut self, own: Own, endpoints: [Option<&Endpoint>; 3]) -> Proxies {
        match own {
            Own::None => Proxies::default(),
            Own::Only(url) => {
                let proxy = Proxy::read(url.text(), METHOD);
                if proxy.is_none() {
                    self.refuse(METHOD, RULE);
                }
                Proxies { http: proxy.clone(), https: proxy, none: Vec::new() }
            }
            Own::Unsaid => {
                let none = self.exceptions();
                let of_http = if (self.lookup)(CGI).is_some() { [HTTP[0]; 2] } else { HTTP };
                let asks = |is_encrypted| {
                    let mut known = endpoints.into_iter().flatten().filter(|to| **to != Endpoint::default());
                    known.any(|to| to.is_encrypted() == is_encrypted && !is_direct(to, &none))
                };
                let (http, https) = (self.named(of_http, asks(false)), self.named(HTTPS, asks(true)));
                Proxies { http, https, none }
            }
        }
    }

    /// The first of the variables that says something.
    fn first(&self, names: impl IntoIterator<Item = &'static str>) -> Option<Given<String>> {
        // Those of the machine may be nobody's concern.
        let variable = |name| self.given(name).filter(|value| !value.trim().is_empty());
        let given = |setting| Some(Given { value: variable(setting)?, setting, in_code: false });
        names.into_iter().find_map(given)
    }

    fn named(&mut self, names: [&'static str; 2], is_used: bool) -> Option<Proxy> {
        let Given { value, setting, .. } = self.first(names.into_iter().chain(ALL))?;
        let proxy = Proxy::read(&value, setting);
        let is_refused = self.problems.iter().any(|problem| problem.setting == setting);
        if proxy.is_none() && is_used && !is_refused {
            self.refuse(setting, RULE);
        }
        proxy
    }

    fn exceptions(&self) -> Vec<Exception> {
        let Some(Given { value, setting, .. }) = self.first(NONE) else { return Vec::new() };
        let entries = value.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        let (good, bad): (Vec<_>, Vec<_>) = entries.map(Exception::read).partition(Option::is_some);
        if !bad.is_empty() {
            tracing::warn!(target: "cekura", "{setting} has entries that cannot be read; they are ignored");
        }
        good.into_iter().flatten().collect()
    }
}

impl Proxy {
    fn read(url: &str, setting: &'static str) -> Option<Self> {
        let (endpoint, credentials) = read(url.trim())?;
        Some(Self { endpoint, credentials, setting })
    }
}

/// A proxy's address, and what it asks of those who use it.
fn read(url: &str) -> Option<(Endpoint, Option<HeaderValue>)> {
    let authority = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return None,
        None => url,
    };
    let authority = authority.split(['/', '?', '#']).next()?;
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let credentials = match user {
        Some(user) => {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let pair = [decoded(name)?, b":".to_vec(), decoded(password)?].concat();
            let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
            value.set_sensitive(true);
            Some(value)
        }
        None => None,
    };
    Some((Endpoint::parse(&format!("http://{host}/"))?, credentials))
}

/// Text of a URL without its percent-encoding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

/// A host that is reached directly.
#[derive(Debug)]
struct Exception {
    to: Direct,
    port: Option<u16>,
}

#[derive(Debug)]
enum Direct {
    Any,
    /// A host and all below it, in lower case.
    Host(String),
    /// Addresses with so many bits in common.
    Network(IpAddr, u32),
}

impl Exception {
    /// An entry of `NO_PROXY`; `None` where it has a port or a network that cannot be.
    fn read(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self { to: Direct::Any, port: None });
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
            let is_good = bits <= length(address);
            return is_good.then_some(Self { to: Direct::Network(address, bits), port: None });
        }
        let is_bare = entry.parse::<IpAddr>().is_ok();
        let (host, port) = match entry.rsplit_once(':').filter(|_| !is_bare && !entry.ends_with(']')) {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
            None => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            return Some(Self { to: Direct::Network(address, length(address)), port });
        }
        let host = host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self { to: Direct::Host(host), port })
    }

    fn is_for(&self, host: &str, port: u16) -> bool {
        let is_host = match &self.to {
            Direct::Any => true,
            Direct::Host(known) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Direct::Network(network, bits) => {
                host.parse().is_ok_and(|address: IpAddr| has_in_common(*network, address, *bits))
            }
        };
        is_host && self.port.is_none_or(|known| known == port)
    }
}

fn length(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn has_in_common(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(32 - bits).unwrap_or_default() == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(128 - bits).unwrap_or_default() == 0
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "../tests/proxies.rs"]
mod tests;
