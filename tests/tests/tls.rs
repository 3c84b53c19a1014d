//! Certificates: whom the delivery trusts, and that distrust is counted and said.

use cekura::Protocol;
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, at, converse, quick, reasons, to};
use rustls::ServerConfig;
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
