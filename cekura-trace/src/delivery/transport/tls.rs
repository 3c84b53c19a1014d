//! Reads the roots that a server's certificate is checked against, and says what is wrong with one.
//! Invariant: no certificate goes unchecked.

use super::reply::{Reader, cause};
use super::{Arc, Endpoint, Error, Flaw, Settings, TcpStream};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use std::io;

#[cfg(feature = "ring")]
const BUILT_IN: Option<fn() -> CryptoProvider> = Some(rustls::crypto::ring::default_provider);
#[cfg(not(feature = "ring"))]
const BUILT_IN: Option<fn() -> CryptoProvider> = None;

/// The system's roots, Mozilla's and the user's; none where nothing is encrypted, for reading them takes a while. A
/// system without any (a bare container) is no error.
pub(super) fn roots(endpoint: &Endpoint, settings: &Settings) -> Result<RootCertStore, Error> {
    if !endpoint.is_encrypted() {
        return Ok(RootCertStore::empty());
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in &settings.root_certificates {
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
    Ok(config.with_root_certificates(roots(endpoint, settings)?).with_no_client_auth())
}

pub(super) fn shake_hands(
    endpoint: &Endpoint,
    settings: &Settings,
    stream: TcpStream,
) -> Result<(), (Flaw, String)> {
    let config = config(endpoint, settings).map_err(|error| (Flaw::Other, error.to_string()))?;
    greet(endpoint, config, settings, stream).map_err(|error| {
        let (_, message) = Reader::new(&settings.headers).failure(&error);
        (flaw(&error), message)
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

fn flaw(error: &io::Error) -> Flaw {
    use CertificateError as Bad;
    match cause(error).and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(bad)) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                Flaw::Expired
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Flaw::Name,
            Bad::BadSignature | Bad::UnknownIssuer => Flaw::Issuer,
            _ => Flaw::Other,
        },
        Some(rustls::Error::InvalidMessage(_)) => Flaw::Plain,
        Some(_) => Flaw::Other,
        None => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Flaw::Silent,
            // Those that wait for a request and get a handshake often hang up.
            _ => Flaw::Plain,
        },
    }
}
