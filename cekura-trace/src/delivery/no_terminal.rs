//! Stands in for local mode in a build without it. Nothing here runs.

use super::config::Settings;
use super::ledger::Ledger;
use super::outlet::Outlet;
use super::own_events::OwnEvents;
use super::tap::Tap;
use std::sync::Arc;

pub(crate) fn open(_: &Settings, _: Arc<Ledger>, _: OwnEvents) -> Option<Box<dyn Outlet>> {
    None
}

pub(crate) fn tap(_: &Settings, _: OwnEvents) -> Option<Box<dyn Tap>> {
    None
}
