//! Stands in for the disk on systems without file locks, where a spool is an error of the settings.

use super::{Address, Others, Shared, Tell};
use crate::delivery::timings::SpoolLimits;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const LARGEST_ITEM: usize = 0;

pub(super) fn start(
    _: PathBuf,
    _: [Address; 2],
    _: SpoolLimits,
    _: usize,
    _: Arc<Shared>,
    _: Tell,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn try_out(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn look(_: &Path, _: &[Address; 2], _: &SpoolLimits) -> Others {
    Others::default()
}
