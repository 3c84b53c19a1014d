//! Stands in for the client of Cekura's API in a build without HTTP. Nothing here runs.

use super::{Bytes, Error, Response, Sending, Settings};
use http::Method;

pub(crate) enum Api {}

impl Api {
    pub(crate) fn connect(_: &Settings) -> Result<Self, Error> {
        Err(Error::start("Cekura's API is not part of this build (feature `http`)"))
    }

    pub(crate) fn send(&self, _: Method, _: &str, _: Option<Bytes>) -> Sending<Response> {
        match *self {}
    }
}
