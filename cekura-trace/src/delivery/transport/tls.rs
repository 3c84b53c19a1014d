//! The user's certificates come in, the roots that a server's certificate is checked against go out. This file does
//! not know who connects.

use super::Error;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

/// The system's roots, Mozilla's and the user's. A system without any (a bare container) is no error.
pub(super) fn roots(own: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in own {
        roots.add(certificate.clone()).map_err(Error::start)?;
    }
    Ok(roots)
}
