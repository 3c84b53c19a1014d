//! Stands in for the client of Cekura's API in a build without HTTP. Nothing here runs.

use super::{Error, Payload, Response, Sending, Settings};
use http::Method;

pub(crate) enum Api {}

impl Api {
    pub(crate) fn connect(_: &Settings) -> Result<Self, Error> {
        Err(Error::start("this build lacks the feature `http` of cekura-trace, which call logs need"))
    }

    pub(crate) fn send(&self, _: Method, _: &str, _: Payload) -> Sending<Response> {
        match *self {}
    }
}
