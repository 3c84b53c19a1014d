//! Parses a URL as a person writes it into an address. Invariant: an endpoint has a scheme and
//! a host, and no user.

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use std::net::IpAddr;

/// Where requests go: scheme, host, port and path, all present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

impl Endpoint {
    /// Reads `https://host:port/path`; without a scheme it is https, without a path `/`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = if text.contains("://") { text.parse() } else { format!("https://{text}").parse() };
        let uri: Uri = url.ok()?;
        let known = [Scheme::HTTP, Scheme::HTTPS].contains(uri.scheme()?);
        let authority = uri.authority()?;
        let has_user = authority.as_str().contains('@');
        let says_port = authority.as_str().len() > authority.host().len();
        let bad_port = says_port && authority.port_u16().is_none_or(|port| port == 0);
        (known && !has_user && !bad_port && !authority.host().is_empty()).then_some(Self(uri))
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether nobody on the way can read what is sent.
    pub(crate) fn is_private(&self) -> bool {
        self.is_encrypted() || self.is_loopback()
    }

    pub(crate) fn has_path(&self) -> bool {
        self.0.path_and_query().is_some_and(|path| path.as_str() != "/")
    }

    pub(crate) fn with_path(self, path: &'static str) -> Self {
        let mut parts = self.0.into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static(path));
        Self(Uri::from_parts(parts).unwrap_or_default())
    }

    /// Whether this is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let (host, _) = self.address();
        let name = host.eq_ignore_ascii_case("localhost");
        name || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether this is a host of Cekura's.
    pub(crate) fn is_cekura(&self) -> bool {
        let host = self.host().trim_end_matches('.').to_ascii_lowercase();
        host == "cekura.ai" || host.ends_with(".cekura.ai")
    }

    /// Its host, an IPv6 address without brackets, and its port.
    pub(crate) fn address(&self) -> (&str, u16) {
        let port = if self.is_encrypted() { 443 } else { 80 };
        (self.host().trim_start_matches('[').trim_end_matches(']'), self.0.port_u16().unwrap_or(port))
    }

    /// Host and port, as a person writes them.
    pub(crate) fn shown(&self) -> String {
        format!("{}:{}", self.host(), self.address().1)
    }

    /// What is looked up, connected to and shown: `https://host:port`.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        format!("{scheme}://{}", self.shown())
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    fn parsed(text: &str) -> Option<String> {
        Endpoint::parse(text).map(|endpoint| endpoint.uri().to_string())
    }

    #[test]
    fn a_missing_scheme_is_https() {
        assert_eq!(parsed("collector:4317").as_deref(), Some("https://collector:4317/"));
        assert_eq!(parsed("http://[::1]:4318").as_deref(), Some("http://[::1]:4318/"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            " ",
            "ftp://host",
            "https://",
            "http://a b",
            "https://user:pw@host",
            "host:",
            "host:0",
            "host:65536",
            "host:a",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn hosts_are_told_apart() {
        let endpoint = |text| Endpoint::parse(text).unwrap();
        assert!(endpoint("OTEL.cekura.ai:443").is_cekura());
        assert!(!endpoint("otel.cekura.ai.example.com").is_cekura());
        assert!(!endpoint("notcekura.ai").is_cekura());
        for host in ["localhost:1", "127.0.0.9:1", "[::1]:1"] {
            assert!(endpoint(host).is_loopback(), "{host}");
        }
        assert!(!endpoint("127.0.0.1.example.com").is_loopback());
    }
}
