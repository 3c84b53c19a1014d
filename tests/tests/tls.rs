//! Certificates: whom the delivery trusts, and that distrust is counted and said.

use cekura::{Builder, Protocol, Roots};
use cekura_trace_tests::api::{Api, KEY};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, at, converse, quick, reasons, to};
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_certificate_of_an_authority_that_was_given_is_good() {
    let authority = Authority::default();
    for protocol in PROTOCOLS {
        for name in ["127.0.0.1", "localhost"] {
            let backend = Backend::encrypted(authority.server(name));
            let url = backend.url().replace("127.0.0.1", name);
            let handle = at(&url, protocol).root_certificate(authority.pem()).build().unwrap();
            converse(&handle, 1);
            assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
            assert_eq!(backend.spans().len(), 2);
        }
    }
}

#[test]
fn an_endpoint_without_scheme_is_encrypted() {
    let authority = Authority::default();
    for protocol in PROTOCOLS {
        let backend = Backend::encrypted(authority.server("127.0.0.1"));
        let address = backend.url().replace("https://", "");
        let handle = at(&address, protocol).root_certificate(authority.pem()).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    }
}

/// Nothing arrives at a server with this certificate, and the reason is known.
fn distrusts(server: impl Fn(&Authority) -> Arc<ServerConfig>, gives_certificate: bool) {
    let authority = Authority::default();
    for protocol in PROTOCOLS {
        let backend = Backend::encrypted(server(&authority));
        let timings = cekura::Timings { give_up: Duration::from_millis(200), ..quick() };
        let mut builder = to(&backend, protocol).api_key("canary").agent(1).timings(timings);
        if gives_certificate {
            builder = builder.root_certificate(authority.pem());
        }
        let handle = builder.build().unwrap();
        converse(&handle, 1);
        let report = handle.flush_blocking(LONG);
        assert_eq!(reasons(&report), [("tls", 2)], "{protocol:?}");
        assert!(backend.seen().is_empty() && backend.connections() > 0);
    }
}

#[test]
fn an_unknown_authority_is_refused() {
    distrusts(|authority| authority.server("127.0.0.1"), false);
}

#[test]
fn another_authority_is_refused() {
    distrusts(|_| Authority::default().server("127.0.0.1"), true);
}

#[test]
fn another_hosts_certificate_is_refused() {
    distrusts(|authority| authority.server("example.com"), true);
}

#[test]
fn an_expired_certificate_is_refused() {
    distrusts(|authority| authority.expired_server("127.0.0.1"), true);
}

#[test]
fn encryption_is_not_left_out_for_a_server_that_has_none() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let url = backend.url().replace("http://", "https://");
        let handle = at(&url, protocol).api_key("canary").agent(1).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(SHORT).delivered, 0);
        assert!(backend.seen().is_empty() && backend.connections() > 0);
    }
}

#[test]
fn a_handshake_that_stalls_does_not_stall_the_rest() {
    for protocol in PROTOCOLS {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let timings = cekura::Timings {
            connect: Duration::from_millis(50),
            tls: Duration::from_millis(50),
            attempt: Duration::from_millis(150),
            ..quick()
        };
        let authority = Authority::default();
        let handle = at(&format!("https://{address}"), protocol)
            .root_certificate(authority.pem())
            .timings(timings)
            .build()
            .unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(SHORT).pending, 2);
        // The connections that nobody has answered end with the listener.
        drop(listener);
        let backend = Backend::encrypted_at(address, authority.server("127.0.0.1"));
        assert_eq!(handle.flush_blocking(LONG).delivered, 2, "{protocol:?}");
        assert_eq!(backend.spans().len(), 2);
    }
}

#[test]
fn a_certificate_that_is_none_is_refused_at_the_start() {
    let pem = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    for protocol in PROTOCOLS {
        let error = at("https://127.0.0.1:1", protocol).root_certificate(pem).build().unwrap_err();
        assert!(!error.is_already_installed(), "{error}");
    }
    let error = at("https://127.0.0.1:1", Protocol::Grpc).root_certificate("no PEM").build().unwrap_err();
    assert_eq!(error.to_string(), ".root_certificate(…) must contain certificates in PEM");
}

/// One conversation is delivered.
fn arrives(builder: Builder) {
    let handle = builder.build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
}

#[test]
fn a_server_that_asks_who_connects_is_shown_the_client_certificate() {
    let (authority, clients) = (Authority::default(), Authority::default());
    for protocol in PROTOCOLS {
        for version in [&TLS12, &TLS13] {
            let backend = Backend::encrypted(authority.asking_server("127.0.0.1", &clients, &[version]));
            let (pem, key) = clients.client();
            // A chain, and bytes as well as text.
            let chain = format!("{pem}{}", clients.pem());
            let trusting = || to(&backend, protocol).root_certificate(authority.pem());
            arrives(trusting().client_certificate(chain, key.into_bytes()));
            assert_eq!(backend.spans().len(), 2);
            let (stranger, key) = Authority::default().client();
            for builder in [trusting(), trusting().client_certificate(stranger, key)] {
                listen();
                let before =
                    heard("does not accept this program's client certificate, or asks for one").len();
                let handle = builder.build().unwrap();
                converse(&handle, 1);
                handle.shutdown_blocking(10 * SHORT);
                assert_eq!(backend.spans().len(), 2, "{protocol:?}");
                let said = heard("does not accept this program's client certificate, or asks for one");
                assert!(said.len() > before, "{protocol:?} {version:?}: {:?}", heard("spans"));
                assert!(said[before].text.contains(".client_certificate(pem, key)"), "{said:?}");
            }
        }
    }
}

#[test]
fn the_api_is_shown_the_client_certificate_too() {
    let (authority, clients) = (Authority::default(), Authority::default());
    let config = authority.asking_server("127.0.0.1", &clients, &[&TLS13]);
    let (spans, api) =
        (Backend::new(), Api::encrypted(config, |_, _| cekura_trace_tests::api::Reply::stored(1)));
    let (pem, key) = clients.client();
    let builder =
        to(&spans, Protocol::Grpc).api_key(KEY).agent(5).api_url(api.url().replace("http:", "https:"));
    let handle = builder.root_certificate(authority.pem()).client_certificate(pem, key).build().unwrap();
    let sent = handle.observe_blocking(cekura::CallLog::new("call-1")).unwrap();
    assert_eq!(sent.id(), Some("1"));
}

#[test]
fn only_the_named_roots_are_trusted() {
    let (named, added, other) = (Authority::default(), Authority::default(), Authority::default());
    for protocol in PROTOCOLS {
        let only = |backend: &Backend| to(backend, protocol).roots(Roots::Only(named.pem()));
        for authority in [&named, &added] {
            let backend = Backend::encrypted(authority.server("127.0.0.1"));
            arrives(only(&backend).root_certificate(added.pem()));
        }
        let backend = Backend::encrypted(other.server("127.0.0.1"));
        let handle = only(&backend).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(SHORT).delivered, 0);
    }
}

/// What the machine trusts is trusted, unless only other authorities are.
#[test]
fn the_machines_roots_are_left_out_where_only_others_are_trusted() {
    let (machine, named) = (Authority::default(), Authority::default());
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls-machine.pem");
    std::fs::write(&file, machine.pem()).unwrap();
    let named_file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls-named.pem");
    std::fs::write(&named_file, named.pem()).unwrap();
    for (protocol, only) in [("grpc", false), ("http", false), ("grpc", true), ("http", true)] {
        let backend = Backend::encrypted(machine.server("127.0.0.1"));
        let mut agent = std::process::Command::new(env!("CARGO_BIN_EXE_plain_agent"));
        agent.env_clear().env("CEKURA_PROTOCOL", protocol).env("CEKURA_OTEL_ENDPOINT", backend.url());
        agent.env("SSL_CERT_FILE", &file);
        if only {
            agent.env("ONLY_ROOT", &named_file);
        }
        let output = agent.output().unwrap();
        assert_eq!(backend.spans().len(), if only { 0 } else { 2 }, "{output:?}");
    }
}

#[test]
fn bad_certificates_and_keys_are_refused_at_the_start() {
    let clients = Authority::default();
    let ((pem, key), (_, other)) = (clients.client(), clients.client());
    let refused = |pem: &str, key: &str, expected: &str| {
        for protocol in PROTOCOLS {
            let builder = at("https://127.0.0.1:1", protocol).client_certificate(pem, key);
            let error = format!("{:?}", builder.build().unwrap_err());
            assert!(error.contains(expected), "{protocol:?}: {error}");
            assert!(!error.contains("PRIVATE KEY"), "{error}");
        }
    };
    let chain = ".client_certificate(…) must begin with certificates in PEM, the program's own first";
    let secret = ".client_certificate(…) must end with a private key in PEM that has no password";
    refused("", &key, chain);
    refused(&key, &pem, &format!("{chain}; {secret}"));
    refused(&pem, &key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), secret);
    refused(&pem, "canary", secret);
    refused(&pem, &other, "the certificate and the key of .client_certificate(…) do not belong together");
    let error = at("https://127.0.0.1:1", Protocol::Grpc).roots(Roots::Only("no PEM")).build().unwrap_err();
    assert_eq!(error.to_string(), ".roots(…) must contain certificates in PEM");
}
