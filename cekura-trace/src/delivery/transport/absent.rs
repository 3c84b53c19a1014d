//! Stands in for a transport that this build leaves out. This file does not know which one.

use super::{Arc, Endpoint, Error, Flaw, Settings, TcpStream, Transport};

pub(super) const AVAILABLE: bool = false;

pub(super) fn connect(_: &Settings) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::start("the protocol is not part of this build"))
}

pub(super) fn shake_hands(_: &Endpoint, _: &Settings, _: TcpStream) -> Result<(), (Flaw, String)> {
    Ok(())
}
