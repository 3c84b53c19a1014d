//! The user's certificates come in, the roots that a server's certificate is checked against go out. This file does
//! not know who connects.

use super::{Error, Settings};
use crate::delivery::config::Endpoint;
use rustls::RootCertStore;

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
