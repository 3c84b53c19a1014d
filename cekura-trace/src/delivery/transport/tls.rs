//! Reads the roots that a server's certificate is checked against, and says what is wrong with one.
//! Invariant: no certificate goes unchecked.

use super::chain::cause;
use super::failures::flaw;
use super::reply::Reader;
use super::{Arc, Endpoint, Error, Flaw, Settings, TcpStream};
use crate::delivery::config::ClientCertificate;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io;

#[cfg(feature = "ring")]
const BUILT_IN: Option<fn() -> CryptoProvider> = Some(rustls::crypto::ring::default_provider);
#[cfg(not(feature = "ring"))]
const BUILT_IN: Option<fn() -> CryptoProvider> = None;

/// The system's roots, Mozilla's and the user's, or these alone; none where nothing is encrypted, for reading them takes a while. A
/// system without any (a bare container) is no error.
pub(super) fn roots(endpoint: &Endpoint, settings: &Settings) -> Result<RootCertStore, Error> {
    if !endpoint.is_encrypted() {
        return Ok(RootCertStore::empty());
    }
    let mut roots = RootCertStore::empty();
    if !settings.trusted.are_all {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    for certificate in &settings.trusted.certificates {
        roots.add(certificate.clone()).map_err(Error::start)?;
    }
    Ok(roots)
}

/// The cryptography that the program has installed, else what this build has. None is installed here: that is the
/// program's to do.
pub(super) fn provider() -> Result<Arc<CryptoProvider>, Error> {
    let installed = CryptoProvider::get_default().cloned();
    installed.or_else(|| BUILT_IN.map(|built_in| Arc::new(built_in()))).ok_or_else(|| {
        Error::start(
            "no crypto provider for TLS: install one for rustls, or enable the feature `ring` of cekura-trace",
        )
    })
}

pub(super) fn config(endpoint: &Endpoint, settings: &Settings) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(Error::start)?;
    let config = config.with_root_certificates(roots(endpoint, settings)?);
    let Some(ClientCertificate { pem, key }) = &settings.client_certificate else {
        return Ok(config.with_no_client_auth());
    };
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(Error::start)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(Error::start)?;
    config.with_client_auth_cert(chain, key).map_err(|error| Error::start(mismatch(&error)))
}

/// What is wrong with a client certificate and its key, each of which can be read.
fn mismatch(error: &rustls::Error) -> String {
    format!(
        "the certificate and the key of .client_certificate(…) do not belong together, or cannot be used: {error}"
    )
}

pub(super) fn shake_hands(
    endpoint: &Endpoint,
    settings: &Settings,
    stream: TcpStream,
) -> Result<(), (Flaw, String)> {
    let config = config(endpoint, settings).map_err(|error| (Flaw::Other, error.to_string()))?;
    greet(endpoint, config, settings, stream).map_err(|error| {
        let (_, message) = Reader::new(&settings.headers).failure(&error, None);
        (flaw_of(&error), message)
    })
}

fn greet(
    endpoint: &Endpoint,
    config: ClientConfig,
    settings: &Settings,
    mut stream: TcpStream,
) -> io::Result<()> {
    let name = ServerName::try_from(endpoint.address().0.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    stream.set_read_timeout(Some(settings.timings.tls))?;
    stream.set_write_timeout(Some(settings.timings.tls))?;
    connection.complete_io(&mut stream).map(drop)
}

/// What is wrong where a handshake fails.
fn flaw_of(error: &io::Error) -> Flaw {
    match cause(error).and_then(|cause| cause.downcast_ref()) {
        Some(error) => flaw(error),
        None => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Flaw::Silent,
            // Those that wait for a request and get a handshake often hang up.
            _ => Flaw::Plain,
        },
    }
}
