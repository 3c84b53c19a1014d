//! What keeps a request from arriving: names, ports, certificates, silence.

use super::{FOUND, account, api, problems, shown};
use cekura::{Protocol, Timings};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::handles::{PROTOCOLS, at, to};
use rustls::ServerConfig;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn nobody_who_listens_is_named_and_what_comes_after_is_skipped() {
    let api = api(200, FOUND);
    let url = format!("http://{}", deserted());
    assert_eq!(
        shown(&account(at(&url, Protocol::Grpc), &api.url()).doctor()),
        "\
ok    configuration  agent 7, an API key; spans are sent over gRPC to
                     http://127.0.0.1:PORT_
ok    name           127.0.0.1 is an address
FAIL  connection     no connection to 127.0.0.1:PORT_: Connection refused (os
                     error 111)
                     → start the server that should listen there, or check host
                       and port in CEKURA_OTEL_ENDPOINT
ok    connection     127.0.0.1:PORT_ accepts connections
skip  TLS            not tried with 127.0.0.1:PORT_
skip  TLS            not used: http://127.0.0.1:PORT_ is on this machine
ok    credentials    the API key is valid for agent 7
skip  span           no span was sent"
    );
}

/// Two dots in a row, so that no name server is asked.
#[test]
fn a_name_that_does_not_resolve_is_named() {
    let diagnosis =
        account(at("https://nowhere..invalid", Protocol::Http), "https://nowhere..invalid").doctor();
    let text = shown(&diagnosis);
    assert!(text.contains("FAIL  name           nowhere..invalid cannot be resolved: "), "{text}");
    let rest = "
skip  connection     not tried with nowhere..invalid:443
skip  TLS            not tried with nowhere..invalid:443
skip  credentials    the API was not asked
skip  span           no span was sent";
    assert!(text.ends_with(rest), "{text}");
}

/// What is said of a server that shows this certificate.
fn tls(server: Arc<ServerConfig>, root: Option<&Authority>) -> String {
    let spans = Backend::encrypted(server);
    let mut said = Vec::new();
    for protocol in PROTOCOLS {
        let builder = to(&spans, protocol).header("authorization", "canary");
        let builder = root.iter().fold(builder, |builder, root| builder.root_certificate(root.pem()));
        said.push(problems(&builder.doctor()));
    }
    assert!(spans.seen().is_empty());
    // An expiry is said to the second.
    let [one, other] = [0, 1].map(|at: usize| said[at].replace(char::is_numeric, "#"));
    assert_eq!(one, other, "the handshake is the same");
    said.remove(0)
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_apart() {
    let authority = Authority::default();
    assert_eq!(
        tls(authority.server("127.0.0.1"), None),
        "\
FAIL  TLS            the certificate of 127.0.0.1:PORT_ is not signed by a
                     trusted authority: invalid peer certificate: UnknownIssuer
                     → trust its authority with .root_certificate(pem) or in
                       this machine's certificate store; if a proxy decrypts
                       TLS, trust the proxy's authority"
    );
    let other = tls(authority.server("example.com"), Some(&authority));
    assert!(
        other.starts_with("FAIL  TLS            the certificate of 127.0.0.1:PORT_ is for another host:"),
        "{other}"
    );
    assert!(
        other.contains("example.com") && other.contains("→ set CEKURA_OTEL_ENDPOINT to a host"),
        "{other}"
    );
    let expired = tls(authority.expired_server("127.0.0.1"), Some(&authority));
    assert!(
        expired.starts_with("FAIL  TLS            the certificate of 127.0.0.1:PORT_ is not valid today:"),
        "{expired}"
    );
    assert!(expired.ends_with("→ renew it, or set this machine's clock"), "{expired}");
}

#[test]
fn a_server_without_tls_is_named() {
    for protocol in PROTOCOLS {
        let spans = Backend::new();
        let diagnosis = at(&spans.url().replace("http:", "https:"), protocol).doctor();
        let text = problems(&diagnosis);
        assert_eq!(
            text,
            "\
FAIL  TLS            127.0.0.1:PORT_ does not speak TLS: received corrupt
                     message of type InvalidContentType
                     → set CEKURA_OTEL_ENDPOINT to its port for TLS, or to
                       http:// if it has none"
        );
        assert!(spans.seen().is_empty());
    }
}

#[test]
fn one_who_never_answers_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let limits = Timings {
        tls: Duration::from_millis(100),
        attempt: Duration::from_millis(100),
        ..Timings::default()
    };
    let said = |scheme: &str, timings: Timings| {
        let builder = at(&format!("{scheme}://{address}"), Protocol::Grpc).timings(timings);
        let start = Instant::now();
        let text = problems(&account(builder, &format!("{scheme}://{address}")).doctor());
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        text
    };
    let text = said("https", limits);
    assert!(text.contains("127.0.0.1:PORT_ does not answer the TLS handshake: "), "{text}");
    for timings in [limits, Timings { diagnosis: Duration::from_millis(100), ..Timings::default() }] {
        let text = said("http", timings);
        assert!(text.contains("credentials    127.0.0.1:PORT_ does not answer: no answer in time"), "{text}");
        assert!(text.contains("span           127.0.0.1:PORT_ does not answer: no answer in time"), "{text}");
    }
}
