//! What kind of failure an error is, as one table. The clients' own errors are told apart by their words, for their types are
//! private. Invariant: an error that nobody knows is a connection that broke.

use super::answer::{Failure, Flaw};
use super::chain::causes;
use super::proxy::Obstacle;
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io::{self, ErrorKind};

/// Why there is no answer.
pub(super) fn failure(error: &(dyn Error + 'static)) -> Failure {
    let said = |words: &str| causes(error).any(|cause| cause.to_string() == words);
    let kinds = || causes(error).filter_map(|cause| cause.downcast_ref()).map(io::Error::kind);
    if let Some(obstacle) = causes(error).find_map(|cause| cause.downcast_ref::<Obstacle>()) {
        Failure::Proxy { wants_password: obstacle.wants_password() }
    } else if let Some(error) = causes(error).find_map(|cause| cause.downcast_ref()) {
        match error {
            rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Failure::Protocol,
            _ => Failure::Tls(flaw(error)),
        }
    } else if let Some(flaw) = causes(error).find_map(|cause| flaw_said(&cause.to_string())) {
        Failure::Tls(flaw)
    } else if said("HTTP/2 was not negotiated.")
        || causes(error).filter_map(|cause| cause.downcast_ref()).any(hyper::Error::is_parse)
    {
        Failure::Protocol
    } else if said("tls handshake eof") {
        Failure::Tls(Flaw::Plain)
    } else if said("dns error") {
        Failure::Name
    } else if kinds().any(|kind| kind == ErrorKind::ConnectionRefused) {
        Failure::Refused
    } else if said("tcp connect error") || kinds().any(|kind| kind == ErrorKind::TimedOut) {
        Failure::Unconnected
    } else {
        Failure::Connection
    }
}

/// The TLS alerts with which a server refuses the client's certificate, or asks for one.
const REFUSALS: [AlertDescription; 8] = [
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateUnknown,
    AlertDescription::DecryptError,
    AlertDescription::UnknownCA,
    AlertDescription::UnsupportedCertificate,
];

/// The same where only the words are left of an alert that came after the handshake: HTTP/2 keeps no more of an error.
fn flaw_said(words: &str) -> Option<Flaw> {
    let alert = words.strip_prefix("received fatal alert: ")?;
    let is_refusal = REFUSALS.iter().any(|refusal| format!("{refusal:?}") == alert);
    Some(if is_refusal { Flaw::Client } else { Flaw::Other })
}

/// The same of what TLS itself says.
pub(super) fn flaw(error: &rustls::Error) -> Flaw {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                Flaw::Expired
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Flaw::Name,
            Bad::BadSignature | Bad::UnknownIssuer => Flaw::Issuer,
            _ => Flaw::Other,
        },
        rustls::Error::InvalidMessage(_) => Flaw::Plain,
        rustls::Error::AlertReceived(alert) if REFUSALS.contains(alert) => Flaw::Client,
        _ => Flaw::Other,
    }
}
