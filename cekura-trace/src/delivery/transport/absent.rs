//! Stands in for a transport that this build leaves out.

use super::{Arc, Endpoint, Error, Flaw, HeaderMap, Proxy, Settings, TcpStream, Transport};
use std::fmt;

pub(super) fn connect(_: &Settings) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::start("this build lacks the feature of cekura-trace for this protocol"))
}

pub(super) fn connect_to(
    _: &Endpoint,
    _: HeaderMap,
    settings: &Settings,
) -> Result<Arc<dyn Transport>, Error> {
    connect(settings)
}

pub(super) fn shake_hands(_: &Endpoint, _: &Settings, _: TcpStream) -> Result<(), (Flaw, String)> {
    Ok(())
}

/// None that exists.
#[derive(Debug)]
pub(crate) enum Obstacle {}

impl Obstacle {
    pub(crate) fn wants_password(&self) -> bool {
        match *self {}
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

pub(super) async fn tunnel(_: &tokio::net::TcpStream, _: &Endpoint, _: &Proxy) -> Result<(), Obstacle> {
    Ok(())
}
